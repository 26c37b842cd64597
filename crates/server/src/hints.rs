//! Commands that a person is told to run: each begins with this program as it was called, so that it can be pasted.

use crate::samples::quoted;

/// This program as it was called, such as `target/debug/overture`: one word of a POSIX shell.
pub(crate) fn program() -> String {
    let called = std::env::args_os().next().and_then(|name| name.into_string().ok()).filter(|name| !name.is_empty());
    as_word(&called.unwrap_or_else(|| "overture".into()))
}

/// A command of this program within a sentence, between backticks.
pub(crate) fn hint(words: &str) -> String {
    format!("`{} {words}`", program())
}

fn as_word(name: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "/._+-".contains(letter);
    if name.chars().all(plain) { name.to_owned() } else { quoted(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_a_shell_would_take_apart_is_quoted_and_any_other_is_not() {
        assert_eq!(as_word("target/debug/overture"), "target/debug/overture");
        assert_eq!(as_word("/home/ann/my projects/overture"), "'/home/ann/my projects/overture'");
        assert_eq!(as_word("./it's"), r"'./it'\''s'");
    }
}
