//! Verifying a channel and listing its templates.

use super::*;
use crate::entities::{CarryTemplate, OpenerTemplate, OutsideWindow};
use crate::ports::{ApprovedTemplate, MockChannelVerifier, Verified};
use crate::values::TemplateName;

fn template() -> ApprovedTemplate {
    ApprovedTemplate {
        template: TemplateName::ContentSid("HX1".into()),
        title: "Hello".into(),
        body: "Hello {{1}}".into(),
        variables: vec!["1".into()],
    }
}

fn verifier(outcome: Result<Verified, VerifyError>) -> MockChannelVerifier {
    let mut verifier = MockChannelVerifier::new();
    verifier.expect_verify().withf(|asked| *asked == connection()).returning(move |_| outcome.clone());
    verifier
}

fn verifying(registry: MockChannelRegistry, outcome: Result<Verified, VerifyError>) -> VerifyChannel {
    VerifyChannel::new(Arc::new(registry), Arc::new(repo()), Arc::new(verifier(outcome)))
}

#[tokio::test]
async fn settings_that_work_are_kept_with_the_templates_of_the_version_that_was_tried() {
    let mut registry = register(&channel(ChannelState::Unverified));
    registry
        .expect_keep_verified()
        .withf(|tenant, id, version, templates| {
            (*tenant, *id, *version) == (TENANT, CHANNEL, Version(7)) && *templates == Some(&[template()][..])
        })
        .times(1)
        .returning(|_, _, _, _| Ok(true));
    let found = Verified { templates: Some(vec![template()]) };
    verifying(registry, Ok(found)).execute(&EVERYTHING, CHANNEL).await.unwrap();
}

#[tokio::test]
async fn whoever_verifies_is_told_that_the_template_outside_the_window_cannot_leave() {
    let sid =
        |sid: &str| OutsideWindow::Carry(CarryTemplate::new(TemplateName::ContentSid(sid.into()), "{{1}}").unwrap());
    let told = async |own: OutsideWindow, templates| {
        let known = Channel { outside_window: Some(own), ..channel(ChannelState::Unverified) };
        let mut registry = register(&known);
        registry.expect_keep_verified().times(1).returning(|_, _, _, _| Ok(true));
        verifying(registry, Ok(Verified { templates })).execute(&EVERYTHING, CHANNEL).await.unwrap()
    };
    assert_eq!(told(sid("HX1"), Some(vec![template()])).await, None);
    assert_eq!(told(sid("HX2"), None).await, None, "nothing is known");
    for templates in [vec![template()], vec![]] {
        let text = told(sid("HX2"), Some(templates)).await.unwrap();
        assert!(text.starts_with("outsideWindow.template HX2 is not a") && text.ends_with('.'), "{text}");
    }
    let opener = OpenerTemplate::new(TemplateName::ContentSid("HX1".into()), "May we?", OpenerTemplate::USUAL_HOLD);
    let text = told(OutsideWindow::Opener(opener.unwrap()), Some(vec![template()])).await.unwrap();
    assert!(text.contains("takes the variables 1; missing: 1"), "{text}");
}

#[tokio::test]
async fn settings_that_do_not_work_change_nothing_and_say_which_of_the_fixed_outcomes() {
    for error in VerifyError::ALL {
        let registry = register(&channel(ChannelState::Active));
        let answer = verifying(registry, Err(*error)).execute(&EVERYTHING, CHANNEL).await;
        assert!(matches!(answer, Err(ManageChannelError::Verification(told)) if told == *error), "{answer:?}");
    }
}

#[tokio::test]
async fn settings_that_changed_meanwhile_are_verified_as_they_are_then() {
    let mut registry = register(&channel(ChannelState::Unverified));
    registry.expect_keep_verified().times(1).returning(|_, _, _, _| Ok(false));
    registry.expect_keep_verified().times(1).returning(|_, _, _, _| Ok(true));
    verifying(registry, Ok(Verified::default())).execute(&EVERYTHING, CHANNEL).await.unwrap();
}

#[tokio::test]
async fn a_channel_of_another_workspace_is_neither_verified_nor_listed() {
    let nobody = || Arc::new(MockChannelVerifier::new());
    let registry = || Arc::new(register(&channel(ChannelState::Active)));
    let verifying = VerifyChannel::new(registry(), Arc::new(MockChannelRepo::new()), nobody());
    assert!(matches!(verifying.execute(&bound_elsewhere(), CHANNEL).await, Err(ManageChannelError::NotFound)));
    let listing = ListTemplates::new(registry(), Arc::new(MockChannelRepo::new()), nobody());
    assert!(matches!(listing.execute(&bound_elsewhere(), CHANNEL).await, Err(ManageChannelError::NotFound)));
}

fn lists(mut registry: MockChannelRegistry, outcome: Result<Verified, VerifyError>) -> ListTemplates {
    registry.expect_templates().returning(|_, _| Ok(vec![template()]));
    ListTemplates::new(Arc::new(registry), Arc::new(repo()), Arc::new(verifier(outcome)))
}

#[tokio::test]
async fn templates_are_fetched_by_whoever_gets_the_right_to_and_by_nobody_else() {
    for granted in [true, false] {
        let mut registry = register(&channel(ChannelState::Active));
        registry.expect_claim_template_fetch().times(1).returning(move |_, _| Ok(granted));
        registry.expect_keep_templates().times(usize::from(granted)).returning(|_, _, _| Ok(()));
        let listed = lists(registry, Ok(Verified { templates: Some(vec![template()]) }));
        assert_eq!(listed.execute(&EVERYTHING, CHANNEL).await.unwrap(), [template()]);
    }
}

#[tokio::test]
async fn a_provider_that_does_not_answer_leaves_the_templates_as_they_were() {
    let mut registry = register(&channel(ChannelState::Active));
    registry.expect_claim_template_fetch().returning(|_, _| Ok(true));
    let listed = lists(registry, Err(VerifyError::Unreachable));
    assert_eq!(listed.execute(&EVERYTHING, CHANNEL).await.unwrap(), [template()]);
}
