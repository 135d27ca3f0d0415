//! Where the programs of a server lie, and what came of running one.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder that holds all of `names`: one of `PATH`, else the newest of PostgreSQL's own.
pub(crate) fn postgres_folder(names: &[&str]) -> io::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let complete = |folder: &PathBuf| names.iter().all(|name| folder.join(name).is_file());
    let found = std::env::split_paths(&path).chain(newest_first(Path::new("/usr/lib/postgresql"))).find(complete);
    found.ok_or_else(|| {
        let message = format!("no PostgreSQL server was found ({}): apt-get install postgresql", names.join(", "));
        io::Error::new(io::ErrorKind::NotFound, message)
    })
}

/// `FOLDER/*/bin`, the highest version first.
fn newest_first(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    let number = |path: &PathBuf| path.file_name().and_then(OsStr::to_str).and_then(|name| name.parse::<u32>().ok());
    versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
    versions.into_iter().map(|version| version.join("bin")).collect()
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> io::Result<bool> {
    Ok(output(Command::new("id").arg("-u"))?.trim() == "0")
}

/// Runs a command to its end and gives what it printed.
pub(crate) fn output(command: &mut Command) -> io::Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let Output { status, stdout, stderr } = command.output()?;
    if !status.success() {
        return Err(io::Error::other(format!("{program}: {status}: {}", String::from_utf8_lossy(&stderr).trim())));
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}
