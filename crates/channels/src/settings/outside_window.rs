//! What a WhatsApp channel says about messages outside the 24-hour window, as its owner writes it.

use super::SettingsProblem;
use super::fields::Fields;
use overture_domain::entities::{CarryTemplate, ChannelKind, OutsideWindow, Transport};
use overture_domain::values::TemplateName;
use serde_json::Value;

const MODE: &str = "mode";
const TEMPLATE: &str = "template";
const BODY: &str = "body";
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
    let within =
        |problem: SettingsProblem| SettingsProblem { field: format!("outsideWindow.{}", problem.field), ..problem };
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
    let nothing = |_: &str| None;
    let fields = Fields::new(json, &[MODE, TEMPLATE, BODY], &nothing).map_err(within)?;
    match fields.text(MODE).map_err(within)?.as_deref() {
        Some("carry") => {}
        _ => return Err(within(SettingsProblem::new(MODE, "is not carry", EXAMPLE))),
    }
    let template = json.get(TEMPLATE).unwrap_or(&Value::Null);
    let named = Fields::new(template, &[NAME, LANGUAGE, CONTENT_SID], &nothing)
        .and_then(|fields| Ok((fields.text(NAME)?, fields.text(LANGUAGE)?, fields.text(CONTENT_SID)?)))
        .map_err(|problem| within(SettingsProblem { field: format!("{TEMPLATE}.{}", problem.field), ..problem }))?;
    let template = match named {
        (Some(name), Some(language), None) if transport != Transport::Twilio => TemplateName::Named { name, language },
        (None, None, Some(sid)) if transport != Transport::WhatsAppCloud => TemplateName::ContentSid(sid),
        _ => {
            let remedy = if transport == Transport::Twilio {
                "Twilio's templates are named by contentSid, such as {\"contentSid\":\"HX…\"}."
            } else {
                "Give the name and the language in which it was approved, such as {\"name\":\"agent_message\",\"language\":\"en\"}."
            };
            return Err(within(SettingsProblem::new(TEMPLATE, "names no template of this transport", remedy)));
        }
    };
    let Some(body) = fields.text(BODY).map_err(within)? else {
        return Err(within(SettingsProblem::new(
            BODY,
            "is missing",
            "Write the words of the template's body, as they were approved.",
        )));
    };
    let carry = CarryTemplate::new(template, &body).map_err(|reason| {
        within(SettingsProblem::new(BODY, reason, "Write the words of the template's body, as they were approved."))
    })?;
    Ok(Some(OutsideWindow::Carry(carry)))
}

/// What a channel says, as its owner wrote it.
pub fn outside_window_json(outside: &OutsideWindow) -> Value {
    let OutsideWindow::Carry(carry) = outside;
    let template = match carry.template() {
        TemplateName::Named { name, language } => serde_json::json!({ NAME: name, LANGUAGE: language }),
        TemplateName::ContentSid(sid) => serde_json::json!({ CONTENT_SID: sid }),
    };
    serde_json::json!({ MODE: "carry", TEMPLATE: template, BODY: carry.body() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(transport: Transport, json: &Value) -> Result<Option<OutsideWindow>, SettingsProblem> {
        check_outside_window(ChannelKind::WhatsApp, transport, json)
    }

    #[test]
    fn what_was_written_is_what_is_shown() {
        let named = json!({"mode":"carry","template":{"name":"agent_message","language":"de"},"body":"Acme: {{1}}"});
        let by_sid = json!({"mode":"carry","template":{"contentSid":"HX1"},"body":"{{text}}"});
        for (transport, json) in
            [(Transport::WhatsAppCloud, named.clone()), (Transport::Sandbox, named), (Transport::Twilio, by_sid)]
        {
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
            ("outsideWindow.template", json!({"template":{"contentSid":"HX1"}})),
            ("outsideWindow.template.nam", json!({"template":{"nam":"a"}})),
            ("outsideWindow.body", json!({"body":"no place"})),
            ("outsideWindow.body", json!({"body":null})),
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
