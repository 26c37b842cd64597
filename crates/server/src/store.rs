//! Opening what an installation keeps: the data folder, the secrets key, the database, brought to this version.

use crate::config::{DatabaseKind, Settings};
use crate::failure::Failure;
use crate::hints::hint;
use crate::secret_key::SecretKey;
use overture_database::{Database, DatabaseOptions, MigrationStatus, OpenDatabaseError};
use std::fs::{DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// The first bytes of every SQLite database (its file format, section 1.3).
const SQLITE: &[u8] = b"SQLite format 3\0";

/// An installation that is open.
pub(crate) struct Store {
    pub(crate) database: Database,
    pub(crate) secret_key: SecretKey,
    /// What was migrated on the way.
    pub(crate) migrated: Vec<String>,
}

/// Opens the installation and makes what is missing of it: folder, key, database. SQLite migrates itself; PostgreSQL, which
/// others use at the same time, is migrated when somebody says so.
///
/// # Errors
/// What cannot be made, opened or migrated, with the remedy; a PostgreSQL database that is not of this version.
pub(crate) async fn open_or_make(settings: &Settings) -> Result<Store, Failure> {
    make_folders(settings)?;
    let store = open_as_it_is(settings).await?;
    let pending = status(&store.database).await?.pending;
    if pending.is_empty() {
        return Ok(store);
    }
    match &settings.database {
        DatabaseKind::Sqlite(_) => migrate(store).await,
        DatabaseKind::Postgres(_) => Err(Failure::new(format!(
            "The database {} is not of this version: {} pending",
            settings.database.shown(),
            pending.join(", ")
        ))
        .remedy(format!(
            "{} brings it there; {} shows what that would do.",
            hint("migrate"),
            hint("migrate --dry-run")
        ))),
    }
}

/// Opens the installation and brings its database to this version, whichever it is.
///
/// # Errors
/// What cannot be made, opened or migrated, with the remedy.
pub(crate) async fn open_and_migrate(settings: &Settings) -> Result<Store, Failure> {
    make_folders(settings)?;
    let store = open_as_it_is(settings).await?;
    let pending = status(&store.database).await?.pending;
    if pending.is_empty() { Ok(store) } else { migrate(store).await }
}

async fn migrate(store: Store) -> Result<Store, Failure> {
    let migrated =
        store.database.migrate().await.map_err(|error| {
            Failure::new(format!("The database cannot be migrated: {error}")).remedy(Failure::doctor())
        })?;
    Ok(Store { migrated, ..store })
}

/// Opens an installation that is there, and brings it to this version.
///
/// # Errors
/// There is none, and everything `open_or_make` says.
pub(crate) async fn open(settings: &Settings) -> Result<Store, Failure> {
    must_exist(settings)?;
    open_or_make(settings).await
}

/// Opens the installation without migrating, and makes no folder: for whoever only looks.
///
/// # Errors
/// What cannot be opened, with the remedy; a database of a newer version.
pub(crate) async fn open_as_it_is(settings: &Settings) -> Result<Store, Failure> {
    let secret_key = match &settings.database {
        DatabaseKind::Sqlite(file) => {
            must_be_sqlite(file)?;
            secret_key(settings, file)?
        }
        DatabaseKind::Postgres(_) => {
            settings.secret_key.clone().ok_or_else(|| Failure::usage("secrets.key is missing"))?
        }
    };
    let options = DatabaseOptions {
        url: settings.database.url(),
        secrets_key: secret_key.for_channel_secrets(),
        old_secrets_keys: settings.old_secret_keys.iter().map(SecretKey::for_channel_secrets).collect(),
        connections: settings.connections,
    };
    let database = Database::open(options).await.map_err(|error| not_opened(&settings.database, &error))?;
    if let [unknown, ..] = status(&database).await?.unknown.as_slice() {
        return Err(Failure::new(format!(
            "The database belongs to a newer version of Overture (it knows the migration {unknown})"
        ))
        .remedy("Start that version, or put a copy of the database from before it in place."));
    }
    Ok(Store { database, secret_key, migrated: Vec::new() })
}

fn not_opened(database: &DatabaseKind, error: &OpenDatabaseError) -> Failure {
    let remedy = match database {
        DatabaseKind::Sqlite(_) => {
            "Check that this user may write the file and its folder and that the disk has room, or set OVERTURE__DATABASE__URL."
        }
        DatabaseKind::Postgres(_) => {
            "Check that the server runs and that user, password and database are right: OVERTURE__DATABASE__URL."
        }
    };
    Failure::new(format!("{} cannot be opened: {error}", database.shown())).remedy(remedy)
}

/// How far the database is.
///
/// # Errors
/// It cannot be asked.
pub(crate) async fn status(database: &Database) -> Result<MigrationStatus, Failure> {
    database
        .migration_status()
        .await
        .map_err(|error| Failure::new(format!("The database cannot be read: {error}")).remedy(Failure::doctor()))
}

/// Whether somebody has made this installation's database.
///
/// # Errors
/// Nobody has.
pub(crate) fn must_exist(settings: &Settings) -> Result<(), Failure> {
    let DatabaseKind::Sqlite(file) = &settings.database else { return Ok(()) };
    if file.exists() {
        return Ok(());
    }
    Err(Failure::new(format!("There is no database yet: {} does not exist", file.display())).remedy(format!(
        "{} makes one with a demo tenant and a key; OVERTURE__DATA_DIR says where to look for another.",
        hint("init")
    )))
}

/// Whether a file is a SQLite database, as its first bytes say; a file that is missing or empty becomes one.
///
/// # Errors
/// It is something else, or cannot be read.
fn must_be_sqlite(file: &Path) -> Result<(), Failure> {
    let mut beginning = Vec::new();
    let read = File::open(file).and_then(|opened| opened.take(SQLITE.len() as u64).read_to_end(&mut beginning));
    match read {
        Ok(_) if beginning.is_empty() || beginning == SQLITE => Ok(()),
        Ok(_) => Err(Failure::new(format!("{} is no SQLite database", file.display())).remedy(format!(
            "Put a copy of the database in its place; or move the file away, and {} makes a new one; \
             or name another with OVERTURE__DATA_DIR or OVERTURE__DATABASE__URL.",
            hint("init")
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::io("The database cannot be read", file, &error)),
    }
}

/// The configured key, or the one of the data folder, which is made before the first database and never after.
fn secret_key(settings: &Settings, database: &Path) -> Result<SecretKey, Failure> {
    match &settings.secret_key {
        Some(key) => Ok(key.clone()),
        None if holds_something(database) && !SecretKey::is_in(&settings.data_dir) => Err(Failure::new(format!(
            "The database {} is there, but the secrets key it was made with is not: neither OVERTURE__SECRETS__KEY nor secrets.key in {}",
            database.display(),
            settings.data_dir.display()
        ))
        .remedy("Put the key back. If it is lost, set OVERTURE__SECRETS__KEY to a new one (openssl rand -base64 32) and add channels with passwords anew.")),
        None => SecretKey::of_folder(&settings.data_dir),
    }
}

/// Whether a file is there and not empty: an empty one is a database that was never written.
fn holds_something(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|metadata| metadata.len() > 0)
}

/// The folders that SQLite and the key need. With PostgreSQL nothing lies in the data folder but what the sandbox delivers
/// and the key of `dev`, and these make it themselves.
fn make_folders(settings: &Settings) -> Result<(), Failure> {
    let DatabaseKind::Sqlite(file) = &settings.database else { return Ok(()) };
    make_folder(&settings.data_dir)?;
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or(Ok(()), make_folder)
}

/// Makes a folder that only this user can look into; one that is there stays as it is.
///
/// # Errors
/// It cannot be made.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Failure> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| Failure::io("The folder cannot be made", folder, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(folder: &Path) -> Settings {
        let environment = vec![("OVERTURE__DATA_DIR".to_owned(), folder.display().to_string())];
        Settings::load(None, &environment).unwrap()
    }

    #[tokio::test]
    async fn a_first_opening_makes_folder_key_and_database_and_a_second_finds_them() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&folder.path().join("a/b"));
        let first = open_or_make(&settings).await.unwrap();
        assert!(!first.migrated.is_empty());
        first.database.close().await;
        let second = open(&settings).await.unwrap();
        assert!(second.migrated.is_empty() && first.secret_key == second.secret_key);
    }

    #[tokio::test]
    async fn looking_at_an_installation_that_is_not_there_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let told = open(&settings(&folder.path().join("data"))).await.err().unwrap().to_string();
        assert!(told.contains(&hint("init")), "{told}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn whoever_only_looks_makes_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        open_or_make(&settings(folder.path())).await.unwrap().database.close().await;
        let inside = |name: &str| folder.path().join(name).display().to_string();
        let environment = [
            ("OVERTURE__DATA_DIR", inside("other")),
            ("OVERTURE__DATABASE__URL", format!("sqlite:{}", inside("overture.db"))),
            ("OVERTURE__SECRETS__KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".into()),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        let settings = Settings::load(None, &environment).unwrap();
        open_as_it_is(&settings).await.unwrap().database.close().await;
        assert!(!settings.data_dir.exists());
    }

    #[tokio::test]
    async fn a_database_whose_key_is_gone_gets_no_new_one_in_silence() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        open_or_make(&settings).await.unwrap().database.close().await;
        std::fs::remove_file(folder.path().join("secrets.key")).unwrap();
        let told = open_or_make(&settings).await.err().unwrap().to_string();
        assert!(told.contains("OVERTURE__SECRETS__KEY"), "{told}");
        assert!(!folder.path().join("secrets.key").exists());
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_named_as_that_whether_there_is_a_key_or_not_and_stays_as_it_is() {
        for key in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("overture.db");
            std::fs::write(&file, "garbage, and more of it").unwrap();
            if key {
                SecretKey::of_folder(folder.path()).unwrap();
            }
            let told = open_or_make(&settings(folder.path())).await.err().unwrap().to_string();
            assert!(told.contains("overture.db is no SQLite database") && told.contains("init"), "{told}");
            assert_eq!(std::fs::read_to_string(&file).unwrap(), "garbage, and more of it");
            assert_eq!(SecretKey::is_in(folder.path()), key);
        }
    }

    #[tokio::test]
    async fn a_folder_with_odd_characters_is_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join("50% of ü? yes");
        let store = open_or_make(&settings(&odd)).await.unwrap();
        assert!(odd.join("overture.db").exists());
        store.database.close().await;
    }
}
