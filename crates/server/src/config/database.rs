//! Which database: `sqlite:PATH` or a PostgreSQL URL.

use std::path::PathBuf;

/// The parameters of a PostgreSQL URL that the driver reads; it would pass over any other, and with a misspelt `sslmode`
/// over the check of the server's certificate.
const PARAMETERS: &[&str] = &[
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// Which database.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum DatabaseKind {
    /// The file of a SQLite database.
    Sqlite(PathBuf),
    /// The URL of a PostgreSQL database. It may hold a password.
    Postgres(String),
}

impl DatabaseKind {
    /// Reads `database.url`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://")) {
            return match rest.split_once('/') {
                Some((_, database)) if !database.is_empty() && !database.starts_with('?') => {
                    known_parameters(database).map(|()| Self::Postgres(text.to_owned()))
                }
                _ => Err("names no database: postgres://USER:PASSWORD@HOST/DATABASE".into()),
            };
        }
        let path = text.strip_prefix("sqlite:").ok_or("begins neither with sqlite: nor with postgres://")?;
        let path = path.strip_prefix("//").unwrap_or(path);
        match path {
            "" => Err("names no file".into()),
            path if path.contains(":memory:") => Err("would forget everything at the end: give a file".into()),
            path if path.contains('?') => Err("has parameters, which are not read: give the path alone".into()),
            path => Ok(Self::Sqlite(path.into())),
        }
    }

    /// As the database adapter takes it.
    pub(crate) fn url(&self) -> String {
        match self {
            // The URL is read with percent-encoding and parameters; a path has neither.
            Self::Sqlite(path) => {
                format!("sqlite:{}", path.display().to_string().replace('%', "%25").replace('?', "%3F"))
            }
            Self::Postgres(url) => url.clone(),
        }
    }

    /// Its name among the adapters.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }

    /// What people call it: the file, or the URL without its password.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Sqlite(path) => path.display().to_string(),
            Self::Postgres(url) => without_password(url),
        }
    }
}

impl std::fmt::Debug for DatabaseKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown())
    }
}

/// Whether the driver reads each parameter of a PostgreSQL URL. Says the name of one it does not, never its value.
fn known_parameters(database: &str) -> Result<(), String> {
    let parameters = database.split_once('?').map_or("", |(_, parameters)| parameters);
    let parameters = parameters.split('#').next().unwrap_or_default();
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let name = parameter.split('=').next().unwrap_or_default();
        // One setting of the server's: options[statement_timeout]=5s.
        let is_option = name.strip_prefix("options[").is_some_and(|rest| rest.ends_with(']'));
        if !is_option && !PARAMETERS.contains(&name) {
            // What has other letters in it may be a piece of a password that is not percent-encoded.
            if !name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter)) {
                return Err(
                    "has a parameter that PostgreSQL's driver does not know (a ? that begins none is written %3F)"
                        .into(),
                );
            }
            let distance = |known: &&str| strsim::damerau_levenshtein(&name.to_lowercase(), known);
            let nearest = PARAMETERS.iter().copied().min_by_key(distance).unwrap_or("sslmode");
            return Err(format!(
                "has a parameter {name:?} that PostgreSQL's driver does not know (did you mean {nearest}?)"
            ));
        }
    }
    Ok(())
}

/// A URL whose password, if it has one, is three stars.
pub(super) fn without_password(text: &str) -> String {
    let hidden = || {
        let (scheme, rest) = text.split_once("://")?;
        let (before, host) = rest.rsplit_once('@')?;
        let (user, _) = before.split_once(':')?;
        Some(format!("{scheme}://{user}:***@{host}"))
    };
    let url = hidden().unwrap_or_else(|| text.to_owned());
    match url.split_once("password=") {
        Some((before, after)) => {
            format!("{before}password=***{}", after.find('&').map_or("", |end| &after[end..]))
        }
        None => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgres://u:hunter2@h/d", "postgres://u:***@h/d"),
            ("postgres://u:a@b:c@h:5432/d?sslmode=require", "postgres://u:***@h:5432/d?sslmode=require"),
            ("postgres://u@h/d?password=hunter2&sslmode=disable", "postgres://u@h/d?password=***&sslmode=disable"),
            ("postgres://h/d", "postgres://h/d"),
        ] {
            let kind = DatabaseKind::parse(url).unwrap();
            assert_eq!(kind.shown(), shown);
            assert_eq!(format!("{kind:?}"), shown);
            assert_eq!(kind.url(), url);
        }
    }

    #[test]
    fn a_parameter_that_the_driver_would_pass_over_is_refused_with_the_one_that_was_meant() {
        for (parameters, meant) in [
            ("sslmod=verify-full", "sslmode"),
            ("SSLMODE=require", "sslmode"),
            ("sslmode=require&sslrootcrt=/ca.pem", "sslrootcert"),
            ("applicaton_name=x", "application_name"),
        ] {
            let told = DatabaseKind::parse(&format!("postgres://u:hunter2@h/d?{parameters}")).unwrap_err();
            assert!(told.ends_with(&format!("(did you mean {meant}?)")), "{told}");
            assert!(!told.contains("hunter2") && !told.contains("pem"), "{told}");
        }
        let told = DatabaseKind::parse("postgres://u:hunter/2?pieces@h/d").unwrap_err();
        assert!(told.contains("%3F") && !told.contains("pieces"), "{told}");
        for parameters in
            ["", "sslmode=verify-full&ssl-ca=/ca.pem", "options[statement_timeout]=5s", "host=/run/postgres"]
        {
            assert!(DatabaseKind::parse(&format!("postgres://u@h/d?{parameters}")).is_ok(), "{parameters}");
        }
    }

    #[test]
    fn a_url_names_a_database() {
        for url in ["postgres://u@h", "postgres://u@h/", "postgres://u@h/?sslmode=require"] {
            assert!(DatabaseKind::parse(url).unwrap_err().contains("names no database"), "{url}");
        }
    }
}
