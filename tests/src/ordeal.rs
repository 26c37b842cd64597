//! A load under which the process is killed again and again, and the check of what is left: every 200 is exactly one
//! conversation, every message ends, and no message came twice unless its first copy was unclear.
//! The tests run it small, `soak crashes` runs the same code large.

use crate::client::{Answer, Client};
use crate::conditions::{AFTER_LEASES, SOON, eventually, pause};
use crate::installation::{Demo, Installation, Server, announced};
use crate::mail_server::{Mail, MailServer};
use crate::process::Process;
use crate::randomness::Random;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

const SIGKILL: i32 = 9;
/// As many contacts share the load, so that composes race for them.
const CONTACTS: u64 = 97;
/// What a client waits before it repeats.
const BEFORE_REPEATING: Duration = Duration::from_millis(20);

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

/// An attempt: the message and the attempt's number.
type AttemptKey = (String, u64);

/// A compose that was answered 200.
struct Composed {
    subject: String,
    key: String,
    conversation: String,
}

/// Its message in the end.
struct Ended {
    message: String,
    sent: bool,
}

/// What the clients share.
struct Load {
    demo: Demo,
    channel: String,
    client: watch::Receiver<Option<Client>>,
    next: AtomicU64,
    answered: AtomicU64,
    ending: AtomicBool,
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
    let (publish, client) = watch::channel(None);
    let load = Arc::new(Load {
        demo: demo.clone(),
        channel,
        client,
        next: AtomicU64::new(0),
        answered: AtomicU64::new(0),
        ending: AtomicBool::new(false),
    });
    let mut clients = JoinSet::new();
    for _ in 0..ordeal.clients {
        clients.spawn(Arc::clone(&load).compose_until_the_end());
    }

    let mut random = Random::new();
    let mut open_at_death = BTreeSet::new();
    for death in &ordeal.deaths {
        live_and_die(&installation, &load, &publish, *death, &mut random)
            .await
            .with_context(|| format!("{death:?}"))?;
        open_at_death.extend(attempts(&installation, "outcome IS NULL")?);
    }

    load.ending.store(true, Ordering::SeqCst);
    let server = installation.serve().await?;
    let client = server.client(&demo)?;
    publish.send_replace(Some(client.clone()));
    let mut composed = Vec::new();
    while let Some(ended) = clients.join_next().await {
        composed.extend(ended??);
    }
    installation.settles(AFTER_LEASES).await.with_context(|| server.process.last_words())?;

    repeats_find_what_was_made(&load, &client, &composed).await?;
    let messages = one_conversation_each(&installation, &composed)?;
    let unconfirmed = messages.values().filter(|message| !message.sent).count();
    let unclear = unclear_are_those_open_at_death(&installation, &open_at_death)?;
    let copies = copies_are_equal_and_accounted_for(&mail_server.mails()?, &messages, &unclear)?;
    ensure!(server.stop().await?.success(), "the last process did not stop cleanly");
    let (composes, deaths) = (composed.len(), ordeal.deaths.len());
    Ok(Survived { composes, unconfirmed, deaths, unclear: unclear.len(), copies })
}

/// One life of the process, from its start to its death.
async fn live_and_die(
    installation: &Installation,
    load: &Load,
    publish: &watch::Sender<Option<Client>>,
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
            publish.send_replace(Some(server.client(&load.demo)?));
            let died = die(&mut server.process, load, death, random).await;
            publish.send_replace(None);
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
            let enough = load.answered.load(Ordering::SeqCst) + after;
            eventually("composes are answered", SOON, async || {
                Ok((load.answered.load(Ordering::SeqCst) >= enough).then_some(()))
            })
            .await?;
            pause(random.time_below(within)).await;
            process.kill()?
        }
    };
    ensure!(status.signal() == Some(SIGKILL), "it ended otherwise: {status}; {}", process.last_words());
    Ok(())
}

impl Load {
    async fn compose_until_the_end(self: Arc<Self>) -> Result<Vec<Composed>> {
        let mut composed = Vec::new();
        while !self.ending.load(Ordering::SeqCst) {
            let n = self.next.fetch_add(1, Ordering::SeqCst);
            let (subject, key) = (format!("Ordeal {n}"), format!("ordeal-{n}"));
            let answer = self.repeat_until_answered(&subject, &key).await?;
            self.answered.fetch_add(1, Ordering::SeqCst);
            composed.push(Composed { subject, key, conversation: answer.conversation()?.to_owned() });
        }
        Ok(composed)
    }

    /// Repeats unchanged what may be repeated, as the contract says: no answer, any 5xx, and 409 `idempotency_in_progress`.
    async fn repeat_until_answered(&self, subject: &str, key: &str) -> Result<Answer> {
        let mut client = self.client.clone();
        let answered = async {
            loop {
                let client = client.wait_for(Option::is_some).await?.clone().context("no client")?;
                match client.compose_once(&self.body(subject), key).await {
                    Ok(answer) if answer.status == 200 => return Ok(answer),
                    Ok(answer) if answer.status >= 500 || answer.body["code"] == "idempotency_in_progress" => {}
                    Ok(answer) => bail!("{subject} was answered {} {}", answer.status, answer.body),
                    Err(_) => {}
                }
                pause(BEFORE_REPEATING).await;
            }
        };
        tokio::time::timeout(AFTER_LEASES, answered).await.with_context(|| format!("{subject} was never answered"))?
    }

    fn body(&self, subject: &str) -> Value {
        let number = subject.rsplit(' ').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or_default();
        self.demo.mail(&self.channel, &format!("contact{}@example.com", number % CONTACTS), subject)
    }
}

fn attempts(installation: &Installation, which: &str) -> Result<BTreeSet<AttemptKey>> {
    let rows = installation.rows(&format!("SELECT message_id, number FROM attempts WHERE {which}"))?;
    rows.iter().map(|row| Ok((text(row, "message_id")?, row["number"].as_u64().context("no number")?))).collect()
}

fn text(row: &Value, column: &str) -> Result<String> {
    row[column].as_str().map(str::to_owned).with_context(|| format!("no {column} in {row}"))
}

/// A repeated request finds its conversation, whatever happened in between.
async fn repeats_find_what_was_made(load: &Load, client: &Client, composed: &[Composed]) -> Result<()> {
    for one in composed.iter().step_by(composed.len().div_ceil(20).max(1)) {
        let again = client.compose_once(&load.body(&one.subject), &one.key).await?.composed()?;
        ensure!(again.conversation()? == one.conversation, "{} was repeated into another conversation", one.subject);
        ensure!(again.header("idempotency-replayed") == Some("true"), "{} was not replayed", one.subject);
    }
    Ok(())
}

/// Every 200 has exactly one conversation with one message, which ended. Comes back with the message of each subject.
fn one_conversation_each(installation: &Installation, composed: &[Composed]) -> Result<BTreeMap<String, Ended>> {
    let rows = installation.rows(
        "SELECT v.id AS conversation, v.subject, v.status AS standing, v.attention_reason, m.id AS message, m.status \
         FROM conversations v LEFT JOIN messages m ON m.conversation_id = v.id",
    )?;
    let mut by_subject: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for row in &rows {
        by_subject.entry(text(row, "subject")?).or_default().push(row);
    }
    ensure!(by_subject.len() == composed.len(), "{} answered, {} stored", composed.len(), by_subject.len());
    let mut messages = BTreeMap::new();
    for one in composed {
        let Some([row]) = by_subject.get(&one.subject).map(Vec::as_slice) else {
            bail!("{} is not exactly one conversation: {:?}", one.subject, by_subject.get(&one.subject));
        };
        ensure!(row["conversation"] == one.conversation.as_str(), "{} was answered with another Location", one.subject);
        let sent = match (row["status"].as_str(), row["standing"].as_str(), row["attention_reason"].as_str()) {
            (Some("sent"), Some("awaiting_contact"), None) => true,
            (Some("unconfirmed"), Some("in_progress"), Some("message_unconfirmed")) => false,
            _ => bail!("{} ended as {row}", one.subject),
        };
        messages.insert(one.subject.clone(), Ended { message: text(row, "message")?, sent });
    }
    ensure!(installation.count("SELECT count(*) FROM wakeups")? == 0, "wakeups are left");
    Ok(messages)
}

/// Unclear attempts are exactly those that a death left open: no more, or a lease ran out under a living process; no
/// less, or an attempt was forgotten.
fn unclear_are_those_open_at_death(
    installation: &Installation,
    open_at_death: &BTreeSet<AttemptKey>,
) -> Result<BTreeSet<AttemptKey>> {
    let unclear = attempts(installation, "outcome = 'unclear' AND code = 'lease_ran_out'")?;
    ensure!(unclear == *open_at_death, "unclear: {unclear:?}; open when the process died: {open_at_death:?}");
    let other = attempts(installation, "outcome IS NULL OR outcome NOT IN ('sent', 'unclear')")?;
    ensure!(other.is_empty(), "attempts that should not be: {other:?}");
    Ok(unclear)
}

/// Nothing came twice unless an earlier attempt was unclear, and then byte for byte. Comes back with how many did.
fn copies_are_equal_and_accounted_for(
    mails: &[Mail],
    messages: &BTreeMap<String, Ended>,
    unclear: &BTreeSet<AttemptKey>,
) -> Result<usize> {
    let mut by_subject: BTreeMap<&str, Vec<&Mail>> = BTreeMap::new();
    for mail in mails {
        by_subject.entry(mail.text("subject")).or_default().push(mail);
    }
    let mut copies = 0;
    for (subject, Ended { message, sent }) in messages {
        let came = by_subject.remove(subject.as_str()).unwrap_or_default();
        let excuses = unclear.iter().filter(|(unclear, _)| unclear == message).count();
        ensure!(!sent || !came.is_empty(), "{subject} was said to be sent and never came");
        ensure!(*sent || excuses > 0, "{subject} is unconfirmed without an unclear attempt");
        let fair = excuses + usize::from(*sent);
        ensure!(came.len() <= fair, "{subject} came {} times with {excuses} unclear attempts", came.len());
        let Some((first, more)) = came.split_first() else { continue };
        for copy in more {
            ensure!(copy.text("messageId") == first.text("messageId"), "{subject} came with two Message-IDs");
            ensure!(copy.bytes == first.bytes, "the copies of {subject} differ");
        }
        copies += more.len();
    }
    ensure!(by_subject.is_empty(), "nobody composed {:?}", by_subject.keys());
    Ok(copies)
}
