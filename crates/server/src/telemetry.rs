//! Logs and metrics of the process. Logs go to standard error: pretty on a terminal, JSON otherwise.
//! What may stand in them is the business of whoever writes them: ids, codes and counts, nothing personal.

use crate::config::LogFormat;
use crate::config::Settings;
use anyhow::Context as _;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::io::{IsTerminal, Write, stderr};
use tracing_subscriber::EnvFilter;

/// Bounds of the histograms of durations, in seconds.
const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

/// Starts logging. A second call changes nothing.
pub(crate) fn log(settings: &Settings, level: Option<&str>) {
    let level = level.unwrap_or(&settings.log.level);
    let filter = EnvFilter::try_new(directives(level)).unwrap_or_else(|_| EnvFilter::new("info"));
    let terminal = stderr().is_terminal();
    let pretty = match settings.log.format {
        LogFormat::Auto => terminal,
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).log_internal_errors(false);
    // An error here means that logging was started before, which is as good.
    let _ = if pretty {
        lines.with_ansi(terminal).try_init()
    } else {
        lines.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    };
}

/// Prints header values that it cannot read, whatever a caller put there.
const INDISCREET: &str = "actix_http::h1::decoder=off";

/// A level alone is about Overture: of the libraries below it, the talkative ones only warn. What prints a caller's words is
/// quiet at every level.
fn directives(level: &str) -> String {
    match level {
        "info" => format!("info,actix_server=warn,sea_orm_migration=warn,{INDISCREET}"),
        other => format!("{other},{INDISCREET}"),
    }
}

/// Tells a person on standard error. Where that cannot be written, nobody is left to be told.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}

/// Logs where a panic was, in place of what the language prints: its message may hold what a person wrote.
pub(crate) fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        if tracing::dispatcher::has_been_set() {
            tracing::error!(place, "a task panicked: this is a bug in Overture");
        } else {
            tell(&format!("Overture stumbled over a bug of its own at {place}."));
        }
    }));
}

/// Starts counting. What was counted is read from the handle.
///
/// # Errors
/// Somebody counts already.
pub(crate) fn count() -> anyhow::Result<PrometheusHandle> {
    let builder = PrometheusBuilder::new().set_buckets(&SECONDS).context("the bounds of the histograms are wrong")?;
    builder.install_recorder().context("metrics cannot be kept")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_is_a_filter_and_keeps_quiet_what_prints_a_callers_words() {
        for level in ["off", "info", "trace", "info,overture_http=debug", "actix_http=trace"] {
            let filter = EnvFilter::try_new(directives(level)).unwrap().to_string();
            assert!(filter.contains(INDISCREET), "{level}: {filter}");
        }
    }
}
