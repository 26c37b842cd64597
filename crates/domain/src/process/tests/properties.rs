//! Whatever happens, in whatever order: the process against a small model of the rows and their fence.
//! The model gives events as `begin_attempt` does and refuses late ends as `save` does; it decides nothing itself.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// One thing that may happen to one of the messages.
#[derive(Debug, Clone)]
enum Happening {
    /// Somebody begins an attempt.
    Begin,
    /// The attempt so many before the newest ends; it may be late.
    End { back: u32, probed: bool, result: Result<Accepted, SendError> },
    /// The lease of the attempt under way is found run out.
    LeaseRanOut,
    /// Its time is found ended.
    Expire,
}

fn result() -> impl Strategy<Value = Result<Accepted, SendError>> {
    let after = prop::option::of((0_u64..600_000).prop_map(Duration::from_millis));
    prop_oneof![
        prop::option::of("[a-z]{1,5}")
            .prop_map(|provider_message_id| Ok(Accepted { provider_message_id, recipient_alias: None })),
        Just(Err(SendError::Rejected(cause("rejected")))),
        Just(Err(SendError::Config(cause("config")))),
        (after, any::<bool>()).prop_map(|(after, one)| {
            let scope = if one { LimitScope::Recipient } else { LimitScope::Channel };
            Err(SendError::RateLimited { after, scope, cause: cause("limited") })
        }),
        Just(Err(SendError::Unavailable(cause("unavailable")))),
        Just(Err(SendError::Unclear(cause("unclear")))),
        Just(Err(SendError::Unreachable(cause("connection_failed")))),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => Just(Happening::Begin),
        4 => (0_u32..3, any::<bool>(), result())
            .prop_map(|(back, probed, result)| Happening::End { back, probed, result }),
        1 => Just(Happening::LeaseRanOut),
        1 => Just(Happening::Expire),
    ]
}

fn on_unclear() -> impl Strategy<Value = OnUnclear> {
    prop_oneof![Just(OnUnclear::Resend), Just(OnUnclear::AskPerson)]
}

/// A message's rows.
struct Row {
    status: MessageStatus,
    /// The ends of its attempts; the last is the current one.
    attempts: Vec<Option<AttemptOutcome>>,
}

/// The rows of a conversation and the process over them.
struct Model {
    process: ConversationProcess,
    rows: BTreeMap<MessageId, Row>,
    /// The message that was given up last.
    given_up: Option<MessageId>,
}

impl Model {
    fn new(messages: u128, on_unclear: OnUnclear) -> Self {
        let rows =
            (1..=messages).map(|n| (message(n), Row { status: MessageStatus::Queued, attempts: vec![] })).collect();
        let process = ConversationProcess { on_unclear, ..process((1..=messages).map(pending).collect()) };
        Self { process, rows, given_up: None }
    }

    /// The event that the fence makes of a happening; `None` where it lets nothing happen.
    fn event(&mut self, id: MessageId, happening: Happening) -> Option<Event> {
        let row = self.rows.get_mut(&id).expect("the model has it");
        let under_way = row.attempts.last() == Some(&None);
        let newest = u32::try_from(row.attempts.len()).expect("few attempts");
        match happening {
            Happening::Begin if row.status.is_settled() || under_way => None,
            Happening::Begin => {
                row.attempts.push(None);
                row.status = MessageStatus::Sending;
                let pending = self.process.pending.iter_mut().find(|pending| pending.id == id).expect("it is open");
                (pending.status, pending.attempts) = (MessageStatus::Sending, newest + 1);
                None
            }
            Happening::End { back, probed, result } => {
                let number = newest.checked_sub(back).filter(|number| *number > 0)?;
                Some(Event::AttemptEnded { message: id, number, probed, began_at: BEGAN, result, at: AT })
            }
            Happening::LeaseRanOut => under_way.then_some(Event::LeaseRanOut { message: id, number: newest, at: AT }),
            Happening::Expire if row.status.is_settled() || under_way => None,
            Happening::Expire => Some(Event::Expired { message: id, at: AT }),
        }
    }

    /// What `save` does: a late end changes nothing. Whether it was kept.
    fn save(&mut self, change: &ProcessChange) -> bool {
        let row = self.rows.get_mut(&change.message.id).expect("the model has it");
        if let Some(attempt) = &change.attempt {
            let current = usize::try_from(attempt.number).expect("few attempts") == row.attempts.len();
            if !current || row.attempts.last() != Some(&None) {
                return false;
            }
            *row.attempts.last_mut().expect("there is one") = Some(attempt.outcome);
        }
        row.status = change.message.status;
        if matches!(row.status, MessageStatus::Failed | MessageStatus::Unconfirmed) {
            self.given_up = Some(change.message.id);
        }
        true
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_rules_of_the_process_hold(
        messages in 1_u128..4,
        on_unclear in on_unclear(),
        happenings in prop::collection::vec((0_u128..3, happening()), 0..60),
    ) {
        let mut model = Model::new(messages, on_unclear);
        for (n, happening) in happenings {
            let id = message(1 + n % messages);
            let Some(event) = model.event(id, happening) else { continue };
            let settled_before = model.rows[&id].status.is_settled();
            let (next, effect) = model.process.clone().step(event.clone(), NOW);
            let Effect::Keep(change) = effect else { panic!("{event:?} is to be written") };

            // Each change is decided on the version it names, and the next on the one after.
            prop_assert_eq!(change.expected, model.process.version);
            prop_assert_eq!(next.version, model.process.version.next());
            // What would open a message carries its attempt, so that the fence can refuse it.
            prop_assert!(change.message.status.is_settled() || change.attempt.is_some());
            // Whatever is to be tried again has a time.
            prop_assert_eq!(change.message.status == MessageStatus::Queued, change.message.next_attempt_in.is_some());
            // Sent is only what a provider took.
            let taken = matches!(&event, Event::AttemptEnded { result: Ok(_), .. });
            prop_assert_eq!(change.message.status == MessageStatus::Sent, taken);
            prop_assert_eq!(change.message.sent_at.is_some(), taken);
            // A person is asked in the same change in which a message is given up.
            let given_up = matches!(change.message.status, MessageStatus::Failed | MessageStatus::Unconfirmed);
            prop_assert!(!given_up || change.attention.is_some_and(|asks| asks.message_id == Some(id)));

            let was_unclear = model.rows[&id].attempts.contains(&Some(AttemptOutcome::Unclear));
            if !model.save(&change) {
                continue; // Late: the rows stay, and so does what was read of them.
            }
            model.process = next;
            let status = model.rows[&id].status;

            prop_assert!(!settled_before || status.is_settled(), "a settled message was opened");
            if let Event::Expired { .. } = event {
                let expected = if was_unclear { MessageStatus::Unconfirmed } else { MessageStatus::Failed };
                prop_assert_eq!(status, expected);
            }
            // However often nobody knows what became of it, no more copies go out than these.
            let copies = model.rows[&id].attempts.iter().filter(|end| **end == Some(AttemptOutcome::Unclear)).count();
            prop_assert!(copies <= MOST_COPIES as usize && (copies < MOST_COPIES as usize || status.is_settled()));
            // What is held in memory is what the rows say.
            let open: Vec<_> = model.rows.iter().filter(|(_, row)| !row.status.is_settled()).map(|(id, _)| *id).collect();
            let held: Vec<_> = model.process.pending.iter().map(|pending| pending.id).collect();
            prop_assert_eq!(held, open);
            // A person is asked exactly as long as the last word about some message was a failure.
            prop_assert_eq!(model.process.attention.and_then(|attention| attention.message_id), model.given_up);
        }
    }

    #[test]
    fn no_rest_is_longer_than_the_shortest_time_left(
        times in prop::collection::vec((0_u64..900_000, 1_u64..900_000, any::<bool>()), 1..6),
    ) {
        let messages: Vec<_> = (1..).zip(&times).map(|(n, (next, end, held))| PendingMessage {
            status: if *held { MessageStatus::Held } else { MessageStatus::Queued },
            next_attempt_at: NOW.plus(Duration::from_millis(*next)),
            deliver_by: NOW.plus(Duration::from_millis(*end)),
            ..pending(n)
        }).collect();
        let first_end = messages.iter().map(|message| message.deliver_by).min().unwrap();
        match process(messages).step(Event::Woken, NOW).1 {
            Effect::Rest(rest) => prop_assert!(rest > Duration::ZERO && NOW.plus(rest) <= first_end),
            Effect::Deliver(due) => prop_assert!(!due.is_empty()),
            effect => prop_assert!(false, "{:?}", effect),
        }
    }

    #[test]
    fn the_back_off_grows_and_stays_between_a_second_and_seventy_five(id in any::<u128>(), attempts in 0_u32..100_000) {
        let wait = back_off(message(id), attempts);
        prop_assert!((Duration::from_secs(1)..=Duration::from_secs(375)).contains(&wait), "{:?}", wait);
        for attempts in 1..7 {
            prop_assert!(back_off(message(id), attempts) < back_off(message(id), attempts + 1), "after {}", attempts);
        }
        prop_assert!(back_off(message(id), attempts.max(7)) >= MINUTE);
    }

    #[test]
    fn equal_states_decide_equally(id in any::<u128>(), attempts in any::<u32>(), result in result()) {
        prop_assert_eq!(back_off(message(id), attempts), back_off(message(id), attempts));
        let decide = || process(vec![pending(1)]).step(ended(1, 1, result.clone()), NOW);
        prop_assert_eq!(decide(), decide());
    }
}

#[test]
fn a_thousand_messages_do_not_come_back_in_one_instant() {
    let waits: std::collections::BTreeSet<_> = (0..1_000).map(|n| back_off(message(n), 7).as_millis()).collect();
    assert!(waits.len() > 900, "{} different waits", waits.len());
}
