//! The keys of the configuration: their names, what they allow, and which key somebody meant.
//! Refuses to know values: `settings.rs` reads those.

/// The beginning of every environment variable that is read as a key.
pub(crate) const PREFIX: &str = "OVERTURE__";

/// How far a misspelt key may be from a known one to be offered as what was meant.
const NEAR: usize = 4;

/// One key of the configuration.
#[derive(Debug)]
pub(crate) struct Key {
    /// As it stands in a file, with dots for sections.
    pub(crate) name: &'static str,
    /// What a value may be, for people.
    pub(crate) allowed: &'static str,
    /// What holds where nobody sets it and no default stands in `config/default.toml`.
    pub(crate) absent: Option<&'static str>,
    /// Whether its value is never shown.
    pub(crate) secret: bool,
}

const fn key(name: &'static str, allowed: &'static str) -> Key {
    Key { name, allowed, absent: None, secret: false }
}

const fn optional(name: &'static str, allowed: &'static str, absent: &'static str) -> Key {
    Key { name, allowed, absent: Some(absent), secret: false }
}

const DURATION: &str = "an ISO 8601 duration of at most P7D, such as PT30S, PT4H or P1D";
const ADDRESS: &str = "an IP address or localhost, and a port, such as 127.0.0.1:8080, [::1]:8080 or localhost:8080; port 0 picks a free one";

/// Every key there is, in the order of `config/default.toml`.
pub(crate) const KEYS: &[Key] = &[
    key("data_dir", "the path of a folder"),
    optional(
        "public_url",
        "an address that begins with http:// or https://, without a path",
        "none: providers report nothing back",
    ),
    key("http.bind", ADDRESS),
    optional("http.admin_bind", ADDRESS, "with http.bind where that is on loopback, else 127.0.0.1:9080"),
    optional("http.worker_bind", ADDRESS, "none: a worker answers nobody"),
    key("http.body_limit", "a number of bytes from 1024 to 67108864"),
    key("http.workers", "a number from 1 to 256"),
    key("http.idempotency_wait", DURATION),
    optional(
        "database.url",
        "sqlite:PATH, the path of a file, or postgres://USER:PASSWORD@HOST/DATABASE",
        "overture.db in the data folder",
    ),
    key("database.connections", "a number from 2 to 1000"),
    key("engine.kind", "embedded or temporal"),
    key("engine.in_serve", "true or false"),
    key("engine.concurrency", "a number from 1 to 4096"),
    key("engine.stop_within", DURATION),
    key("temporal.address", "http://HOST:PORT, or https://HOST:PORT with TLS"),
    key("temporal.namespace", "the name of a namespace that exists"),
    optional("temporal.tls", "true or false", "true with an https address, certificates or an API key"),
    optional("temporal.server_ca", "the path of a PEM file", "what the system trusts"),
    optional("temporal.server_name", "a name in the server's certificate", "the host of temporal.address"),
    optional("temporal.client_cert", "the path of a PEM file", "no certificate of our own"),
    optional("temporal.client_key", "the path of a PEM file", "no certificate of our own"),
    Key { name: "temporal.api_key", allowed: "an API key of Temporal Cloud", absent: Some("no API key"), secret: true },
    optional(
        "egress.allow_private",
        "true or false",
        "true while the database is SQLite and the engine embedded, else false",
    ),
    Key {
        name: "secrets.key",
        allowed: "32 bytes in base64, such as the output of `openssl rand -base64 32`",
        absent: Some("the file secrets.key in the data folder, made at the first start"),
        secret: true,
    },
    Key {
        name: "secrets.old_keys",
        allowed: "keys that secrets.key replaced, each 32 bytes in base64, separated by commas",
        absent: Some("no old keys"),
        secret: true,
    },
    key("compose.sms_segments", "a number from 1 to 100"),
    key("compose.deliver_within.email", DURATION),
    key("compose.deliver_within.sms", DURATION),
    key("compose.deliver_within.whatsapp", DURATION),
    key("smtp.timeout", "an ISO 8601 duration of at most PT10M, such as PT30S"),
    optional("smtp.ca_file", "the path of a PEM file with certificates", "only the usual authorities"),
    key("twilio.base_url", "an address that begins with http:// or https://, without a path"),
    key("twilio.content_base_url", "an address that begins with http:// or https://, without a path"),
    key("whatsapp.base_url", "an address that begins with http:// or https://, without a path"),
    key("whatsapp.api_version", "a version of the Graph API, such as v23.0"),
    key("log.level", "error, warn, info, debug or trace, or a list of part=level such as info,overture_http=debug"),
    key("log.format", "auto, pretty or json"),
];

/// The key with that name.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Whether keys stand under that name.
pub(crate) fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| key.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

/// The environment variable a key is read from.
pub(crate) fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.to_uppercase().replace('.', "__"))
}

/// The known key somebody most likely meant.
pub(crate) fn nearest(name: &str) -> &'static Key {
    let written = bare(name);
    let last = name.rsplit('.').next().map(bare).unwrap_or_default();
    let distance = |key: &&Key| {
        let known = bare(key.name);
        // A key put into the wrong section is near by its last part alone.
        let by_last_part = key.name.rsplit('.').next().filter(|part| bare(part) == last).map_or(usize::MAX, |_| 2);
        strsim::damerau_levenshtein(&written, &known).min(by_last_part)
    };
    KEYS.iter().min_by_key(distance).unwrap_or(&KEYS[0])
}

/// The key that a variable like `OVERTURE_HTTP_BIND` was meant to set, if it is that near to one.
pub(crate) fn meant_by_variable(variable: &str) -> Option<&'static Key> {
    let rest = variable.strip_prefix("OVERTURE_").filter(|_| !variable.starts_with(PREFIX))?;
    let written = bare(rest);
    let near = nearest(rest);
    let limit = NEAR.min(written.len() / 4);
    (strsim::damerau_levenshtein(&written, &bare(near.name)) <= limit).then_some(near)
}

/// Letters and digits only, in lower case: what is left when somebody mixes up separators.
fn bare(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_the_one_that_was_meant() {
        for (written, meant) in [
            ("http.bnid", "http.bind"),
            ("htp.bind", "http.bind"),
            ("bind", "http.bind"),
            ("http.adminbind", "http.admin_bind"),
            ("http.admin-bind", "http.admin_bind"),
            ("egress.allowPrivate", "egress.allow_private"),
            ("compose.email", "compose.deliver_within.email"),
            ("data.dir", "data_dir"),
            ("datadir", "data_dir"),
            ("secret.key", "secrets.key"),
            ("logging.level", "log.level"),
        ] {
            assert_eq!(nearest(written).name, meant, "{written}");
        }
    }

    #[test]
    fn a_variable_with_single_underscores_is_recognised() {
        assert_eq!(meant_by_variable("OVERTURE_HTTP_BIND").map(|key| key.name), Some("http.bind"));
        assert_eq!(meant_by_variable("OVERTURE_DATA_DIR").map(|key| key.name), Some("data_dir"));
        assert_eq!(meant_by_variable("OVERTURE_EGRESS_ALLOW_PRIVAT").map(|key| key.name), Some("egress.allow_private"));
    }

    #[test]
    fn other_variables_are_left_alone() {
        for other in [
            "OVERTURE__HTTP__BIND",
            "OVERTURE_CONFIG",
            "OVERTURE_TRY_SMTP_PASSWORD",
            "OVERTURE_CRASH_AT",
            "OVERTURE_MAIL_PASSWORD",
            "PATH",
            "OVERTURE_",
        ] {
            assert_eq!(meant_by_variable(other).map(|key| key.name), None, "{other}");
        }
    }

    #[test]
    fn a_key_and_its_variable_spell_alike() {
        assert_eq!(variable("compose.deliver_within.email"), "OVERTURE__COMPOSE__DELIVER_WITHIN__EMAIL");
        assert_eq!(variable("data_dir"), "OVERTURE__DATA_DIR");
    }
}
