//! The command line: names of commands and options, and their help. Other people's scripts rely on them.
//! Refuses to do anything: `commands` does.

mod channel;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Arg, ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use overture_domain::entities::{MessageStatus, Scope};
use overture_domain::ids::{ApiKeyId, MessageId, TenantId, WorkspaceId};
use overture_domain::time::Timestamp;
use std::ffi::OsString;
use std::path::PathBuf;

pub(crate) use channel::{ChannelArgs, ChannelCommand, Limit, LimitArgs, SetArgs, TestArgs, WhichChannel};

/// The id of `--config FILE` on every command that has no `--config` of its own.
const CONFIG_FILE: &str = "configuration file";

/// Opens conversations by email, WhatsApp and SMS.
///
/// Without a command: `dev`, a server with demo data on this machine.
#[derive(Debug, Parser)]
#[command(name = "overture", version, propagate_version = true)]
pub(crate) struct Cli {
    /// Print one JSON object as the only line on standard output.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What can be asked for.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// Start a server with demo data and print curl lines that work (the default).
    Dev,
    /// Serve the HTTP API and deliver messages.
    Serve,
    /// Deliver messages without serving HTTP, beside a `serve` on the same database.
    Worker,
    /// Bring the database to this version.
    Migrate(MigrateArgs),
    /// Make a demo tenant with a workspace, a sandbox channel of each kind and a key, on an empty database.
    Init(InitArgs),
    /// Send one message to an address of your own and watch its way.
    Try(TryArgs),
    /// Tenants: organisations that see nothing of each other.
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Workspaces: parts of a tenant that own channels and conversations.
    #[command(subcommand)]
    Workspace(WorkspaceCommand),
    /// Channels: ways out.
    #[command(subcommand)]
    Channel(ChannelCommand),
    /// API keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Messages and what became of them.
    #[command(subcommand)]
    Message(MessageCommand),
    /// Show how the whole stands: messages by status, what waits, what asks for a person.
    Status,
    /// Check configuration, connections, clock and channels; say how to mend what is wrong.
    Doctor,
    /// Print the OpenAPI document of the HTTP API.
    Openapi,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct MigrateArgs {
    /// Only say what would be done.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Only say which migrations are applied.
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) status: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct InitArgs {
    /// Make a new key even if there are tenants already.
    #[arg(long)]
    pub(crate) new_key: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct TryArgs {
    /// An email address, or a phone number with + and country code.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) to: String,
    /// The mail server, such as smtp://user@mail.example.com:587 or smtps://…; without it the sandbox takes the message.
    /// The password is asked for, or read from OVERTURE_TRY_SMTP_PASSWORD.
    #[arg(long, value_name = "URL")]
    pub(crate) smtp: Option<String>,
    /// The sender's address. Without it the user name of --smtp if that is an address, else the recipient.
    #[arg(long, value_name = "ADDRESS", requires = "smtp")]
    pub(crate) from: Option<String>,
}

/// Whose things are meant.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct OfTenant {
    /// The tenant; may be left out while there is one.
    #[arg(long, value_name = "ID", value_parser = parser("a UUID", TenantId::parse))]
    pub(crate) tenant: Option<TenantId>,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum TenantCommand {
    /// Make a tenant.
    Add {
        /// What it is called.
        #[arg(long, value_name = "TEXT", value_parser = name)]
        name: String,
    },
    /// List the tenants.
    List,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum WorkspaceCommand {
    /// Make a workspace.
    Add {
        /// What it is called.
        #[arg(long, value_name = "TEXT", value_parser = name)]
        name: String,
        #[command(flatten)]
        of: OfTenant,
    },
    /// List the workspaces of a tenant.
    List {
        #[command(flatten)]
        of: OfTenant,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key; it is shown this once.
    Create(Box<KeyArgs>),
    /// List the keys of a tenant, without the keys themselves.
    List {
        #[command(flatten)]
        of: OfTenant,
    },
    /// End a key: it works nowhere five seconds later.
    Revoke {
        /// The key's id, from `key list`.
        #[arg(value_name = "ID", value_parser = parser("a UUID", ApiKeyId::parse))]
        id: ApiKeyId,
        #[command(flatten)]
        of: OfTenant,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct KeyArgs {
    /// What it is called.
    #[arg(long, value_name = "TEXT", value_parser = name)]
    pub(crate) name: String,
    /// What it may do, such as conversations:read,conversations:write.
    #[arg(long, value_name = "SCOPES", value_delimiter = ',', required = true, value_parser = words(Scope::ALL, Scope::as_str, Scope::parse))]
    pub(crate) scopes: Vec<Scope>,
    /// The only workspace it works in.
    #[arg(long, value_name = "ID", value_parser = parser("a UUID", WorkspaceId::parse))]
    pub(crate) workspace: Option<WorkspaceId>,
    /// When it ends by itself, such as 2030-01-31T00:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = parser("a time such as 2030-01-31T00:00:00Z (RFC 3339)", Timestamp::parse))]
    pub(crate) expires: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum MessageCommand {
    /// List the newest messages.
    List {
        /// Only those that have come so far, those of the newest conversations first.
        #[arg(long, value_name = "STATUS", conflicts_with_all = ["attention", "unplaced"],
            value_parser = words(MessageStatus::ALL, MessageStatus::as_str, MessageStatus::parse))]
        status: Option<MessageStatus>,
        /// Instead the conversations that ask for a person, newest first: why, since when, and because of which message.
        #[arg(long, conflicts_with = "unplaced")]
        attention: bool,
        /// Instead what came and stands in no conversation, because nobody can tell whose it is; it goes after 30 days.
        #[arg(long)]
        unplaced: bool,
        /// How many, at most 1000.
        #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        #[command(flatten)]
        of: OfTenant,
    },
    /// Show one message with its attempts.
    Show {
        /// The message's id, from `message list`.
        #[arg(value_name = "ID", value_parser = parser("a UUID", MessageId::parse))]
        id: MessageId,
        #[command(flatten)]
        of: OfTenant,
    },
}

/// The whole command line, with `--config FILE` on every command but those that use that name themselves.
pub(crate) fn definition() -> clap::Command {
    with_config_file(Cli::command())
}

/// Reads the command line: what was asked for, and the configuration file if one was named.
///
/// # Errors
/// As clap says it; help and version are such errors.
pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<(Cli, Option<PathBuf>), clap::Error> {
    let matches = definition().try_get_matches_from(arguments)?;
    let mut file = None;
    let mut level = Some(&matches);
    while let Some(matches) = level {
        if let Ok(Some(named)) = matches.try_get_one::<PathBuf>(CONFIG_FILE) {
            file = Some(named.clone());
        }
        level = matches.subcommand().map(|(_, below)| below);
    }
    Ok((Cli::from_arg_matches(&matches)?, file))
}

fn with_config_file(command: clap::Command) -> clap::Command {
    let taken = command.get_arguments().any(|argument| argument.get_long() == Some("config"));
    let command = command.mut_subcommands(with_config_file);
    if taken {
        return command;
    }
    let file = Arg::new(CONFIG_FILE)
        .long("config")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .action(ArgAction::Set)
        .help("A configuration file; else the one that OVERTURE_CONFIG names");
    command.arg(file)
}

fn name(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("it is empty".into()),
        1..=200 if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        1..=200 => Err("it has a control character in it".into()),
        _ => Err("it is longer than 200 characters".into()),
    }
}

/// A parser from a function that says nothing about why.
fn parser<T>(
    what: &'static str,
    parse: fn(&str) -> Option<T>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: 'static,
{
    move |text| parse(text.trim()).ok_or_else(|| format!("it is not {what}"))
}

/// A parser of the words of an enum, which the help lists.
fn words<T: Copy + Clone + Send + Sync + 'static>(
    all: &'static [T],
    word: fn(T) -> &'static str,
    parse: fn(&str) -> Option<T>,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(all.iter().map(|value| word(*value)))
        .try_map(move |text| parse(&text).ok_or("it is not known"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use overture_domain::entities::ChannelKind;

    fn cli(line: &str) -> Result<(Cli, Option<PathBuf>), clap::Error> {
        read(line.split_whitespace().map(OsString::from))
    }

    const ID: &str = "0197a1b2-0000-7000-8000-000000000001";

    #[test]
    fn the_definition_is_sound() {
        definition().debug_assert();
    }

    #[test]
    fn every_documented_command_is_understood() {
        for line in [
            "overture".to_owned(),
            "overture dev".into(),
            "overture serve".into(),
            "overture worker".into(),
            "overture migrate".into(),
            "overture init --new-key".into(),
            "overture try --to ann@example.com --smtp smtp://user@host:587".into(),
            "overture tenant add --name A".into(),
            "overture tenant list".into(),
            format!("overture workspace add --name A --tenant {ID}"),
            "overture workspace list".into(),
            format!("overture channel add --workspace {ID} --type email --transport smtp --name Mail --config {{}}"),
            format!(
                "overture channel add --workspace {ID} --type sms --transport sandbox --name S --max-per-second 20 --max-per-day 500 --max-per-contact-per-hour 3 --allowed-countries DE,AT"
            ),
            format!("overture channel set {ID} --max-per-second none --max-per-day 500 --allowed-countries none"),
            "overture channel list".into(),
            format!("overture channel verify {ID}"),
            format!("overture channel pause {ID}"),
            format!("overture channel resume {ID}"),
            format!("overture channel templates {ID}"),
            format!("overture channel test {ID} --to ann@example.com"),
            "overture channel reseal".into(),
            format!(
                "overture key create --name A --scopes conversations:read,conversations:write --workspace {ID} --expires 2030-01-31T00:00:00Z"
            ),
            "overture key list".into(),
            format!("overture key revoke {ID}"),
            "overture message list".into(),
            "overture message list --unplaced --limit 5".into(),
            "overture message list --status failed".into(),
            "overture message list --attention --limit 5".into(),
            format!("overture message show {ID}"),
            "overture status".into(),
            "overture doctor".into(),
            "overture openapi".into(),
        ] {
            assert!(cli(&line).is_ok(), "{line}: {}", cli(&line).unwrap_err());
            assert!(cli(&format!("{line} --json")).unwrap().0.json, "{line} --json");
        }
    }

    #[test]
    fn without_a_word_it_is_left_to_the_default() {
        assert!(cli("overture --json").unwrap().0.command.is_none());
    }

    #[test]
    fn the_configuration_file_may_stand_before_or_after_the_command() {
        for line in [
            "overture --config f.toml serve",
            "overture serve --config f.toml",
            "overture tenant list --config f.toml",
            "overture --config f.toml",
        ] {
            assert_eq!(cli(line).unwrap().1, Some(PathBuf::from("f.toml")), "{line}");
        }
    }

    #[test]
    fn the_settings_of_a_channel_are_no_configuration_file() {
        let line = format!(
            "overture --config f.toml channel add --workspace {ID} --type sms --transport sandbox --name S --config @s.json"
        );
        let (cli, file) = cli(&line).unwrap();
        assert_eq!(file, Some(PathBuf::from("f.toml")));
        let Some(Command::Channel(ChannelCommand::Add(channel))) = cli.command else { panic!("{cli:?}") };
        assert_eq!((channel.config.as_str(), channel.kind), ("@s.json", ChannelKind::Sms));
    }

    #[test]
    fn a_limit_is_refused_where_it_is_none_and_told_what_may_be_written() {
        for (flag, range) in
            [("second", "1 to 10000"), ("day", "1 to 1000000000"), ("contact-per-hour", "1 to 1000000000")]
        {
            for wrong in ["0", "-1", "2000000000", "many"] {
                let told = cli(&format!("overture channel set {ID} --max-per-{flag}={wrong}")).unwrap_err().to_string();
                assert!(told.contains(&format!("a whole number from {range}, or none")), "{told}");
            }
        }
    }

    #[test]
    fn unknown_words_are_refused_with_the_known_ones() {
        let told = cli("overture key create --name A --scopes conversation:read").unwrap_err().to_string();
        assert!(told.contains("conversations:read"), "{told}");
        let told = cli(&format!("overture channel add --workspace {ID} --type fax --transport sandbox --name S"))
            .unwrap_err()
            .to_string();
        assert!(told.contains("whatsapp"), "{told}");
        assert!(cli("overture key revoke 12").unwrap_err().to_string().contains("UUID"));
        assert!(cli("overture tenant add --name").is_err());
    }
}
