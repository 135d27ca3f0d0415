//! Files and folders that this user may not use: told by name, and left as they are.
#![cfg(unix)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use angzarr_runtime::Storage;
use tempfile::TempDir;

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A folder with a log, in which everybody may do everything, and a program that everybody may run.
struct Place {
    folder: TempDir,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        mode(folder.path(), 0o755);
        let place = Self { folder };
        fs::copy(env!("CARGO_BIN_EXE_writer"), place.path("writer")).unwrap();
        fs::create_dir(place.path("logs")).unwrap();
        mode(&place.path("logs"), 0o777);
        let opened = Storage::Sqlite(place.path("logs/log.db")).open().await.unwrap();
        opened.views.close().await.unwrap();
        opened.store.close().await.unwrap();
        for entry in fs::read_dir(place.path("logs")).unwrap() {
            mode(&entry.unwrap().path(), 0o666);
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Opens a log as somebody who is bound by modes: root is not.
    fn open(&self, name: &str) -> Output {
        let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
        let mut command = if root {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(self.path("writer"));
            command
        } else {
            Command::new(self.path("writer"))
        };
        command.arg(format!("sqlite:{}", self.path(name).display())).args(["steps", "1"]);
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Expects a log not to open, for lack of the right to use `named`.
    fn refused(&self, name: &str, named: &str) {
        let Output { status, stderr, .. } = self.open(name);
        let told = String::from_utf8_lossy(&stderr);
        assert!(!status.success(), "{name} opens");
        let line = told.lines().find(|line| line.starts_with("STORE_NO_RIGHTS: "));
        let line = line.unwrap_or_else(|| panic!("{name}: {told}"));
        let named = self.path(named).display().to_string();
        assert!(line.contains(&format!("{named}:")), "{named} is named: {line}");
    }

    fn opens(&self, name: &str) {
        let Output { status, stderr, .. } = self.open(name);
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    }
}

#[tokio::test]
async fn a_log_that_everybody_may_use() {
    Place::new().await.opens("logs/log.db");
}

#[tokio::test]
async fn files_that_may_only_be_read() {
    for (file, rights) in [("log.db", 0o444), ("log.db", 0o000), ("log.db.lock", 0o444), ("log.db.views", 0o444)] {
        let place = Place::new().await;
        let path = place.path(&format!("logs/{file}"));
        let before = fs::read(&path).unwrap();
        mode(&path, rights);
        place.refused("logs/log.db", &format!("logs/{file}"));
        assert_eq!(fs::read(&path).unwrap(), before, "{file} is as it was");
        mode(&path, 0o666);
        place.opens("logs/log.db");
    }
}

#[tokio::test]
async fn folders_that_may_only_be_read() {
    for rights in [0o555, 0o000] {
        let place = Place::new().await;
        mode(&place.path("logs"), rights);
        // What is missed first is the file that lies beside a log for as long as it is open.
        place.refused("logs/new.db", "logs/new.db.lock");
        place.refused("logs/log.db", if rights == 0 { "logs/log.db.lock" } else { "logs/log.db" });
        mode(&place.path("logs"), 0o777);
        place.opens("logs/log.db");
        assert!(!place.path("logs/new.db").exists());
    }
}
