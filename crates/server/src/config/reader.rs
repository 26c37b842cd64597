//! Reads values out of the layers, each by its key, and gathers everything that is wrong with them.
//! Refuses to know what the values are for: `settings.rs` does.

use super::keys::{self, KEYS, Key};
use super::layers::{Layered, Source};
use super::problem::ConfigProblem;
use overture_channels::TrustedCertificates;
use overture_domain::values::DeliverWithin;
use std::str::FromStr;
use std::time::Duration;

/// Reads values out of the layers and gathers what is wrong with them.
pub(super) struct Reader<'a> {
    pub(super) written: &'a Layered,
    pub(super) problems: Vec<ConfigProblem>,
}

impl Reader<'_> {
    pub(super) fn text(&self, name: &str) -> String {
        self.written.get(name).map(|written| written.text.clone()).unwrap_or_default()
    }

    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.written.get(name).filter(|written| !written.text.trim().is_empty())?;
        self.parsed(name, parse)
    }

    pub(super) fn parsed<T>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let written = self.written.get(name);
        let text = written.map_or("", |written| written.text.trim());
        match parse(text) {
            Ok(value) => Some(value),
            Err(flaw) => {
                let source = written.map_or(Source::Default, |written| written.source.clone());
                let key: &Key = keys::find(name).unwrap_or(&KEYS[0]);
                self.problems.push(ConfigProblem::value(key, Some(text), &source, &flaw));
                None
            }
        }
    }

    pub(super) fn number(&mut self, name: &'static str, least: usize, most: usize) -> usize {
        let parse = |text: &str| match usize::from_str(text) {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            Ok(_) => Err("is out of its bounds".into()),
            Err(_) => Err("is no whole number".into()),
        };
        self.parsed(name, parse).unwrap_or(least)
    }

    pub(super) fn within(&mut self, name: &'static str) -> DeliverWithin {
        self.parsed(name, |text| DeliverWithin::parse(text).map_err(|flaw| flaw.reason))
            .unwrap_or(DeliverWithin::from_millis(1))
    }

    pub(super) fn duration_up_to(&mut self, name: &'static str, most: Duration) -> Duration {
        let parse = |text: &str| {
            let within = DeliverWithin::parse(text).map_err(|flaw| flaw.reason)?;
            let duration = Duration::from_millis(within.as_millis().unsigned_abs());
            if duration <= most { Ok(duration) } else { Err("is too long".to_owned()) }
        };
        self.parsed(name, parse).unwrap_or(most)
    }

    pub(super) fn duration(&mut self, name: &'static str) -> Duration {
        Duration::from_millis(u64::try_from(self.within(name).as_millis()).unwrap_or_default())
    }
}

pub(super) fn truth(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("is neither true nor false".into()),
    }
}

/// The certificates in a PEM file.
pub(super) fn certificates(path: &str) -> Result<TrustedCertificates, String> {
    let pem = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
    TrustedCertificates::from_pem(&pem)
}
