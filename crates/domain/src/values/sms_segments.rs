//! How many segments a text takes as an SMS, which is what its sender pays for.
//!
//! Owned here: the two encodings of 3GPP TS 23.038 (formerly GSM 03.38), the default alphabet with its extension table
//! and UCS-2, and how a long text is cut. Refused here: national language tables and the replacing of characters by
//! similar ones ("smart encoding"), which a provider may do and we do not count on.

use super::TooLong;

/// Segments of one message carry 140 octets: 160 septets, or 70 UTF-16 code units.
const SEPTETS_ALONE: usize = 160;
/// As part of several, six octets name the message and the part.
const SEPTETS_IN_PART: usize = 153;
const UNITS_ALONE: usize = 70;
const UNITS_IN_PART: usize = 67;

/// The default alphabet (3GPP TS 23.038, 6.2.1) beside the printable ASCII that it shares. Its escape is no character
/// of a text.
const DEFAULT_BEYOND_ASCII: &str = "\n\r£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà";

/// Printable ASCII that the default alphabet does not have; all but the grave accent stand in its extension table.
const ASCII_LEFT_OUT: &str = "[\\]^`{|}~";

/// The extension table (3GPP TS 23.038, 6.2.1.1): an escape and a septet each.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// How the text of an SMS is encoded. One character that the first does not have makes the second of the whole text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SmsEncoding {
    /// Septets of the GSM default alphabet.
    Gsm7,
    /// UTF-16 code units.
    Ucs2,
}

impl SmsEncoding {
    /// The word for it: `gsm-7` or `ucs-2`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gsm7 => "gsm-7",
            Self::Ucs2 => "ucs-2",
        }
    }
}

/// How long a text is as an SMS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SmsSegments {
    /// How it is encoded.
    pub encoding: SmsEncoding,
    /// Its length: septets (characters of the extension table are two), or UTF-16 code units.
    pub units: usize,
    /// How many segments it takes; none if it is empty.
    pub segments: usize,
}

impl SmsSegments {
    /// Counts a text, as it is written. Neither an escape and what it escapes nor a surrogate pair is cut in two, so that
    /// a text can take a segment more than its units alone would.
    pub fn of(text: &str) -> Self {
        match text.chars().map(septets).collect::<Option<Vec<_>>>() {
            Some(widths) => Self::cut(SmsEncoding::Gsm7, &widths, SEPTETS_ALONE, SEPTETS_IN_PART),
            None => {
                let widths: Vec<_> = text.chars().map(char::len_utf16).collect();
                Self::cut(SmsEncoding::Ucs2, &widths, UNITS_ALONE, UNITS_IN_PART)
            }
        }
    }

    /// Checks that a text takes at most so many segments.
    ///
    /// # Errors
    /// [`TooLong`] with both numbers.
    pub fn check(self, most: usize) -> Result<(), TooLong> {
        if self.segments > most {
            return Err(TooLong { limit: most, length: self.segments, unit: "segments" });
        }
        Ok(())
    }

    fn cut(encoding: SmsEncoding, widths: &[usize], alone: usize, in_part: usize) -> Self {
        let units = widths.iter().sum();
        let segments = if units <= alone { usize::from(units > 0) } else { parts(widths, in_part) };
        Self { encoding, units, segments }
    }
}

/// How many parts of at most `most` units characters of these widths fill, in order and none cut in two.
fn parts(widths: &[usize], most: usize) -> usize {
    let mut room = 0;
    let mut parts = 0;
    for &width in widths {
        if width > room {
            parts += 1;
            room = most;
        }
        room -= width;
    }
    parts
}

/// How many septets a character takes; `None` if neither table has it.
fn septets(c: char) -> Option<usize> {
    let shared = matches!(c, ' '..='~') && !ASCII_LEFT_OUT.contains(c);
    if shared || DEFAULT_BEYOND_ASCII.contains(c) {
        Some(1)
    } else if EXTENSION.contains(c) {
        Some(2)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SmsEncoding::{Gsm7, Ucs2};
    use proptest::prelude::*;

    fn count(text: &str) -> (SmsEncoding, usize, usize) {
        let SmsSegments { encoding, units, segments } = SmsSegments::of(text);
        (encoding, units, segments)
    }

    /// The default alphabet as its table stands in 3GPP TS 23.038, column by column and without the escape at 0x1B.
    const TABLE: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                         ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

    #[test]
    fn each_character_of_the_default_alphabet_is_one_septet() {
        assert_eq!(TABLE.chars().count(), 127);
        for c in TABLE.chars() {
            assert_eq!(count(&c.to_string()), (Gsm7, 1, 1), "{c:?}");
        }
    }

    #[test]
    fn each_character_of_the_extension_table_is_two_septets() {
        assert_eq!(EXTENSION.chars().count(), 10);
        for c in ['^', '{', '}', '\\', '[', '~', ']', '|', '€', '\u{c}'] {
            assert_eq!(count(&c.to_string()), (Gsm7, 2, 1), "{c:?}");
        }
    }

    #[test]
    fn no_other_character_of_the_basic_plane_is_in_a_table() {
        for c in (0..=0xffff_u32).filter_map(char::from_u32) {
            let known = TABLE.contains(c) || EXTENSION.contains(c);
            assert_eq!(count(&c.to_string()).0 == Gsm7, known, "{c:?}");
        }
    }

    #[test]
    fn one_character_outside_the_tables_flips_the_whole_text() {
        for sign in ["–", "„", "“", "’", "…", "ç", "`", "\t", "á", "👍", "你"] {
            let (encoding, units, _) = count(&format!("Hello{sign}"));
            assert_eq!((encoding, units), (Ucs2, 5 + sign.encode_utf16().count()), "{sign}");
        }
    }

    #[test]
    fn a_text_alone_has_more_room_than_a_part() {
        for (length, segments) in
            [(0, 0), (1, 1), (160, 1), (161, 2), (306, 2), (307, 3), (459, 3), (460, 4), (1600, 11)]
        {
            assert_eq!(count(&"a".repeat(length)), (Gsm7, length, segments));
        }
        for (length, segments) in [(1, 1), (70, 1), (71, 2), (134, 2), (135, 3), (201, 3), (202, 4)] {
            assert_eq!(count(&"你".repeat(length)), (Ucs2, length, segments));
        }
    }

    #[test]
    fn an_escape_is_not_cut_from_what_it_escapes() {
        // 152 septets, then a pair that would lie across the end of the first part.
        assert_eq!(count(&format!("{}€{}", "a".repeat(152), "a".repeat(152))), (Gsm7, 306, 3));
        assert_eq!(count(&format!("{}€{}", "a".repeat(151), "a".repeat(153))), (Gsm7, 306, 2));
        // 80 pairs fill a message alone; as parts, one of 153 takes 76 pairs.
        assert_eq!(count(&"€".repeat(80)), (Gsm7, 160, 1));
        assert_eq!(count(&"€".repeat(153)), (Gsm7, 306, 3));
    }

    #[test]
    fn a_surrogate_pair_is_not_cut() {
        assert_eq!(count(&"👍".repeat(35)), (Ucs2, 70, 1));
        // 67 units take 33 pairs: 67 pairs are 134 units and yet three parts.
        assert_eq!(count(&"👍".repeat(67)), (Ucs2, 134, 3));
        assert_eq!(count(&format!("{}👍{}", "你".repeat(66), "你".repeat(66))), (Ucs2, 134, 3));
        assert_eq!(count(&format!("{}👍{}", "你".repeat(65), "你".repeat(67))), (Ucs2, 134, 2));
    }

    proptest! {
        #[test]
        fn every_text_has_an_encoding_that_has_its_characters(text in any::<String>()) {
            let counted = SmsSegments::of(&text);
            let known = text.chars().all(|c| TABLE.contains(c) || EXTENSION.contains(c));
            prop_assert_eq!(counted.encoding, if known { Gsm7 } else { Ucs2 });
            if counted.encoding == Ucs2 {
                prop_assert_eq!(counted.units, text.encode_utf16().count());
            }
        }

        #[test]
        fn segments_hold_all_units_and_none_is_needless(text in "[a€👍ü{]{0,400}") {
            let SmsSegments { encoding, units, segments } = SmsSegments::of(&text);
            let (alone, part) = if encoding == Gsm7 { (160, 153) } else { (70, 67) };
            if units <= alone {
                prop_assert_eq!(segments, usize::from(!text.is_empty()));
            } else {
                prop_assert!(segments * part >= units);
                // Each part but the last is at most one unit short.
                prop_assert!((segments - 1) * (part - 1) < units);
            }
        }

        #[test]
        fn a_longer_text_takes_no_fewer_segments(text in "[aé€👍 ]{0,300}", more in "[aé€👍 ]{1,20}") {
            let longer = format!("{text}{more}");
            prop_assert!(SmsSegments::of(&longer).segments >= SmsSegments::of(&text).segments);
        }
    }
}
