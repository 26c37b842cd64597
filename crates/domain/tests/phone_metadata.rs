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

#[test]
fn every_mobile_example_behind_its_trunk_prefix_or_00_is_shown_its_right_form() {
    for region in regions() {
        let Some(right) = example(region, region.descriptors().mobile()) else { continue };
        let (code, trunk) = (region.country_code(), region.national_prefix().unwrap_or("0"));
        let national = &right[format!("+{code}").len()..];
        let digits = &right[1..];
        for written in [format!("+{code} ({trunk}) {national}"), format!("00{digits}"), format!("+00 {digits}")] {
            match PhoneNumber::parse(&written) {
                Err(flaw) => assert_eq!(flaw.remedy, format!("Write {right}."), "{} {written} {flaw}", region.id()),
                // Italy's fixed lines and Ascension's numbers begin with 0: with it, this is another number that exists.
                Ok(other) => assert!(matches!(code, 39 | 247) && other.is_verified(), "{} {written}", region.id()),
            }
        }
    }
}

#[test]
fn every_ordinary_example_is_accepted_as_it_is_printed() {
    for region in regions() {
        let known = region.descriptors();
        for descriptor in [known.mobile(), known.fixed_line()] {
            let Some(number) = example(region, descriptor) else { continue };
            let parsed = phonenumber::parse(None, &number).unwrap();
            let printed = parsed.format().mode(phonenumber::Mode::International).to_string();
            if printed.chars().filter(char::is_ascii_digit).eq(number.chars().skip(1)) {
                let read = PhoneNumber::parse(&printed).unwrap_or_else(|flaw| panic!("{printed} {flaw}"));
                assert_eq!(read.as_str(), number);
            }
        }
    }
}
