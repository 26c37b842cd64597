//! `just soak NAME`: the code of the black-box tests with large numbers, its result appended to `docs/measurements/NAME.md`.

use anyhow::{Context, Result, bail, ensure};
use overture_tests::conditions::{SOON, pause};
use overture_tests::faults::{self, Outcome};
use overture_tests::installation::Installation;
use overture_tests::mail_server::MailServer;
use overture_tests::measurements::append;
use overture_tests::ordeal::{Death, Ordeal, survive};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Composes per second of the drain.
const PACE: u32 = 10;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let page = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["crashes"] => crashes(100).await?,
        ["crashes", kills] => crashes(kills.parse()?).await?,
        ["drain"] => drain(Duration::from_secs(30 * 60)).await?,
        ["drain", minutes] => drain(Duration::from_secs(60 * minutes.parse::<u64>()?)).await?,
        ["faults"] => faults(1_000).await?,
        ["faults", composes] => faults(composes.parse()?).await?,
        _ => bail!("say which: crashes [KILLS], drain [MINUTES], faults [COMPOSES]"),
    };
    eprintln!("appended to {}", page.display());
    Ok(())
}

/// Twenty composes and a kill at any time, over and over.
async fn crashes(kills: usize) -> Result<std::path::PathBuf> {
    let began = Instant::now();
    let deaths = vec![Death::AnyTime { after: 20, within: Duration::from_millis(200) }; kills];
    let left = survive(Ordeal { clients: 8, deaths }).await?;
    let intro = "Eight clients compose with idempotency keys and repeat what the contract lets them; the process is killed with SIGKILL \
                 and started again, over and over. Checked in the end: every 200 is exactly one conversation, every message ended \
                 `sent` or, after unclear attempts, `unconfirmed`, the unclear attempts are exactly those that were open when the process died, and a copy came only of those, \
                 byte for byte.";
    let rows = [
        ("kills", left.deaths.to_string()),
        ("composes answered 200, each one conversation with one message that ended", left.composes.to_string()),
        ("of these `unconfirmed`, with attention: unclear too often to be sent again", left.unconfirmed.to_string()),
        ("attempts open at a kill = attempts recorded as unclear", left.unclear.to_string()),
        ("copies the mail server got beyond the first, equal to it", left.copies.to_string()),
        ("whole run", format!("{} s", began.elapsed().as_secs())),
    ];
    append("crashes", intro, "just soak crashes", &rows)
}

/// Every fault of the servers behind an installation on PostgreSQL and Temporal, one after the other.
async fn faults(composes: u64) -> Result<std::path::PathBuf> {
    let began = Instant::now();
    let mut rows = vec![("composes of each, by eight clients with idempotency keys", composes.to_string())];
    let mut survived = |what: &'static str, outcome: Outcome| {
        let told = told(&outcome);
        eprintln!("{what}: {told}");
        rows.push((what, told));
    };
    survived("Temporal down for the whole load, then up", faults::temporal_down_for_the_whole_load(composes).await?);
    survived(
        "Temporal killed twice in the load, and started again with what it had written",
        faults::temporal_killed_in_the_load(composes).await?,
    );
    survived(
        "connections cut before and after COMMIT, then a crash of PostgreSQL",
        faults::postgres_cut_around_commit_and_restarted(composes).await?,
    );
    #[cfg(debug_assertions)]
    survived(
        "three workers killed between send and record",
        faults::worker_killed_between_send_and_record(composes).await?,
    );
    survived("two APIs and two workers", faults::two_apis_and_two_workers(composes).await?);
    survived(
        "the same, the clock of one API and one worker five minutes ahead",
        faults::a_clock_five_minutes_ahead(composes).await?,
    );
    survived("every connection taken", faults::every_connection_taken(composes).await?);
    rows.push(("whole run", format!("{} s", began.elapsed().as_secs())));
    rows.push(("profile", if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned()));
    let intro = "PostgreSQL, Temporal's development server, an API and a worker (two of each where it says so); eight clients compose and \
                 repeat what the contract lets them, while something breaks. Checked after each fault: every 200 is exactly one \
                 conversation, every message was sent, unclear attempts are exactly those that a death left open, a copy came only \
                 of those, byte for byte, and no wakeup is left. A drain is counted from the end of the fault, or from the last 200 where that \
                 came later, until no message waits; its rate says what was left of the machine for all of these servers at once, \
                 no more than that.";
    append("faults", intro, "just soak faults", &rows)
}

fn told(outcome: &Outcome) -> String {
    let Outcome { held, drain, struck } = outcome;
    let (waited, took) = (drain.waited, drain.took.as_secs_f64());
    let rate = f64::from(u32::try_from(waited).unwrap_or(u32::MAX)) / took;
    format!(
        "{} conversations, each sent; struck {struck} times; {} requests repeated; {} unclear attempts; {} copies; {waited} waited and were \
         drained in {took:.1} s ({rate:.0} per second)",
        held.composes, held.repeated, held.unclear, held.copies,
    )
}

/// Composes at one pace; the mail server is down for the first half of the time.
async fn drain(whole: Duration) -> Result<std::path::PathBuf> {
    let installation = Installation::new()?;
    let demo = installation.init()?;
    let mut mail_server = MailServer::start().await?;
    let channel = installation.add_mail_channel(&demo, &mail_server, &serde_json::Value::Null)?;
    mail_server.down()?;
    let server = installation.serve().await?;
    let client = server.client(&demo)?;
    let process = server.process.id();

    let (mut composed, mut back, mut waited_then, mut drained) = (0_u32, None, 0, None);
    let began = Instant::now();
    while began.elapsed() < whole {
        if back.is_none() && began.elapsed() * 2 >= whole {
            waited_then = waiting(&installation)?;
            mail_server.up().await?;
            back = Some(Instant::now());
        }
        if let (Some(back), None) = (back, drained)
            && composed % PACE == 0
            && waiting(&installation)? <= u64::from(PACE)
        {
            drained = Some(back.elapsed());
        }
        client
            .compose(&demo.mail(&channel, &format!("drain{composed}@example.com"), &format!("Drain {composed}")))
            .await?
            .composed()?;
        composed += 1;
        pause((Duration::from_secs(1) / PACE * composed).saturating_sub(began.elapsed())).await;
    }
    installation.settles(SOON * 4).await?;
    let drained = drained.context("what waited did not go out before the end")?;

    let sent = installation.count("SELECT count(*) FROM messages WHERE status = 'sent'")?;
    ensure!(sent == u64::from(composed), "{composed} composed, {sent} sent");
    let mails = mail_server.mails()?;
    let subjects: BTreeSet<_> = mails.iter().map(|mail| mail.text("subject").to_owned()).collect();
    ensure!(
        subjects.len() == mails.len() && mails.len() as u64 == sent,
        "{} came, {} differ",
        mails.len(),
        subjects.len()
    );
    let attempts = installation.count("SELECT count(*) FROM attempts")?;
    let memory = peak_memory(process)?;
    ensure!(server.stop().await?.success(), "the server did not stop cleanly");

    let intro = "Composing at one pace while the mail server is down for the first half and up for the second. Checked in the end: every \
                 message was sent and came exactly once.";
    let rows = [
        ("length", format!("{} min, {PACE} composes per second", whole.as_secs() / 60)),
        ("composed = sent = came once", composed.to_string()),
        ("waiting when the mail server came back", waited_then.to_string()),
        ("until no more than a second's worth waited", format!("{:.1} s", drained.as_secs_f64())),
        ("attempts in all", attempts.to_string()),
        ("peak memory (VmHWM)", memory),
        ("profile", if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned()),
    ];
    append("drain", intro, "just soak drain", &rows)
}

fn waiting(installation: &Installation) -> Result<u64> {
    installation.count("SELECT count(*) FROM messages WHERE status IN ('queued', 'sending')")
}

fn peak_memory(process: u32) -> Result<String> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let size = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(size.trim().to_owned())
}
