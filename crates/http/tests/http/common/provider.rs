//! A provider of channels that tests set: it knows three settings and answers what it was told to.

use async_trait::async_trait;
use overture_domain::entities::{
    CarryTemplate, ChannelConnection, ChannelKind, ChannelSettings, OpenerTemplate, OutsideWindow, Transport,
};
use overture_domain::ports::{
    ApprovedTemplate, ChannelVerifier, CheckedSettings, SettingValue, SettingsChecker, SettingsFlaw, Verified,
    VerifyError, WrittenSettings, WrittenWindow,
};
use overture_domain::values::{Flaw, Secret, TemplateName};
use std::sync::Mutex;
use std::time::Duration;

/// Takes `host`, `from` and the secret `password`; says what it was set to.
pub(crate) struct Provider(Mutex<Result<Verified, VerifyError>>);

impl Provider {
    pub(crate) fn working() -> Self {
        Self(Mutex::new(Ok(Verified::default())))
    }

    pub(crate) fn refuses(&self, error: VerifyError) {
        *self.0.lock().unwrap() = Err(error);
    }

    pub(crate) fn approves(&self, templates: Vec<ApprovedTemplate>) {
        *self.0.lock().unwrap() = Ok(Verified { templates: Some(templates) });
    }
}

#[async_trait]
impl ChannelVerifier for Provider {
    async fn verify(&self, _: &ChannelConnection) -> Result<Verified, VerifyError> {
        self.0.lock().unwrap().clone()
    }
}

impl SettingsChecker for Provider {
    fn check(&self, _: ChannelKind, _: Transport, written: &WrittenSettings) -> Result<CheckedSettings, SettingsFlaw> {
        let mut settings = ChannelSettings::default();
        for (name, value) in written {
            let value = match value {
                SettingValue::Text(text) => text.clone(),
                SettingValue::Number(number) => number.to_string(),
            };
            match name.as_str() {
                _ if value.is_empty() => None,
                "password" => settings.secrets.insert(name.clone(), Secret::from(value)).map(|_| ()),
                "host" | "port" | "from" => settings.public.insert(name.clone(), value).map(|_| ()),
                _ => {
                    let flaw = Flaw::new("is no setting of this transport", "There are: host, port, from, password.");
                    return Err(SettingsFlaw { field: name.clone(), flaw });
                }
            };
        }
        Ok(CheckedSettings { settings, message_id_domain: Some("mail.acme.example".into()) })
    }

    fn check_window(
        &self,
        _: ChannelKind,
        _: Transport,
        written: &WrittenWindow,
    ) -> Result<OutsideWindow, SettingsFlaw> {
        let field = "outsideWindow.body".to_owned();
        let refused = |reason: &str| SettingsFlaw { field: field.clone(), flaw: Flaw::new(reason, "Write {{1}}.") };
        let (Some(name), Some(language)) = (written.name.clone(), written.language.clone()) else {
            panic!("no test writes less")
        };
        let (name, body) = (TemplateName::Named { name, language }, written.body.clone().unwrap_or_default());
        match written.hold_for.is_some() {
            true => OpenerTemplate::new(name, &body, Duration::from_secs(60)).map(OutsideWindow::Opener),
            false => CarryTemplate::new(name, &body).map(OutsideWindow::Carry),
        }
        .map_err(refused)
    }

    fn identity(&self, _: Transport) -> &'static [&'static str] {
        &["host"]
    }
}
