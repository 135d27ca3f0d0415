//! Who has a log open.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::BUSY_TIMEOUT;
use crate::store::StoreError;

/// A shared lock on `PATH.lock`: every process that has the log open holds one, until it is gone.
#[derive(Debug)]
pub(super) struct OpenLock {
    // Closing it is what releases the lock.
    _file: File,
}

impl OpenLock {
    /// Runs `alone` first if nobody else has the log open, whatever became of those who had.
    pub(super) fn acquire(path: &Path, alone: impl FnOnce() -> Result<(), StoreError>) -> Result<Self, StoreError> {
        let place = beside(path, "lock");
        let refused = |error: std::io::Error| refused(&place, &error);
        let file = OpenOptions::new().create(true).append(true).open(&place).map_err(refused)?;
        match file.try_lock() {
            Ok(()) => alone()?,
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(refused(error)),
        }
        // Whoever opens it for the first time is alone for a moment; whoever keeps it for himself is not waited for.
        let patience = Instant::now() + BUSY_TIMEOUT;
        loop {
            match file.try_lock_shared() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if Instant::now() < patience => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::InUse { place: path.display().to_string() });
                }
                Err(TryLockError::Error(error)) => return Err(refused(error)),
            }
        }
    }
}

/// What the system says about a file, in our words.
pub(super) fn refused(path: &Path, error: &std::io::Error) -> StoreError {
    let (place, reason) = (path.display().to_string(), error.to_string());
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => StoreError::NoRights { place, reason },
        _ => StoreError::CannotOpen { place, reason },
    }
}

/// The file that lies beside the log with one more extension: `orders.db` → `orders.db.views`.
pub(super) fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}
