//! One contact per (tenant, kind, canonical address); a choice applies exactly or not at all.

use super::stage::{Stage, email, name, record};
use overture_domain::entities::{Address, AddressKind, Contact};
use overture_domain::ids::Version;
use overture_domain::ports::{ContactChoice, NewIds, OpenConversation, WantedContact};
use overture_domain::values::DisplayName;
use std::time::Duration;

/// The second caller is told, and its key stays free.
pub async fn a_taken_address_makes_no_second_contact_and_writes_nothing(stage: &Stage) {
    let address = stage.address();
    stage.open(&stage.creating(stage.home, vec![address.clone()])).await;
    let mut second = stage.creating(stage.home, vec![address]);
    second.claimed_for = Duration::ZERO;
    second.idempotency = Some(record(1, 1, Duration::from_secs(60)));
    stage.must_move(&second).await;
    let key = record(1, 1, Duration::ZERO).key;
    assert_eq!(stage.ports.conversations.earlier(stage.home.tenant, &key).await.expect("earlier"), None);
}

/// Upper and lower case, and a domain in its own script.
pub async fn another_spelling_is_the_same_address(stage: &Stage) {
    stage.open(&stage.creating(stage.home, vec![email("Jan@Bücher.example")])).await;
    for spelling in ["jan@bücher.example", "JAN@xn--bcher-kva.EXAMPLE"] {
        stage.must_move(&stage.creating(stage.home, vec![email(spelling)])).await;
        let contact = stage.contact(stage.home.tenant, &email(spelling)).await.expect("the contact is found");
        assert_eq!(contact.addresses[0].display(), "Jan@Bücher.example");
    }
}

/// Neither as first nor as second address.
pub async fn of_two_addresses_one_taken_is_enough_to_write_neither(stage: &Stage) {
    let (taken, free) = (stage.address(), stage.phone());
    stage.open(&stage.creating(stage.home, vec![taken.clone()])).await;
    for addresses in [vec![taken.clone(), free.clone()], vec![free.clone(), taken]] {
        stage.must_move(&stage.creating(stage.home, addresses)).await;
        assert_eq!(stage.contact(stage.home.tenant, &free).await, None);
    }
}

/// By email, by phone, by id, and by all three in one question.
pub async fn one_contact_is_found_by_each_of_its_addresses(stage: &Stage) {
    let addresses = vec![stage.address(), stage.phone()];
    let opening = stage.creating(stage.home, addresses.clone());
    stage.open(&opening).await;
    let contact = stage.contact_of(&opening).await;
    assert_eq!(contact.addresses, addresses);
    let [Address::Email(by_email), Address::Phone(by_phone)] = &addresses[..] else { panic!("an email and a phone") };
    let wanted = WantedContact { id: Some(contact.id), email: Some(by_email.clone()), phone: Some(by_phone.clone()) };
    let known = stage.ports.contacts.matching(stage.home.tenant, &wanted).await.expect("matching");
    assert_eq!(
        [known.by_id, known.by_email, known.by_phone],
        [Some(contact.clone()), Some(contact.clone()), Some(contact)]
    );
    let nobody = WantedContact { email: None, phone: None, id: Some(stage.ids.contact_id()) };
    let known = stage.ports.contacts.matching(stage.home.tenant, &nobody).await.expect("matching");
    assert_eq!([known.by_id, known.by_email, known.by_phone], [None, None, None]);
}

/// Where nothing changes, nobody else has to decide again.
pub async fn using_a_contact_as_it_is_leaves_its_version(stage: &Stage) {
    let contact = known_contact(stage).await;
    let second = stage.using(stage.home, &contact);
    stage.open(&second).await;
    assert_eq!(stage.contact_of(&second).await, contact);
}

/// Whoever read it before must read it again.
pub async fn a_contact_that_changed_meanwhile_is_not_used(stage: &Stage) {
    let stale = known_contact(stage).await;
    stage.open(&gaining(stage, &stale, stage.phone())).await;
    stage.must_move(&stage.using(stage.home, &stale)).await;
    stage.must_move(&gaining(stage, &stale, stage.address())).await;
    let ahead = Contact { version: Version(stale.version.0 + 2), ..stale };
    stage.must_move(&stage.using(stage.home, &ahead)).await;
}

/// It does not apply exactly.
pub async fn a_contact_that_is_not_there_is_not_used(stage: &Stage) {
    let known = known_contact(stage).await;
    let nobody = Contact { id: stage.ids.contact_id(), ..known };
    stage.must_move(&stage.using(stage.home, &nobody)).await;
}

/// It is found by it from then on.
pub async fn a_contact_gains_an_address_and_a_version(stage: &Stage) {
    let (contact, phone) = (known_contact(stage).await, stage.phone());
    let opening = gaining(stage, &contact, phone.clone());
    stage.open(&opening).await;
    let found = stage.contact(stage.home.tenant, &phone).await.expect("found by its new address");
    assert_eq!((found.id, found.addresses.len()), (contact.id, 2));
    assert_eq!(found.version, contact.version.next());
    assert_eq!(found.address(AddressKind::Phone), Some(&phone));
    let conversation = stage.ports.conversations.find(stage.home.tenant, opening.conversation_id).await.expect("find");
    assert_eq!(conversation.and_then(|it| it.contact_phone).map(Address::Phone), Some(phone));
}

/// Messages keep going to the address they always went to.
pub async fn a_gained_address_comes_after_the_primary_one(stage: &Stage) {
    let contact = known_contact(stage).await;
    let opening = gaining(stage, &contact, email("a-second-one@example.com"));
    stage.open(&opening).await;
    assert_eq!(stage.contact_of(&opening).await.address(AddressKind::Email), contact.addresses.first());
}

/// Not even the name of the contact is filled.
pub async fn an_address_of_somebody_else_is_not_gained_and_nothing_is_written(stage: &Stage) {
    let (contact, other) = (known_contact(stage).await, known_contact(stage).await);
    let mut opening = gaining(stage, &contact, other.addresses[0].clone());
    let ContactChoice::Use { add, fill_name, .. } = &mut opening.contact else { panic!("a contact is used") };
    add.insert(0, stage.phone());
    *fill_name = Some(name("Jan"));
    let free = add[0].clone();
    stage.must_move(&opening).await;
    assert_eq!(stage.contact_of(&opening).await, contact);
    assert_eq!(stage.contact(stage.home.tenant, &free).await, None);
}

/// A contact without a name gets the one that comes.
pub async fn an_empty_name_is_filled(stage: &Stage) {
    let contact = known_contact(stage).await;
    let opening = filling(stage, &contact, name("Jan Müller"));
    stage.open(&opening).await;
    let filled = stage.contact_of(&opening).await;
    assert_eq!(filled.name, Some(name("Jan Müller")));
    assert_eq!(filled.version, contact.version.next());
}

/// Whatever later requests call it.
pub async fn a_name_is_never_overwritten(stage: &Stage) {
    let mut first = stage.opening();
    if let ContactChoice::Create { name: own, .. } = &mut first.contact {
        *own = Some(name("Jan"));
    }
    stage.open(&first).await;
    let contact = stage.contact_of(&first).await;
    stage.open(&filling(stage, &contact, name("Somebody else"))).await;
    assert_eq!(stage.contact_of(&first).await.name, Some(name("Jan")));
}

/// A contact with one email address and no name.
async fn known_contact(stage: &Stage) -> Contact {
    let opening = stage.opened().await;
    stage.contact_of(&opening).await
}

fn gaining(stage: &Stage, contact: &Contact, address: Address) -> OpenConversation {
    let choice = ContactChoice::Use { id: contact.id, expect: contact.version, add: vec![address], fill_name: None };
    OpenConversation { contact: choice, ..stage.using(stage.home, contact) }
}

fn filling(stage: &Stage, contact: &Contact, name: DisplayName) -> OpenConversation {
    let choice = ContactChoice::Use { id: contact.id, expect: contact.version, add: Vec::new(), fill_name: Some(name) };
    OpenConversation { contact: choice, ..stage.using(stage.home, contact) }
}
