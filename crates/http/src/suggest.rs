//! The known name that somebody most likely meant.

use strsim::osa_distance;

/// The longest name worth comparing, in characters.
const LONGEST: usize = 40;

/// The known name nearest to an unknown one, if one is near enough to be meant.
pub(crate) fn suggest(unknown: &str, known: &[&'static str]) -> Option<&'static str> {
    if unknown.chars().count() > LONGEST {
        return None;
    }
    let written = plain(unknown);
    if written.len() < 2 {
        return None;
    }
    let nearest =
        known.iter().map(|name| (osa_distance(&written, &plain(name)), *name)).min_by_key(|(distance, _)| *distance);
    match nearest {
        Some((distance, name)) if distance <= written.len() / 3 => Some(name),
        // "email" means contactEmail, "workspace" means workspaceId.
        _ if written.len() >= 4 => {
            known.iter().copied().find(|name| plain(name).ends_with(&written) || plain(name).starts_with(&written))
        }
        _ => None,
    }
}

/// Without case and without what separates words: `contact_email` and `Contact-Email` are one.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] =
        &["workspaceId", "channelId", "contactId", "contactEmail", "contactPhone", "contactName", "subject", "content"];

    #[test]
    fn misspelt_names_find_the_one_that_was_meant() {
        for (written, meant) in [
            ("contactemail", "contactEmail"),
            ("contact_email", "contactEmail"),
            ("ContactPhnoe", "contactPhone"),
            ("channelID", "channelId"),
            ("chanelId", "channelId"),
            ("contents", "content"),
            ("email", "contactEmail"),
            ("workspace", "workspaceId"),
        ] {
            assert_eq!(suggest(written, KNOWN), Some(meant), "{written}");
        }
    }

    #[test]
    fn a_name_that_is_near_to_nothing_finds_nothing() {
        for written in ["", "x", "to", "attachments", "🙂🙂🙂", &"contactEmail".repeat(100)] {
            assert_eq!(suggest(written, KNOWN), None, "{written}");
        }
    }
}
