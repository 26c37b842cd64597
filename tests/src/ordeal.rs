//! A load under which the process is killed again and again, and the check of what is left: every 200 is exactly one
//! conversation, every message ends, and no message came twice unless its first copy was unclear.
//! The tests run it small, `soak crashes` runs the same code large.

use crate::conditions::{AFTER_LEASES, pause};
use crate::installation::{Demo, Installation, Server, announced};
use crate::load::Load;
use crate::mail_server::MailServer;
use crate::process::Process;
use crate::randomness::Random;
use crate::verdict::{
    attempts, copies_are_equal_and_accounted_for, one_conversation_each, unclear_are_those_open_at_death,
};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

const SIGKILL: i32 = 9;

/// How the process dies.
#[derive(Debug, Clone, Copy)]
pub enum Death {
    /// By itself, the n-th time it reaches this point (debug builds).
    At(&'static str, u32),
    /// By us, a random time below `within` after so many further composes were answered.
    AnyTime {
        /// How many composes are answered first.
        after: u64,
        /// How long it may live then.
        within: Duration,
    },
}

/// What the process goes through.
#[derive(Debug, Clone)]
pub struct Ordeal {
    /// How many clients compose at once.
    pub clients: usize,
    /// Its deaths, each followed by a start.
    pub deaths: Vec<Death>,
}

/// What was left in the end; everything else was checked.
#[derive(Debug, Clone, Copy)]
pub struct Survived {
    /// Composes answered 200, each exactly one conversation with one message that ended.
    pub composes: usize,
    /// Those of them that ended `unconfirmed`: unclear so often that a person is asked. All others were sent.
    pub unconfirmed: usize,
    /// Deaths.
    pub deaths: usize,
    /// Attempts whose process died before it recorded how they ended.
    pub unclear: usize,
    /// Copies that the mail server got beyond the first, all equal to it.
    pub copies: usize,
}

/// Goes through an ordeal and checks what is left.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn survive(ordeal: Ordeal) -> Result<Survived> {
    let installation = Installation::new()?;
    let demo = installation.init()?;
    let mail_server = MailServer::start().await?;
    let channel = installation.add_mail_channel(&demo, &mail_server, &Value::Null)?;
    let load = Load::start(&demo, &channel, ordeal.clients, u64::MAX, Duration::ZERO);

    let mut random = Random::new();
    let mut open_at_death = BTreeSet::new();
    for death in &ordeal.deaths {
        live_and_die(&installation, &demo, &load, *death, &mut random).await.with_context(|| format!("{death:?}"))?;
        open_at_death.extend(attempts(&installation, "outcome IS NULL")?);
    }

    let server = installation.serve().await?;
    let client = server.client(&demo)?;
    load.through(vec![client.clone()]);
    load.no_more();
    let answered = load.end().await?;
    installation.settles(AFTER_LEASES).await.with_context(|| server.process.last_words())?;

    answered.repeats_find_what_was_made(&client).await?;
    let messages = one_conversation_each(&installation, &answered.composed)?;
    let unconfirmed = messages.values().filter(|message| !message.sent).count();
    let unclear = unclear_are_those_open_at_death(&installation, &open_at_death)?;
    let copies = copies_are_equal_and_accounted_for(&mail_server.mails()?, &messages, &unclear)?;
    ensure!(server.stop().await?.success(), "the last process did not stop cleanly");
    let (composes, deaths) = (answered.composed.len(), ordeal.deaths.len());
    Ok(Survived { composes, unconfirmed, deaths, unclear: unclear.len(), copies })
}

/// One life of the process, from its start to its death.
async fn live_and_die(
    installation: &Installation,
    demo: &Demo,
    load: &Load,
    death: Death,
    random: &mut Random,
) -> Result<()> {
    let mut command = installation.command(&["serve", "--json"])?;
    if let Death::At(point, time) = death {
        command.env("OVERTURE_CRASH_AT", format!("{point}:{time}"));
    }
    let mut process = installation.launch(command)?;
    match announced(&mut process).await {
        Ok(told) => {
            let mut server = Server::of(process, told)?;
            load.through(vec![server.client(demo)?]);
            let died = die(&mut server.process, load, death, random).await;
            load.through(Vec::new());
            died
        }
        // What was left from before can bring it to its point before it says a word.
        Err(error) => match process.ended()? {
            Some(status) if status.signal() == Some(SIGKILL) => Ok(()),
            _ => Err(error),
        },
    }
}

async fn die(process: &mut Process, load: &Load, death: Death, random: &mut Random) -> Result<()> {
    let status = match death {
        Death::At(..) => process.end(AFTER_LEASES).await?,
        Death::AnyTime { after, within } => {
            load.answers(after).await?;
            pause(random.time_below(within)).await;
            process.kill()?
        }
    };
    ensure!(status.signal() == Some(SIGKILL), "it ended otherwise: {status}; {}", process.last_words());
    Ok(())
}
