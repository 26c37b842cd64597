//! Opening conversations: one or many in one transaction, by statements over sets. First it is looked at who can be
//! written exactly as decided; the others get their own answer and leave nothing behind. What was looked at still holds when
//! it is written: in a write transaction of SQLite nobody else writes, and on PostgreSQL whoever opens claims the names of
//! its keys and addresses first and locks the contacts it uses.

use crate::dialect::claim_names;
use crate::openers::opener_name;
use crate::quotas::{USED, USED_COLUMNS, Uses, quota_name};
use crate::rows::{millis, uuid_at};
use crate::sql::{Rows, Script, all};
use crate::templates::stored_wording;
use crate::wakeups::signed;
use overture_domain::entities::{Address, AddressKind, Author, ConversationStatus, Direction, MessageStatus, WINDOW};
use overture_domain::ids::{TenantId, Version};
use overture_domain::ports::{ContactChoice, IdempotencyRecord, OpenConversation, OpenError, Opened, StoreError};
use overture_domain::time::Timestamp;
use overture_domain::values::Wording;
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, QueryResult, Value};
use std::collections::{BTreeSet, HashMap, HashSet};
use tokio::sync::oneshot;
use uuid::Uuid;

/// The generation of a wakeup that was just made.
const FIRST_GENERATION: i64 = 1;

/// A conversation that waits to be opened.
pub(crate) struct OpenMember {
    opening: OpenConversation,
    /// Whether it is held for the contact to write: unless it has meanwhile.
    holds: bool,
    /// Whether it sends what asks the contact to write: unless another is out.
    asks: bool,
    verdict: Verdict,
    answer: oneshot::Sender<Result<Opened, OpenError>>,
}

/// What becomes of a member once its batch is committed.
enum Verdict {
    /// It is written.
    Written,
    /// An earlier try with the same ids wrote it.
    WrittenBefore,
    /// It did not apply exactly; nothing of it is written.
    Lost(OpenError),
    /// The answer to its commit was lost: whether it is written is looked at first.
    Unknown,
}

impl OpenMember {
    pub(crate) fn new(opening: OpenConversation) -> (Self, oneshot::Receiver<Result<Opened, OpenError>>) {
        let (answer, asked) = oneshot::channel();
        (Self { opening, holds: false, asks: false, verdict: Verdict::Written, answer }, asked)
    }

    /// Answers after the batch was committed or failed.
    pub(crate) fn answer(self, committed: Result<(), StoreError>) {
        let verdict = match (committed, self.verdict) {
            (Err(error), _) => Err(OpenError::Store(error)),
            (Ok(()), Verdict::Lost(error)) => Err(error),
            (Ok(()), Verdict::Written | Verdict::WrittenBefore | Verdict::Unknown) => {
                Ok(Opened { generation: FIRST_GENERATION })
            }
        };
        // Whoever asked may be gone; what is committed stays and can be found.
        let _ = self.answer.send(verdict);
    }

    /// Its commit was asked for, and nobody heard what came of that.
    pub(crate) fn may_be_written(&mut self) {
        self.verdict = Verdict::Unknown;
    }

    /// Whether this conversation is stored.
    pub(crate) async fn look_up(&self, db: &DatabaseConnection) -> Result<bool, DbErr> {
        exists(db, self.opening.conversation_id.as_uuid()).await
    }
}

/// Writes all members that apply exactly; marks the others as lost.
pub(crate) async fn write(tx: &DatabaseTransaction, members: &mut [OpenMember]) -> Result<(), DbErr> {
    if members.is_empty() {
        return Ok(());
    }
    let uses = judge(tx, members).await?;
    let winners: Vec<&OpenConversation> = members
        .iter()
        .filter(|member| matches!(member.verdict, Verdict::Written))
        .map(|member| &member.opening)
        .collect();
    let mut script = Script::default();
    write_contacts(
        &mut script,
        winners.iter().map(|opening| (opening.tenant_id, &opening.contact, opening.created_at)),
    );
    write_conversations(&mut script, &winners);
    let written = || members.iter().filter(|member| matches!(member.verdict, Verdict::Written));
    write_messages(&mut script, written());
    write_openers(&mut script, written().filter(|member| member.asks).map(|member| &member.opening));
    write_wakeups(&mut script, &winners);
    write_idempotency_records(&mut script, &winners);
    uses.write(&mut script);
    script.change(tx).await
}

/// Decides who can be written: in order, so that of two members of one batch the first wins. Comes back with what they use of
/// quotas.
async fn judge(tx: &DatabaseTransaction, members: &mut [OpenMember]) -> Result<Uses, DbErr> {
    let mut taken = Taken::load(tx, members).await?;
    let mut written = std::mem::take(&mut taken.written);
    for member in members {
        let id = member.opening.conversation_id.as_uuid();
        member.verdict = if written.contains(&id) {
            Verdict::WrittenBefore
        } else {
            match taken.claim(&member.opening) {
                Ok(()) => {
                    written.insert(id);
                    member.holds = taken.holds(&member.opening);
                    member.asks = member.holds && taken.asks(&member.opening);
                    Verdict::Written
                }
                Err(_) if exists(tx, id).await? => Verdict::WrittenBefore,
                Err(lost) => Verdict::Lost(lost),
            }
        };
    }
    Ok(taken.uses)
}

async fn exists(db: &impl ConnectionTrait, conversation: Uuid) -> Result<bool, DbErr> {
    Ok(!all(db, "SELECT 1 FROM conversations WHERE id = ?", [conversation.into()]).await?.is_empty())
}

/// What is there already, and what this batch has claimed so far.
#[derive(Default)]
struct Taken {
    /// Those of the conversations that may be written already which are.
    written: HashSet<Uuid>,
    keys: HashSet<(Uuid, Vec<u8>)>,
    addresses: HashSet<(Uuid, String, String)>,
    versions: HashMap<Uuid, Version>,
    /// Whom somebody has asked to write, by channel and number.
    openers: HashSet<(Uuid, String)>,
    /// Who has written within a day, by channel and number.
    windows: HashSet<(Uuid, String)>,
    uses: Uses,
}

impl Taken {
    async fn load(tx: &DatabaseTransaction, members: &[OpenMember]) -> Result<Self, DbErr> {
        let (mut keys, mut addresses, mut contacts) = (Rows::new(2), Rows::new(3), BTreeSet::new());
        let mut windows = Rows::new(2);
        let (mut openers, mut uses) = (Rows::new(2), Rows::new(USED_COLUMNS));
        let mut names = Vec::new();
        for OpenMember { opening, .. } in members {
            let tenant = opening.tenant_id.as_uuid();
            if let Some(IdempotencyRecord { key, .. }) = &opening.idempotency {
                keys.push([tenant.into(), key.0.to_vec().into()]);
                names.push(format!("{tenant} key {:x?}", key.0));
            }
            for address in new_addresses(&opening.contact) {
                addresses.push([tenant.into(), address.kind().as_str().into(), address.canonical().into()]);
                names.push(address_name(opening.tenant_id, address.kind(), address.canonical()));
            }
            if let ContactChoice::Use { id, .. } = &opening.contact {
                contacts.insert([id.as_uuid(), tenant]);
            }
            if opening.held.is_some() {
                let (channel, number) = asked(opening);
                names.push(opener_name(channel, &number));
                openers.push([channel.into(), number.clone().into()]);
                windows.push([channel.into(), number.into()]);
            }
            if !opening.quotas.is_empty() {
                names.push(quota_name(opening.channel_id));
                Uses::ask(&mut uses, opening.channel_id, &opening.recipient.address, &opening.quotas);
            }
        }
        claim_names(tx, names).await?;
        let mut script = Script::default();
        // Locked in the order of their ids, so that two who open never wait for each other.
        let mut used = Rows::new(2);
        contacts.into_iter().for_each(|ids| used.push(ids.map(Value::from)));
        let mut unknown = Rows::new(1);
        for member in members.iter().filter(|member| matches!(member.verdict, Verdict::Unknown)) {
            unknown.push([member.opening.conversation_id.as_uuid().into()]);
        }
        script.push_rows(unknown, "SELECT 'written', v.id FROM r CROSS JOIN {conversations v: v.id = r.c1}");
        script.push_rows(
            keys,
            "SELECT 'key', i.tenant_id, i.key FROM r CROSS JOIN {idempotency_records i: i.tenant_id = r.c1 AND i.key = r.c2} \
             WHERE i.expires_at > {now}",
        );
        script.push_rows(
            addresses,
            "SELECT 'address', a.tenant_id, a.kind, a.canonical FROM r \
             CROSS JOIN {contact_addresses a: a.tenant_id = r.c1 AND a.kind = r.c2 AND a.canonical = r.c3}",
        );
        script.push_rows(
            used,
            "SELECT 'contact', c.id, c.version FROM r CROSS JOIN {contacts c: c.id = r.c1 AND c.tenant_id = r.c2} {lock c}",
        );
        script.push_rows(
            openers,
            "SELECT 'opener', o.channel_id, o.canonical FROM r CROSS JOIN {openers o: o.channel_id = r.c1 AND o.canonical = r.c2} \
             WHERE o.until > {now}",
        );
        script.push_rows(uses, USED);
        script.push_rows(
            windows,
            &format!(
                "SELECT 'window', w.channel_id, w.canonical FROM r CROSS JOIN {{windows w: w.channel_id = r.c1 AND w.canonical = r.c2}} \
                 WHERE w.opened_at > {{now}} - {}",
                WINDOW.as_millis()
            ),
        );
        let mut taken = Self::default();
        for row in script.read(tx).await? {
            taken.note(&row)?;
        }
        Ok(taken)
    }

    fn note(&mut self, row: &QueryResult) -> Result<(), DbErr> {
        match row.try_get_by_index::<String>(0)?.as_str() {
            "written" => {
                self.written.insert(uuid_at(row, 1)?);
            }
            "key" => {
                self.keys.insert((uuid_at(row, 1)?, row.try_get_by_index(2)?));
            }
            "address" => {
                self.addresses.insert((uuid_at(row, 1)?, row.try_get_by_index(2)?, row.try_get_by_index(3)?));
            }
            "opener" => {
                self.openers.insert((uuid_at(row, 1)?, row.try_get_by_index(2)?));
            }
            "window" => {
                self.windows.insert((uuid_at(row, 1)?, row.try_get_by_index(2)?));
            }
            "quota" => self.uses.note(row)?,
            _ => {
                self.versions.insert(uuid_at(row, 1)?, Version(row.try_get_by_index(2)?));
            }
        }
        Ok(())
    }

    /// Whether an opening waits for its contact to write: it may have written since that was decided.
    fn holds(&self, opening: &OpenConversation) -> bool {
        opening.held.is_some() && !self.windows.contains(&asked(opening))
    }

    /// Whether what is held asks its contact to write: nobody else has.
    fn asks(&mut self, opening: &OpenConversation) -> bool {
        self.openers.insert(asked(opening))
    }

    /// Takes what an opening needs, or says why it cannot have it; then nothing is taken.
    fn claim(&mut self, opening: &OpenConversation) -> Result<(), OpenError> {
        let tenant = opening.tenant_id.as_uuid();
        let key = opening.idempotency.as_ref().map(|record| (tenant, record.key.0.to_vec()));
        if key.as_ref().is_some_and(|key| self.keys.contains(key)) {
            return Err(OpenError::KeyTaken);
        }
        let addresses: Vec<_> =
            new_addresses(&opening.contact).iter().map(|address| address_key(opening.tenant_id, address)).collect();
        if addresses.iter().any(|address| self.addresses.contains(address)) {
            return Err(OpenError::ContactMoved);
        }
        if let ContactChoice::Use { id, expect, .. } = &opening.contact
            && self.versions.get(&id.as_uuid()) != Some(expect)
        {
            return Err(OpenError::ContactMoved);
        }
        self.uses
            .check(opening.channel_id, &opening.recipient.address, &opening.quotas)
            .map_err(OpenError::QuotaExceeded)?;
        // From here on it has everything it needs.
        if let ContactChoice::Use { id, expect, add, fill_name } = &opening.contact
            && (!add.is_empty() || fill_name.is_some())
        {
            self.versions.insert(id.as_uuid(), expect.next());
        }
        self.uses.count(opening);
        self.addresses.extend(addresses);
        self.keys.extend(key);
        Ok(())
    }
}

/// The name under which whoever means an address waits for the others.
pub(crate) fn address_name(tenant: TenantId, kind: AddressKind, canonical: &str) -> String {
    format!("{tenant} {} {canonical}", kind.as_str())
}

/// Whom an opening would ask to write, and on which channel.
fn asked(opening: &OpenConversation) -> (Uuid, String) {
    (opening.channel_id.as_uuid(), opening.recipient.address.canonical().to_owned())
}

fn address_key(tenant: TenantId, address: &Address) -> (Uuid, String, String) {
    (tenant.as_uuid(), address.kind().as_str().to_owned(), address.canonical().to_owned())
}

fn new_addresses(contact: &ContactChoice) -> &[Address] {
    match contact {
        ContactChoice::Use { add, .. } => add,
        ContactChoice::Create { addresses, .. } => addresses,
    }
}

/// Writes what becomes of contacts: of which tenant, what, and when people see it happened.
pub(crate) fn write_contacts<'c>(
    script: &mut Script,
    choices: impl IntoIterator<Item = (TenantId, &'c ContactChoice, Timestamp)>,
) {
    let (mut contacts, mut addresses) = (Rows::new(4), Rows::new(8));
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
        push_addresses(&mut addresses, tenant, choice, at);
    }
    let sql = "INSERT INTO contacts (id, tenant_id, name, version, created_at) SELECT c1, c2, c3, 1, c4 FROM r WHERE c1 IS NOT NULL";
    script.push_rows(contacts, sql);
    // The first address of its kind is the contact's primary one.
    let sql = "INSERT INTO contact_addresses (tenant_id, kind, canonical, display, contact_id, is_primary, created_at) \
               SELECT c1, c2, c3, c4, c5, c6 AND (c8 OR \
               (SELECT 1 FROM contact_addresses o WHERE o.contact_id = r.c5 AND o.kind = r.c2 LIMIT 1) IS NULL), c7 \
               FROM r WHERE c1 IS NOT NULL";
    script.push_rows(addresses, sql);
}

fn push_addresses(rows: &mut Rows, tenant: TenantId, choice: &ContactChoice, at: Timestamp) {
    let mut kinds = HashSet::new();
    for address in new_addresses(choice) {
        rows.push([
            tenant.as_uuid().into(),
            address.kind().as_str().into(),
            address.canonical().into(),
            address.display().into(),
            choice.id().as_uuid().into(),
            kinds.insert(address.kind()).into(),
            millis(at),
            matches!(choice, ContactChoice::Create { .. }).into(),
        ]);
    }
}

fn write_conversations(script: &mut Script, winners: &[&OpenConversation]) {
    let mut rows = Rows::new(15);
    for opening in winners {
        let address = &opening.recipient.address;
        rows.push([
            opening.conversation_id.as_uuid().into(),
            opening.tenant_id.as_uuid().into(),
            opening.workspace_id.as_uuid().into(),
            opening.channel_id.as_uuid().into(),
            opening.contact.id().as_uuid().into(),
            ConversationStatus::InProgress.as_str().into(),
            opening.subject.as_ref().map(|subject| subject.as_str().to_owned()).into(),
            opening.preview.clone().into(),
            millis(opening.created_at),
            address.kind().as_str().into(),
            address.canonical().into(),
            address.display().into(),
            opening.recipient.name.as_ref().map(|name| name.as_str().to_owned()).into(),
            millis(opening.created_at),
            millis(opening.created_at),
        ]);
    }
    let sql = "INSERT INTO conversations (id, tenant_id, workspace_id, channel_id, contact_id, status, human_managed, subject, \
               last_message_preview, last_message_at, recipient_kind, recipient_canonical, recipient_display, recipient_name, \
               version, created_at, updated_at) \
               SELECT c1, c2, c3, c4, c5, c6, TRUE, c7, c8, c9, c10, c11, c12, c13, 1, c14, c15 FROM r WHERE c1 IS NOT NULL";
    script.push_rows(rows, sql);
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
    let mut rows = Rows::new(6);
    for opening in winners {
        if let Some(record) = &opening.idempotency {
            rows.push([
                opening.tenant_id.as_uuid().into(),
                record.key.0.to_vec().into(),
                record.body.0.to_vec().into(),
                opening.conversation_id.as_uuid().into(),
                opening.notices.iter().map(|notice| notice.as_str()).collect::<Vec<_>>().join(" ").into(),
                i64::try_from(record.keep_for.as_millis()).unwrap_or(i64::MAX).into(),
            ]);
        }
    }
    // What is in the way has expired, or its key would have been taken.
    let sql = "INSERT INTO idempotency_records (tenant_id, key, body, conversation_id, notices, expires_at) \
               SELECT c1, c2, c3, c4, c5, {now} + c6 FROM r WHERE c1 IS NOT NULL \
               ON CONFLICT (tenant_id, key) DO UPDATE SET body = excluded.body, conversation_id = excluded.conversation_id, \
               notices = excluded.notices, expires_at = excluded.expires_at";
    script.push_rows(rows, sql);
}
