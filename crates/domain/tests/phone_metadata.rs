//! The examples that libphonenumber's metadata gives for every region and range: all that cost nothing special are
//! accepted and verified, all that do are refused.

use overture_domain::values::PhoneNumber;
use phonenumber::metadata::{DATABASE, Descriptor, Metadata};

fn regions() -> impl Iterator<Item = &'static Metadata> {
    (1..=999_u16).filter_map(|code| DATABASE.by_code(&code)).flatten()
}

fn example(region: &Metadata, descriptor: Option<&Descriptor>) -> Option<String> {
    Some(format!("+{}{}", region.country_code(), descriptor?.example()?))
}

#[test]
fn every_ordinary_example_is_accepted_as_it_is() {
    let mut seen = 0;
    for region in regions() {
        let known = region.descriptors();
        for descriptor in [
            known.mobile(),
            known.fixed_line(),
            known.toll_free(),
            known.voip(),
            known.personal_number(),
            known.pager(),
            known.uan(),
            known.voicemail(),
        ] {
            let Some(written) = example(region, descriptor) else { continue };
            let number = PhoneNumber::parse(&written).unwrap_or_else(|flaw| panic!("{} {written} {flaw}", region.id()));
            assert_eq!(number.as_str(), written, "{}", region.id());
            assert!(number.is_verified(), "{} {written}", region.id());
            assert_eq!(number.country_code(), region.country_code());
            seen += 1;
        }
    }
    assert!(seen > 700, "only {seen} examples: the metadata is not all there");
}

#[test]
fn every_example_that_costs_is_refused() {
    let mut seen = 0;
    for region in regions() {
        for descriptor in [region.descriptors().premium_rate(), region.descriptors().shared_cost()] {
            let Some(written) = example(region, descriptor) else { continue };
            let flaw = PhoneNumber::parse(&written).expect_err(&written);
            let named = flaw.reason == "is a premium-rate number" || flaw.reason == "is a shared-cost number";
            assert!(named, "{} {written} {flaw}", region.id());
            seen += 1;
        }
    }
    assert!(seen > 150, "only {seen} examples: the metadata is not all there");
}
