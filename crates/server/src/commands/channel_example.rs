//! What the settings of a channel look like, for whoever wrote some that cannot be read.

use overture_domain::entities::Transport;

/// One for each transport, as a sentence.
pub(super) const fn example(transport: Transport) -> &'static str {
    match transport {
        Transport::Sandbox => r"A sandbox needs no settings: an example is {}.",
        Transport::Smtp => {
            r#"An example: {"host":"mail.example.com","port":587,"tls":"starttls","username":"u","password":{"fromEnv":"MAIL_PASSWORD"},"from":"Support <support@example.com>"}."#
        }
        Transport::Twilio => {
            r#"An example: {"accountSid":"AC00000000000000000000000000000000","authToken":{"fromEnv":"TWILIO_AUTH_TOKEN"},"from":"+14155552345"}."#
        }
        Transport::WhatsAppCloud => {
            r#"An example: {"phoneNumberId":"106540352242922","businessAccountId":"102290129340398","accessToken":{"fromEnv":"META_ACCESS_TOKEN"},"appSecret":{"fromEnv":"META_APP_SECRET"},"verifyToken":{"fromEnv":"META_VERIFY_TOKEN"}}."#
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use overture_channels::check_settings;
    use overture_domain::entities::ChannelKind;

    #[test]
    fn every_example_would_be_taken() {
        let environment = |_: &str| Some("long-enough".to_owned());
        for transport in Transport::ALL {
            let sentence = example(*transport);
            let settings = &sentence[sentence.find('{').unwrap()..=sentence.rfind('}').unwrap()];
            let settings = serde_json::from_str(settings).unwrap();
            for kind in ChannelKind::ALL.iter().filter(|kind| transport.carries(**kind)) {
                let checked = check_settings(*kind, *transport, &settings, &environment);
                assert!(checked.is_ok(), "{transport}: {:?}", checked.err());
            }
        }
    }
}
