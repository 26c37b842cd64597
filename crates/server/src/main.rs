//! `overture`: reads the command line and the configuration, runs one command, and tells a person what went wrong.
//! Owns the runtime, the wiring and everything that only a process has; refuses rules of its own.

mod background;
mod cli;
mod commands;
mod config;
#[cfg(debug_assertions)]
mod crash;
mod engine;
mod failure;
mod hints;
mod left_to_workers;
mod mail_server;
mod maker;
mod overdue;
mod printer;
mod readiness;
mod samples;
mod secret_key;
mod store;
mod system;
mod telemetry;
mod terminal;
mod wiring;

use crate::cli::Command;
use crate::config::{EngineKind, Settings};
use crate::failure::Failure;
use crate::printer::{Answer, Printer};
use rustix::fs::Mode;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use tikv_jemallocator::Jemalloc;

/// Less processor time than the system's (docs/decisions/0013-allocator.md).
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// The variable that names a configuration file where the command line does not.
const CONFIG_VARIABLE: &str = "OVERTURE_CONFIG";

fn main() -> ExitCode {
    // Everything that is kept is for this user alone.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    telemetry::tell_panics();
    // Of several libraries that could do it, ring does all cryptography of TLS. Nobody was here before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (cli, named) = match cli::read(std::env::args_os()) {
        Ok(read) => read,
        Err(error) => return refused(&error),
    };
    let printer = Printer::new(cli.json);
    let environment: Vec<_> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let file = named.or_else(|| std::env::var_os(CONFIG_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from));
    let loaded = Settings::load(file.as_deref(), &environment);
    warn_of_misspelt(&environment);

    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(threads(loaded.as_ref().ok())).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return told(printer, &Failure::new(format!("The runtime cannot start: {error}"))),
    };
    let command = commands::run(cli.command.unwrap_or(Command::Dev), loaded, printer);
    let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(command))).unwrap_or_else(|_| {
        Err(Failure::new("A bug in Overture ended this command").remedy("The log says where; please report it."))
    });
    // What still blocks a thread (a file, a name that is being resolved) is not waited for.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => told(printer, &failure),
    }
}

/// How many threads run what is neither HTTP nor Temporal's worker, which have their own. Conversations that run here have a
/// thread on each core; without them half as many do, or work that belongs together goes from one to the other.
fn threads(settings: Option<&Settings>) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let runs_conversations =
        settings.is_some_and(|settings| settings.engine.kind == EngineKind::Embedded && settings.engine.in_serve);
    if runs_conversations { cores } else { (cores / 2).max(1) }
}

/// What clap says: help and version are answers, everything else is a wrong command line.
fn refused(error: &clap::Error) -> ExitCode {
    // Where standard output or error is closed, nobody is left to be told.
    let _ = error.print();
    if !error.use_stderr() {
        return ExitCode::SUCCESS;
    }
    if std::env::args_os().any(|argument| argument == "--json") {
        let text = error.to_string();
        // What it says before the usage: the sentence and the arguments it is about.
        let said =
            text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:")).filter(|line| !line.is_empty());
        let sentence = said.collect::<Vec<_>>().join(" ").trim_start_matches("error: ").to_owned();
        Printer::new(true).answer(&Answer::new(Failure::usage(sentence).json(), ""));
    }
    ExitCode::from(2)
}

fn told(printer: Printer, failure: &Failure) -> ExitCode {
    telemetry::tell(&failure.to_string());
    if printer.is_json() {
        printer.answer(&Answer::new(failure.json(), ""));
    }
    failure.exit_code()
}

/// Names variables that look like keys but are not read.
fn warn_of_misspelt(environment: &[(String, String)]) {
    for (name, _) in environment {
        if let Some(key) = config::meant_by_variable(name) {
            let meant = config::variable(key.name);
            telemetry::tell(&format!(
                "{name} is not read: sections are separated by two underscores. Did you mean {meant}?"
            ));
        }
    }
}
