//! The door to all senders: who carries what, and which numbers are kept.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use overture_channels::{Senders, SendersOptions};
use overture_domain::entities::{ChannelKind, Transport};
use overture_domain::ports::MessageSender;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use support::{Act, MailServer, channel, connection, message};

/// Notes every number, with its name and labels.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

struct Note(Notes, String);

impl Note {
    fn keep(&self, value: &str) {
        self.0.0.lock().unwrap().push(format!("{} {value}", self.1));
    }
}

impl CounterFn for Note {
    fn increment(&self, value: u64) {
        self.keep(&value.to_string());
    }
    fn absolute(&self, value: u64) {
        self.keep(&value.to_string());
    }
}

impl HistogramFn for Note {
    fn record(&self, value: f64) {
        self.keep(if (0.0..60.0).contains(&value) { "seconds" } else { "no seconds" });
    }
}

impl Notes {
    fn note(&self, key: &Key) -> Arc<Note> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        Arc::new(Note(self.clone(), format!("{} {}", key.name(), labels.join(" "))))
    }
}

impl Recorder for Notes {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.note(key))
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.note(key))
    }
}

#[test]
fn each_send_is_counted_by_transport_and_outcome_and_by_nothing_personal() {
    let notes = Notes::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&notes, || {
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let options =
                SendersOptions { outbox: folder.path().to_owned(), allow_private: true, ..Default::default() };
            let senders = Senders::new(options);
            let server = MailServer::start(&[("RCPT", Act::Say("550 5.1.1 <jan@x>: no such user"))]).await;
            let smtp = channel(&server, &json!({}));
            let sandbox = connection(ChannelKind::Email, Transport::Sandbox, &Value::Null);
            senders.send(&smtp, &message(1)).await.unwrap_err();
            senders.send(&smtp, &message(2)).await.unwrap();
            senders.send(&sandbox, &message(3)).await.unwrap();
            assert_eq!(server.taken().len(), 1);
        });
    });
    assert_eq!(
        *notes.0.lock().unwrap(),
        [
            "overture_send_total transport=smtp outcome=rejected 1",
            "overture_send_seconds transport=smtp seconds",
            "overture_send_total transport=smtp outcome=accepted 1",
            "overture_send_seconds transport=smtp seconds",
            "overture_send_total transport=sandbox outcome=accepted 1",
            "overture_send_seconds transport=sandbox seconds",
        ]
    );
}
