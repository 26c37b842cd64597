//! Commands that a person is told to run: each begins with this program as it was called, or with its path where a shell
//! would not find that, so that it can be pasted.

use crate::samples::quoted;
use std::ffi::OsStr;
use std::path::Path;

/// This program such as `target/debug/overture`: one word of a POSIX shell.
pub(crate) fn program() -> String {
    let called = std::env::args_os().next().and_then(|name| name.into_string().ok()).filter(|name| !name.is_empty());
    let called = called.unwrap_or_else(|| "overture".into());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let here = || std::env::current_exe().ok().and_then(|path| path.into_os_string().into_string().ok());
    let found = is_found(&called, &path);
    as_word(&if found { called } else { here().unwrap_or(called) })
}

/// Whether a shell with that PATH finds what it is called by; a name with a slash in it is a path already.
fn is_found(called: &str, path: &OsStr) -> bool {
    let lies_in = |folder: &Path| folder.join(called).is_file();
    called.contains('/') || std::env::split_paths(path).any(|folder| lies_in(&folder))
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
    fn a_bare_name_is_found_only_if_its_folder_is_on_the_path() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("overture"), "").unwrap();
        assert!(is_found("overture", folder.path().as_os_str()));
        assert!(!is_found("overture", OsStr::new("/no/such/folder")) && !is_found("overture", OsStr::new("")));
        assert!(is_found("target/debug/overture", OsStr::new("")));
    }

    #[test]
    fn a_path_that_a_shell_would_take_apart_is_quoted_and_any_other_is_not() {
        assert_eq!(as_word("target/debug/overture"), "target/debug/overture");
        assert_eq!(as_word("/home/ann/my projects/overture"), "'/home/ann/my projects/overture'");
        assert_eq!(as_word("./it's"), r"'./it'\''s'");
    }
}
