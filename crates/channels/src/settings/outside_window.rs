//! What a WhatsApp channel says about messages outside the 24-hour window, as its owner writes it.

use super::SettingsProblem;
use super::fields::Fields;
use overture_domain::entities::{CarryTemplate, ChannelKind, OpenerTemplate, OutsideWindow, Transport};
use overture_domain::values::{DeliverWithin, TemplateName};
use serde_json::{Value, json};
use std::time::Duration;

const MODE: &str = "mode";
const TEMPLATE: &str = "template";
const BODY: &str = "body";
const HOLD_FOR: &str = "holdFor";
const NAME: &str = "name";
const LANGUAGE: &str = "language";
const CONTENT_SID: &str = "contentSid";

const EXAMPLE: &str = "An example: {\"mode\":\"carry\",\"template\":{\"name\":\"agent_message\",\"language\":\"en\"},\"body\":\"{{1}}\"}.";

/// Checks what the owner of a channel wrote; `null` is nothing.
///
/// # Errors
/// The first [`SettingsProblem`]; its field begins with `outsideWindow`.
pub fn check_outside_window(
    kind: ChannelKind,
    transport: Transport,
    json: &Value,
) -> Result<Option<OutsideWindow>, SettingsProblem> {
    if json.is_null() {
        return Ok(None);
    }
    if kind != ChannelKind::WhatsApp {
        let remedy = "Only WhatsApp has a window. Leave it out.";
        return Err(SettingsProblem::new("outsideWindow", format!("does not go with {kind}"), remedy));
    }
    if !json.is_object() {
        return Err(SettingsProblem::new("outsideWindow", "is no object", EXAMPLE));
    }
    read(transport, json)
        .map(Some)
        .map_err(|problem| SettingsProblem { field: format!("outsideWindow.{}", problem.field), ..problem })
}

fn read(transport: Transport, json: &Value) -> Result<OutsideWindow, SettingsProblem> {
    let nothing = |_: &str| None;
    let fields = Fields::new(json, &[MODE, TEMPLATE, BODY, HOLD_FOR], &nothing)?;
    let opens = match fields.text(MODE)?.as_deref() {
        Some("carry") => false,
        Some("opener") => true,
        _ => return Err(SettingsProblem::new(MODE, "is neither carry nor opener", EXAMPLE)),
    };
    let hold_for = fields.text(HOLD_FOR)?.map(|text| DeliverWithin::parse(&text)).transpose();
    let hold_for = hold_for.map_err(|flaw| SettingsProblem::of(HOLD_FOR, flaw))?;
    if hold_for.is_some() && !opens {
        let remedy = "Only an opener makes messages wait. Leave it out.";
        return Err(SettingsProblem::new(HOLD_FOR, "does not go with carry", remedy));
    }
    let template = template(transport, json.get(TEMPLATE).unwrap_or(&Value::Null))?;
    let words =
        |reason| SettingsProblem::new(BODY, reason, "Write the words of the template's body, as they were approved.");
    let body = fields.text(BODY)?.ok_or_else(|| words("is missing"))?;
    if !opens {
        return CarryTemplate::new(template, &body).map(OutsideWindow::Carry).map_err(words);
    }
    let hold_for = hold_for.map_or(OpenerTemplate::USUAL_HOLD, |hold| {
        Duration::from_millis(u64::try_from(hold.as_millis()).unwrap_or_default())
    });
    OpenerTemplate::new(template, &body, hold_for).map(OutsideWindow::Opener).map_err(words)
}

fn template(transport: Transport, json: &Value) -> Result<TemplateName, SettingsProblem> {
    let nothing = |_: &str| None;
    let named = Fields::new(json, &[NAME, LANGUAGE, CONTENT_SID], &nothing)
        .and_then(|fields| Ok((fields.text(NAME)?, fields.text(LANGUAGE)?, fields.text(CONTENT_SID)?)))
        .map_err(|problem| SettingsProblem { field: format!("{TEMPLATE}.{}", problem.field), ..problem })?;
    let named = match named {
        (Some(name), Some(language), None) => Some(TemplateName::Named { name, language }),
        (None, None, Some(sid)) => {
            let field = format!("{TEMPLATE}.{CONTENT_SID}");
            Some(TemplateName::content_sid(&sid).map_err(|flaw| SettingsProblem::of(&field, flaw))?)
        }
        _ => None,
    };
    match named.filter(|template| transport.names(template)) {
        Some(template) => Ok(template),
        None => {
            let remedy = if transport == Transport::Twilio {
                "Twilio's templates are named by contentSid, such as {\"contentSid\":\"HX…\"}."
            } else {
                "Give the name and the language in which it was approved, such as {\"name\":\"agent_message\",\"language\":\"en\"}."
            };
            Err(SettingsProblem::new(TEMPLATE, "names no template of this transport", remedy))
        }
    }
}

/// What a channel says, as its owner wrote it.
pub fn outside_window_json(outside: &OutsideWindow) -> Value {
    let named = |template: &TemplateName| match template {
        TemplateName::Named { name, language } => json!({ NAME: name, LANGUAGE: language }),
        TemplateName::ContentSid(sid) => json!({ CONTENT_SID: sid }),
    };
    match outside {
        OutsideWindow::Carry(carry) => {
            json!({ MODE: "carry", TEMPLATE: named(carry.template()), BODY: carry.body() })
        }
        OutsideWindow::Opener(opener) => json!({
            MODE: "opener",
            TEMPLATE: named(opener.template()),
            BODY: opener.body(),
            HOLD_FOR: format!("PT{}S", opener.hold_for().as_secs()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SID: &str = "HXb5b62575e6e4ff6129ad7c8efe1f983e";

    fn check(transport: Transport, json: &Value) -> Result<Option<OutsideWindow>, SettingsProblem> {
        check_outside_window(ChannelKind::WhatsApp, transport, json)
    }

    #[test]
    fn what_was_written_is_what_is_shown() {
        let named = json!({"mode":"carry","template":{"name":"agent_message","language":"de"},"body":"Acme: {{1}}"});
        let by_sid = json!({"mode":"carry","template":{"contentSid":SID},"body":"{{text}}"});
        let opener = json!({
            "mode":"opener", "template":{"name":"may_we_write","language":"de"}, "body":"May we write?", "holdFor":"PT3600S",
        });
        for (transport, json) in [
            (Transport::WhatsAppCloud, named.clone()),
            (Transport::Sandbox, named),
            (Transport::Sandbox, opener),
            (Transport::Twilio, by_sid),
        ] {
            let checked = check(transport, &json).unwrap().unwrap();
            assert_eq!(outside_window_json(&checked), json);
        }
        assert_eq!(check(Transport::Twilio, &Value::Null).unwrap(), None);
    }

    #[test]
    fn each_mistake_is_named_with_its_field_and_a_remedy() {
        let whole = json!({"mode":"carry","template":{"name":"a","language":"de"},"body":"{{1}}"});
        for (field, spoil) in [
            ("outsideWindow.mode", json!({"mode":"carrier"})),
            ("outsideWindow.modus", json!({"modus":"carry"})),
            ("outsideWindow.template", json!({"template":{"name":"a"}})),
            ("outsideWindow.template", json!({"template":{"contentSid":SID}})),
            ("outsideWindow.template.contentSid", json!({"template":{"contentSid":"HX1"}})),
            ("outsideWindow.template.nam", json!({"template":{"nam":"a"}})),
            ("outsideWindow.body", json!({"body":"no place"})),
            ("outsideWindow.body", json!({"body":null})),
            ("outsideWindow.body", json!({"mode":"opener"})),
            ("outsideWindow.holdFor", json!({"holdFor":"PT1H"})),
            ("outsideWindow.holdFor", json!({"mode":"opener","holdFor":"an hour"})),
        ] {
            let mut json = whole.clone();
            json.as_object_mut().unwrap().extend(spoil.as_object().unwrap().clone());
            let problem = check(Transport::WhatsAppCloud, &json).unwrap_err();
            assert_eq!(problem.field, field, "{json}");
            assert!(problem.remedy.ends_with(['.', '?']), "{problem}");
        }
        assert_eq!(check(Transport::Twilio, &whole).unwrap_err().field, "outsideWindow.template");
        assert_eq!(check(Transport::Twilio, &json!([])).unwrap_err().field, "outsideWindow");
    }

    #[test]
    fn only_whatsapp_has_a_window() {
        let json = json!({"mode":"carry"});
        assert_eq!(
            check_outside_window(ChannelKind::Sms, Transport::Twilio, &json).unwrap_err().field,
            "outsideWindow"
        );
    }
}
