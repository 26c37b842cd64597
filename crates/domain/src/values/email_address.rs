//! One email address: as people wrote it, as it is matched, and as it travels.
//!
//! Refuses everything that is more or less than one address: display names, comments, lists, `mailto:`, servers named
//! by their IP address, domains without a dot. Whether the mailbox exists is nobody's to say before a message bounces.

use super::{Flaw, email_local, masked_debug, text};
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// The longest address on the wire, in octets: a path of 256 with its angle brackets (RFC 5321, section 4.5.3.1.3).
const LIMIT: usize = 254;

/// More octets than any domain of 253 octets can have when it is written in letters of its own script.
const LONGEST_DOMAIN: usize = 4 * 253;

const REMEDY: &str = "Write one address such as name@example.com.";

/// An email address that can be written to (RFC 5321, RFC 6531).
///
/// Two addresses of one [`canonical`](Self::canonical) form are one contact. Plus tags and dots are part of a mailbox:
/// `ann+a@example.com` is not `ann@example.com`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress {
    /// As written, trimmed; its last `@` begins the domain.
    written: String,
    /// The key; its last `@` begins the A-label domain.
    canonical: String,
}

impl EmailAddress {
    /// Reads an address. White space and invisible characters around it are trimmed.
    ///
    /// # Errors
    /// A [`Flaw`] where this is not exactly one address, exceeds the limits of RFC 5321 (64 octets before the @, 254 in
    /// all, with the domain as A-label), or names a domain that cannot exist in the DNS.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        let written = text.trim_matches(|c: char| c.is_whitespace() || text::is_format(c));
        let (local, domain) = split(written)?;
        email_local::check(local)?;
        let domain = to_ascii(domain)?;

        let length = local.len() + 1 + domain.len();
        if length > LIMIT {
            return Err(Flaw::new(
                format!("is {length} octets long as it travels"),
                format!("At most {LIMIT} are possible."),
            ));
        }
        Ok(Self { canonical: format!("{}@{domain}", email_local::canonical(local)), written: written.to_owned() })
    }

    /// An address that was checked before: both forms come from [`as_str`](Self::as_str) and
    /// [`canonical`](Self::canonical) by way of a row.
    pub fn from_stored(written: &str, canonical: &str) -> Self {
        Self { written: written.to_owned(), canonical: canonical.to_owned() }
    }

    /// The address as it was written, for people.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The key under which the address is matched: local part in NFC and small letters, domain as A-label in small
    /// letters. Never write to it: some hosts tell large letters from small ones (RFC 5321, section 2.4).
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// The address as it travels: local part as written, domain as A-label.
    pub fn wire(&self) -> String {
        format!("{}@{}", self.local(), self.domain_ascii())
    }

    /// Whether a mail server must offer SMTPUTF8 (RFC 6531) to take this address: only where the local part is not
    /// ASCII, since the domain always is on the wire.
    pub fn needs_smtputf8(&self) -> bool {
        !self.local().is_ascii()
    }

    /// The domain as A-label in small letters, as the DNS knows it.
    pub fn domain_ascii(&self) -> &str {
        self.canonical.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    fn local(&self) -> &str {
        self.written.rsplit_once('@').map_or(&self.written, |(local, _)| local)
    }
}

masked_debug!(EmailAddress);

/// Finds the @ sign that parts local part and domain, and names what people write around an address.
fn split(address: &str) -> Result<(&str, &str), Flaw> {
    let flaw = |reason: &str| Err(Flaw::new(reason, REMEDY));
    if address.is_empty() {
        return flaw("is empty");
    }
    if address.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("mailto:")) {
        return Err(Flaw::new("begins with mailto:", "Write the address alone, such as name@example.com."));
    }
    if let Some(after) = address.strip_prefix('"') {
        return match end_of_quotation(after).map(|end| address.split_at(end + 2)) {
            Some((local, rest)) => match rest.strip_prefix('@') {
                Some(domain) => Ok((local, domain)),
                None => flaw("has something between its quotation marks and the @ sign"),
            },
            None => flaw("has a quotation mark that is not closed"),
        };
    }
    if address.contains(['<', '>']) {
        return Err(Flaw::new("has angle brackets in it", "Write the address alone, without name and brackets."));
    }
    let signs = address.matches('@').count();
    if signs > 1 {
        return flaw(if address.contains([',', ';', ' ']) {
            "names more than one address"
        } else {
            "has more than one @ sign"
        });
    }
    if address.contains(['(', ')']) {
        return Err(Flaw::new("has round brackets in it", "Write the address alone, without a comment."));
    }
    if address.contains(char::is_whitespace) {
        return flaw("has a space in it");
    }
    match address.split_once('@') {
        Some(parts) => Ok(parts),
        None => flaw("has no @ sign"),
    }
}

/// Where the quotation ends whose opening mark has just been passed: the index of its closing mark.
fn end_of_quotation(after: &str) -> Option<usize> {
    let mut escaped = false;
    after.char_indices().find_map(|(index, c)| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes.then_some(index)
    })
}

/// The domain as the DNS knows it: UTS #46 without transitional processing, letters, digits and hyphens only, in labels
/// of at most 63 octets. Hyphens in third and fourth place are let through, since such domains are registered.
fn to_ascii(domain: &str) -> Result<String, Flaw> {
    const CHECK: &str = "Check the part after the @ sign; it looks like example.com.";
    let flaw = |reason: &str| Err(Flaw::new(reason, CHECK));

    if domain.is_empty() {
        return flaw("has nothing after the @ sign");
    }
    if domain.starts_with('[') {
        return flaw("names its server by an IP address");
    }
    if domain.len() > LONGEST_DOMAIN {
        return flaw("has a domain that is too long");
    }
    if let Some(c) = domain.chars().find(|&c| text::is_format(c) && !matches!(c, '\u{200C}' | '\u{200D}')) {
        return flaw(&format!("has an invisible character (U+{:04X}) after the @ sign", u32::from(c)));
    }
    if domain.contains('_') {
        return flaw("has an underscore in its domain");
    }
    let known =
        Uts46::new().to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Ignore);
    let Ok(known) = known else { return flaw("has a domain that cannot exist") };
    let labels: Vec<&str> = known.split('.').collect();
    match labels.as_slice() {
        [_] => flaw("has no dot after the @ sign"),
        labels if labels.iter().any(|label| label.is_empty()) => flaw("has a dot too many after the @ sign"),
        labels if labels.iter().any(|label| label.len() > 63) => {
            flaw("has a part of more than 63 octets in its domain")
        }
        [.., last] if last.bytes().all(|b| b.is_ascii_digit()) => flaw("has a domain that ends in a number"),
        _ => Ok(known.into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(text: &str) -> EmailAddress {
        EmailAddress::parse(text).unwrap_or_else(|flaw| panic!("{text:?} {flaw}"))
    }

    fn reason(text: &str) -> String {
        EmailAddress::parse(text).expect_err(text).reason
    }

    #[test]
    fn it_is_kept_as_written_and_matched_in_small_letters() {
        let ann = address(" Ann.Lee+News@Example.COM\r\n");
        assert_eq!(ann.as_str(), "Ann.Lee+News@Example.COM");
        assert_eq!(ann.canonical(), "ann.lee+news@example.com");
        assert_eq!(ann.wire(), "Ann.Lee+News@example.com");
        assert_eq!(ann.domain_ascii(), "example.com");
    }

    #[test]
    fn only_a_local_part_beyond_ascii_needs_smtputf8() {
        let domain_only = address("info@bücher.example");
        assert_eq!(domain_only.wire(), "info@xn--bcher-kva.example");
        assert!(!domain_only.needs_smtputf8());

        let both = address("Jürgen@Bücher.example");
        assert_eq!(both.wire(), "Jürgen@xn--bcher-kva.example");
        assert_eq!(both.canonical(), "jürgen@xn--bcher-kva.example");
        assert!(both.needs_smtputf8());
    }

    #[test]
    fn spellings_of_one_domain_are_one_key() {
        for spelling in ["a@BÜCHER.example", "a@bu\u{308}cher.example", "a@XN--BCHER-KVA.EXAMPLE", "a@bücher。example"]
        {
            assert_eq!(address(spelling).canonical(), "a@xn--bcher-kva.example", "{spelling}");
        }
    }

    #[test]
    fn what_stands_around_an_address_is_named() {
        for (text, expected) in [
            ("", "is empty"),
            ("\u{200B}", "is empty"),
            ("mailto:ann@example.com", "begins with mailto:"),
            ("MAILTO:ann@example.com", "begins with mailto:"),
            ("Ann Lee <ann@example.com>", "has angle brackets in it"),
            ("<ann@example.com>", "has angle brackets in it"),
            ("\"Ann Lee\" <ann@example.com>", "has something between its quotation marks and the @ sign"),
            ("ann@example.com, bob@example.com", "names more than one address"),
            ("ann@example.com;bob@example.com", "names more than one address"),
            ("ann@@example.com", "has more than one @ sign"),
            ("ann@example.com (work)", "has round brackets in it"),
            ("ann lee@example.com", "has a space in it"),
            ("ann@example .com", "has a space in it"),
            ("ann.example.com", "has no @ sign"),
            ("\"ann@example.com", "has a quotation mark that is not closed"),
            ("@example.com", "has nothing before the @ sign"),
        ] {
            assert_eq!(reason(text), expected, "{text:?}");
        }
    }

    #[test]
    fn domains_that_cannot_exist_are_named() {
        for (text, expected) in [
            ("a@", "has nothing after the @ sign"),
            ("a@localhost", "has no dot after the @ sign"),
            ("a@[192.0.2.1]", "names its server by an IP address"),
            ("a@[IPv6:2001:db8::1]", "names its server by an IP address"),
            ("a@192.0.2.1", "has a domain that ends in a number"),
            ("a@example..com", "has a dot too many after the @ sign"),
            ("a@.example.com", "has a dot too many after the @ sign"),
            ("a@example.com.", "has a dot too many after the @ sign"),
            ("a@exa_mple.com", "has an underscore in its domain"),
            ("a@-example.com", "has a domain that cannot exist"),
            ("a@example-.com", "has a domain that cannot exist"),
            ("a@exam!ple.com", "has a domain that cannot exist"),
            ("a@xn--zzzzzzzz-99.com", "has a domain that cannot exist"),
            ("a@exam\u{AD}ple.com", "has an invisible character (U+00AD) after the @ sign"),
        ] {
            assert_eq!(reason(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_limit_is_254_octets_as_it_travels() {
        let domain = format!("{}.{}.{}.com", "d".repeat(63), "d".repeat(63), "d".repeat(57));
        let longest = format!("{}@{domain}", "l".repeat(64));
        assert_eq!(longest.len(), 254);
        assert!(EmailAddress::parse(&longest).is_ok());
        assert!(reason(&format!("{}d.com", longest.trim_end_matches(".com"))).starts_with("is 255 octets long"));
        assert!(reason(&format!("a@{}.com", "d".repeat(64))).contains("63 octets"));
        assert_eq!(reason(&format!("a@{}.com", "ü.".repeat(9000))), "has a domain that is too long");
    }

    #[test]
    fn a_quoted_local_part_may_hold_an_at_sign() {
        let odd = address("\"ann@home\"@Example.com");
        assert_eq!(odd.canonical(), "\"ann@home\"@example.com");
        assert_eq!(odd.wire(), "\"ann@home\"@example.com");
        assert_eq!(address("\"Ann\"@example.com").canonical(), "ann@example.com");
    }

    #[test]
    fn a_stored_address_is_the_address_that_was_stored() {
        for text in ["Ann@Example.com", "Jürgen@Bücher.example", "\"a@b\"@example.com"] {
            let fresh = address(text);
            let stored = EmailAddress::from_stored(fresh.as_str(), fresh.canonical());
            assert_eq!(stored, fresh);
            assert_eq!((stored.wire(), stored.needs_smtputf8()), (fresh.wire(), fresh.needs_smtputf8()));
        }
    }

    #[test]
    fn debug_hides_the_address() {
        assert_eq!(format!("{:?}", address("ann@example.com")), "EmailAddress(***)");
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in any::<String>()) {
            let _ = EmailAddress::parse(&text);
        }

        #[test]
        fn what_was_read_reads_the_same(text in "[ \\PC]{0,8}[\"a-zA-ZÀ-ž.+]{1,9}@[a-zA-ZÀ-ž0-9.-]{1,12}\\.[a-zA-Z]{1,3}") {
            if let Ok(once) = EmailAddress::parse(&text) {
                prop_assert_eq!(EmailAddress::parse(once.as_str()), Ok(once.clone()));
                prop_assert!(once.wire().len() <= 254);
                prop_assert!(once.domain_ascii().is_ascii());
                let travelled = EmailAddress::parse(&once.wire()).unwrap();
                prop_assert_eq!(travelled.canonical(), once.canonical());
            }
        }
    }
}
