//! A message as the body of `POST /{phone number id}/messages`.
//!
//! Owned here: that two attempts at one message are the same bytes, and that our id of it goes along, so that a receipt
//! names it though the answer was lost. Refused here: changing a text. What a placeholder cannot hold is the domain's.

use overture_domain::entities::Address;
use overture_domain::ports::Outgoing;
use overture_domain::values::{TemplateMessage, TemplateName, TemplateVariables};
use serde::Serialize;

/// The body.
#[derive(Serialize)]
pub(super) struct Request<'a> {
    messaging_product: &'static str,
    recipient_type: &'static str,
    to: &'a str,
    #[serde(flatten)]
    what: What<'a>,
    /// Comes back with every receipt (at most 512 characters).
    biz_opaque_callback_data: String,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum What<'a> {
    Text { text: Text<'a> },
    Template { template: Template<'a> },
}

#[derive(Serialize)]
struct Text<'a> {
    preview_url: bool,
    body: &'a str,
}

#[derive(Serialize)]
struct Template<'a> {
    name: &'a str,
    language: Language<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    components: Vec<Component<'a>>,
}

#[derive(Serialize)]
struct Language<'a> {
    code: &'a str,
}

#[derive(Serialize)]
struct Component<'a> {
    r#type: &'static str,
    parameters: Vec<Parameter<'a>>,
}

#[derive(Serialize)]
struct Parameter<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter_name: Option<&'a str>,
    text: &'a str,
}

impl<'a> Request<'a> {
    /// The body for a message; in words that follow a colon what makes it none.
    pub(super) fn of(outgoing: &'a Outgoing) -> Result<Self, &'static str> {
        let Address::Phone(to) = &outgoing.recipient.address else {
            return Err("the message has no phone number to go to");
        };
        let what = match &outgoing.template {
            None => What::Text { text: Text { preview_url: false, body: outgoing.content.as_str() } },
            Some(template) => What::Template { template: Template::of(template)? },
        };
        Ok(Self {
            messaging_product: "whatsapp",
            recipient_type: "individual",
            to: to.as_str(),
            what,
            biz_opaque_callback_data: outgoing.message_id.to_string(),
        })
    }
}

impl<'a> Template<'a> {
    fn of(message: &'a TemplateMessage) -> Result<Self, &'static str> {
        let TemplateName::Named { name, language } = &message.template else {
            return Err("its template is one of Twilio; the WhatsApp Cloud API knows templates by name and language");
        };
        let parameter = |parameter_name, text: &'a str| Parameter { r#type: "text", parameter_name, text };
        let parameters: Vec<_> = match &message.variables {
            TemplateVariables::Positional(values) => values.iter().map(|text| parameter(None, text)).collect(),
            TemplateVariables::Named(values) => {
                values.iter().map(|(name, text)| parameter(Some(name.as_str()), text)).collect()
            }
        };
        let body = (!parameters.is_empty()).then_some(Component { r#type: "body", parameters });
        Ok(Self { name, language: Language { code: language }, components: body.into_iter().collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::message;
    use super::*;
    use serde_json::{Value, json};

    fn rendered(outgoing: &Outgoing) -> Value {
        serde_json::to_value(Request::of(outgoing).unwrap_or_else(|reason| panic!("{reason}"))).unwrap()
    }

    fn with_template(template: TemplateName, variables: TemplateVariables) -> Outgoing {
        Outgoing { template: Some(TemplateMessage { template, variables }), ..message() }
    }

    fn follow_up() -> TemplateName {
        TemplateName::Named { name: "order_follow_up".to_owned(), language: "de".to_owned() }
    }

    #[test]
    fn a_text_goes_as_it_was_written() {
        assert_eq!(
            rendered(&message()),
            json!({
                "messaging_product": "whatsapp", "recipient_type": "individual", "to": "+4915112345678", "type": "text",
                "text": {"preview_url": false, "body": "  Grüße\n\t👍 https://example.com  "},
                "biz_opaque_callback_data": "00000000-0000-0000-0000-000000000002",
            })
        );
    }

    #[test]
    fn a_template_goes_instead_of_the_text_with_its_values_in_order() {
        let values = TemplateVariables::Positional(vec!["Jan".to_owned(), "A-1".to_owned()]);
        let body = rendered(&with_template(follow_up(), values));
        assert_eq!((&body["type"], body.get("text")), (&json!("template"), None));
        assert_eq!(
            body["template"],
            json!({
                "name": "order_follow_up", "language": {"code": "de"},
                "components": [{"type": "body", "parameters": [
                    {"type": "text", "text": "Jan"}, {"type": "text", "text": "A-1"},
                ]}],
            })
        );
    }

    #[test]
    fn named_values_go_with_their_names() {
        let values = TemplateVariables::Named([("first_name".to_owned(), "Jan".to_owned())].into());
        let body = rendered(&with_template(follow_up(), values));
        let parameters = &body["template"]["components"][0]["parameters"];
        assert_eq!(*parameters, json!([{"type": "text", "parameter_name": "first_name", "text": "Jan"}]));
    }

    #[test]
    fn a_template_without_placeholders_has_no_components() {
        let body = rendered(&with_template(follow_up(), TemplateVariables::Positional(Vec::new())));
        assert_eq!(body["template"], json!({"name": "order_follow_up", "language": {"code": "de"}}));
    }

    #[test]
    fn a_template_of_twilio_is_unusable() {
        let sid = TemplateName::ContentSid("HX00".to_owned());
        let outgoing = with_template(sid, TemplateVariables::Positional(Vec::new()));
        assert!(Request::of(&outgoing).is_err_and(|reason| reason.contains("Twilio")));
    }
}
