//! The local part of an email address: what stands before the @ (RFC 5321, section 4.1.2, widened by RFC 6531).
//!
//! Refuses what no mailbox can be named; what a provider would allow in its own mailboxes is the provider's business.
//! It is written here because the `email_address` crate refuses letters of several scripts, such as the vowel killer of
//! Devanagari.

use super::{Flaw, text};
use unicode_normalization::UnicodeNormalization;

/// The longest local part, in octets of UTF-8 (RFC 5321, section 4.5.3.1.1).
const LIMIT: usize = 64;

/// Checks a local part as written: a dot-string, or a string in quotation marks.
pub(super) fn check(local: &str) -> Result<(), Flaw> {
    if local.is_empty() {
        return Err(Flaw::new("has nothing before the @ sign", "Write the whole address, such as name@example.com."));
    }
    if local.len() > LIMIT {
        return Err(Flaw::new(
            format!("has {} octets before the @ sign", local.len()),
            format!("At most {LIMIT} are possible."),
        ));
    }
    match quoted(local) {
        Some(inner) => check_quoted(inner),
        None => check_dotted(local),
    }
}

/// The local part as it is matched: NFC, without needless quotation marks, every letter small.
pub(super) fn canonical(local: &str) -> String {
    let bare = match quoted(local) {
        Some(inner) => {
            let meant = unescape(inner);
            if check_dotted(&meant).is_ok() { meant } else { format!("\"{}\"", escape(&meant)) }
        }
        None => local.to_owned(),
    };
    // Letter by letter, and with one sigma: the small letter must not depend on its place in the word.
    bare.nfc().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).nfc().collect()
}

/// What stands between the quotation marks, where the local part is in quotation marks.
fn quoted(local: &str) -> Option<&str> {
    local.strip_prefix('"')?.strip_suffix('"')
}

fn check_dotted(local: &str) -> Result<(), Flaw> {
    if local.split('.').any(str::is_empty) {
        return Err(Flaw::new(
            "has a dot before the @ sign that does not stand between two other characters",
            "Check the dots; if the mailbox is really named so, put the part before the @ in quotation marks.",
        ));
    }
    let mut before = None;
    for c in local.chars() {
        if !(is_atom(c) || c == '.' || may_be_international(c, before)) {
            return Err(unfit(c));
        }
        before = Some(c);
    }
    Ok(())
}

fn check_quoted(inner: &str) -> Result<(), Flaw> {
    let mut characters = inner.chars();
    let mut before = None;
    while let Some(c) = characters.next() {
        let fits = match c {
            '\\' => matches!(characters.next(), Some(' '..='~')),
            '"' => false,
            _ => matches!(c, ' '..='~') || may_be_international(c, before),
        };
        if !fits {
            return Err(unfit(c));
        }
        before = Some(c);
    }
    Ok(())
}

/// `atext` of RFC 5322, section 3.2.3.
fn is_atom(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
}

/// Whether RFC 6531 opens the local part to this character. Format characters are not let in (they come from copying),
/// but for the joiners inside a word of a script that needs them, as in Persian or in an emoji.
fn may_be_international(c: char, before: Option<char>) -> bool {
    if matches!(c, '\u{200C}' | '\u{200D}') {
        return before.is_some_and(|before| !before.is_ascii());
    }
    !c.is_ascii() && !c.is_whitespace() && !c.is_control() && !text::is_format(c) && c != char::REPLACEMENT_CHARACTER
}

fn unfit(c: char) -> Flaw {
    let reason = match c {
        char::REPLACEMENT_CHARACTER => "has a character that was lost in a conversion (U+FFFD)".to_owned(),
        c if c.is_whitespace() => "has a space in it".to_owned(),
        c if c.is_control() || text::is_format(c) => {
            format!("has an invisible character (U+{:04X}) before the @ sign", u32::from(c))
        }
        c => format!("has {c} before the @ sign"),
    };
    Flaw::new(reason, "Write one address such as name@example.com.")
}

fn unescape(inner: &str) -> String {
    let mut characters = inner.chars();
    let mut meant = String::with_capacity(inner.len());
    while let Some(c) = characters.next() {
        meant.extend(if c == '\\' { characters.next() } else { Some(c) });
    }
    meant
}

fn escape(meant: &str) -> String {
    let mut inner = String::with_capacity(meant.len());
    for c in meant.chars() {
        if matches!(c, '"' | '\\') {
            inner.push('\\');
        }
        inner.push(c);
    }
    inner
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn letters_of_every_script_are_possible() {
        for local in
            ["jürgen", "संपर्क", "用户", "δοκιμή", "почта", "می\u{200C}خواهم", "👩\u{200D}💻", "ก๊าซ", "o'neill", "a+b=c"]
        {
            assert_eq!(check(local), Ok(()), "{local}");
        }
    }

    #[test]
    fn what_copying_leaves_behind_is_refused() {
        for local in [
            "a\u{200B}b",
            "a\u{AD}b",
            "a\u{200D}b",
            "\u{200D}a",
            "a\u{202C}",
            "a b",
            "a\u{A0}b",
            "a\u{7}b",
            "m\u{FFFD}ller",
        ] {
            assert!(check(local).is_err(), "{local:?}");
        }
    }

    #[test]
    fn dots_stand_between_other_characters() {
        for local in [".a", "a.", "a..b", "."] {
            assert!(check(local).unwrap_err().remedy.contains("quotation marks"), "{local}");
        }
        assert_eq!(check("\"a..b\""), Ok(()));
    }

    #[test]
    fn quotation_marks_admit_all_that_is_printable() {
        for local in ["\"a b\"", "\"a@b\"", "\"a\\\"b\"", "\"a\\\\b\"", "\"(<>,;:[])\"", "\"jürgen b\""] {
            assert_eq!(check(local), Ok(()), "{local}");
        }
        for local in ["\"", "\"a", "a\"", "\"a\"b\"", "\"a\\\"", "\"a\tb\"", "\"a\\ü\""] {
            assert!(check(local).is_err(), "{local}");
        }
    }

    #[test]
    fn the_limit_counts_octets() {
        assert_eq!(check(&"a".repeat(64)), Ok(()));
        assert_eq!(check(&"ü".repeat(32)), Ok(()));
        assert!(check(&"a".repeat(65)).is_err());
        assert!(check(&"ü".repeat(33)).is_err());
    }

    #[test]
    fn needless_quotation_marks_make_no_other_mailbox() {
        assert_eq!(canonical("\"Ann.Lee\""), "ann.lee");
        assert_eq!(canonical("\"Ann\\.Lee\""), "ann.lee");
        assert_eq!(canonical("\"Ann Lee\""), "\"ann lee\"");
        assert_eq!(canonical("\"A\\ \\\"B\""), "\"a \\\"b\"");
    }

    #[test]
    fn case_and_composition_make_no_other_mailbox() {
        assert_eq!(canonical("JOSE\u{301}"), "jos\u{e9}");
        assert_eq!(canonical("ΟΔΟΣ"), canonical("οδος"));
        assert_eq!(canonical("ΟΔΟΣ"), canonical("οδοσ"));
        assert_ne!(canonical("strauß"), canonical("strauss"));
    }

    proptest! {
        #[test]
        fn of_ascii_we_take_what_the_email_address_crate_takes(local in "[ -~]{1,12}|\"[ -~]{1,12}\"") {
            let theirs = email_address::EmailAddress::is_valid_local_part(&local);
            prop_assert!(check(&local).is_ok() || !theirs, "we refuse {local}");
        }

        #[test]
        fn a_canonical_form_is_its_own(local in any::<String>()) {
            if check(&local).is_ok() {
                let once = canonical(&local);
                prop_assert_eq!(canonical(&once), once);
            }
        }
    }
}
