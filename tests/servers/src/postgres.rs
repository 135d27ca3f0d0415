//! PostgreSQL.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use uuid::Uuid;

use crate::binaries::{is_root, output, postgres_folder};
use crate::watchdog::Watchdog;

/// Holds the URL of a superuser on a server that runs already; tests then use that one.
pub const VARIABLE: &str = "ANGZARR_TEST_POSTGRES";

/// How long a server may take to start: after a kill it replays its log first.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server of our own: one superuser `postgres` with a password, everything that concerns durability at its default.
#[derive(Debug)]
pub struct Postgres {
    admin: Admin,
    port: u16,
    folder: PathBuf,
    binaries: PathBuf,
    watchdog: Mutex<Watchdog>,
    pid: Mutex<u32>,
}

impl Postgres {
    /// Starts one.
    ///
    /// # Errors
    /// If the server is not installed (the message says how to get it) or does not start.
    pub fn start() -> io::Result<Self> {
        Self::start_with(&[])
    }

    /// Starts one with settings of its own, like `fsync=off`.
    ///
    /// # Errors
    /// As for [`start`](Postgres::start).
    pub fn start_with(settings: &[&str]) -> io::Result<Self> {
        Self::start_in(settings, &|_, command| command)
    }

    /// Starts one that sees a disk of `size`, like `32m`, in its folder [`small_disk`](Postgres::small_disk). Its own
    /// data lie elsewhere.
    ///
    /// # Errors
    /// [`io::ErrorKind::PermissionDenied`] if this user may not mount one.
    pub fn start_beside_small_disk(size: &str) -> io::Result<Self> {
        let trial = Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output()?;
        if !is_root()? || !trial.status.success() {
            let reason = String::from_utf8_lossy(&trial.stderr).trim().to_owned();
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
        }
        let mount = format!(
            "mkdir -p \"$0\" && mount -t tmpfs -o size={size} tmpfs \"$0\" && chown postgres \"$0\" && exec \"$@\""
        );
        Self::start_in(&[], &|folder, command| {
            let before = ["unshare".into(), "-m".into(), "sh".into(), "-c".into(), mount.clone(), text(&small(folder))];
            before.into_iter().chain(command).collect()
        })
    }

    /// Where the small disk is, as the server sees it.
    pub fn small_disk(&self) -> PathBuf {
        small(&self.folder)
    }

    /// Starts one by a changed command.
    fn start_in(settings: &[&str], change: &dyn Fn(&Path, Vec<String>) -> Vec<String>) -> io::Result<Self> {
        let binaries = postgres_folder(&["initdb", "postgres", "pg_isready", "psql"])?;
        let user = if is_root()? { Some("postgres") } else { None };
        let password = Uuid::new_v4().simple().to_string();
        let folder = prepare(&binaries, user, &password)?;
        // From here on the watchdog removes the folder.
        let folder = folder.keep();
        let port = free_port()?;
        let command = change(&folder, command(&binaries, user, &folder, port, settings));
        let watchdog = Watchdog::new(&folder, &command)?;
        let url = format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres");
        let admin = Admin { url, psql: binaries.join("psql") };
        let server = Self { admin, port, folder, binaries, watchdog: Mutex::new(watchdog), pid: Mutex::new(0) };
        server.restart()?;
        Ok(server)
    }

    /// The URL of the superuser, database `postgres`.
    pub fn url(&self) -> &str {
        self.admin.url()
    }

    /// Where one of the server's programs is, like `pgbench`.
    pub fn binary(&self, name: &str) -> PathBuf {
        self.binaries.join(name)
    }

    /// A new, empty database; gives the superuser's URL for it.
    ///
    /// # Errors
    /// What the server said.
    pub fn create_database(&self) -> io::Result<String> {
        self.admin.create_database()
    }

    /// The superuser.
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// Process id of the server.
    pub fn pid(&self) -> u32 {
        *self.pid.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its data.
    pub fn data_folder(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// What it logged.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn log(&self) -> io::Result<String> {
        std::fs::read_to_string(self.folder.join("server.log"))
    }

    /// Starts it after [`stop`](Postgres::stop) or [`kill_nine`](Postgres::kill_nine), on the same port and data.
    ///
    /// # Errors
    /// If it does not start.
    pub fn restart(&self) -> io::Result<()> {
        let pid = self.watchdog().start()?;
        *self.pid.lock().unwrap_or_else(PoisonError::into_inner) = pid;
        let began = Instant::now();
        while !self.is_ready()? {
            if !lives(pid)? || began.elapsed() > PATIENCE {
                return Err(io::Error::other(format!("PostgreSQL did not start: {}", self.log()?)));
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Ends it in order, connections at once.
    ///
    /// # Errors
    /// If the process that watches it is gone.
    pub fn stop(&self) -> io::Result<()> {
        self.watchdog().stop()?;
        self.wait_for_the_port()
    }

    /// Kills it with all its processes, as the loss of the machine would, but for what the system's cache holds.
    ///
    /// # Errors
    /// If the process that watches it is gone.
    pub fn kill_nine(&self) -> io::Result<()> {
        self.watchdog().kill_nine()?;
        self.wait_for_the_port()
    }

    /// Stops all its processes where they are, or lets them go on: to whoever is connected it falls silent.
    ///
    /// # Errors
    /// If they cannot be reached.
    pub fn pause(&self, paused: Paused) -> io::Result<()> {
        let signal = match paused {
            Paused::Yes => "-STOP",
            Paused::No => "-CONT",
        };
        let own = self.pid().to_string();
        // The server first, so that it starts no others meanwhile.
        output(Command::new("kill").args([signal, &own]))?;
        let children = output(Command::new("ps").args(["-o", "pid=", "--ppid", &own]))?;
        output(Command::new("kill").arg(signal).args(children.split_whitespace())).map(drop)
    }

    fn watchdog(&self) -> std::sync::MutexGuard<'_, Watchdog> {
        self.watchdog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_ready(&self) -> io::Result<bool> {
        let mut command = Command::new(self.binaries.join("pg_isready"));
        command.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
        Ok(command.stderr(Stdio::null()).status()?.success())
    }

    fn wait_for_the_port(&self) -> io::Result<()> {
        let began = Instant::now();
        while let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)) {
            if began.elapsed() > PATIENCE {
                return Err(error);
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

/// Whether a server is to stand still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paused {
    /// It does nothing.
    Yes,
    /// It goes on.
    No,
}

/// A superuser of a server that runs.
#[derive(Debug)]
pub struct Admin {
    url: String,
    psql: PathBuf,
}

impl Admin {
    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A new, empty database; gives the superuser's URL for it.
    ///
    /// # Errors
    /// What the server said.
    pub fn create_database(&self) -> io::Result<String> {
        let name = format!("test_{}", Uuid::new_v4().simple());
        self.sql(&format!("CREATE DATABASE {name} TEMPLATE template0"))?;
        Ok(self.url_of(&name))
    }

    /// Drops a database that [`create_database`](Admin::create_database) made, whoever still uses it.
    ///
    /// # Errors
    /// What the server said.
    pub fn drop_database(&self, url: &str) -> io::Result<()> {
        let name = url.rsplit('/').next().unwrap_or_default();
        self.sql(&format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)")).map(drop)
    }

    /// Runs statements in the superuser's own database; gives the rows of the last, fields separated by `|`.
    ///
    /// # Errors
    /// What the server said.
    pub fn sql(&self, statements: &str) -> io::Result<String> {
        self.sql_in(&self.url, statements)
    }

    /// Runs statements in the database of `url`; gives the rows of the last, fields separated by `|`.
    ///
    /// # Errors
    /// What the server said.
    pub fn sql_in(&self, url: &str, statements: &str) -> io::Result<String> {
        let mut command = Command::new(&self.psql);
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statements, url]);
        Ok(output(command.stdin(Stdio::null()))?.trim_end().to_owned())
    }

    /// The same superuser in another database.
    fn url_of(&self, database: &str) -> String {
        let base = self.url.split('?').next().unwrap_or(&self.url);
        let base = base.rsplit_once('/').map_or(base, |(base, _)| base);
        format!("{base}/{database}")
    }
}

/// The server that all tests of this process share: the one that [`VARIABLE`] names, else one started at the first call.
///
/// # Panics
/// If there is no server to be had; without one the tests cannot run.
pub fn shared() -> &'static Admin {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    match SHARED.get_or_init(Shared::find) {
        Shared::Given(admin) => admin,
        Shared::Started(server) => server.admin(),
    }
}

enum Shared {
    Given(Admin),
    Started(Box<Postgres>),
}

impl Shared {
    #[allow(clippy::panic, reason = "in a test's helper, a panic is how the test fails")]
    fn find() -> Self {
        let found = match std::env::var(VARIABLE) {
            Ok(url) => postgres_folder(&["psql"]).map(|folder| Self::Given(Admin { url, psql: folder.join("psql") })),
            Err(_) => Postgres::start().map(|server| Self::Started(Box::new(server))),
        };
        found.unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Makes the folder and the data in it.
fn prepare(binaries: &Path, user: Option<&str>, password: &str) -> io::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("angzarr-postgres-").tempdir()?;
    let password_file = folder.path().join("password");
    std::fs::write(&password_file, password)?;
    if let Some(user) = user {
        output(Command::new("chown").arg("-R").arg(format!("{user}:{user}")).arg(folder.path()))?;
    }
    let mut initdb = as_user(user, &binaries.join("initdb"));
    initdb.extend(["-D".into(), text(&folder.path().join("data")), format!("--pwfile={}", text(&password_file))]);
    // What it writes need not survive the machine; what the server writes later is synced as ever.
    initdb
        .extend(["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "--no-sync"].map(String::from));
    output(Command::new(&initdb[0]).args(&initdb[1..]).current_dir(folder.path()))?;
    std::fs::remove_file(password_file)?;
    Ok(folder)
}

/// What starts the server in the foreground.
fn command(binaries: &Path, user: Option<&str>, folder: &Path, port: u16, settings: &[&str]) -> Vec<String> {
    let mut command = as_user(user, &binaries.join("postgres"));
    command.extend(["-D".into(), text(&folder.join("data")), "-p".into(), port.to_string()]);
    let own = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("unix_socket_directories={}", text(folder)),
        "max_connections=300".to_owned(),
    ];
    let settings = own.into_iter().chain(settings.iter().map(|setting| (*setting).to_owned()));
    command.extend(settings.flat_map(|setting| ["-c".to_owned(), setting]));
    command
}

/// A program as the user who may run a server: it refuses root. `setpriv` puts the program in its own place, so that
/// signals reach it.
fn as_user(user: Option<&str>, program: &Path) -> Vec<String> {
    let change = user.map(|user| ["setpriv".into(), format!("--reuid={user}"), format!("--regid={user}")]);
    let mut command: Vec<String> = change.into_iter().flatten().collect();
    if user.is_some() {
        command.push("--init-groups".into());
    }
    command.push(text(program));
    command
}

fn small(folder: &Path) -> PathBuf {
    folder.join("small")
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whether a process runs; one that ended and was not waited for does not.
fn lives(pid: u32) -> io::Result<bool> {
    let state = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output()?.stdout;
    Ok(!state.is_empty() && !state.starts_with(b"Z"))
}
