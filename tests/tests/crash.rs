//! Death at every named point and at any time: what was answered stays, what was under way ends, nothing comes twice
//! without a reason. Leases take their time, so all of it runs side by side.

use anyhow::{Context, Result};
use overture_tests::ordeal::{Death, Ordeal, Survived, survive};
use std::time::Duration;
use tokio::runtime::Runtime;

const POINTS: [&str; 10] = [
    "before_open",
    "after_open",
    "before_begin",
    "after_begin",
    "before_send",
    "after_send",
    "before_record",
    "after_record",
    "before_settle",
    "after_settle",
];

#[cfg(debug_assertions)]
fn killed_at(point: &'static str) -> Result<Survived> {
    let deaths = vec![Death::At(point, 1), Death::At(point, 4), Death::At(point, 7)];
    Runtime::new()?.block_on(survive(Ordeal { clients: 4, deaths })).with_context(|| format!("killed at {point}"))
}

#[cfg(debug_assertions)]
#[test]
fn killed_three_times_at_any_named_point_every_200_is_one_conversation_and_every_message_ends() {
    let ordeals = POINTS.map(|point| std::thread::spawn(move || killed_at(point)));
    for (point, ordeal) in POINTS.iter().zip(ordeals) {
        let left = ordeal.join().unwrap().unwrap();
        eprintln!("{point}: {left:?}");
        // A test that cannot fail is a defect: where the process died with an attempt under way, one was unclear; where
        // the server had taken the message, a copy came.
        let under_way = ["after_begin", "before_send", "after_send", "before_record"].contains(point);
        assert!(!under_way || left.unclear >= 1, "{point}: {left:?}");
        let taken = ["after_send", "before_record"].contains(point);
        assert!(!taken || left.copies >= 1, "{point}: {left:?}");
        assert!(left.composes > 3, "{point}: {left:?}");
        assert_eq!(left.unconfirmed, 0, "{point}: three deaths are not too many to send again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_time_under_load_every_200_is_one_conversation_and_every_message_ends() {
    let deaths = vec![Death::AnyTime { after: 10, within: Duration::from_millis(150) }; 8];
    let left = survive(Ordeal { clients: 8, deaths }).await.unwrap();
    eprintln!("{left:?}");
    assert!(left.composes >= 80, "{left:?}");
}
