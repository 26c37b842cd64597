//! Templates against those that the channel's provider has approved.

use super::super::*;
use super::world::{ANN_PHONE, World, some, world_on};
use crate::entities::{CarryTemplate, OpenerTemplate, OutsideWindow, Transport};
use crate::ports::ApprovedTemplate;
use crate::values::{TemplateName, TemplateVariables, Wording};

fn named(name: &str, language: &str) -> TemplateName {
    TemplateName::Named { name: name.into(), language: language.into() }
}

fn approved(template: TemplateName, body: &str, variables: &[&str]) -> ApprovedTemplate {
    let variables = variables.iter().map(|&name| name.to_owned()).collect();
    ApprovedTemplate { template, title: "A template".into(), body: body.into(), variables }
}

fn list(values: &[&str]) -> Option<TemplateVariables> {
    Some(TemplateVariables::Positional(values.iter().map(|&value| value.to_owned()).collect()))
}

fn object(pairs: &[(&str, &str)]) -> Option<TemplateVariables> {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Some(TemplateVariables::Named(pairs.collect()))
}

/// A WhatsApp channel with these templates, and a request that names one.
fn world(listed: Vec<ApprovedTemplate>, name: &str, language: &str, variables: Option<TemplateVariables>) -> World {
    let mut world = world_on(ChannelKind::WhatsApp);
    world.channel().transport = Transport::WhatsAppCloud;
    world.command.contact_phone = some(ANN_PHONE);
    world.approved = Some(listed);
    world.command.template =
        Some(TemplateFields { name: Some(name.into()), language: Some(language.into()), content_sid: None, variables });
    world
}

fn order_update() -> ApprovedTemplate {
    approved(named("order_update", "en"), "Order {{1}} comes on {{2}}.", &["1", "2"])
}

/// What a refused request is told; nothing was written.
async fn told(world: &World) -> (String, Details) {
    let problem = world.refused().await;
    assert_eq!((problem.code, problem.field), (ProblemCode::InvalidTemplate, Some("template")), "{}", problem.text);
    assert!(problem.text.starts_with("template ") && problem.text.ends_with('.'), "{}", problem.text);
    (problem.text.clone(), problem.details.expect("what would fit"))
}

fn fitting(what: &'static str, values: &[&str]) -> Details {
    Details::Fitting { what, values: values.iter().map(|&value| value.to_owned()).collect() }
}

async fn wording(world: &World) -> crate::values::FilledTemplate {
    match world.opens().await.1.wording {
        Wording::Template(filled) => filled,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_template_that_fits_is_kept_as_it_will_read() {
    let filled = wording(&world(vec![order_update()], "order_update", "en", list(&["4521", "Monday"]))).await;
    assert_eq!(filled.text.as_deref(), Some("Order 4521 comes on Monday."));
    assert_eq!(filled.message.template, named("order_update", "en"));
}

#[tokio::test]
async fn a_name_that_is_not_listed_is_refused_with_the_nearest_first() {
    let listed = ["welcome", "order_updated", "order_update"].map(|name| approved(named(name, "en"), "Hi", &[]));
    let (text, details) = told(&world(listed.to_vec(), "order_updat", "en", None)).await;
    assert!(text.contains("order_updat is not among") && text.contains("/api/channels/"), "{text}");
    assert_eq!(details, fitting("templates", &["order_update", "order_updated", "welcome"]));
    let many: Vec<_> = (0..9).map(|n| approved(named(&format!("a{n}"), "en"), "Hi", &[])).collect();
    let (_, details) = told(&world(many, "b", "en", None)).await;
    assert!(matches!(&details, Details::Fitting { values, .. } if values.len() == 5), "{details:?}");
}

#[tokio::test]
async fn a_language_that_is_not_listed_is_refused_with_those_that_are() {
    let listed = ["de", "en_US"].map(|language| approved(named("order_update", language), "Hi", &[]));
    let (text, details) = told(&world(listed.to_vec(), "order_update", "en", None)).await;
    assert!(text.contains("de, en_US"), "{text}");
    assert_eq!(details, fitting("languages", &["de", "en_US"]));
}

#[tokio::test]
async fn variables_must_be_those_of_the_template() {
    for (variables, missing) in [
        (list(&["4521"]), "missing: 2"),
        (list(&["4521", "Monday", "x"]), "too many: 3"),
        (object(&[("1", "4521"), ("day", "Monday")]), "missing: 2; too many: day"),
        (None, "missing: 1, 2"),
    ] {
        let (text, details) = told(&world(vec![order_update()], "order_update", "en", variables)).await;
        assert!(text.contains("takes the variables 1, 2") && text.contains(missing), "{text}");
        assert_eq!(details, fitting("variables", &["1", "2"]));
    }
    let plain = approved(named("hello", "en"), "Hello", &[]);
    let (text, _) = told(&world(vec![plain], "hello", "en", list(&["x"]))).await;
    assert!(text.contains("takes no variables; too many: 1"), "{text}");
}

#[tokio::test]
async fn numbers_may_be_filled_by_an_object_and_names_only_so() {
    let by_object = world(vec![order_update()], "order_update", "en", object(&[("2", "Monday"), ("1", "4521")]));
    let filled = wording(&by_object).await;
    assert_eq!(Some(filled.message.variables), list(&["4521", "Monday"]), "as providers want them");
    let by_name = approved(named("hello", "en"), "Hello {{name}}", &["name"]);
    let filled = wording(&world(vec![by_name.clone()], "hello", "en", object(&[("name", "Jan")]))).await;
    assert_eq!(filled.text.as_deref(), Some("Hello Jan"));
    told(&world(vec![by_name], "hello", "en", list(&["Jan"]))).await;
}

#[tokio::test]
async fn what_is_too_long_once_it_is_filled_is_refused() {
    // 17 characters are fixed.
    let filled = |room: usize| list(&["x".repeat(room - 1).as_str(), "y"]);
    let (text, details) = told(&world(vec![order_update()], "order_update", "en", filled(1_008))).await;
    assert!(text.contains("1025 characters"), "{text}");
    assert_eq!(details, Details::TooLong { limit: 1_024, length: 1_025, unit: "characters" });
    wording(&world(vec![order_update()], "order_update", "en", filled(1_007))).await;
}

#[tokio::test]
async fn where_nothing_is_known_the_provider_decides() {
    let unknown = World { approved: None, ..world(vec![], "order_update", "en", list(&["4521"])) };
    assert_eq!(wording(&unknown).await.text, None);
}

#[tokio::test]
async fn where_it_is_known_that_none_is_approved_none_leaves() {
    let (text, details) = told(&world(vec![], "order_update", "en", None)).await;
    assert!(text.contains("no approved template") && text.contains("/verify"), "{text}");
    assert_eq!(details, fitting("templates", &[]));
}

#[tokio::test]
async fn a_template_must_be_named_as_the_channels_provider_names_them() {
    for (transport, wants) in [(Transport::Twilio, Some("contentSid")), (Transport::WhatsAppCloud, None)] {
        let mut world = World { approved: None, ..world(vec![], "order_update", "en", None) };
        world.channel().transport = transport;
        match wants {
            None => drop(world.opens().await),
            Some(wants) => {
                let problem = world.refused().await;
                assert_eq!((problem.code, problem.field), (ProblemCode::InvalidTemplate, Some("template")));
                assert!(problem.text.contains(wants), "{}", problem.text);
            }
        }
    }
}

#[tokio::test]
async fn the_channels_own_template_must_be_approved_while_the_window_is_closed() {
    let carry = OutsideWindow::Carry(CarryTemplate::new(named("agent_message", "en"), "{{1}}").unwrap());
    let hold = Duration::from_secs(60);
    let opener = OutsideWindow::Opener(OpenerTemplate::new(named("agent_message", "en"), "May we?", hold).unwrap());
    for (own, fits) in [(carry, &["1"][..]), (opener, &[])] {
        let mut world = world(vec![order_update()], "", "", None);
        world.command.template = None;
        world.channel().outside_window = Some(own);
        let problem = world.refused().await;
        assert_eq!((problem.code, problem.field), (ProblemCode::TemplateRequired, Some("template")));
        assert!(problem.text.contains("outsideWindow") && problem.text.contains("order_update"), "{}", problem.text);
        let open = World { window_open: true, ..world.clone() };
        assert_eq!(open.opens().await.1.held, None, "nothing depends on it");
        world.approved = Some(vec![approved(named("agent_message", "en"), "{{1}}", fits)]);
        world.opens().await;
    }
}

/// A channel that carries texts by `{{1}}`, whose provider approved more words than that.
fn carrying(content: &str) -> World {
    let listed = approved(named("agent_message", "en"), "Acme writes: {{1}}", &["1"]);
    let mut world = world(vec![listed], "", "", None);
    world.command.template = None;
    world.command.content = some(content);
    let carry = CarryTemplate::new(named("agent_message", "en"), "{{1}}").unwrap();
    world.channel().outside_window = Some(OutsideWindow::Carry(carry));
    world
}

#[tokio::test]
async fn what_is_shown_as_sent_are_the_approved_words_whatever_the_channel_says_of_them() {
    let Wording::OrTemplate(filled) = carrying("Your order").opens().await.1.wording else { panic!("it is carried") };
    assert_eq!(filled.text.as_deref(), Some("Acme writes: Your order"));
}

#[tokio::test]
async fn a_text_that_is_too_long_with_the_approved_words_is_told_how_much_of_it_fits() {
    let room = 1_024 - "Acme writes: ".len();
    carrying(&"x".repeat(room)).opens().await;
    let problem = carrying(&"x".repeat(room + 1)).refused().await;
    assert_eq!((problem.code, problem.field), (ProblemCode::ContentTooLong, Some("content")));
    let expected = Details::TooLong { limit: room, length: room + 1, unit: "characters" };
    assert_eq!(problem.details, Some(expected));
}
