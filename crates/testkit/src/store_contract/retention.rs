//! What contacts sent goes when its time has passed, and nothing before.

use super::Place;
use super::inbound::phone_of;
use super::stage::{BRIEF, HOUR, SEEN, Stage, content, name};
use overture_domain::ports::{PlacedMessage, UnplacedMessage};
use overture_domain::time::Timestamp;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Batch by batch.
pub async fn what_has_no_place_is_swept_when_its_time_has_passed(stage: &Stage) {
    let place = stage.sms_channel().await;
    let now = stage.now().await;
    for (id, at) in [("IN1", SEEN), ("IN2", now), ("IN3", SEEN.plus(DAY)), ("IN4", SEEN.plus(HOUR))] {
        stage.ports.inbound.keep_unplaced(unplaced(place, id, at)).await.expect("keep");
    }
    let retention = &stage.ports.retention;
    let left = async || stage.ports.observatory.overview().await.expect("overview").unplaced;
    assert_eq!(retention.sweep_unplaced(DAY, 2).await.expect("sweep"), 2);
    assert_eq!((retention.sweep_unplaced(DAY, 2).await.expect("sweep"), left().await), (1, 1));
    assert_eq!((retention.sweep_unplaced(DAY, 2).await.expect("sweep"), left().await), (0, 1));
}

/// By when it was kept, whatever clock people see it by.
pub async fn the_whole_of_what_a_contact_sent_is_forgotten_when_its_time_has_passed_and_the_message_stays(
    stage: &Stage,
) {
    let place = stage.sms_channel().await;
    let opening = stage.text_opened(place).await;
    let from = phone_of(&opening.recipient.address);
    for (id, raw) in [("IN1", Some("{\"id\":1}")), ("IN2", None), ("IN3", Some("{\"id\":3}"))] {
        let thread = stage.thread(place, &from).await;
        let message = PlacedMessage {
            kind: "image".into(),
            content: content("(image)"),
            raw: raw.map(str::to_owned),
            ..stage.placed(place, &from, &thread, id)
        };
        stage.ports.inbound.keep_message(message).await.expect("keep");
    }
    let before = stage.messages_in(opening.conversation_id).await;
    let retention = &stage.ports.retention;
    assert_eq!(retention.sweep_raw(HOUR, 10).await.expect("sweep"), 0);
    let sweep = async || Some(retention.sweep_raw(BRIEF, 1).await.expect("sweep")).filter(|swept| *swept > 0);
    for _ in 0..2 {
        assert_eq!(stage.until("it is forgotten", sweep).await, 1);
    }
    assert_eq!(
        retention.sweep_raw(Duration::ZERO, 10).await.expect("sweep"),
        0,
        "what is forgotten is not forgotten again"
    );
    assert_eq!(stage.messages_in(opening.conversation_id).await, before);
}

/// What came to a channel and stands in no conversation.
pub(super) fn unplaced(place: Place, id: &str, at: Timestamp) -> UnplacedMessage {
    UnplacedMessage {
        channel_id: place.channel,
        provider_message_id: id.into(),
        sender: "US.13491208655302741918".into(),
        sender_name: Some(name("Jan")),
        kind: "text".into(),
        content: content("Good morning"),
        raw: Some("{\"id\":1}".into()),
        written_at: Some(SEEN),
        at,
    }
}

impl Stage {
    /// The store's time.
    async fn now(&self) -> Timestamp {
        self.loaded(self.opened().await.conversation_id).await.now
    }
}
