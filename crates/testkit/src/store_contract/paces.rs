//! How fast messages follow one another: on a channel, and on WhatsApp to one person. What a pace means is the domain's;
//! a store keeps paces and turns, and asks at the right moment.

use super::inbound::filled;
use super::managing::revision;
use super::stage::{BRIEF, HOUR, Place, Stage, channel, ended};
use futures_util::future::join_all;
use overture_domain::entities::{
    Address, AttemptOutcome, Channel, ChannelKind, ChannelLimits, ChannelSettings, MessageStatus, OnUnclear, Transport,
};
use overture_domain::ids::MessageId;
use overture_domain::ports::{
    Begun, ChannelChange, ChannelRevision, Hold, LimitScope, NewIds, OpenConversation, ProcessChange,
};
use overture_domain::values::{DeliverWithin, Wording};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// One message to one person costs a little more than six seconds.
const PAIR: std::ops::Range<Duration> = Duration::from_millis(5_000)..Duration::from_millis(6_500);

/// Whoever writes to somebody else goes at once.
pub async fn messages_to_one_person_on_whatsapp_wait_their_turns_and_others_do_not(stage: &Stage) {
    let place = stage.whatsapp_channel().await;
    let ann = stage.phone();
    let to_ann = stage.texts(place, &ann, 3).await;
    stage.attempt(to_ann[0].message_id, HOUR).await;
    let second = stage.wait_of(to_ann[1].message_id).await;
    let third = stage.wait_of(to_ann[2].message_id).await;
    assert!(PAIR.contains(&second), "{second:?}");
    assert!(third > second + SECOND * 5 && third < second + PAIR.end, "{third:?} after {second:?}");
    for _ in 0..3 {
        let other = stage.texts(place, &stage.phone(), 1).await;
        stage.attempt(other[0].message_id, HOUR).await;
    }
    let elsewhere = stage.texts(stage.whatsapp_channel().await, &ann, 1).await;
    stage.attempt(elsewhere[0].message_id, HOUR).await;
}

/// In as many processes as there are.
pub async fn of_many_to_one_person_at_once_one_goes_and_the_others_have_turns_of_their_own(stage: &Stage) {
    let place = stage.whatsapp_channel().await;
    let texts = stage.texts(place, &stage.phone(), 8).await;
    let tasks = texts.iter().map(|text| {
        let (deliveries, message) = (stage.ports.deliveries.clone(), text.message_id);
        tokio::spawn(async move { deliveries.begin_attempt(message, HOUR).await.expect("begin_attempt") })
    });
    let begun: Vec<_> = join_all(tasks).await.into_iter().map(|it| it.expect("no begin panics")).collect();
    assert_eq!(begun.iter().filter(|it| matches!(it, Begun::Attempt(_))).count(), 1, "{begun:?}");
    let mut waits = Vec::new();
    for text in &texts {
        if let Begun::NotDue { in_ } = stage.begin(text.message_id, HOUR).await {
            waits.push(in_);
        }
    }
    waits.sort_unstable();
    assert_eq!(waits.len(), 7, "{waits:?}");
    assert!(waits.windows(2).all(|two| two[1] - two[0] > SECOND * 4), "{waits:?}");
}

/// Asking costs nobody a place.
pub async fn a_turn_is_kept_however_often_somebody_asks(stage: &Stage) {
    let texts = stage.texts(stage.whatsapp_channel().await, &stage.phone(), 3).await;
    stage.attempt(texts[0].message_id, HOUR).await;
    let first = [stage.wait_of(texts[1].message_id).await, stage.wait_of(texts[2].message_id).await];
    for _ in 0..3 {
        for (text, first) in texts[1..].iter().zip(first) {
            let again = stage.wait_of(text.message_id).await;
            assert!(again <= first, "{again:?} after {first:?}");
        }
    }
}

/// Nothing of it is in anybody's memory.
pub async fn a_turn_is_kept_over_a_restart(stage: &Stage) {
    let texts = stage.texts(stage.whatsapp_channel().await, &stage.phone(), 3).await;
    stage.attempt(texts[0].message_id, HOUR).await;
    let (second, third) = (stage.wait_of(texts[1].message_id).await, stage.wait_of(texts[2].message_id).await);
    let deliveries = stage.reopened().await.deliveries;
    for (text, before) in [(&texts[1], second), (&texts[2], third)] {
        let begun = deliveries.begin_attempt(text.message_id, HOUR).await.expect("begin_attempt");
        assert!(matches!(begun, Begun::NotDue { in_ } if in_ <= before), "{begun:?} after {before:?}");
    }
}

/// So that its conversation rests until then.
pub async fn a_message_that_waits_its_turn_is_due_then(stage: &Stage) {
    let texts = stage.texts(stage.whatsapp_channel().await, &stage.phone(), 2).await;
    stage.attempt(texts[0].message_id, HOUR).await;
    let before = stage.loaded(texts[1].conversation_id).await.now;
    let wait = stage.wait_of(texts[1].message_id).await;
    let [pending] = stage.loaded(texts[1].conversation_id).await.process.pending[..] else { panic!("one is pending") };
    let due_in = pending.next_attempt_at.since(before);
    assert!(due_in >= wait && due_in < PAIR.end + SECOND, "{due_in:?}, but it was told {wait:?}");
    assert_eq!((pending.status, pending.attempts), (MessageStatus::Queued, 0));
}

/// What will never go keeps nobody waiting.
pub async fn a_turn_after_the_end_of_its_time_is_not_taken(stage: &Stage) {
    let (place, ann) = (stage.whatsapp_channel().await, stage.phone());
    let first = stage.texts(place, &ann, 1).await;
    stage.attempt(first[0].message_id, HOUR).await;
    let hasty = stage.text(place, &ann, Duration::from_secs(3)).await;
    let wait = stage.wait_of(hasty.message_id).await;
    assert!(wait <= SECOND * 3, "{wait:?}");
    let next = stage.texts(place, &ann, 1).await;
    let wait = stage.wait_of(next[0].message_id).await;
    assert!(PAIR.contains(&wait), "{wait:?}");
}

/// Whatever the transport, where its owner says so.
pub async fn a_channel_lets_so_many_go_in_a_second(stage: &Stage) {
    let place = stage.limited_channel(ChannelKind::Sms, Transport::Sandbox, Some(1)).await;
    let [first, second, third] = [stage.phone(), stage.phone(), stage.phone()];
    let first = stage.texts(place, &first, 1).await;
    let second = stage.texts(place, &second, 1).await;
    let third = stage.texts(place, &third, 1).await;
    let began = stage.loaded(first[0].conversation_id).await.now;
    stage.attempt(first[0].message_id, HOUR).await;
    let wait = stage.wait_of(second[0].message_id).await;
    assert!(wait > SECOND / 2 && wait <= SECOND * 2, "{wait:?}");
    let behind = stage.wait_of(third[0].message_id).await;
    assert!(behind > wait + SECOND / 2, "{behind:?} after {wait:?}");
    stage.attempt_soon(second[0].message_id, HOUR).await;
    let gone = stage.loaded(second[0].conversation_id).await.now.since(began);
    assert!(gone >= SECOND, "the second went after {gone:?}");
}

/// Email, and everything that stays on this machine.
pub async fn a_channel_without_limits_keeps_nobody_waiting(stage: &Stage) {
    for _ in 0..10 {
        stage.attempt(stage.opened().await.message_id, HOUR).await;
    }
    let ann = stage.phone();
    for (kind, transport) in [(ChannelKind::WhatsApp, Transport::Sandbox), (ChannelKind::Sms, Transport::Twilio)] {
        let place = stage.limited_channel(kind, transport, None).await;
        for text in stage.texts(place, &ann, 10).await {
            stage.attempt(text.message_id, HOUR).await;
        }
    }
}

/// Nobody knows when exactly the provider counted it.
pub async fn what_whatsapp_took_keeps_its_recipient_waiting_from_the_end_of_the_attempt(stage: &Stage) {
    let texts = stage.texts(stage.whatsapp_channel().await, &stage.phone(), 3).await;
    let attempt = stage.attempt(texts[0].message_id, HOUR).await;
    stage.wait_of(texts[1].message_id).await;
    let mut change = stage.sent(&texts[0], attempt.number).await;
    change.hold = Some(Hold { scope: LimitScope::Recipient, wait: HOUR, goes_first: false });
    stage.apply(&change).await;
    let wait = stage.wait_of(texts[2].message_id).await;
    assert!(wait > HOUR / 2, "{wait:?}");
}

/// Whoever writes to others goes on.
pub async fn a_refusal_for_one_recipient_keeps_only_that_one_waiting(stage: &Stage) {
    let (place, ann) = (stage.whatsapp_channel().await, stage.phone());
    let texts = stage.texts(place, &ann, 2).await;
    stage.refused(&texts[0], LimitScope::Recipient, HOUR, HOUR).await;
    for text in &texts {
        let wait = stage.wait_of(text.message_id).await;
        assert!(wait > HOUR / 2, "{wait:?}");
    }
    let other = stage.texts(place, &stage.phone(), 1).await;
    stage.attempt(other[0].message_id, HOUR).await;
    let elsewhere = stage.texts(stage.whatsapp_channel().await, &ann, 1).await;
    stage.attempt(elsewhere[0].message_id, HOUR).await;
}

/// With or without a limit of its own; whoever waits comes back after the others, not with them.
pub async fn a_refusal_for_the_channel_keeps_all_of_it_waiting_and_no_other(stage: &Stage) {
    for most in [None, Some(80)] {
        let place = stage.limited_channel(ChannelKind::Sms, Transport::Twilio, most).await;
        let first = stage.texts(place, &stage.phone(), 1).await;
        stage.refused(&first[0], LimitScope::Channel, HOUR, HOUR).await;
        let mut last = Duration::ZERO;
        for _ in 0..20 {
            let text = stage.texts(place, &stage.phone(), 1).await;
            last = stage.wait_of(text[0].message_id).await;
            assert!(last > HOUR / 2, "{last:?}");
        }
        assert!(last <= HOUR + SECOND * 2, "{last:?}");
        let other = stage.limited_channel(ChannelKind::Sms, Transport::Twilio, most).await;
        let other = stage.texts(other, &stage.phone(), 1).await;
        stage.attempt(other[0].message_id, HOUR).await;
    }
}

/// Even where many have come since.
pub async fn what_was_refused_goes_before_those_who_came_later(stage: &Stage) {
    let place = stage.limited_channel(ChannelKind::Sms, Transport::Twilio, Some(1)).await;
    let first = stage.texts(place, &stage.phone(), 1).await;
    stage.refused(&first[0], LimitScope::Channel, HOUR, Duration::ZERO).await;
    let mut waits = Vec::new();
    for _ in 0..30 {
        let text = stage.texts(place, &stage.phone(), 1).await;
        waits.push(stage.wait_of(text[0].message_id).await);
    }
    // As soon as its own next attempt is due.
    let asked = async || match stage.begin(first[0].message_id, HOUR).await {
        Begun::NotDue { in_ } if in_ > HOUR / 2 => Some(in_),
        Begun::NotDue { .. } => None,
        other => panic!("the channel waits, but the store says {other:?}"),
    };
    let wait = stage.until("it is due but for its channel", asked).await;
    assert!(wait <= waits[0] && wait + SECOND * 20 < waits[29], "{wait:?} among {waits:?}");
}

/// It was composed before the pause, whenever it is due.
pub async fn the_time_of_a_message_that_waits_its_turn_stands_still_in_a_pause(stage: &Stage) {
    let place = stage.whatsapp_channel().await;
    let texts = stage.texts(place, &stage.phone(), 2).await;
    stage.attempt(texts[0].message_id, HOUR).await;
    stage.wait_of(texts[1].message_id).await;
    let ends_at = async || stage.loaded(texts[1].conversation_id).await.process.pending[0].deliver_by;
    let before = ends_at().await;
    let paused = stage.ports.registry.set_paused(place.tenant, place.channel, true).await.expect("set_paused");
    assert!(paused);
    let later = async || (ends_at().await > before).then_some(());
    stage.until("its time stands still", later).await;
}

/// It found no turn before its time ends, and it was there before the pause too.
pub async fn the_time_of_a_message_without_a_turn_stands_still_in_a_pause(stage: &Stage) {
    let (place, ann) = (stage.whatsapp_channel().await, stage.phone());
    let first = stage.texts(place, &ann, 1).await;
    stage.attempt(first[0].message_id, HOUR).await;
    let hasty = stage.text(place, &ann, Duration::from_secs(5)).await;
    stage.wait_of(hasty.message_id).await;
    let ends_at = async || stage.loaded(hasty.conversation_id).await.process.pending[0].deliver_by;
    let before = ends_at().await;
    assert!(stage.ports.registry.set_paused(place.tenant, place.channel, true).await.expect("set_paused"));
    stage.until("its time stands still", async || (ends_at().await > before).then_some(())).await;
}

/// Those who wait by the old limit do not wait on.
pub async fn who_waits_for_a_turn_gets_another_when_the_limit_is_changed(stage: &Stage) {
    let place = stage.limited_channel(ChannelKind::Sms, Transport::Sandbox, Some(1)).await;
    let mut texts = Vec::new();
    for _ in 0..12 {
        texts.extend(stage.texts(place, &stage.phone(), 1).await);
    }
    let hasty = stage.text(place, &stage.phone(), Duration::from_secs(9)).await;
    stage.attempt(texts[0].message_id, HOUR).await;
    for text in &texts[1..] {
        stage.wait_of(text.message_id).await;
    }
    let last = stage.wait_of(texts[11].message_id).await;
    assert!(last > SECOND * 8, "{last:?}");
    stage.wait_of(hasty.message_id).await;
    let details = stage.ports.registry.details(place.tenant, place.channel).await.expect("read").expect("it is there");
    stage.rests(&texts[11]).await;
    let faster = ChannelLimits { max_per_second: Some(1_000), ..ChannelLimits::default() };
    let faster = ChannelRevision { limits: Some(faster), ..revision(&details.channel) };
    assert!(stage.ports.registry.revise(&faster).await.expect("revise"));
    assert!(stage.is_claimable(texts[11].conversation_id).await, "it was woken");
    for text in [&texts[11], &hasty] {
        stage.attempt_soon(text.message_id, HOUR).await;
    }
}

/// When the channel works again, each of them goes at once.
pub async fn who_loses_the_race_for_a_probe_has_used_no_pace(stage: &Stage) {
    let place = stage.whatsapp_channel().await;
    let finder = stage.texts(place, &stage.phone(), 1).await.remove(0);
    let mut racing = Vec::new();
    for _ in 0..16 {
        racing.extend(stage.texts(place, &stage.phone(), 1).await);
    }
    stage.meet_fault(&finder, Duration::ZERO).await;
    let tasks = racing.iter().map(|text| {
        let (deliveries, message) = (stage.ports.deliveries.clone(), text.message_id);
        tokio::spawn(async move { deliveries.begin_attempt(message, HOUR).await.expect("begin_attempt") })
    });
    let begun: Vec<_> = join_all(tasks).await.into_iter().map(|it| it.expect("no begin panics")).collect();
    let won = begun.iter().position(|it| matches!(it, Begun::Attempt(attempt) if attempt.probes)).expect("one probes");
    let prober = racing.swap_remove(won);
    let change =
        ProcessChange { channel: Some(ChannelChange::Works { id: place.channel }), ..stage.sent(&prober, 1).await };
    stage.apply(&change).await;
    for loser in &racing {
        stage.attempt(loser.message_id, HOUR).await;
    }
}

/// A recipient's address stays no longer than it is needed.
pub async fn paces_that_keep_nobody_waiting_are_swept(stage: &Stage) {
    let place = stage.limited_channel(ChannelKind::Sms, Transport::Sandbox, Some(1_000)).await;
    let text = stage.texts(place, &stage.phone(), 1).await;
    stage.attempt(text[0].message_id, HOUR).await;
    let retention = &stage.ports.retention;
    assert_eq!(retention.sweep_paces(HOUR, 10).await.expect("sweep"), 0);
    let swept = async || Some(retention.sweep_paces(BRIEF, 10).await.expect("sweep")).filter(|swept| *swept > 0);
    assert_eq!(stage.until("it is idle", swept).await, 1);
    let busy = stage.texts(stage.whatsapp_channel().await, &stage.phone(), 1).await;
    stage.refused(&busy[0], LimitScope::Recipient, HOUR, HOUR).await;
    assert_eq!(retention.sweep_paces(BRIEF, 10).await.expect("sweep"), 0, "somebody waits for it");
}

impl Stage {
    /// A channel of that kind with so many messages a second at most.
    async fn limited_channel(&self, kind: ChannelKind, transport: Transport, max_per_second: Option<u32>) -> Place {
        let place = Place { channel: self.ids.channel_id(), ..self.home };
        let limited = Channel {
            kind,
            transport,
            limits: ChannelLimits { max_per_second, ..ChannelLimits::default() },
            on_unclear: OnUnclear::default_for(kind),
            message_id_domain: None,
            ..channel(place)
        };
        self.ports.channels.add(&limited, &ChannelSettings::default()).await.expect("a channel can be added");
        place
    }

    /// So many conversations with one person, which may leave at any time.
    async fn texts(&self, place: Place, to: &Address, count: usize) -> Vec<OpenConversation> {
        let mut texts = Vec::new();
        for _ in 0..count {
            texts.push(self.text(place, to, HOUR * 24).await);
        }
        texts
    }

    async fn text(&self, place: Place, to: &Address, within: Duration) -> OpenConversation {
        let opening = match self.contact(place.tenant, to).await {
            None => self.creating(place, vec![to.clone()]),
            Some(contact) => self.using(place, &contact),
        };
        let opening = OpenConversation {
            wire_message_id: None,
            wording: Wording::Template(filled()),
            claimed_for: Duration::ZERO,
            deliver_within: DeliverWithin::from_millis(i64::try_from(within.as_millis()).unwrap_or(i64::MAX)),
            ..opening
        };
        self.open(&opening).await;
        opening
    }

    /// How long a message is told to wait.
    async fn wait_of(&self, message: MessageId) -> Duration {
        match self.begin(message, HOUR).await {
            Begun::NotDue { in_ } => in_,
            other => panic!("it waits its turn, but the store says {other:?}"),
        }
    }

    /// An attempt at it ends with the provider's "not now": others wait so long, and its own next attempt is due in `again`.
    async fn refused(&self, opening: &OpenConversation, scope: LimitScope, wait: Duration, again: Duration) {
        let attempt = self.attempt(opening.message_id, HOUR).await;
        let change = self.try_again(opening, attempt.number, again).await;
        let change = ProcessChange {
            attempt: Some(ended(attempt.number, AttemptOutcome::RateLimited)),
            hold: Some(Hold { scope, wait, goes_first: true }),
            ..change
        };
        self.apply(&change).await;
    }
}
