//! The suites keep house: every behaviour that is written is also run.
#![expect(clippy::unwrap_used, reason = "a test that cannot read the sources fails")]

use std::collections::BTreeSet;
use std::path::Path;

/// The names of the public functions of a file that are behaviours.
fn written(path: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let names = text.lines().filter_map(|line| line.strip_prefix("pub async fn "));
    names.map(|rest| rest.split(['(', '<']).next().unwrap().to_owned()).collect()
}

/// The words of a file.
fn words(path: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(path).unwrap();
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').map(str::to_owned).collect()
}

#[test]
fn every_behaviour_that_is_written_is_in_its_macro() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for room in ["store_contract", "engine_contract"] {
        let listed = words(&source.join(room).join("mod.rs"));
        for file in std::fs::read_dir(source.join(room)).unwrap() {
            let missing: Vec<_> = written(&file.unwrap().path()).difference(&listed).cloned().collect();
            assert!(missing.is_empty(), "{room}: nobody runs {missing:?}");
        }
    }
    let sender = source.join("sender_contract.rs");
    let text = std::fs::read_to_string(&sender).unwrap();
    let missing: Vec<_> = written(&sender).into_iter().filter(|name| text.matches(name.as_str()).count() < 2).collect();
    assert!(missing.is_empty(), "sender_contract: nobody runs {missing:?}");
}
