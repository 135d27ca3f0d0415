//! One application, one log.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::store::StoreError;

/// Holds `PATH.lock` until it is dropped, or until the process is gone.
#[derive(Debug)]
pub(super) struct ProcessLock {
    // Closing it is what releases the lock.
    _file: File,
}

impl ProcessLock {
    pub(super) fn acquire(path: &Path) -> Result<Self, StoreError> {
        let lock_path = beside(path, "lock");
        let refused =
            |error: std::io::Error| StoreError::CannotOpen { path: path.to_owned(), reason: error.to_string() };
        let file = OpenOptions::new().create(true).append(true).open(lock_path).map_err(refused)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => Err(refused(error)),
        }
    }
}

/// The file that lies beside the log with one more extension: `orders.db` → `orders.db.views`.
pub(super) fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}
