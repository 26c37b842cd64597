//! The layers of the configuration: the built-in file, a file, the environment; the later wins, and each value keeps
//! its source. Knows which keys exist; what a value means is the business of `settings.rs`.

use super::keys::{self, PREFIX};
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

/// Reads the layers, and gathers what is wrong with them: every key nobody knows, every value that is no text, number or
/// truth, a file that cannot be read. What is wrong is left out of the layers, so that the layer below it holds.
/// `environment` is the process's variables.
pub(crate) fn read(file: Option<&Path>, environment: &[(String, String)]) -> (Layered, Vec<ConfigProblem>) {
    let mut found = Found { file, layered: Layered::new(), problems: Vec::new() };
    let defaults = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
    // A key whose whole section is overwritten by mistake still has its default.
    found.take(defaults.clone().build());
    let mut builder = defaults;
    match file.map(NamedText::read) {
        Some(Ok(text)) => builder = builder.add_source(text),
        Some(Err(problem)) => found.problems.push(problem),
        None => {}
    }
    let mut variables = config::Map::new();
    for (name, value) in environment.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
        let key = name[PREFIX.len()..].to_lowercase().replace("__", ".");
        // A text in the place of a section would hide every key in it.
        if keys::is_section(&key) && !value.is_empty() {
            found.problems.push(ConfigProblem::section(&key, &Source::Environment(name.clone())));
        } else {
            variables.insert(name.clone(), value.clone());
        }
    }
    builder = builder.add_source(
        Environment::with_prefix("OVERTURE")
            .prefix_separator("__")
            .separator("__")
            .ignore_empty(true)
            .source(Some(variables)),
    );
    found.take(builder.build());
    (found.layered, found.problems)
}

/// A file that was read, and holds TOML: anything that can be read will do, a pipe too.
#[derive(Clone)]
struct NamedText {
    name: String,
    text: String,
}

impl NamedText {
    fn read(path: &Path) -> Result<Self, ConfigProblem> {
        let text =
            std::fs::read_to_string(path).map_err(|error| ConfigProblem::unreadable(path, &error.to_string()))?;
        let read = Self { name: path.display().to_string(), text };
        config::Source::collect(&read).map_err(|error| broken(path, &error))?;
        Ok(read)
    }
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
    fn take(&mut self, built: Result<Config, ConfigError>) {
        match built {
            Ok(config) => self.walk("", config.cache),
            Err(error) => {
                let problem = broken(self.file.unwrap_or_else(|| Path::new("config/default.toml")), &error);
                self.problems.push(problem);
            }
        }
    }

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
        self.problems.push(if name.split('.').any(str::is_empty) {
            ConfigProblem::nameless(source)
        } else if keys::is_section(name) {
            ConfigProblem::section(name, source)
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
fn broken(file: &Path, error: &ConfigError) -> ConfigProblem {
    let text = match error {
        ConfigError::FileParse { cause, .. } => cause.to_string(),
        other => other.to_string(),
    };
    let told: Vec<_> =
        text.lines().filter(|line| !line.contains('|')).map(str::trim).filter(|line| !line.is_empty()).collect();
    ConfigProblem::unreadable(file, &told.join(": "))
}

#[cfg(test)]
mod tests {
    use super::super::keys::KEYS;
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
        let (_, problems) = read(file, &environment(variables));
        assert!(!problems.is_empty(), "nothing was refused");
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_key_stands_in_the_default_file_set_or_as_a_comment() {
        let (layered, problems) = read(None, &[]);
        assert_eq!(problems, [], "the built-in file is broken");
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
        let (layered, _) = read(Some(&path), &environment(&[("OVERTURE__HTTP__BIND", "127.0.0.1:2")]));
        let of = |name: &str| (layered[name].text.as_str(), layered[name].source.clone());
        assert_eq!(of("http.bind"), ("127.0.0.1:2", Source::Environment("OVERTURE__HTTP__BIND".into())));
        assert_eq!(of("http.workers"), ("3", Source::File(path)));
        assert_eq!(of("http.body_limit"), ("1048576", Source::Default));
    }

    #[test]
    fn an_empty_variable_is_no_value() {
        let (layered, _) = read(None, &environment(&[("OVERTURE__PUBLIC_URL", "")]));
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
    fn a_section_is_not_a_key_and_leaves_the_keys_of_the_section_as_they_were() {
        let variables =
            [("OVERTURE__HTTP", "x"), ("OVERTURE__HTTP__BIND", "[::1]:9"), ("OVERTURE__HTTP__WROKERS", "3")];
        let (layered, problems) = read(None, &environment(&variables));
        let [section, misspelt] = problems.as_slice() else { panic!("{problems:?}") };
        assert!(section.to_string().contains("http is a section"), "{section}");
        assert!(misspelt.to_string().contains("WROKERS"), "{misspelt}");
        assert_eq!([&layered["http.bind"].text, &layered["http.workers"].text], ["[::1]:9", "2"]);
        let (_folder, path) = file("http = \"127.0.0.1:1\"\n");
        let (layered, problems) = read(Some(&path), &[]);
        assert_eq!((problems.len(), layered["http.bind"].text.as_str()), (1, "127.0.0.1:8080"), "{problems:?}");
    }

    #[test]
    fn a_variable_that_names_no_key_at_all_is_told_as_it_is_spelt() {
        for variable in ["OVERTURE__", "OVERTURE__HTTP__"] {
            let told = problems(None, &[(variable, "x")]);
            assert!(told.contains(&format!("variable {variable} ")) && !told.contains(" ;"), "{told}");
        }
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
        assert_eq!(read(Some(Path::new("/dev/null")), &[]).1, []);
    }

    #[test]
    fn a_missing_file_is_named_and_the_other_layers_are_read_all_the_same() {
        let missing = Some(Path::new("no/such.toml"));
        assert!(problems(missing, &[]).contains("no/such.toml"));
        let (layered, problems) =
            read(missing, &environment(&[("OVERTURE__HTTP__WORKERS", "3"), ("OVERTURE__X", "1")]));
        assert_eq!((layered["http.workers"].text.as_str(), problems.len()), ("3", 2), "{problems:?}");
    }
}
