//! What lies in another tenant does not exist.

use super::registers::{digest, key};
use super::stage::{HOUR, Stage};
use crate::BEGINNING;
use overture_domain::entities::Address;
use overture_domain::ports::{KnownContacts, KnownPlace, WantedContact};

/// Neither it nor its messages.
pub async fn a_conversation_of_another_tenant_does_not_exist(stage: &Stage) {
    let (other, opening) = (stage.another_tenant().await, stage.opened().await);
    let conversations = &stage.ports.conversations;
    assert_eq!(conversations.find(other.tenant, opening.conversation_id).await.expect("find"), None);
    let messages = conversations.messages(other.tenant, opening.conversation_id, None, 10).await;
    assert_eq!(messages.expect("messages"), []);
}

/// Neither by its id nor in a list.
pub async fn a_message_of_another_tenant_does_not_exist(stage: &Stage) {
    let (other, opening) = (stage.another_tenant().await, stage.opened().await);
    let conversations = &stage.ports.conversations;
    assert_eq!(conversations.message(other.tenant, opening.message_id).await.expect("message"), None);
    assert_eq!(conversations.newest_messages(other.tenant, 10).await.expect("newest_messages"), []);
}

/// Neither by id nor by any address.
pub async fn a_contact_of_another_tenant_does_not_exist(stage: &Stage) {
    let (other, address) = (stage.another_tenant().await, [stage.address(), stage.phone()]);
    let opening = stage.creating(stage.home, address.to_vec());
    stage.open(&opening).await;
    let [Address::Email(email), Address::Phone(phone)] = address else { panic!("an email and a phone") };
    let wanted = WantedContact { id: Some(opening.contact.id()), email: Some(email), phone: Some(phone) };
    let known = stage.ports.contacts.matching(other.tenant, &wanted).await.expect("matching");
    assert_eq!(known, KnownContacts::default());
    assert_eq!(stage.ports.contacts.find(other.tenant, opening.contact.id()).await.expect("find"), None);
}

/// The answer is that of a contact that is not there.
pub async fn a_contact_of_another_tenant_cannot_be_used(stage: &Stage) {
    let other = stage.another_tenant().await;
    let contact = stage.contact_of(&stage.opened().await).await;
    stage.must_move(&stage.using(other, &contact)).await;
}

/// Each tenant has its own.
pub async fn one_address_in_two_tenants_is_two_contacts(stage: &Stage) {
    let (other, address) = (stage.another_tenant().await, stage.address());
    let (mine, theirs) =
        (stage.creating(stage.home, vec![address.clone()]), stage.creating(other, vec![address.clone()]));
    stage.open(&mine).await;
    stage.open(&theirs).await;
    let found = [stage.contact(stage.home.tenant, &address).await, stage.contact(other.tenant, &address).await];
    assert_eq!(found.map(|it| it.map(|it| it.id)), [Some(mine.contact.id()), Some(theirs.contact.id())]);
}

/// Not its workspace, not its channel, not its channel under the own workspace.
pub async fn a_place_of_another_tenant_does_not_exist(stage: &Stage) {
    let other = stage.another_tenant().await;
    let channels = &stage.ports.channels;
    let theirs = channels.place(stage.home.tenant, Some(other.workspace), Some(other.channel)).await.expect("place");
    assert_eq!(theirs, KnownPlace::default());
    let mixed =
        channels.place(stage.home.tenant, Some(stage.home.workspace), Some(other.channel)).await.expect("place");
    assert_eq!(mixed, KnownPlace { workspace_exists: true, channel: None });
}

/// And it stays as it is.
pub async fn a_channel_of_another_tenant_is_neither_listed_nor_switched(stage: &Stage) {
    let (other, channels) = (stage.another_tenant().await, &stage.ports.channels);
    let listed = channels.list(stage.home.tenant, None).await.expect("list");
    assert!(listed.iter().all(|channel| channel.tenant_id == stage.home.tenant), "{listed:?}");
    assert_eq!(channels.list(stage.home.tenant, Some(other.workspace)).await.expect("list"), []);
    assert!(!channels.set_enabled(stage.home.tenant, other.channel, false).await.expect("set_enabled"));
    assert!(channels.list(other.tenant, None).await.expect("list").iter().all(|channel| channel.enabled));
}

/// And it goes on working.
pub async fn a_key_of_another_tenant_is_neither_listed_nor_revoked(stage: &Stage) {
    let (other, keys) = (stage.another_tenant().await, &stage.ports.keys);
    let theirs = key(stage, other, BEGINNING);
    keys.add(&theirs, &digest(1)).await.expect("add");
    assert_eq!(keys.list(stage.home.tenant).await.expect("list"), []);
    assert!(!keys.revoke(stage.home.tenant, theirs.id, BEGINNING.plus(HOUR)).await.expect("revoke"));
    assert_eq!(keys.list(other.tenant).await.expect("list"), [theirs]);
}

/// Each tenant sees its own.
pub async fn a_workspace_of_another_tenant_is_not_listed(stage: &Stage) {
    let other = stage.another_tenant().await;
    let listed = stage.ports.tenants.workspaces(stage.home.tenant).await.expect("workspaces");
    assert_eq!(listed.iter().map(|it| it.id).collect::<Vec<_>>(), [stage.home.workspace]);
    let theirs = stage.ports.tenants.workspaces(other.tenant).await.expect("workspaces");
    assert_eq!(theirs.iter().map(|it| it.id).collect::<Vec<_>>(), [other.workspace]);
}
