//! The settings of a WhatsApp Cloud API channel.

use super::{CheckedSettings, SettingsProblem};
use serde_json::Value;

pub(super) fn check(_json: &Value, _env: &dyn Fn(&str) -> Option<String>) -> Result<CheckedSettings, SettingsProblem> {
    Err(SettingsProblem::new("transport", "is not there yet", "Use sandbox."))
}
