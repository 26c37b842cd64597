//! The layers of the configuration: the built-in file, a file, the environment; the later wins, and each value keeps
//! its source. Knows which keys exist; what a value means is the business of `settings.rs`.

use super::keys::{self, KEYS, PREFIX};
use super::problem::ConfigProblem;
use config::{Config, ConfigError, Environment, File, FileFormat, Format as _, Value, ValueKind};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// The built-in configuration.
const DEFAULTS: &str = include_str!("../../../../config/default.toml");

/// What the `config` crate calls the environment.
const THE_ENVIRONMENT: &str = "the environment";

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Built in.
    Default,
    /// A file.
    File(PathBuf),
    /// A variable of the environment.
    Environment(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the default"),
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Environment(variable) => write!(f, "the environment variable {variable}"),
        }
    }
}

/// A value as it was written, and where.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Written {
    /// Its text.
    pub(crate) text: String,
    /// Where it stands.
    pub(crate) source: Source,
}

/// Every key that is set, with the value that holds.
pub(crate) type Layered = BTreeMap<&'static str, Written>;

/// Reads the layers. `environment` is the process's variables.
///
/// # Errors
/// Every key nobody knows, every value that is no text, number or truth; or a file that cannot be read.
pub(crate) fn read(file: Option<&Path>, environment: &[(String, String)]) -> Result<Layered, Vec<ConfigProblem>> {
    let mut builder = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
    if let Some(path) = file {
        let text =
            std::fs::read_to_string(path).map_err(|error| vec![ConfigProblem::unreadable(path, &error.to_string())])?;
        builder = builder.add_source(NamedText { name: path.display().to_string(), text });
    }
    let variables = environment.iter().filter(|(name, _)| name.starts_with(PREFIX)).cloned().collect();
    builder = builder.add_source(
        Environment::with_prefix("OVERTURE")
            .prefix_separator("__")
            .separator("__")
            .ignore_empty(true)
            .source(Some(variables)),
    );
    let merged = builder.build().map_err(|error| vec![broken(file, &error)])?;

    let mut found = Found { file, layered: Layered::new(), problems: Vec::new() };
    found.walk("", merged.cache);
    if found.problems.is_empty() { Ok(found.layered) } else { Err(found.problems) }
}

/// A file that was read: anything that can be read will do, a pipe too.
#[derive(Clone)]
struct NamedText {
    name: String,
    text: String,
}

impl fmt::Debug for NamedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The text may hold a secret.
        f.debug_struct("NamedText").field("name", &self.name).finish_non_exhaustive()
    }
}

impl config::Source for NamedText {
    fn clone_into_box(&self) -> Box<dyn config::Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<config::Map<String, Value>, ConfigError> {
        let name = Some(self.name.clone());
        FileFormat::Toml.parse(name.as_ref(), &self.text).map_err(|cause| ConfigError::FileParse { uri: name, cause })
    }
}

struct Found<'a> {
    file: Option<&'a Path>,
    layered: Layered,
    problems: Vec<ConfigProblem>,
}

impl Found<'_> {
    fn walk(&mut self, name: &str, value: Value) {
        let source = self.source(name, value.origin());
        match value.kind {
            ValueKind::Table(entries) => {
                for (part, value) in entries {
                    let name = if name.is_empty() { part } else { format!("{name}.{part}") };
                    self.walk(&name, value);
                }
            }
            ValueKind::Array(_) | ValueKind::Nil => match keys::find(name) {
                Some(key) => self.problems.push(ConfigProblem::value(key, None, &source, "is no single value")),
                None => self.unknown(name, &source),
            },
            single => match keys::find(name) {
                Some(key) => {
                    self.layered.insert(key.name, Written { text: single.to_string(), source });
                }
                None => self.unknown(name, &source),
            },
        }
    }

    fn unknown(&mut self, name: &str, source: &Source) {
        let section = KEYS.iter().any(|key| key.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')));
        self.problems.push(if section {
            ConfigProblem::section(name, source)
        } else if name == "temporal" || name.starts_with("temporal.") {
            ConfigProblem::temporal(name, source)
        } else {
            ConfigProblem::unknown(name, source, keys::nearest(name))
        });
    }

    fn source(&self, name: &str, origin: Option<&str>) -> Source {
        match (origin, self.file) {
            (Some(THE_ENVIRONMENT), _) => Source::Environment(keys::variable(name)),
            (Some(_), Some(file)) => Source::File(file.to_owned()),
            _ => Source::Default,
        }
    }
}

/// A file that is no TOML. Only the place and the reason are told, never the line: it may hold a secret.
fn broken(file: Option<&Path>, error: &ConfigError) -> ConfigProblem {
    let text = match error {
        ConfigError::FileParse { cause, .. } => cause.to_string(),
        other => other.to_string(),
    };
    let told: Vec<_> =
        text.lines().filter(|line| !line.contains('|')).map(str::trim).filter(|line| !line.is_empty()).collect();
    ConfigProblem::unreadable(file.unwrap_or_else(|| Path::new("config/default.toml")), &told.join(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Vec<(String, String)> {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("overture.toml");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn problems(file: Option<&Path>, variables: &[(&str, &str)]) -> String {
        let problems = read(file, &environment(variables)).expect_err("nothing was refused");
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_key_stands_in_the_default_file_set_or_as_a_comment() {
        let layered = read(None, &[]).expect("the built-in file is broken");
        for key in KEYS {
            let written = layered.contains_key(key.name);
            assert_eq!(written, key.absent.is_none(), "{}", key.name);
            let last = key.name.rsplit('.').next().unwrap();
            let line = if written { format!("\n{last} = ") } else { format!("\n# {last} = ") };
            assert!(DEFAULTS.contains(&line), "{} has no line in config/default.toml", key.name);
        }
        assert!(layered.values().all(|written| written.source == Source::Default));
    }

    #[test]
    fn each_key_of_the_default_file_has_a_comment_above_it_or_above_its_section() {
        let lines: Vec<_> = DEFAULTS.lines().collect();
        for (place, line) in lines.iter().enumerate() {
            let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| !key.starts_with('#')) else { continue };
            let above =
                lines[..place].iter().rev().take_while(|line| !line.is_empty()).any(|line| line.starts_with("# "));
            assert!(above, "{key} is not explained");
        }
    }

    #[test]
    fn a_file_wins_over_the_default_and_the_environment_over_the_file() {
        let (_folder, path) = file("[http]\nbind = \"127.0.0.1:1\"\nworkers = 3\n");
        let layered = read(Some(&path), &environment(&[("OVERTURE__HTTP__BIND", "127.0.0.1:2")])).unwrap();
        let of = |name: &str| (layered[name].text.as_str(), layered[name].source.clone());
        assert_eq!(of("http.bind"), ("127.0.0.1:2", Source::Environment("OVERTURE__HTTP__BIND".into())));
        assert_eq!(of("http.workers"), ("3", Source::File(path)));
        assert_eq!(of("http.body_limit"), ("1048576", Source::Default));
    }

    #[test]
    fn an_empty_variable_is_no_value() {
        let layered = read(None, &environment(&[("OVERTURE__PUBLIC_URL", "")])).unwrap();
        assert!(!layered.contains_key("public_url"));
    }

    #[test]
    fn an_unknown_key_of_a_file_is_named_with_its_file_and_the_nearest_known_one() {
        let (_folder, path) = file("[http]\nbnid = \"127.0.0.1:1\"\n");
        let told = problems(Some(&path), &[]);
        assert!(
            told.contains("http.bnid") && told.contains(&path.display().to_string()) && told.contains("http.bind"),
            "{told}"
        );
    }

    #[test]
    fn an_unknown_variable_is_named_with_the_nearest_known_one() {
        let told = problems(None, &[("OVERTURE__HTTP__BNID", "127.0.0.1:1")]);
        assert!(told.contains("OVERTURE__HTTP__BNID") && told.contains("OVERTURE__HTTP__BIND"), "{told}");
    }

    #[test]
    fn every_unknown_key_is_named_not_only_the_first() {
        let told = problems(None, &[("OVERTURE__HTTP__BNID", "x"), ("OVERTURE__LOG__LEVLE", "x")]);
        assert!(told.contains("OVERTURE__HTTP__BNID") && told.contains("OVERTURE__LOG__LEVLE"), "{told}");
    }

    #[test]
    fn a_section_is_not_a_key() {
        let told = problems(None, &[("OVERTURE__HTTP", "127.0.0.1:1")]);
        assert!(told.contains("http") && told.contains("section"), "{told}");
    }

    #[test]
    fn keys_of_temporal_are_refused_in_words_of_their_own() {
        assert!(
            problems(None, &[("OVERTURE__TEMPORAL__ADDRESS", "http://127.0.0.1:7233")])
                .contains("holds only the embedded engine")
        );
    }

    #[test]
    fn a_list_is_no_value() {
        let (_folder, path) = file("[http]\nbind = [\"127.0.0.1:1\"]\n");
        assert!(problems(Some(&path), &[]).contains("http.bind"));
    }

    #[test]
    fn a_broken_file_is_named_with_the_place_but_not_with_its_text() {
        let (_folder, path) = file("[secrets]\nkey = \"hunter2\n");
        let told = problems(Some(&path), &[]);
        assert!(told.contains(&path.display().to_string()) && told.contains("line 2"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }

    #[test]
    fn a_file_may_be_a_device_and_empty() {
        assert!(read(Some(Path::new("/dev/null")), &[]).is_ok());
    }

    #[test]
    fn a_missing_file_is_named() {
        assert!(problems(Some(Path::new("no/such.toml")), &[]).contains("no/such.toml"));
    }
}
