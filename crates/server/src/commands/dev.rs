//! `overture dev`: demo data, lines to paste, and a server, on this machine alone.

use super::Context;
use super::init;
use super::serve::{Served, Signals, left_to_workers, raise_file_limit};
use crate::config::Settings;
use crate::failure::Failure;
use crate::hints::{hint, program};
use crate::maker::{Demo, Maker};
use crate::printer::Answer;
use crate::samples::Samples;
use crate::secret_key::{IfThere, write_whole};
use crate::store;
use crate::system::SystemClock;
use overture_database::Database;
use overture_domain::entities::KeyDigest;
use overture_domain::ports::{ApiKeyRepo, Clock};
use overture_domain::values::Secret;
use serde_json::json;
use std::path::Path;

/// The file of the key, which only its owner can read.
const KEY_FILE: &str = "dev-api-key";

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let settings = &context.settings;
    if !settings.http.bind.ip().is_loopback() {
        return Err(Failure::usage(format!(
            "`dev` prints a key and is for this machine alone, but http.bind is {}",
            settings.http.bind
        ))
        .remedy(format!(
            "Use {} there, or set OVERTURE__HTTP__BIND to a loopback address such as 127.0.0.1:8080.",
            hint("serve")
        )));
    }
    let mut signals = Signals::listen()?;
    raise_file_limit();
    let store = store::open_or_make(settings).await?;
    let demo = Maker::on(&store.database).demo(false).await?;
    let key = kept_key(&store.database, &demo, &settings.data_dir).await?;
    let served = Served::start(store, settings).await?;
    let url = served.url();

    let mut json = init::json(&Demo { api_key: Some(key.clone()), ..demo.clone() });
    json["url"] = json!(url);
    json["outbox"] = json!(settings.outbox.display().to_string());
    let samples = Samples { url: &url, key: &key, demo: &demo };
    context.printer.answer(&Answer::new(json, text(&samples, settings)));
    signals.wait().await;
    served.stop().await;
    Ok(())
}

/// The key of the data folder if it still works, else a new one that is kept there.
async fn kept_key(database: &Database, demo: &Demo, folder: &Path) -> Result<Secret, Failure> {
    let path = folder.join(KEY_FILE);
    if let Some(key) = &demo.api_key {
        keep(folder, key)?;
        return Ok(key.clone());
    }
    if let Ok(text) = std::fs::read_to_string(&path) {
        let kept = Secret::from(text.trim().to_owned());
        let known = database.find(&KeyDigest::of(&kept)).await?;
        if known.is_some_and(|known| known.works_at(SystemClock.now()) && known.tenant_id == demo.tenant) {
            return Ok(kept);
        }
    }
    let key = Maker::on(database).demo_key(demo.tenant).await?;
    keep(folder, &key)?;
    Ok(key)
}

fn keep(folder: &Path, key: &Secret) -> Result<(), Failure> {
    // With PostgreSQL nobody has made it.
    store::make_folder(folder)?;
    write_whole(folder, KEY_FILE, &format!("{}\n", key.expose()), IfThere::Replace)
        .map_err(|error| Failure::io("The key cannot be kept", &folder.join(KEY_FILE), &error))
}

fn text(samples: &Samples<'_>, settings: &Settings) -> String {
    let mut lines = vec![format!("Overture serves {0}  (API page: {0}/docs)", samples.url), String::new()];
    for (heading, line) in samples.lines() {
        lines.push(format!("# {heading}"));
        lines.push(line);
        lines.push(String::new());
    }
    lines.push(format!(
        "What was delivered lies in {}: an .eml file per email, a .json file per SMS or WhatsApp message.",
        settings.outbox.display()
    ));
    lines.extend(left_to_workers(settings));
    let program = program();
    lines.push(format!(
        "How it went: {program} message list. A real email to yourself: {program} try --to ADDRESS --smtp smtp://USER@HOST:587"
    ));
    lines.push("Ctrl-C stops.".into());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use overture_domain::ports::TenantRepo;
    use std::os::unix::fs::PermissionsExt;

    async fn database(folder: &Path) -> Database {
        let environment = vec![("OVERTURE__DATA_DIR".to_owned(), folder.display().to_string())];
        store::open_or_make(&Settings::load(None, &environment).unwrap()).await.unwrap().database
    }

    #[tokio::test]
    async fn the_key_is_kept_for_its_owner_alone_and_is_the_same_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let database = database(folder.path()).await;
        let first = Maker::on(&database).demo(false).await.unwrap();
        let data = folder.path().join("not made yet");
        let key = kept_key(&database, &first, &data).await.unwrap();
        assert_eq!(std::fs::metadata(data.join(KEY_FILE)).unwrap().permissions().mode() & 0o777, 0o600);
        let second = Maker::on(&database).demo(false).await.unwrap();
        assert!(second.api_key.is_none());
        assert!(kept_key(&database, &second, &data).await.unwrap() == key);
        assert_eq!(database.tenants().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_key_that_no_longer_works_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let database = database(folder.path()).await;
        let demo = Maker::on(&database).demo(false).await.unwrap();
        let first = kept_key(&database, &demo, folder.path()).await.unwrap();
        std::fs::write(folder.path().join(KEY_FILE), "ov_other").unwrap();
        let demo = Demo { api_key: None, ..demo };
        let second = kept_key(&database, &demo, folder.path()).await.unwrap();
        assert!(second != first);
        assert!(database.find(&KeyDigest::of(&second)).await.unwrap().is_some());
    }
}
