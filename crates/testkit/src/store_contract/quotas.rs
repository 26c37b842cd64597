//! Quotas: exact whatever races, and nothing is counted that is not stored. The suite cannot move a database's clock, so that
//! it takes days where it can: a test of a few milliseconds hardly ever meets midnight.

use super::stage::{HOUR, record};
use super::{Place, Stage};
use futures_util::future::join_all;
use overture_domain::entities::{Address, Quota, QuotaExceeded};
use overture_domain::ports::{OpenConversation, OpenError, Opened};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

impl Stage {
    /// A compose to a new contact through a channel that takes so many a day.
    fn daily(&self, place: Place, limit: u32) -> OpenConversation {
        OpenConversation { quotas: vec![(Quota::PerDay, limit)], ..self.opening_in(place) }
    }

    async fn tried(&self, opening: &OpenConversation) -> Result<Opened, OpenError> {
        self.ports.conversations.open(opening.clone()).await
    }

    /// The quota has no room for it; nothing of it is there.
    async fn has_no_room(&self, opening: &OpenConversation) -> QuotaExceeded {
        let exceeded = match self.tried(opening).await {
            Err(OpenError::QuotaExceeded(exceeded)) => exceeded,
            other => panic!("there is no room, but the answer is {other:?}"),
        };
        self.nothing_is_left_of(opening).await;
        exceeded
    }

    async fn exceeded(&self, place: Place, to: &Address, quota: Quota, limit: u32) -> Option<QuotaExceeded> {
        self.ports.quotas.exceeded(place.channel, to, &[(quota, limit)]).await.expect("exceeded")
    }
}

/// Whoever it is for; each channel has its own.
pub async fn no_more_are_opened_than_the_day_of_a_channel_allows(stage: &Stage) {
    for _ in 0..3 {
        stage.open(&stage.daily(stage.home, 3)).await;
    }
    let exceeded = stage.has_no_room(&stage.daily(stage.home, 3)).await;
    assert_eq!((exceeded.quota, exceeded.limit), (Quota::PerDay, 3));
    assert!(exceeded.ends_in > Duration::ZERO && exceeded.ends_in <= DAY, "{exceeded:?}");
    stage.open(&stage.daily(stage.home, 4)).await;
    stage.open(&stage.daily(stage.another_channel().await, 1)).await;
    stage.open(&stage.opening()).await;
}

/// Of both the day is told, which ends later.
pub async fn no_more_are_opened_to_one_contact_than_an_hour_allows(stage: &Stage) {
    let place = stage.sms_channel().await;
    let first = OpenConversation {
        quotas: vec![(Quota::PerDay, 2), (Quota::PerContactPerHour, 1)],
        wire_message_id: None,
        ..stage.creating(place, vec![stage.phone()])
    };
    stage.open(&first).await;
    let contact = stage.contact_of(&first).await;
    let again =
        OpenConversation { quotas: first.quotas.clone(), wire_message_id: None, ..stage.using(place, &contact) };
    let exceeded = stage.has_no_room(&again).await;
    assert_eq!((exceeded.quota, exceeded.limit), (Quota::PerContactPerHour, 1));
    assert!(exceeded.ends_in > Duration::ZERO && exceeded.ends_in <= HOUR, "{exceeded:?}");
    let another = OpenConversation {
        quotas: first.quotas.clone(),
        wire_message_id: None,
        ..stage.creating(place, vec![stage.phone()])
    };
    stage.open(&another).await;
    assert_eq!(stage.has_no_room(&again).await.quota, Quota::PerDay);
}

/// In one batch or in many.
pub async fn of_many_at_once_exactly_as_many_are_opened_as_there_is_room_for(stage: &Stage) {
    let openings: Vec<_> = (0..40).map(|_| stage.daily(stage.home, 7)).collect();
    let answers = join_all(openings.iter().map(|opening| stage.tried(opening))).await;
    let (mut opened, mut refused) = (0, 0);
    for answer in answers {
        match answer {
            Ok(_) => opened += 1,
            Err(OpenError::QuotaExceeded(_)) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((opened, refused), (7, 33));
}

/// The same key, the same ids, a contact that moved: only what is stored has used something.
pub async fn what_is_refused_or_repeated_counts_nothing(stage: &Stage) {
    let first = OpenConversation { idempotency: Some(record(1, 1, HOUR)), ..stage.daily(stage.home, 3) };
    stage.open(&first).await;
    let repeated = OpenConversation { idempotency: Some(record(1, 1, HOUR)), ..stage.daily(stage.home, 3) };
    assert!(matches!(stage.tried(&repeated).await, Err(OpenError::KeyTaken)));
    stage.open(&first).await;
    let taken = OpenConversation {
        quotas: first.quotas.clone(),
        ..stage.creating(stage.home, vec![first.recipient.address.clone()])
    };
    stage.must_move(&taken).await;
    stage.open(&stage.daily(stage.home, 3)).await;
    let last = stage.daily(stage.home, 3);
    stage.open(&last).await;
    stage.has_no_room(&stage.daily(stage.home, 3)).await;
    stage.open(&last).await;
    assert!(matches!(stage.tried(&repeated).await, Err(OpenError::KeyTaken)), "a repetition needs no room");
}

/// Nor does one of another channel.
pub async fn a_member_without_room_spoils_no_other(stage: &Stage) {
    stage.open(&stage.daily(stage.home, 1)).await;
    let elsewhere = stage.another_channel().await;
    let openings: Vec<_> = (0..20)
        .map(|n| match n % 3 {
            0 => stage.daily(stage.home, 1),
            1 => stage.opening(),
            _ => stage.daily(elsewhere, 100),
        })
        .collect();
    let answers = join_all(openings.iter().map(|opening| stage.tried(opening))).await;
    for (n, (opening, answer)) in openings.iter().zip(answers).enumerate() {
        assert_eq!(matches!(answer, Err(OpenError::QuotaExceeded(_))), n % 3 == 0, "{answer:?}");
        match n % 3 {
            0 => stage.nothing_is_left_of(opening).await,
            _ => assert_eq!(stage.message(opening).await.message.id, opening.message_id),
        }
    }
}

/// It may be asked about as often as people like.
pub async fn looking_at_a_quota_counts_nothing(stage: &Stage) {
    let opening = stage.daily(stage.home, 1);
    let to = opening.recipient.address.clone();
    for _ in 0..3 {
        assert_eq!(stage.exceeded(stage.home, &to, Quota::PerDay, 1).await, None);
    }
    stage.open(&opening).await;
    let exceeded = stage.exceeded(stage.home, &to, Quota::PerDay, 1).await.expect("it is used up");
    assert_eq!((exceeded.quota, exceeded.limit), (Quota::PerDay, 1));
    assert_eq!(stage.exceeded(stage.home, &to, Quota::PerDay, 2).await, None);
    assert_eq!(stage.exceeded(stage.home, &to, Quota::PerContactPerHour, 1).await, None, "that was not asked to count");
    assert_eq!(stage.exceeded(stage.another_channel().await, &to, Quota::PerDay, 1).await, None);
}

/// By sweeps and by restarts.
pub async fn a_count_is_kept_while_its_period_lasts(stage: &Stage) {
    let opening = stage.daily(stage.home, 1);
    stage.open(&opening).await;
    assert_eq!(stage.ports.retention.sweep_quota_uses(10).await.expect("sweep"), 0);
    let later = stage.reopened().await;
    let quotas = [(Quota::PerDay, 1)];
    let exceeded = later.quotas.exceeded(stage.home.channel, &opening.recipient.address, &quotas).await;
    assert!(exceeded.expect("exceeded").is_some());
}
