//! Text that people type or paste: what of it nobody can see, and how it becomes one line.
//!
//! Refuses to change letters: no normalisation form, no case, no transliteration.

use super::Flaw;
use unicode_general_category::{GeneralCategory, get_general_category};

/// Whether this is a format character (Unicode category Cf): it steers how its neighbours are shown and has no shape of
/// its own. Copies from chats and web pages are full of them.
pub(super) fn is_format(c: char) -> bool {
    !c.is_ascii() && get_general_category(c) == GeneralCategory::Format
}

/// Whether nothing of this text can be seen: white space, control and format characters, and the few letters and signs
/// that are drawn as nothing, such as the Hangul filler that stands in for an empty name.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c.is_control() || is_format(c) || is_drawn_as_nothing(c))
}

fn is_drawn_as_nothing(c: char) -> bool {
    matches!(
        c,
        '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}' | '\u{2800}' | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FFA0}'
    )
}

/// The text in one line, as names and subjects are kept: each run of white space and control characters (tab, CR, LF,
/// U+2028 …) is one space, bidirectional embeddings, overrides and isolates are gone, and the edges are clean.
/// `None` where nothing that can be seen is left.
///
/// Marks that belong to the writing stay: joiners and the left-to-right and right-to-left marks.
///
/// # Errors
/// NUL, which no name has and which some stores cut at.
pub(super) fn one_line(text: &str) -> Result<Option<String>, Flaw> {
    refuse_nul(text)?;
    if is_blank(text) {
        return Ok(None);
    }
    let mut line = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.trim_matches(is_edge).chars().filter(|&c| !is_direction_override(c)) {
        if c.is_whitespace() || c.is_control() {
            gap = true;
        } else {
            if gap {
                line.push(' ');
                gap = false;
            }
            line.push(c);
        }
    }
    Ok(Some(line))
}

/// Refuses a text that holds NUL.
pub(super) fn refuse_nul(text: &str) -> Result<(), Flaw> {
    if text.contains('\0') {
        return Err(Flaw::new("has a NUL character (U+0000) in it", "Remove it."));
    }
    Ok(())
}

/// Refuses a text of more characters (Unicode scalar values) than `limit`.
pub(super) fn refuse_longer(text: &str, limit: usize) -> Result<(), Flaw> {
    let length = text.chars().count();
    if length > limit {
        return Err(Flaw::new(
            format!("is {length} characters long"),
            format!("At most {limit} characters are possible."),
        ));
    }
    Ok(())
}

/// What is cut from the edges of a line. Joiners and direction marks are not: at the end of a Hebrew sentence or of a
/// flag they still do their work.
fn is_edge(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || is_direction_override(c)
        || matches!(c, '\u{00AD}' | '\u{200B}' | '\u{2060}' | '\u{FEFF}')
}

/// Embeddings, overrides and isolates (UAX #9, section 2): with them a name can show itself as another one.
fn is_direction_override(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(text: &str) -> Option<String> {
        one_line(text).unwrap()
    }

    #[test]
    fn runs_of_white_space_and_controls_become_one_space() {
        assert_eq!(line("Ann\t\r\n \u{2028}\u{85}Lee").as_deref(), Some("Ann Lee"));
        assert_eq!(line("\u{3000}山田\u{3000}太郎 ").as_deref(), Some("山田 太郎"));
    }

    #[test]
    fn a_removed_override_leaves_no_second_space() {
        assert_eq!(line("Ann \u{202E} Lee").as_deref(), Some("Ann Lee"));
        assert_eq!(line("\u{2068}Ann\u{2069}").as_deref(), Some("Ann"));
    }

    #[test]
    fn marks_of_the_writing_stay() {
        assert_eq!(line("می\u{200C}خواهم").as_deref(), Some("می\u{200C}خواهم"));
        assert_eq!(line("👩\u{200D}💻").as_deref(), Some("👩\u{200D}💻"));
        assert_eq!(line("שלום!\u{200F}").as_deref(), Some("שלום!\u{200F}"));
    }

    #[test]
    fn what_nobody_can_see_is_blank() {
        for nothing in ["", " ", "\u{FEFF}", "\u{200B}\u{200F}", "\u{3164}", "\u{2800}", "\r\n\t", "\u{202E}"] {
            assert_eq!(line(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn nul_is_refused() {
        assert!(one_line("Ann\0").is_err());
    }

    proptest! {
        #[test]
        fn a_line_stays_as_it_is(text in any::<String>()) {
            if let Ok(Some(once)) = one_line(&text) {
                prop_assert!(!once.is_empty());
                let again = one_line(&once).unwrap();
                prop_assert_eq!(again.as_deref(), Some(once.as_str()));
            }
        }
    }
}
