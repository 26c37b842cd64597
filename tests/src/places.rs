//! Where things lie: the repository, the target folder, and a new folder for each test under it.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The root of the repository.
pub fn repository() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The target folder that this very program was built into, wherever the caller put it.
///
/// # Errors
/// The program does not lie in a target folder.
pub fn target() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    // Tests lie in target/debug/deps, programs in target/debug.
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    Ok(target.with_context(|| format!("{} lies in no target folder", program.display()))?.to_owned())
}

/// A new folder under the target folder. It goes with its handle, unless a test fails: then it is kept and named.
///
/// # Errors
/// It cannot be made.
pub fn scratch() -> Result<Scratch> {
    let parent = target()?.join("tmp").join("overture-tests");
    std::fs::create_dir_all(&parent)?;
    Ok(Scratch(Some(tempfile::Builder::new().prefix("test-").tempdir_in(parent)?)))
}

/// A folder of one test.
pub struct Scratch(Option<TempDir>);

impl Scratch {
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.as_ref().map_or(Path::new("."), TempDir::path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(folder) = self.0.take()
        {
            eprintln!("what the failed test left lies in {}", folder.keep().display());
        }
    }
}
