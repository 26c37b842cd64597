//! A disk without room and a file system that has become read-only: a clear 503, nothing half done, no panic, and work
//! goes on by itself when the disk does.

use anyhow::{Context, Result, ensure};
use overture_tests::client::{Answer, Client};
use overture_tests::conditions::{AFTER_LEASES, SOON, eventually};
use overture_tests::installation::{Demo, Installation, Server};
use overture_tests::python::{rows, run};
use overture_tests::system_calls::{calls, under_strace};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Enough room for a small database, and little enough to fill at once.
const ROOM: &str = "16m";
/// The file that takes it.
const FILLER: &str = "filler";

/// How the room is taken and given back.
enum Scarce {
    /// A file system of its own, filled by this file; only namespaces allow it.
    FileSystem { folder: PathBuf },
    /// The process may not make a file longer: anybody may set that limit.
    Limit { process: u32 },
}

impl Scarce {
    /// Starts a server whose room can be taken, by the first way that this machine allows.
    async fn serve(installation: &Installation) -> Result<(Server, Self)> {
        for flags in ["-m", "-rm"] {
            let mounts = ["sh", "-c", "mount -t tmpfs tmpfs \"$0\""];
            let probe = Command::new("unshare").arg(flags).args(mounts).arg(installation.folder()).output();
            if probe.is_ok_and(|probe| probe.status.success()) {
                return Self::in_a_file_system(installation, flags).await;
            }
        }
        Self::under_a_limit(installation).await
    }

    async fn in_a_file_system(installation: &Installation, flags: &str) -> Result<(Server, Self)> {
        let small = installation.folder().join("small");
        std::fs::create_dir(&small)?;
        let serve = installation.command(&["serve", "--json"])?;
        let script = "mount -t tmpfs -o size=$0 tmpfs small && cp -a data small/ && exec \"$@\"";
        let mut command = Command::new("unshare");
        command.arg(flags).args(["sh", "-c", script, ROOM]).arg(serve.get_program()).args(serve.get_args());
        installation.prepare(&mut command);
        command.env("OVERTURE__DATA_DIR", small.join("data"));
        let server = installation.serve_by(command).await?;
        // What is mounted there is seen through the process alone.
        let folder = PathBuf::from(format!("/proc/{}/root{}", server.process.id(), small.display()));
        Ok((server, Self::FileSystem { folder }))
    }

    async fn under_a_limit(installation: &Installation) -> Result<(Server, Self)> {
        let serve = installation.command(&["serve", "--json"])?;
        let mut command = Command::new("sh");
        // Without this the limit would be a signal that ends the process, and no error.
        command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(serve.get_program()).args(serve.get_args());
        installation.prepare(&mut command);
        let server = installation.serve_by(command).await?;
        let process = server.process.id();
        Ok((server, Self::Limit { process }))
    }

    /// Where another process finds the database.
    fn database(&self, installation: &Installation) -> PathBuf {
        match self {
            Self::FileSystem { folder } => folder.join("data/overture.db"),
            Self::Limit { .. } => installation.database(),
        }
    }

    fn take(&self) -> Result<()> {
        match self {
            Self::FileSystem { folder } => {
                let mut file = File::create(folder.join(FILLER)).with_context(|| folder.display().to_string())?;
                for chunk in [64 * 1024, 4096, 512] {
                    fill(&mut file, chunk)?;
                }
                Ok(())
            }
            Self::Limit { process } => limit(*process, "0:"),
        }
    }

    fn give_back(&self) -> Result<()> {
        match self {
            Self::FileSystem { folder } => Ok(std::fs::remove_file(folder.join(FILLER))?),
            Self::Limit { process } => limit(*process, "unlimited:"),
        }
    }
}

/// Writes until there is no room for a further chunk.
fn fill(file: &mut File, chunk: usize) -> Result<()> {
    loop {
        match file.write_all(&vec![1; chunk]) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

fn limit(process: u32, size: &str) -> Result<()> {
    let mut prlimit = Command::new("prlimit");
    prlimit.args(["--pid", &process.to_string(), &format!("--fsize={size}")]);
    run(&mut prlimit).context("this test needs prlimit: apt-get install util-linux").map(drop)
}

struct Composer {
    demo: Demo,
    client: Client,
    sent: usize,
}

impl Composer {
    fn new(server: &Server, demo: Demo) -> Result<Self> {
        Ok(Self { client: server.client(&demo)?, demo, sent: 0 })
    }

    async fn compose(&mut self) -> Result<Answer> {
        self.sent += 1;
        let mut body =
            self.demo.mail(&self.demo.email, &format!("disk{}@example.com", self.sent), &format!("Disk {}", self.sent));
        body["content"] = json!("x".repeat(20_000));
        self.client.compose(&body).await
    }

    /// Composes until an answer has this status; every other answer must be the other one of the two.
    async fn until(&mut self, status: u16, conversations: &mut Vec<String>) -> Result<Answer> {
        for _ in 0..2_000 {
            let answer = self.compose().await?;
            match answer.status {
                200 => conversations.push(answer.conversation()?.to_owned()),
                503 => is_clear(&answer)?,
                _ => anyhow::bail!("{} {}", answer.status, answer.body),
            }
            if answer.status == status {
                return Ok(answer);
            }
        }
        anyhow::bail!("2000 composes, and none was answered {status}")
    }
}

/// Certainly not stored, says so, and says when to come back; the cause is nobody's business.
fn is_clear(answer: &Answer) -> Result<()> {
    let text = answer.body["error"].as_str().unwrap_or_default();
    ensure!(answer.body["code"] == "busy" && text.len() > 20, "{}", answer.body);
    ensure!(answer.header("retry-after").is_some(), "503 busy without Retry-After");
    for inside in ["disk", "sqlite", "I/O", "database", "overture.db"] {
        ensure!(!text.contains(inside), "{text}");
    }
    Ok(())
}

/// Everything that was answered 200 is delivered (what was under way when writing failed: after its leases), and another
/// process finds in the file exactly what was answered 200.
async fn all_and_only_these_are_there(composer: &Composer, database: &Path, conversations: &[String]) -> Result<()> {
    for conversation in conversations {
        eventually("the message is sent", AFTER_LEASES, async || {
            Ok((composer.client.only_message(conversation).await?["status"] == "sent").then_some(()))
        })
        .await
        .with_context(|| format!("the conversation {conversation}, one of {}", conversations.len()))?;
    }
    let answered: BTreeSet<&str> = conversations.iter().map(String::as_str).collect();
    let rows = rows(database, "SELECT id FROM conversations")?;
    let stored: BTreeSet<&str> = rows.iter().filter_map(|row| row["id"].as_str()).collect();
    ensure!(stored == answered, "{} answered 200, {} stored", answered.len(), stored.len());
    ensure!(composer.sent > conversations.len(), "nothing was refused");
    Ok(())
}

fn no_panic(server: &Server) -> Result<()> {
    let log = server.process.log()?;
    ensure!(!log.contains("panicked"), "{log}");
    ensure!(!log.contains("@example.com"), "an address is in the log:\n{log}");
    Ok(())
}

async fn healthy(client: &Client, path: &str) -> Result<Value> {
    let answer = client.get(path).await?;
    ensure!(answer.status == 200, "{path}: {} {}", answer.status, answer.body);
    Ok(answer.body)
}

#[tokio::test]
async fn without_room_on_the_disk_composes_are_503_and_with_room_again_they_work_without_a_restart() {
    let installation = Installation::new().unwrap();
    let demo = installation.init().unwrap();
    let (mut server, scarce) = Scarce::serve(&installation).await.unwrap();
    let mut composer = Composer::new(&server, demo).unwrap();
    let client = composer.client.clone();
    let mut conversations = Vec::new();
    composer.until(200, &mut conversations).await.unwrap();
    scarce.take().unwrap();
    for _ in 0..20 {
        composer.until(503, &mut conversations).await.unwrap();
    }
    healthy(&client, "/healthz").await.unwrap();
    healthy(&client, &format!("/api/conversations/{}", conversations[0])).await.unwrap();

    scarce.give_back().unwrap();
    composer.until(200, &mut conversations).await.unwrap();
    for _ in 0..20 {
        let answer = composer.compose().await.unwrap();
        assert_eq!(answer.status, 200);
        conversations.push(answer.conversation().unwrap().to_owned());
    }
    all_and_only_these_are_there(&composer, &scarce.database(&installation), &conversations).await.unwrap();
    healthy(&client, "/readyz").await.unwrap();
    assert!(server.process.ended().unwrap().is_none());
    no_panic(&server).unwrap();
}

#[tokio::test]
async fn when_the_file_system_becomes_read_only_composes_are_503_and_work_again_without_a_restart() {
    let installation = Installation::new().unwrap();
    let demo = installation.init().unwrap();
    let trace = installation.folder().join("trace");
    let log = installation.folder().join("data/overture.db-wal").display().to_string();
    let serve = installation.command(&["serve", "--json"]).unwrap();
    // What a kernel answers that has remounted a broken disk read-only, for a hundred writes to the log.
    let options = ["-P", &log, "-e", "trace=pwrite64,write", "-e", "inject=pwrite64,write:error=EROFS:when=200..300"];
    let mut server = installation.serve_by(under_strace(&serve, &trace, &options).unwrap()).await.unwrap();
    let mut composer = Composer::new(&server, demo).unwrap();
    let client = composer.client.clone();
    let mut conversations = Vec::new();
    composer.until(200, &mut conversations).await.unwrap();
    composer.until(503, &mut conversations).await.unwrap();
    healthy(&client, &format!("/api/conversations/{}", conversations[0])).await.unwrap();
    for _ in 0..20 {
        composer.until(200, &mut conversations).await.unwrap();
    }
    all_and_only_these_are_there(&composer, &installation.database(), &conversations).await.unwrap();
    assert!(server.process.ended().unwrap().is_none());
    no_panic(&server).unwrap();
    server.stop().await.unwrap();
    let injected = calls(&trace).unwrap().iter().filter(|call| call.result.contains("EROFS")).count();
    assert!(injected >= 1, "no write failed: this test tested nothing");
}

#[tokio::test]
async fn what_a_failed_sync_may_have_stored_is_never_called_certainly_not_stored() {
    let installation = Installation::new().unwrap();
    let demo = installation.init().unwrap();
    let trace = installation.folder().join("trace");
    let log = installation.folder().join("data/overture.db-wal").display().to_string();
    let serve = installation.command(&["serve", "--json"]).unwrap();
    // Every sync fails from the tenth on: what was written may or may not be there after a crash.
    let options = ["-P", &log, "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when=10+"];
    let mut server = installation.serve_by(under_strace(&serve, &trace, &options).unwrap()).await.unwrap();
    let mut composer = Composer::new(&server, demo).unwrap();
    let (mut answered, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..30 {
        let answer = composer.compose().await.unwrap();
        let subject = format!("Disk {}", composer.sent);
        match (answer.status, answer.body["code"].as_str()) {
            (200, _) => assert!(answered.insert(subject)),
            (503, Some("busy")) => assert!(refused.insert(subject)),
            (503, Some("outcome_unknown")) => assert!(answer.header("retry-after").is_none(), "it came without a key"),
            _ => panic!("{} {}", answer.status, answer.body),
        }
    }
    server.process.kill().unwrap();
    let stored = installation.rows("SELECT subject FROM conversations").unwrap();
    let stored: BTreeSet<String> = stored.iter().map(|row| row["subject"].as_str().unwrap().to_owned()).collect();
    assert!(!answered.is_empty() && answered.len() < 30, "no sync failed: {answered:?}");
    assert!(answered.is_subset(&stored), "answered 200 and lost: {:?}", answered.difference(&stored));
    assert!(refused.is_disjoint(&stored), "answered busy, and stored: {:?}", refused.intersection(&stored));
}

#[tokio::test]
async fn a_log_that_cannot_be_written_stops_nothing() {
    let installation = Installation::new().unwrap().with("OVERTURE__LOG__LEVEL", "debug");
    let demo = installation.init().unwrap();
    let serve = installation.command(&["serve", "--json"]).unwrap();
    let mut command = Command::new("sh");
    // A full disk under the log file: every write to it fails.
    command.args(["-c", "exec \"$0\" \"$@\" 2>/dev/full"]).arg(serve.get_program()).args(serve.get_args());
    installation.prepare(&mut command);
    let server = installation.serve_by(command).await.unwrap();
    let mut composer = Composer::new(&server, demo).unwrap();
    for _ in 0..5 {
        composer.compose().await.unwrap().composed().unwrap();
    }
    installation.settles(SOON).await.unwrap();
    assert_eq!(installation.count("SELECT count(*) FROM messages WHERE status = 'sent' AND attempts = 1").unwrap(), 5);
}
