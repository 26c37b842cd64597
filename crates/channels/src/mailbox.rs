//! One mailbox as people write it: an address, with or without a name before it.
//!
//! Owned here: reading `Name <address>` (RFC 5322, section 3.4) from settings and writing it back. Refused here: groups,
//! lists and comments, and any address that the domain would not take.

use overture_domain::values::{DisplayName, EmailAddress, Flaw};
use std::borrow::Cow;
use std::fmt;

const REMEDY: &str = "Write one address such as support@example.com, or Example Support <support@example.com>.";

/// An address and the name shown beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mailbox {
    /// The name, if there is one.
    pub(crate) name: Option<DisplayName>,
    /// The address.
    pub(crate) address: EmailAddress,
}

impl Mailbox {
    /// Reads `address`, `<address>`, `Name <address>` or `"Name, quoted" <address>`.
    ///
    /// # Errors
    /// A [`Flaw`] where there is no single address, or where the address or the name is not one.
    pub(crate) fn parse(text: &str) -> Result<Self, Flaw> {
        let text = text.trim();
        let Some(inside) = text.strip_suffix('>') else {
            let address = EmailAddress::parse(text).map_err(|flaw| Flaw::new(flaw.reason, REMEDY))?;
            return Ok(Self { name: None, address });
        };
        let Some((name, address)) = inside.rsplit_once('<') else {
            return Err(Flaw::new("has a closing angle bracket without an opening one", REMEDY));
        };
        let name = DisplayName::parse(&unquoted(name.trim()))
            .map_err(|flaw| Flaw::new(format!("has a name that {}", flaw.reason), flaw.remedy))?;
        Ok(Self { name, address: EmailAddress::parse(address)? })
    }
}

impl fmt::Display for Mailbox {
    /// The form that [`Mailbox::parse`] reads back. It is for settings, not for headers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} <{}>", quoted(name.as_str()), self.address.as_str()),
            None => f.write_str(self.address.as_str()),
        }
    }
}

/// The name as `unquoted` gives it back: only one that itself stands between quotation marks needs more of them.
fn quoted(name: &str) -> Cow<'_, str> {
    if name.starts_with('"') && name.ends_with('"') {
        Cow::Owned(format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")))
    } else {
        Cow::Borrowed(name)
    }
}

/// The name without the quotation marks that may stand around it, and without the backslashes inside them.
fn unquoted(name: &str) -> String {
    let Some(inner) = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return name.to_owned() };
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        plain.push(if c == '\\' { characters.next().unwrap_or(c) } else { c });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> (Option<String>, String) {
        let mailbox = Mailbox::parse(text).unwrap_or_else(|flaw| panic!("{text:?} {flaw}"));
        (mailbox.name.map(|name| name.as_str().to_owned()), mailbox.address.as_str().to_owned())
    }

    #[test]
    fn a_mailbox_is_read_with_and_without_a_name() {
        for (text, name) in [
            ("a@example.com", None),
            (" <a@example.com> ", None),
            ("Acme Support <a@example.com>", Some("Acme Support")),
            ("\"Müller, Jan\" <a@example.com>", Some("Müller, Jan")),
            ("\"The \\\"A\\\" team\" <a@example.com>", Some("The \"A\" team")),
        ] {
            assert_eq!(read(text), (name.map(str::to_owned), "a@example.com".to_owned()), "{text}");
        }
    }

    #[test]
    fn what_was_written_reads_back_as_the_same_mailbox() {
        for text in [
            "a@example.com",
            "Müller, Jan <a@example.com>",
            "A \"B\" C <a@bücher.example>",
            r#""\"A\\B\"" <a@example.com>"#,
        ] {
            let mailbox = Mailbox::parse(text).unwrap();
            assert_eq!(Mailbox::parse(&mailbox.to_string()), Ok(mailbox), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_name_reads_back(name in r#"["\\<> aé]{0,8}"#) {
            let mailbox = Mailbox {
                name: DisplayName::parse(&name).unwrap(),
                address: EmailAddress::parse("a@example.com").unwrap(),
            };
            prop_assert_eq!(Mailbox::parse(&mailbox.to_string()), Ok(mailbox));
        }
    }

    #[test]
    fn what_is_not_one_mailbox_is_refused() {
        for text in ["", "Acme", "a@example.com, b@example.com", "Acme <>", "a@example.com>", "Acme <a@localhost>"] {
            assert!(Mailbox::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_line_break_in_the_name_becomes_a_space() {
        assert_eq!(read("Acme\r\nBcc: x <a@example.com>").0.as_deref(), Some("Acme Bcc: x"));
    }
}
