//! What asks contacts to write, when it fails: nobody waits for an answer that cannot come.

use super::inbound::phone_of;
use super::stage::{HOUR, ended};
use super::{Place, Stage, receipts};
use futures_util::future::{join, join_all};
use overture_domain::entities::{Address, AttemptOutcome, MessageStatus};
use overture_domain::ids::MessageId;
use overture_domain::ports::{Begun, Kept, OpenConversation, PlacedMessage, ProcessChange, ReceiptStatus};
use tokio::task::JoinHandle;

/// How often two race.
const RACES: usize = 20;

impl Stage {
    /// Two texts that wait for one contact, each in a conversation of its own; the first has what asks.
    async fn two_held(&self) -> (Place, Address, [OpenConversation; 2]) {
        let (place, phone) = (self.whatsapp_channel().await, self.phone());
        let both = [self.held(place, phone.clone(), HOUR).await, self.held(place, phone.clone(), HOUR).await];
        (place, phone, both)
    }

    /// How an attempt at what asks ended.
    async fn asked(&self, opening: &OpenConversation, status: MessageStatus, outcome: AttemptOutcome) -> ProcessChange {
        let attempt = self.attempt(opener(opening), HOUR).await;
        let mut change = self.change(opening, status).await;
        change.message.id = opener(opening);
        change.attempt = Some(ended(attempt.number, outcome));
        change
    }

    /// Opens it beside whatever else goes on.
    fn opens(&self, opening: &OpenConversation) -> JoinHandle<()> {
        let (conversations, opening) = (self.ports.conversations.clone(), opening.clone());
        tokio::spawn(async move {
            conversations.open(opening).await.expect("this opening applies");
        })
    }

    async fn waits_in_vain(&self, opening: &OpenConversation) -> bool {
        let pending = self.loaded(opening.conversation_id).await.process.pending;
        let held = pending.iter().find(|pending| pending.id == opening.message_id).expect("it is held");
        let begun = self.begin(opening.message_id, HOUR).await;
        assert_eq!(held.in_vain, begun == Begun::OpenerFailed, "{begun:?}");
        assert_eq!(self.message(opening).await.message.status, MessageStatus::Held, "beginning writes nothing");
        held.in_vain
    }

    /// Nobody has its wakeup, and it is not due.
    pub(super) async fn rests(&self, opening: &OpenConversation) {
        let order = self.claim_of(opening.conversation_id, HOUR).await;
        self.ports.wakeups.rest(&order, HOUR).await.expect("rest");
    }
}

fn opener(opening: &OpenConversation) -> MessageId {
    opening.held.as_ref().expect("it is held").opener_id
}

/// In every conversation of the channel with this contact, at once; the next text asks anew.
pub async fn what_waits_for_an_answer_is_in_vain_once_what_was_to_ask_has_failed(stage: &Stage) {
    let (place, phone, both) = stage.two_held().await;
    let (_, _, others) = stage.two_held().await;
    let change = stage.asked(&both[0], MessageStatus::Failed, AttemptOutcome::Rejected).await;
    stage.rests(&both[1]).await;
    assert!(!stage.waits_in_vain(&both[1]).await);
    stage.apply(&change).await;
    for opening in &both {
        assert!(stage.waits_in_vain(opening).await);
    }
    assert!(stage.is_claimable(both[1].conversation_id).await, "it was woken");
    assert!(!stage.waits_in_vain(&others[0]).await, "somebody else was asked");
    let later = stage.held(place, phone, HOUR).await;
    assert_eq!(stage.statuses(&later).await.len(), 2, "nobody is asked any more");
    assert!(!stage.waits_in_vain(&later).await);
}

/// Long after the provider took it, as WhatsApp does.
pub async fn a_receipt_may_say_that_what_was_to_ask_has_failed(stage: &Stage) {
    let (_, _, both) = stage.two_held().await;
    let mut change = stage.asked(&both[0], MessageStatus::Sent, AttemptOutcome::Sent).await;
    change.message.sent_at = Some(change.at);
    if let Some(attempt) = &mut change.attempt {
        attempt.provider_message_id = Some("wamid.1".into());
    }
    stage.apply(&change).await;
    stage.rests(&both[1]).await;
    assert!(!stage.waits_in_vain(&both[1]).await);
    let failed = receipts::of(opener(&both[0]), receipts::receipt("wamid.1", ReceiptStatus::Failed));
    stage.take(&both[0], &failed).await;
    for opening in &both {
        assert!(stage.waits_in_vain(opening).await);
    }
    assert!(stage.is_claimable(both[1].conversation_id).await, "it was woken");
}

/// Nor where it is another message that failed.
pub async fn nobody_waits_in_vain_while_what_was_to_ask_may_have_arrived(stage: &Stage) {
    let (_, _, both) = stage.two_held().await;
    let change = stage.asked(&both[0], MessageStatus::Unconfirmed, AttemptOutcome::Unclear).await;
    stage.apply(&change).await;
    assert!(!stage.waits_in_vain(&both[0]).await);
    let failed = stage.change(&both[1], MessageStatus::Failed).await;
    stage.apply(&failed).await;
    assert!(!stage.waits_in_vain(&both[0]).await);
}

/// Whichever is first: it does not rest for an answer that cannot come.
pub async fn who_joins_what_is_asked_while_it_fails_asks_anew_or_waits_in_vain(stage: &Stage) {
    for _ in 0..10 {
        let (place, phone) = (stage.whatsapp_channel().await, stage.phone());
        let first = stage.held(place, phone.clone(), HOUR).await;
        let change = stage.asked(&first, MessageStatus::Failed, AttemptOutcome::Rejected).await;
        let (joined, ()) = join(stage.held(place, phone, HOUR), stage.apply(&change)).await;
        let asks_anew = stage.statuses(&joined).await.len() == 2;
        assert_eq!(stage.waits_in_vain(&joined).await, !asks_anew);
    }
}

/// Whichever is first: it leaves with what was held before it, or finds the window open and asks nobody.
pub async fn who_joins_what_is_asked_while_the_contact_answers_is_not_held(stage: &Stage) {
    for round in 0..RACES {
        let (place, phone) = (stage.whatsapp_channel().await, stage.phone());
        let first = stage.held(place, phone.clone(), HOUR).await;
        let mut joining = Vec::new();
        for _ in 0..3 {
            joining.push(stage.to_hold(place, phone.clone(), HOUR).await);
        }
        let from = phone_of(&phone);
        let thread = stage.thread(place, &from).await;
        let answer = PlacedMessage { written_at: None, ..stage.placed(place, &from, &thread, "IN1") };
        let mut racing: Vec<_> = joining.iter().map(|opening| stage.opens(opening)).collect();
        let inbound = stage.ports.inbound.clone();
        let answers = tokio::spawn(async move {
            assert_eq!(inbound.keep_message(answer).await.expect("keep"), Kept::New);
        });
        // Each time from another place in the line.
        racing.insert(round % (joining.len() + 1), answers);
        for raced in join_all(racing).await {
            raced.expect("nobody panics");
        }
        assert!(stage.ports.inbound.wrote_within(place.channel, &from, HOUR).await.expect("wrote_within"));
        for opening in [&first].into_iter().chain(&joining) {
            let pending = stage.loaded(opening.conversation_id).await.process.pending;
            assert!(pending.iter().all(|pending| pending.status == MessageStatus::Queued), "{round}: {pending:?}");
            let leaves = pending.iter().any(|pending| pending.id == opening.message_id);
            let asks = pending.iter().any(|pending| pending.id == opener(opening));
            assert_eq!((leaves, asks), (true, *opening == first), "{round}: {pending:?}");
        }
    }
}
