//! `GET /metrics`: numbers for operators, in Prometheus' text format. Nothing personal, no ids.

use crate::failure::Failure;
use crate::state::State;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpResponse, web};
use metrics::gauge;
use overture_domain::entities::MessageStatus;
use overture_domain::ports::Overview;
use std::sync::Arc;
use std::time::Duration;

/// How long counting rows may take before the numbers of the last time are shown, and `overture_database_answers` says so.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) async fn metrics(state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let observatory = Arc::clone(&state.application.observatory);
    let counted = state.run(async move {
        match tokio::time::timeout(PATIENCE, observatory.overview()).await {
            Ok(overview) => Ok(Some(overview?)),
            Err(_) => Ok(None),
        }
    });
    // Metrics are wanted most when the store is ill: what this process counted itself is shown in any case.
    let counted = match counted.await {
        Ok(Some(overview)) => Some(overview),
        Ok(None) => {
            tracing::debug!("counting rows took too long");
            None
        }
        Err(failure) => {
            tracing::debug!(cause = failure.cause(), "counting rows failed");
            None
        }
    };
    gauge!("overture_database_answers").set(if counted.is_some() { 1.0 } else { 0.0 });
    if let Some(overview) = counted {
        record(&overview);
    }
    let text = (state.application.metrics)();
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")).body(text))
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floating point; counts stay far below 2^53")]
fn record(overview: &Overview) {
    // A status that no message has any more must not keep its last number.
    for status in MessageStatus::ALL {
        let count = overview.messages.iter().find(|(counted, _)| counted == status).map_or(0, |(_, count)| *count);
        gauge!("overture_messages", "status" => status.as_str()).set(count as f64);
    }
    gauge!("overture_wakeups").set(overview.wakeups as f64);
    gauge!("overture_oldest_due_wakeup_seconds").set(overview.oldest_due_for.unwrap_or_default().as_secs_f64());
    gauge!("overture_oldest_due_message_seconds")
        .set(overview.oldest_due_message_for.unwrap_or_default().as_secs_f64());
    gauge!("overture_channels_in_error").set(overview.channels_in_error as f64);
    gauge!("overture_conversations_asking_attention").set(overview.attention as f64);
    gauge!("overture_unplaced_messages").set(overview.unplaced as f64);
}
