//! A server comes, is used, is killed, comes back, and goes with whoever started it.

use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use angzarr_servers::Postgres;

fn answers(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

#[test]
fn a_server_keeps_its_data_over_a_kill() {
    let server = Postgres::start().unwrap();
    let url = server.create_database().unwrap();
    server.admin().sql_in(&url, "CREATE TABLE kept (a int); INSERT INTO kept VALUES (7)").unwrap();
    let settings = "SELECT current_setting('fsync'), current_setting('synchronous_commit')";
    assert_eq!(server.admin().sql(settings).unwrap(), "on|on");
    let pid = server.pid();
    server.kill_nine().unwrap();
    assert!(!answers(server.port()));
    server.restart().unwrap();
    assert_ne!(server.pid(), pid);
    assert_eq!(server.admin().sql_in(&url, "SELECT a FROM kept").unwrap(), "7");
    server.stop().unwrap();
    assert!(!answers(server.port()));
    server.restart().unwrap();
    server.admin().drop_database(&url).unwrap();
    assert!(server.admin().sql_in(&url, "SELECT 1").is_err());
    let wrong = server.url().replace('@', "not@");
    assert!(server.admin().sql_in(&wrong, "SELECT 1").is_err(), "a password is asked for");
    let (port, folder) = (server.port(), server.data_folder());
    drop(server);
    assert!(!answers(port));
    assert!(!folder.exists());
}

#[test]
fn a_command_gets_a_server_and_its_code_is_ours() {
    let servers = env!("CARGO_BIN_EXE_servers");
    let mut command = Command::new(servers);
    let script = r#"case $ANGZARR_TEST_POSTGRES in postgres://*) exit 7 ;; esac"#;
    assert_eq!(command.args(["postgres", "--", "sh", "-c", script]).status().unwrap().code(), Some(7));
    let usage = Command::new(servers).output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&usage.stderr).contains("usage"));
}

#[test]
fn a_server_ends_with_a_killed_owner() {
    let mut owner = Command::new(env!("CARGO_BIN_EXE_servers"))
        .args(["postgres", "--", "sh", "-c", "echo $ANGZARR_TEST_POSTGRES; exec sleep 60"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(owner.stdout.take().unwrap()), &mut line).unwrap();
    let port = line.trim().rsplit_once(':').unwrap().1.split('/').next().unwrap().parse().unwrap();
    assert!(answers(port));
    owner.kill().unwrap();
    owner.wait().unwrap();
    let began = Instant::now();
    while answers(port) {
        assert!(began.elapsed() < Duration::from_secs(30), "the server outlived its owner");
        std::thread::sleep(Duration::from_millis(20));
    }
}
