//! Cursors: a place in a list, opaque to clients, bound to the list it came from.
//!
//! A cursor grants nothing: the list it continues is asked with the caller's own rights.

use crate::Code;
use crate::failure::Failure;
use overture_domain::ports::Position;
use overture_domain::time::Timestamp;
use uuid::Uuid;

/// The first byte: what the rest means.
const VERSION: u8 = 1;
const LENGTH: usize = 1 + 8 + 8 + 16;

/// The cursor of a place in the list that these filters make.
pub(crate) fn write(position: Position, filters: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(LENGTH);
    bytes.push(VERSION);
    bytes.extend(fingerprint(filters).to_be_bytes());
    bytes.extend(position.created_at.as_millis().to_be_bytes());
    bytes.extend(position.id.as_bytes());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The place that a cursor of the list with these filters names.
///
/// # Errors
/// `invalid_cursor` if it is none of ours or belongs to another list.
pub(crate) fn read(text: &str, filters: &[u8]) -> Result<Position, Failure> {
    parse(text, filters).ok_or_else(|| {
        Failure::new(
            Code::InvalidCursor,
            "cursor is none of this list. Send the nextCursor of the page before, or leave it out to begin.",
        )
        .at("cursor")
    })
}

fn parse(text: &str, filters: &[u8]) -> Option<Position> {
    let bytes = unhex(text)?;
    let (version, rest) = bytes.split_first()?;
    let (list, rest) = rest.split_first_chunk::<8>()?;
    let (millis, id) = rest.split_first_chunk::<8>()?;
    let belongs = *version == VERSION && u64::from_be_bytes(*list) == fingerprint(filters);
    belongs.then_some(Position {
        created_at: Timestamp::from_millis(i64::from_be_bytes(*millis)),
        id: Uuid::from_slice(id).ok()?,
    })
}

fn unhex(text: &str) -> Option<[u8; LENGTH]> {
    let digits = text.as_bytes();
    if digits.len() != LENGTH * 2 {
        return None;
    }
    let mut bytes = [0; LENGTH];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = (char::from(pair[0]).to_digit(16)?, char::from(pair[1]).to_digit(16)?);
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

/// Tells lists apart (FNV-1a). Nothing rests on it being hard to forge.
fn fingerprint(filters: &[u8]) -> u64 {
    filters
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place() -> Position {
        Position { created_at: Timestamp::from_millis(1_700_000_000_123), id: Uuid::from_u128(7) }
    }

    #[test]
    fn a_cursor_names_its_place_in_its_own_list_only() {
        let cursor = write(place(), b"one");
        assert_eq!(read(&cursor, b"one").unwrap(), place());
        assert_eq!(read(&cursor, b"other").unwrap_err().code(), Code::InvalidCursor);
    }

    proptest! {
        #[test]
        fn no_other_text_is_a_cursor(text in any::<String>()) {
            prop_assert!(read(&text, b"").is_err());
        }

        #[test]
        fn a_changed_version_is_no_cursor(version in 2_u8..) {
            let changed = format!("{version:02x}{}", &write(place(), b"")[2..]);
            prop_assert!(read(&changed, b"").is_err());
        }
    }
}
