//! The settings of a WhatsApp Cloud API channel: the number it sends from, the account that owns the number, and the
//! secrets of the app that connects them.
//!
//! Refuses what cannot be a value of Meta: an id with anything but digits, a secret with white space in it. Whether Meta
//! knows them is found out by verifying.

use super::fields::{Fields, Setting};
use super::{CheckedSettings, SettingsProblem};
use overture_domain::entities::ChannelSettings;
use overture_domain::values::Secret;
use serde_json::Value;

const PHONE_NUMBER_ID: &str = "phoneNumberId";
const BUSINESS_ACCOUNT_ID: &str = "businessAccountId";
const ACCESS_TOKEN: &str = "accessToken";
const APP_SECRET: &str = "appSecret";
const SECONDARY_APP_SECRET: &str = "secondaryAppSecret";
const VERIFY_TOKEN: &str = "verifyToken";

/// In the order in which they are named to people.
const SETTINGS: &[Setting] = &[
    (
        PHONE_NUMBER_ID,
        "Write the phone number ID, which Meta shows beside the number under WhatsApp > API Setup; it is not the number.",
    ),
    (BUSINESS_ACCOUNT_ID, "Write the WhatsApp Business account ID, which Meta shows under WhatsApp > API Setup."),
    (ACCESS_TOKEN, "Write the permanent token of a system user of yours at Meta."),
    (APP_SECRET, "Write the app secret, which Meta shows under App settings > Basic."),
    (SECONDARY_APP_SECRET, "Write the other app secret while Meta replaces one, or leave it out."),
    (VERIFY_TOKEN, "Make up a text of 8 characters or more and enter the same at Meta beside the webhook."),
];

/// Ids of Meta are 64 bits wide.
const LONGEST_ID: usize = 20;
/// Anybody may ask whether a verify token is right.
const SHORTEST_VERIFY_TOKEN: usize = 8;

/// As which number to send, and what proves who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WhatsAppSettings {
    /// Meta's id of the number that messages come from; not the number itself.
    pub(crate) phone_number_id: String,
    /// Meta's id of the WhatsApp Business account that owns the number and its templates.
    pub(crate) business_account_id: String,
    /// What we show to Meta.
    pub(crate) access_token: Secret,
    /// What Meta signs its calls with.
    pub(crate) app_secret: Secret,
    /// What it signs them with too, while the secret is being replaced.
    pub(crate) secondary_app_secret: Option<Secret>,
    /// What Meta shows once, when the webhook is set up.
    pub(crate) verify_token: Secret,
}

impl WhatsAppSettings {
    /// Reads settings that were stored; `None` if they are none, which only another version of the program can cause.
    pub(crate) fn read(settings: &ChannelSettings) -> Option<Self> {
        let public = |name: &str| settings.public.get(name).cloned();
        let secret = |name: &str| settings.secrets.get(name).cloned();
        Some(Self {
            phone_number_id: public(PHONE_NUMBER_ID)?,
            business_account_id: public(BUSINESS_ACCOUNT_ID)?,
            access_token: secret(ACCESS_TOKEN)?,
            app_secret: secret(APP_SECRET)?,
            secondary_app_secret: secret(SECONDARY_APP_SECRET),
            verify_token: secret(VERIFY_TOKEN)?,
        })
    }

    /// Every secret, to keep them out of what is told.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        [&self.access_token, &self.app_secret, &self.verify_token].into_iter().chain(&self.secondary_app_secret)
    }

    fn into_stored(self) -> CheckedSettings {
        let mut settings = ChannelSettings::default();
        settings.public.insert(PHONE_NUMBER_ID.to_owned(), self.phone_number_id);
        settings.public.insert(BUSINESS_ACCOUNT_ID.to_owned(), self.business_account_id);
        let mut keep = |name: &str, secret: Secret| settings.secrets.insert(name.to_owned(), secret);
        keep(ACCESS_TOKEN, self.access_token);
        keep(APP_SECRET, self.app_secret);
        keep(VERIFY_TOKEN, self.verify_token);
        if let Some(secondary) = self.secondary_app_secret {
            keep(SECONDARY_APP_SECRET, secondary);
        }
        CheckedSettings { settings, message_id_domain: None }
    }
}

/// Checks what the owner of a WhatsApp Cloud API channel wrote.
pub(super) fn check(json: &Value, env: &dyn Fn(&str) -> Option<String>) -> Result<CheckedSettings, SettingsProblem> {
    let fields = Fields::new(json, SETTINGS, env)?;
    let phone_number_id = id(&fields, PHONE_NUMBER_ID)?;
    let business_account_id = id(&fields, BUSINESS_ACCOUNT_ID)?;
    let access_token = fields.needed(ACCESS_TOKEN, secret(&fields, ACCESS_TOKEN)?)?;
    let app_secret = fields.needed(APP_SECRET, secret(&fields, APP_SECRET)?)?;
    let verify_token = fields.needed(VERIFY_TOKEN, secret(&fields, VERIFY_TOKEN)?)?;
    if verify_token.expose().len() < SHORTEST_VERIFY_TOKEN {
        let remedy = "Make up one of 8 characters or more; anybody may try to guess it.";
        return Err(SettingsProblem::new(VERIFY_TOKEN, "is too short", remedy));
    }
    let settings = WhatsAppSettings {
        phone_number_id,
        business_account_id,
        access_token,
        app_secret,
        secondary_app_secret: secret(&fields, SECONDARY_APP_SECRET)?,
        verify_token,
    };
    Ok(settings.into_stored())
}

/// An id of Meta.
fn id(fields: &Fields<'_>, name: &str) -> Result<String, SettingsProblem> {
    let id = fields.needed(name, fields.text(name)?)?;
    if id.len() > LONGEST_ID || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(fields.refused(name, "is not an id of Meta, which has at most 20 digits"));
    }
    Ok(id)
}

/// A secret that travels in a header or an address. What surrounds it came along when it was copied.
fn secret(fields: &Fields<'_>, name: &str) -> Result<Option<Secret>, SettingsProblem> {
    let Some(secret) = fields.secret(name)? else { return Ok(None) };
    let trimmed = secret.expose().trim();
    if !trimmed.bytes().all(|byte| byte.is_ascii_graphic()) {
        let remedy = "Write letters, digits and signs of ASCII only, without spaces and line breaks.";
        return Err(SettingsProblem::new(name, "has characters that such a secret cannot have", remedy));
    }
    Ok(Some(Secret::from(trimmed.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn whole() -> Value {
        json!({
            "phoneNumberId": "106540352242922", "businessAccountId": "102290129340398", "accessToken": "EAAJB-canary",
            "appSecret": "app-canary", "verifyToken": "verify-canary",
        })
    }

    /// Complete settings with one member put in or replaced.
    fn with(name: &str, value: Value) -> Result<CheckedSettings, SettingsProblem> {
        let mut whole = whole();
        whole[name] = value;
        check(&whole, &|_| None)
    }

    #[test]
    fn every_setting_reads_back_as_it_was_written_and_secrets_are_apart() {
        let checked = with("secondaryAppSecret", json!("old-canary")).unwrap();
        let settings = WhatsAppSettings::read(&checked.settings).unwrap();
        assert_eq!(settings.phone_number_id, "106540352242922");
        assert_eq!(settings.business_account_id, "102290129340398");
        let secrets: Vec<_> = settings.secrets().map(Secret::expose).collect();
        assert_eq!(secrets, ["EAAJB-canary", "app-canary", "verify-canary", "old-canary"]);
        assert_eq!(checked.settings.public.len(), 2);
        assert_eq!(checked.message_id_domain, None);
        assert!(!format!("{settings:?} {checked:?} {:?}", checked.settings.public).contains("canary"));
    }

    #[test]
    fn the_secondary_secret_may_be_absent_and_nothing_else_may() {
        let settings = check(&whole(), &|_| None).unwrap().settings;
        assert_eq!(WhatsAppSettings::read(&settings).unwrap().secondary_app_secret, None);
        for name in ["phoneNumberId", "businessAccountId", "accessToken", "appSecret", "verifyToken"] {
            for absent in [Value::Null, json!(""), json!("  ")] {
                let problem = with(name, absent).unwrap_err();
                assert_eq!((problem.field.as_str(), problem.reason.as_str()), (name, "is missing"));
                assert!(problem.remedy.ends_with('.'), "{problem}");
            }
        }
    }

    #[test]
    fn an_id_is_digits_and_not_a_number_to_call() {
        for wrong in ["+4915112345678", "106 540", "abc", "1.5", "123456789012345678901", "１２３"] {
            for name in ["phoneNumberId", "businessAccountId"] {
                assert_eq!(with(name, json!(wrong)).unwrap_err().field, name, "{wrong}");
            }
        }
        assert_eq!(
            with("phoneNumberId", json!(106_540)).unwrap_err().reason,
            "is a number, not text between quotation marks"
        );
    }

    #[test]
    fn what_came_along_when_a_secret_was_copied_is_dropped() {
        let checked = with("accessToken", json!(" EAAJB-canary\n")).unwrap();
        assert_eq!(WhatsAppSettings::read(&checked.settings).unwrap().access_token.expose(), "EAAJB-canary");
    }

    #[test]
    fn a_wrong_secret_is_named_and_never_repeated() {
        for (name, value) in [
            ("accessToken", json!("can ary")),
            ("accessToken", json!("can\r\nary: x")),
            ("appSecret", json!("canärý")),
            ("secondaryAppSecret", json!("can\u{0}ary")),
            ("verifyToken", json!("canary!")),
            ("verifyToken", json!(12_345_678)),
            ("appSecret", json!({"env": "canary"})),
        ] {
            let problem = with(name, value).unwrap_err();
            assert_eq!(problem.field, name);
            let told = problem.to_string();
            assert!(!["can ary", "canary", "canär", "12345678"].iter().any(|secret| told.contains(secret)), "{told}");
        }
    }

    #[test]
    fn secrets_may_come_from_the_environment() {
        let mut json = whole();
        json["accessToken"] = json!({"fromEnv": "WHATSAPP_TOKEN"});
        let env = |name: &str| (name == "WHATSAPP_TOKEN").then(|| "from-env\n".to_owned());
        let checked = check(&json, &env).unwrap();
        assert_eq!(WhatsAppSettings::read(&checked.settings).unwrap().access_token.expose(), "from-env");
    }

    #[test]
    fn a_misspelt_name_is_refused_with_the_nearest_known_one() {
        for (name, near) in [("phoneNumberID", "phoneNumberId"), ("apSecret", "appSecret"), ("token", "verifyToken")] {
            let problem = with(name, json!("x")).unwrap_err();
            assert_eq!(problem.field, name);
            assert!(problem.remedy.contains(near), "{problem}");
        }
    }
}
