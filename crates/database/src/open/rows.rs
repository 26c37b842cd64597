//! The rows that opening writes.

use super::{FIRST_GENERATION, OpenMember, Verdict, asked, new_addresses};
use crate::rows::millis;
use crate::sql::{Rows, Script};
use crate::templates::stored_wording;
use crate::wakeups::signed;
use overture_domain::entities::{Address, Author, ConversationStatus, Direction, MessageStatus};
use overture_domain::ids::TenantId;
use overture_domain::ports::{ContactChoice, OpenConversation};
use overture_domain::time::Timestamp;
use overture_domain::values::Wording;
use sea_orm::Value;
use std::collections::HashSet;
use uuid::Uuid;

/// Everything that is written of those members which are.
pub(super) fn written(members: &[OpenMember]) -> Script {
    let written = || members.iter().filter(|member| matches!(member.verdict, Verdict::Written));
    let winners: Vec<&OpenConversation> = written().map(|member| &member.opening).collect();
    let mut script = Script::default();
    write_contacts(
        &mut script,
        winners.iter().map(|opening| (opening.tenant_id, &opening.contact, opening.created_at)),
    );
    write_conversations(&mut script, &winners);
    write_messages(&mut script, written());
    write_openers(&mut script, written().filter(|member| member.asks).map(|member| &member.opening));
    write_wakeups(&mut script, &winners);
    write_idempotency_records(&mut script, &winners);
    script
}

/// Writes what becomes of contacts: of which tenant, what, and when people see it happened.
pub(crate) fn write_contacts<'c>(
    script: &mut Script,
    choices: impl IntoIterator<Item = (TenantId, &'c ContactChoice, Timestamp)>,
) {
    let (mut contacts, mut addresses) = (Rows::new(4), Vec::new());
    for (tenant, choice, at) in choices {
        match choice {
            ContactChoice::Create { id, name, .. } => {
                let name = name.as_ref().map(|name| name.as_str().to_owned());
                contacts.push([id.as_uuid().into(), tenant.as_uuid().into(), name.into(), millis(at)]);
            }
            ContactChoice::Use { id, add, fill_name, .. } if !add.is_empty() || fill_name.is_some() => {
                let name = fill_name.as_ref().map(|name| name.as_str().to_owned());
                let sql = "UPDATE contacts SET name = coalesce(name, ?), version = version + 1 WHERE id = ?";
                script.push(sql, [name.into(), id.as_uuid().into()]);
            }
            ContactChoice::Use { .. } => {}
        }
        addresses.extend(addresses_of(tenant, choice, at));
    }
    let sql = "INSERT INTO contacts (id, tenant_id, name, version, created_at) SELECT c1, c2, c3, 1, c4 FROM r WHERE c1 IS NOT NULL";
    script.push_rows(contacts, sql);
    // The first address of its kind is the contact's primary one.
    let sql = "INSERT INTO contact_addresses (tenant_id, kind, canonical, display, contact_id, is_primary, created_at) \
               SELECT c1, c2, c3, c4, c5, c6 AND (c8 OR \
               (SELECT 1 FROM contact_addresses o WHERE o.contact_id = r.c5 AND o.kind = r.c2 LIMIT 1) IS NULL), c7 \
               FROM r WHERE c1 IS NOT NULL {or nothing}";
    script.push_every_row(in_order(addresses), sql);
}

/// A row of values and what it is ordered by.
type Ordered<const N: usize> = (Vec<u8>, [Value; N]);

/// Rows in the order of their unique keys: of two who write the same at once, one waits for the other, never each.
fn in_order<const N: usize>(mut rows: Vec<Ordered<N>>) -> Rows {
    rows.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut ordered = Rows::new(N);
    rows.into_iter().for_each(|(_, row)| ordered.push(row));
    ordered
}

fn addresses_of(tenant: TenantId, choice: &ContactChoice, at: Timestamp) -> Vec<Ordered<8>> {
    let mut kinds = HashSet::new();
    let row = |address: &Address| {
        let (tenant, kind, canonical) = (tenant.as_uuid(), address.kind(), address.canonical());
        let row = [
            tenant.into(),
            kind.as_str().into(),
            canonical.into(),
            address.display().into(),
            choice.id().as_uuid().into(),
            kinds.insert(kind).into(),
            millis(at),
            matches!(choice, ContactChoice::Create { .. }).into(),
        ];
        ([tenant.as_bytes(), kind.as_str().as_bytes(), canonical.as_bytes()].concat(), row)
    };
    new_addresses(choice).iter().map(row).collect()
}

fn write_conversations(script: &mut Script, winners: &[&OpenConversation]) {
    let mut rows = Rows::new(12);
    for opening in winners {
        let address = &opening.recipient.address;
        rows.push([
            opening.conversation_id.as_uuid().into(),
            opening.tenant_id.as_uuid().into(),
            opening.workspace_id.as_uuid().into(),
            opening.channel_id.as_uuid().into(),
            opening.contact.id().as_uuid().into(),
            opening.subject.as_ref().map(|subject| subject.as_str().to_owned()).into(),
            opening.preview.clone().into(),
            millis(opening.created_at),
            address.kind().as_str().into(),
            address.canonical().into(),
            address.display().into(),
            opening.recipient.name.as_ref().map(|name| name.as_str().to_owned()).into(),
        ]);
    }
    let sql = format!(
        "INSERT INTO conversations (id, tenant_id, workspace_id, channel_id, contact_id, status, human_managed, subject, \
         last_message_preview, last_message_at, recipient_kind, recipient_canonical, recipient_display, recipient_name, version, \
         created_at, updated_at) \
         SELECT c1, c2, c3, c4, c5, '{}', TRUE, c6, c7, c8, c9, c10, c11, c12, 1, c8, c8 FROM r WHERE c1 IS NOT NULL",
        ConversationStatus::InProgress.as_str()
    );
    script.push_rows(rows, &sql);
}

/// What is written of a message, whoever it is for.
struct NewMessage<'m> {
    id: Uuid,
    content: &'m str,
    status: MessageStatus,
    wire_message_id: Option<String>,
    /// How long it is held before its own time begins.
    held_for: Option<i64>,
    wording: Option<String>,
}

const MESSAGE_COLUMNS: usize = 13;

fn push_message(rows: &mut Rows, opening: &OpenConversation, message: NewMessage<'_>) {
    let (key, agent) = match &opening.author {
        Author::Key(key) => (Some(key.as_uuid()), None),
        Author::Agent(agent) => (None, Some(agent)),
    };
    rows.push::<MESSAGE_COLUMNS>([
        message.id.into(),
        opening.conversation_id.as_uuid().into(),
        Direction::Outbound.as_str().into(),
        key.into(),
        agent.map(|agent| agent.id().to_owned()).into(),
        agent.map(|agent| agent.name().to_owned()).into(),
        message.content.into(),
        message.status.as_str().into(),
        message.wire_message_id.into(),
        opening.deliver_within.as_millis().into(),
        millis(opening.created_at),
        message.wording.into(),
        message.held_for.into(),
    ]);
}

/// What is held has until then for the contact to write; its own time is kept for when it does.
const INSERT_MESSAGES: &str = "INSERT INTO messages (id, conversation_id, direction, author_key_id, author_agent_id, author_agent_name, \
    content, status, provider_message_id, attempts, unclear, next_attempt_at, deliver_by, created_at, template, held_within) \
    SELECT c1, c2, c3, c4, c5, c6, c7, c8, c9, 0, 0, {now}, {now} + coalesce(c13, c10), c11, c12, CASE WHEN c13 IS NULL THEN NULL ELSE c10 END \
    FROM r WHERE c1 IS NOT NULL";

fn write_messages<'m>(script: &mut Script, winners: impl Iterator<Item = &'m OpenMember>) {
    let mut rows = Rows::new(MESSAGE_COLUMNS);
    for OpenMember { opening, holds, .. } in winners {
        let held = opening.held.as_ref().filter(|_| *holds);
        let message = NewMessage {
            id: opening.message_id.as_uuid(),
            content: opening.content.as_str(),
            status: if held.is_some() { MessageStatus::Held } else { MessageStatus::Queued },
            wire_message_id: opening.wire_message_id.clone(),
            held_for: held.map(|held| signed(held.for_)),
            wording: stored_wording(&opening.wording),
        };
        push_message(&mut rows, opening, message);
    }
    script.push_rows(rows, INSERT_MESSAGES);
}

/// What asks contacts to write: a message of its own, and the mark that it is out.
fn write_openers<'o>(script: &mut Script, openings: impl Iterator<Item = &'o OpenConversation>) {
    let (mut messages, mut openers) = (Rows::new(MESSAGE_COLUMNS), Rows::new(4));
    for opening in openings {
        let Some(held) = &opening.held else { continue };
        let message = NewMessage {
            id: held.opener_id.as_uuid(),
            content: held.opener.text.as_deref().unwrap_or("(template)"),
            status: MessageStatus::Queued,
            wire_message_id: None,
            held_for: None,
            wording: stored_wording(&Wording::Template(held.opener.clone())),
        };
        push_message(&mut messages, opening, message);
        let (channel, number) = asked(opening);
        openers.push([channel.into(), number.into(), held.opener_id.as_uuid().into(), signed(held.for_).into()]);
    }
    script.push_rows(messages, INSERT_MESSAGES);
    let sql = "INSERT INTO openers (channel_id, canonical, message_id, until) SELECT c1, c2, c3, {now} + c4 FROM r WHERE c1 IS NOT NULL \
               ON CONFLICT (channel_id, canonical) DO UPDATE SET message_id = excluded.message_id, until = excluded.until";
    script.push_rows(openers, sql);
}

fn write_wakeups(script: &mut Script, winners: &[&OpenConversation]) {
    let mut rows = Rows::new(4);
    for opening in winners {
        rows.push([
            opening.conversation_id.as_uuid().into(),
            opening.workspace_id.as_uuid().into(),
            FIRST_GENERATION.into(),
            i64::try_from(opening.claimed_for.as_millis()).unwrap_or(i64::MAX).into(),
        ]);
    }
    let sql = "INSERT INTO wakeups (conversation_id, workspace_id, generation, due_at, claimed_until, tries) \
               SELECT c1, c2, c3, {now}, {now} + c4, 0 FROM r WHERE c1 IS NOT NULL";
    script.push_rows(rows, sql);
}

fn write_idempotency_records(script: &mut Script, winners: &[&OpenConversation]) {
    let row = |opening: &&OpenConversation| {
        let record = opening.idempotency.as_ref()?;
        let tenant = opening.tenant_id.as_uuid();
        let row = [
            tenant.into(),
            record.key.0.to_vec().into(),
            record.body.0.to_vec().into(),
            opening.conversation_id.as_uuid().into(),
            opening.notices.iter().map(|notice| notice.as_str()).collect::<Vec<_>>().join(" ").into(),
            i64::try_from(record.keep_for.as_millis()).unwrap_or(i64::MAX).into(),
        ];
        Some(([tenant.as_bytes(), record.key.0.as_slice()].concat(), row))
    };
    let rows: Vec<Ordered<6>> = winners.iter().filter_map(row).collect();
    // What is in the way has expired, or its key is taken.
    let sql = "INSERT INTO idempotency_records (tenant_id, key, body, conversation_id, notices, expires_at) \
               SELECT c1, c2, c3, c4, c5, {now} + c6 FROM r WHERE c1 IS NOT NULL \
               ON CONFLICT (tenant_id, key) DO UPDATE SET body = excluded.body, conversation_id = excluded.conversation_id, \
               notices = excluded.notices, expires_at = excluded.expires_at WHERE {alone} OR idempotency_records.expires_at <= {now}";
    script.push_every_row(in_order(rows), sql);
}
