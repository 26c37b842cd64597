//! Who runs in this process: one call at a time per conversation, however often it is woken.

use overture_domain::ids::ConversationId;
use overture_domain::ports::StartOrder;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The conversations that wait for or have a task, each with the newest wake that came meanwhile.
#[derive(Default)]
pub(crate) struct Roster {
    known: Mutex<HashMap<ConversationId, Option<StartOrder>>>,
}

/// What became of a wake.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entered {
    /// It needs a task.
    New,
    /// Its conversation has one, which will look again.
    Joined,
    /// Too many conversations are known.
    Full,
}

impl Roster {
    /// Notes a wake.
    pub(crate) fn enter(&self, order: StartOrder, most: usize) -> Entered {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = known.get_mut(&order.conversation_id) {
            *next = Some(order);
            return Entered::Joined;
        }
        if known.len() >= most {
            return Entered::Full;
        }
        known.insert(order.conversation_id, None);
        Entered::New
    }

    /// The task has done what it knew of: the wake that came meanwhile, or none, and then the conversation is forgotten.
    pub(crate) fn next(&self, conversation: ConversationId) -> Option<StartOrder> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let next = known.get_mut(&conversation).and_then(Option::take);
        if next.is_none() {
            known.remove(&conversation);
        }
        next
    }

    /// How many conversations are known.
    pub(crate) fn len(&self) -> usize {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use overture_domain::ids::WorkspaceId;

    fn order(n: u128, generation: i64) -> StartOrder {
        StartOrder {
            conversation_id: ConversationId::from_uuid(uuid(n)),
            workspace_id: WorkspaceId::from_uuid(uuid(9)),
            generation,
            tries: 0,
        }
    }

    fn uuid(n: u128) -> uuid::Uuid {
        uuid::Uuid::from_u128(n)
    }

    #[test]
    fn a_wake_of_a_conversation_that_runs_joins_it_and_comes_after_it() {
        let roster = Roster::default();
        assert_eq!(roster.enter(order(1, 1), 10), Entered::New);
        assert_eq!(roster.enter(order(1, 2), 10), Entered::Joined);
        assert_eq!(roster.next(order(1, 1).conversation_id), Some(order(1, 2)));
        assert_eq!(roster.next(order(1, 1).conversation_id), None);
        assert_eq!(roster.enter(order(1, 3), 10), Entered::New);
    }

    #[test]
    fn a_full_roster_takes_no_new_conversation_but_every_wake_of_a_known_one() {
        let roster = Roster::default();
        assert_eq!(roster.enter(order(1, 1), 1), Entered::New);
        assert_eq!(roster.enter(order(2, 1), 1), Entered::Full);
        assert_eq!(roster.enter(order(1, 2), 1), Entered::Joined);
        assert_eq!(roster.len(), 1);
    }
}
