//! The test command reuses what the run command built: no package is built twice because tests want another feature of it.

use anyhow::{Context, Result};
use overture_tests::places::repository;
use overture_tests::python::run;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Each package that cargo would build, with the features it would be built with.
fn packages(selection: &[&str]) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut tree = Command::new(cargo);
    tree.args(["tree", "--prefix", "none", "--format", "{p}|{f}"]).args(selection).current_dir(repository());
    let mut packages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8(run(&mut tree)?)?.lines().filter(|line| !line.is_empty()) {
        let (package, features) = line.split_once('|').with_context(|| line.to_owned())?;
        let features = features.trim_end_matches(" (*)").to_owned();
        packages.entry(package.to_owned()).or_default().insert(features);
    }
    Ok(packages)
}

#[test]
fn the_test_command_builds_no_package_of_the_binary_with_other_features_than_the_run_command() {
    let run = packages(&["--package", "overture", "--edges", "normal,build"]).unwrap();
    let test = packages(&["--workspace", "--edges", "normal,build,dev"]).unwrap();
    let twice: Vec<_> = run
        .iter()
        .filter(|(package, features)| test.get(*package).is_none_or(|other| !other.is_subset(features)))
        .collect();
    let names: Vec<_> = twice.iter().map(|(package, _)| package.as_str()).collect();
    assert!(
        names.is_empty(),
        "cargo would build these, and what depends on them, twice: {names:?}; see `cargo tree -e features -i NAME`"
    );
}
