//! What every compose asks before it decides.

use crate::gathering::Gathering;
use crate::{channels, contacts, conversations};
use overture_domain::ids::{ChannelId, TenantId, WorkspaceId};
use overture_domain::ports::{EarlierRequest, KeyedHash, KnownContacts, KnownPlace, WantedContact};
use sea_orm::DatabaseConnection;

/// The questions of composes that run at the same time, each kind in one statement.
#[derive(Clone)]
pub(crate) struct Asking {
    /// What the questions go over; to be closed with the others.
    pub(crate) connection: DatabaseConnection,
    pub(crate) earlier: Gathering<(TenantId, KeyedHash), Option<EarlierRequest>>,
    pub(crate) places: Gathering<(TenantId, WorkspaceId, Option<ChannelId>), KnownPlace>,
    pub(crate) contacts: Gathering<(TenantId, WantedContact), KnownContacts>,
}

impl Asking {
    /// How many kinds of questions there are: of each, one statement runs at a time.
    pub(crate) const KINDS: u32 = 3;

    /// Starts its tasks on the current runtime.
    pub(crate) fn start(connection: DatabaseConnection) -> Self {
        let (first, second, third) = (connection.clone(), connection.clone(), connection.clone());
        Self {
            connection,
            earlier: Gathering::start(move |questions| conversations::look(&first, questions)),
            places: Gathering::start(move |questions| channels::look(&second, questions)),
            contacts: Gathering::start(move |questions| contacts::look(&third, questions)),
        }
    }
}
