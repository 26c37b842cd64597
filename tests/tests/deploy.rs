//! `deploy/compose.yaml`, as far as it can be checked without a container engine: its syntax, that what it names is there,
//! and that every command and variable it gives to Overture is one that Overture takes.

use anyhow::{Context, Result};
use overture_tests::installation::Installation;
use overture_tests::places::repository;
use overture_tests::python::{python, run, script};
use serde_json::Value;
use std::process::Command;

#[test]
fn the_compose_file_names_what_exists_and_gives_overture_what_it_takes() -> Result<()> {
    let file = repository().join("deploy/compose.yaml");
    let services: Value =
        serde_json::from_slice(&run(Command::new(python()?).arg(script("compose_file.py")).arg(file))?)?;
    let services = services.as_object().context("no services")?;
    let names: Vec<_> = services.keys().map(String::as_str).collect();
    assert_eq!(names, ["api", "migrate", "worker"]);
    for (name, service) in services {
        let installation = Installation::new()?;
        let command = service["command"][0].as_str().context("no command")?;
        let help = help_of(&installation, command)?;
        assert!(help.contains("Usage"), "{name}: overture {command} is no command: {help}");
        // `doctor` names each key that is not known, and each value that does not do.
        let mut doctor = installation.command(&["doctor", "--json"])?;
        for (variable, value) in service["environment"].as_object().context("no environment")? {
            let value = value.as_str().context("a value that is no text")?;
            let value = match variable.as_str() {
                "OVERTURE_CONFIG" => repository().join("config/production.toml").to_string_lossy().into_owned(),
                "OVERTURE__SECRETS__KEY" => "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned(),
                _ => value.replace("${POSTGRES_PASSWORD:?}", "secret").replace("@postgres/", "@127.0.0.1:1/"),
            };
            doctor.env(variable, value);
        }
        let told: Value = serde_json::from_slice(&doctor.output()?.stdout)?;
        let checks = told["checks"].as_array().with_context(|| format!("doctor told {told}"))?;
        let configuration: Vec<_> = checks.iter().filter(|check| check["check"] == "configuration").collect();
        assert!(
            !configuration.is_empty() && configuration.iter().all(|check| check["state"] == "ok"),
            "{name}: {configuration:?}"
        );
    }
    Ok(())
}

/// A build folder of gigabytes, the history and what a local installation keeps, its secrets too, stay outside.
#[test]
fn an_image_is_built_from_the_sources_alone() -> Result<()> {
    let ignored = std::fs::read_to_string(repository().join(".dockerignore")).context("there is no .dockerignore")?;
    for folder in ["target", "data", ".git"] {
        assert!(
            ignored.lines().any(|line| line.trim_matches('/') == folder),
            "{folder} would be copied into the image"
        );
    }
    Ok(())
}

fn help_of(installation: &Installation, command: &str) -> Result<String> {
    Ok(String::from_utf8(installation.command(&[command, "--help"])?.output()?.stdout)?)
}
