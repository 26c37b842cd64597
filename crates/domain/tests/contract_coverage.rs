//! `docs/contract-coverage.md` against the repository: whatever it names exists, no row is without a test, and no
//! code of a failure is missing. It owns no rule of the contract and refuses to judge whether a test is good.

use overture_domain::use_cases::ProblemCode;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The part of the page whose rows need no test.
const LATER: &str = "## Not in this version";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(repository().join(path)).map_err(|error| format!("{path}: {error}"))
}

fn page() -> String {
    read("docs/contract-coverage.md").unwrap_or_else(|error| panic!("{error}"))
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The tests that a text names, as file and function.
fn tests_of(text: &str) -> impl Iterator<Item = (&str, &str)> {
    quoted(text).filter_map(|name| name.split_once(".rs::").map(|_| name)?.rsplit_once("::"))
}

/// The rows of the tables, without their heads and rules.
fn rows(text: &str) -> impl Iterator<Item = &str> {
    let lines: Vec<&str> = text.lines().collect();
    let heads: Vec<usize> = (1..lines.len()).filter(|n| lines[*n].starts_with("| ---")).map(|n| n - 1).collect();
    lines
        .into_iter()
        .enumerate()
        .filter(move |(n, line)| line.starts_with('|') && !line.starts_with("| ---") && !heads.contains(n))
        .map(|(_, line)| line)
}

/// The codes that have no row with a test.
fn bare_codes<'a>(codes: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let page = page();
    let covered =
        |code: &str| rows(&page).any(|row| quoted(row).any(|word| word == code) && tests_of(row).next().is_some());
    codes.into_iter().filter(|code| !covered(code)).collect()
}

#[test]
fn every_code_of_a_refused_compose_is_covered() {
    assert_eq!(bare_codes(ProblemCode::ALL.iter().map(|code| code.as_str())), [""; 0]);
}

#[test]
fn every_code_of_the_http_adapter_is_covered() {
    // The domain knows nothing of HTTP, so that the words are read from its table: `Self::Busy => "busy",`.
    let table = read("crates/http/src/code.rs").unwrap_or_else(|error| panic!("{error}"));
    let words: Vec<_> = table
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => \"")?.1.strip_suffix("\","))
        .collect();
    assert!(words.len() > 20, "the table in crates/http/src/code.rs reads otherwise than before: {words:?}");
    assert_eq!(bare_codes(words), [""; 0]);
}

#[test]
fn every_test_that_is_named_exists() {
    let page = page();
    let mut files = BTreeMap::new();
    let mut missing = Vec::new();
    for (path, function) in tests_of(&page) {
        let source = files.entry(path).or_insert_with(|| read(path));
        match source {
            Ok(source) if source.contains(&format!("fn {function}(")) => {}
            Ok(_) => missing.push(format!("{path} has no fn {function}")),
            Err(error) => missing.push(error.clone()),
        }
    }
    assert!(files.len() > 20, "the page names tests of {} files only", files.len());
    assert!(missing.is_empty(), "docs/contract-coverage.md names what does not exist:\n{}", missing.join("\n"));
}

#[test]
fn every_row_has_a_test() {
    let page = page();
    let (now, _) = page.split_once(LATER).expect("the page says what is not in this version");
    let bare: Vec<_> = rows(now).filter(|row| tests_of(row).next().is_none()).collect();
    assert!(rows(now).count() > 80, "the page has too few rows to be whole");
    assert!(bare.is_empty(), "rows without a test in docs/contract-coverage.md:\n{}", bare.join("\n"));
}

#[test]
fn every_test_through_the_binary_is_named() {
    let page = page();
    let folder = std::fs::read_dir(repository().join("tests/tests")).expect("tests/tests can be read");
    let mut bare = Vec::new();
    for path in folder.map(|entry| entry.expect("its entries can be read").path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let source = read(&format!("tests/tests/{name}")).unwrap_or_else(|error| panic!("{error}"));
        for after in source.split("\n#[test]\n").skip(1).chain(source.split("\n#[tokio::test").skip(1)) {
            let function =
                after.split_once("fn ").and_then(|(_, rest)| rest.split_once('(')).map_or("", |(name, _)| name);
            let named = format!("tests/tests/{name}::{function}");
            if name != "one_build.rs" && !page.contains(&named) {
                bare.push(named);
            }
        }
    }
    assert!(bare.is_empty(), "docs/contract-coverage.md does not name:\n{}", bare.join("\n"));
}
