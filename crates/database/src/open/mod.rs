//! Opening conversations: one or many in one transaction, by statements over sets. First it is looked at who can be
//! written exactly as decided; the others get their own answer and leave nothing behind. What was looked at still holds when
//! it is written: in a write transaction of SQLite nobody else writes, and on PostgreSQL whoever opens claims the names of
//! its keys and addresses first and locks the contacts it uses. Where all of a batch is new, PostgreSQL's unique keys say so
//! by themselves, and nothing is looked at (decision 0012).

mod line;
mod rows;
mod taken;

use crate::dialect::is_postgres;
use crate::quotas::Uses;
use crate::sql::all;
use line::{Asked, Place};
use overture_domain::entities::{Address, AddressKind};
use overture_domain::ids::TenantId;
use overture_domain::ports::{ContactChoice, OpenConversation, OpenError, Opened, StoreError};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr};
use taken::Taken;
use tokio::sync::oneshot;
use uuid::Uuid;

pub(crate) use rows::write_contacts;

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
    place: Place,
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
    pub(crate) fn new(opening: OpenConversation) -> (Self, Asked) {
        let (told, answer) = oneshot::channel();
        let place = Place::default();
        let asked = Asked { place: place.clone(), answer };
        (Self { opening, holds: false, asks: false, verdict: Verdict::Written, place, answer: told }, asked)
    }

    /// Whether it is to be written: whoever asked has not given up.
    pub(crate) fn is_taken_up(&self) -> bool {
        self.place.leave()
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
    let mut script = rows::written(members);
    uses.write(&mut script);
    script.change(tx).await
}

/// Writes members of which none needs anything that is there, in one statement that is its own transaction: whether their
/// keys and addresses are free, the tables' unique keys say. `None`, and nothing is done, where it must be looked first.
pub(crate) async fn write_unlooked(db: &DatabaseConnection, members: &[OpenMember]) -> Option<Result<(), DbErr>> {
    let mut taken = Taken::default();
    let is_new = |member: &OpenMember| matches!(member.verdict, Verdict::Written) && needs_nothing(&member.opening);
    if !is_postgres(db) || !members.iter().all(|member| is_new(member) && taken.claim(&member.opening).is_ok()) {
        return None;
    }
    Some(rows::written(members).change(db).await)
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

/// The name under which whoever means an address waits for the others.
pub(crate) fn address_name(tenant: TenantId, kind: AddressKind, canonical: &str) -> String {
    format!("{tenant} {} {canonical}", kind.as_str())
}

/// Whom an opening would ask to write, and on which channel.
fn asked(opening: &OpenConversation) -> (Uuid, String) {
    (opening.channel_id.as_uuid(), opening.recipient.address.canonical().to_owned())
}

/// Whether it needs nothing that is there already, nor anything that others may use up.
fn needs_nothing(opening: &OpenConversation) -> bool {
    matches!(opening.contact, ContactChoice::Create { .. }) && opening.held.is_none() && opening.quotas.is_empty()
}

fn new_addresses(contact: &ContactChoice) -> &[Address] {
    match contact {
        ContactChoice::Use { add, .. } => add,
        ContactChoice::Create { addresses, .. } => addresses,
    }
}

#[cfg(test)]
mod tests;
