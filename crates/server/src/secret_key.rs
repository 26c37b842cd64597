//! The key of an installation: from the configuration, or made once in the data folder. Keys for single purposes are
//! derived from it, so that no two purposes share one. Refuses to be printed.

use crate::failure::Failure;
use crate::system::RandomIds;
use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use overture_domain::ports::IdGenerator;
use rand::TryRng;
use rand::rngs::SysRng;
use sha2::Sha256;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The file of a key that was made here.
const FILE: &str = "secrets.key";

const PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// 32 random bytes that everything secret of an installation hangs on.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SecretKey([u8; 32]);

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(***)")
    }
}

impl SecretKey {
    /// Reads base64 of either alphabet, with or without padding; `None` if it is not 32 bytes of that.
    pub(crate) fn from_base64(text: &str) -> Option<Self> {
        let text = text.trim();
        [STANDARD, URL_SAFE]
            .iter()
            .find_map(|alphabet| GeneralPurpose::new(alphabet, PADDING).decode(text).ok())
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
    }

    fn to_base64(&self) -> String {
        GeneralPurpose::new(&STANDARD, PADDING).encode(self.0)
    }

    /// The key of the folder: the one that was made before, or a new one that is on disk when this comes back.
    ///
    /// # Errors
    /// The file is unreadable, is no key, or cannot be written.
    pub(crate) fn of_folder(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::from_base64(&text).ok_or_else(|| {
                Failure::new(format!("{} does not hold 32 bytes in base64", path.display()))
                    .remedy("Put the key back from a copy. Without it the passwords of channels cannot be read.")
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Self::random()?;
                let keep = || write_whole(folder, FILE, &format!("{}\n", key.to_base64()), IfThere::Keep);
                match keep() {
                    Ok(()) => Ok(key),
                    // Another process was faster: its key is the one.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::of_folder(folder),
                    Err(error) => Err(Failure::io("The secrets key cannot be kept", &path, &error)),
                }
            }
            Err(error) => Err(Failure::io("The secrets key cannot be read", &path, &error)),
        }
    }

    /// Whether a folder holds a key.
    pub(crate) fn is_in(folder: &Path) -> bool {
        folder.join(FILE).exists()
    }

    fn random() -> Result<Self, Failure> {
        let mut bytes = [0; 32];
        SysRng
            .try_fill_bytes(&mut bytes)
            .map_err(|error| Failure::new(format!("the system gives no randomness: {error}")))?;
        Ok(Self(bytes))
    }

    /// The key that channel secrets are encrypted with.
    pub(crate) fn for_channel_secrets(&self) -> [u8; 32] {
        self.derived("overture channel secrets v1")
    }

    /// The key that requests are hashed with.
    pub(crate) fn for_request_hashes(&self) -> [u8; 32] {
        self.derived("overture request hashes v1")
    }

    /// HMAC-SHA-256 of a label under this key: one step of a key derivation by a pseudo-random function (NIST SP 800-108).
    fn derived(&self, label: &str) -> [u8; 32] {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(label.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// What happens to a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfThere {
    /// It stays, and the call fails with `AlreadyExists`.
    Keep,
    /// It is replaced.
    Replace,
}

/// Writes a file only its owner can read, whole or not at all, and on disk when this comes back.
///
/// # Errors
/// Any error of the file system, and `AlreadyExists`.
pub(crate) fn write_whole(folder: &Path, name: &str, text: &str, if_there: IfThere) -> io::Result<()> {
    let temporary = folder.join(format!(".{name}.{}", RandomIds.uuid()));
    let place = folder.join(name);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        match if_there {
            IfThere::Replace => std::fs::rename(&temporary, &place)?,
            // A link fails where a rename would replace: two first starts end with one key.
            IfThere::Keep => std::fs::hard_link(&temporary, &place)?,
        }
        File::open(folder)?.sync_all()
    })();
    // After a rename there is nothing to remove.
    let _ = std::fs::remove_file(&temporary);
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn key() -> SecretKey {
        SecretKey(std::array::from_fn(|place| u8::try_from(place).unwrap()))
    }

    #[test]
    fn a_key_is_made_once_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let first = SecretKey::of_folder(folder.path()).unwrap();
        assert!(first == SecretKey::of_folder(folder.path()).unwrap());
        let other = tempfile::tempdir().unwrap();
        assert!(first != SecretKey::of_folder(other.path()).unwrap());
    }

    #[test]
    fn only_its_owner_can_read_it_and_nothing_else_is_left_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        SecretKey::of_folder(folder.path()).unwrap();
        let mode = std::fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn sixteen_first_starts_at_once_end_with_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let keys: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> =
                (0..16).map(|_| scope.spawn(|| SecretKey::of_folder(folder.path()).unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        let kept = SecretKey::of_folder(folder.path()).unwrap();
        assert!(keys.iter().all(|key| *key == kept));
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "hunter2").unwrap();
        let told = SecretKey::of_folder(folder.path()).unwrap_err().to_string();
        assert!(told.contains("secrets.key") && !told.contains("hunter2"), "{told}");
        assert_eq!(std::fs::read_to_string(folder.path().join(FILE)).unwrap(), "hunter2");
    }

    #[test]
    fn base64_is_read_with_either_alphabet_with_or_without_padding() {
        let bytes = SecretKey([0xfb; 32]);
        let standard = bytes.to_base64();
        assert!(standard.contains('+') && standard.ends_with('='), "{standard}");
        let url_safe = standard.replace('+', "-").replace('/', "_");
        for text in [standard.as_str(), &url_safe, standard.trim_end_matches('='), &format!(" {standard}\n")] {
            assert!(SecretKey::from_base64(text) == Some(bytes.clone()), "{text}");
        }
        for text in ["", "AAAA", "not base64", &"A".repeat(44)] {
            assert!(SecretKey::from_base64(text).is_none(), "{text}");
        }
    }

    #[test]
    fn derived_keys_are_the_same_in_every_version_and_differ_by_purpose() {
        // Computed with Python: hmac.new(bytes(range(32)), label, "sha256").
        let hex = |bytes: [u8; 32]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(
            hex(key().for_channel_secrets()),
            "9d73a96eb922061c32e9312623abb4c8307c4bbbe94bb223822efab1a125cf33"
        );
        assert_eq!(hex(key().for_request_hashes()), "4268b3fd92f8af6926d42f4890c4a680e13fe149870c9757ad6e857d12d974ce");
    }

    #[test]
    fn it_never_prints() {
        assert_eq!(format!("{:?}", key()), "SecretKey(***)");
    }
}
