//! A shell between us and a server, which ends the server when we are gone.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Takes words on its standard input and answers each with a line. At the end of its input, which comes too when the
/// writer was killed, it ends the server and removes the folder. Children of a killed server are killed with it.
const SCRIPT: &str = r#"
folder=$1; shift
pid=
start() { "$@" </dev/null >/dev/null 2>>"$folder/server.log" & pid=$!; }
stop() { [ -z "$pid" ] || { kill -INT "$pid"; wait "$pid"; pid=; } }
kill_nine() {
    [ -n "$pid" ] || return
    # Stopped first, or it would start more of them meanwhile.
    kill -STOP "$pid"
    all="$pid $(ps -o pid= --ppid "$pid")"
    kill -KILL $all
    wait "$pid"
    # The next one cannot start as long as one of them is there.
    while ps -o stat= -p "$(echo $all | tr ' ' ,)" | grep -qv '^Z'; do sleep 0.01; done
    pid=
}
while read -r word; do
    case $word in
        start) start "$@" ;;
        stop) stop ;;
        kill) kill_nine ;;
    esac
    echo "$pid"
done
stop
rm -rf "$folder"
"#;

/// The shell, and through it the server.
#[derive(Debug)]
pub(crate) struct Watchdog {
    shell: Child,
    // None once it was told to end.
    words: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Watchdog {
    /// For the server that `command` starts in the foreground; `folder` is removed at the end.
    pub(crate) fn new(folder: &Path, command: &[String]) -> io::Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "watchdog"])
            .arg(folder)
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.join("watchdog.log"))?)
            // Ctrl-C is for us; the shell follows.
            .process_group(0)
            .spawn()?;
        let words = shell.stdin.take();
        let answers = shell.stdout.take().ok_or_else(|| io::Error::other("the shell has no output"))?;
        Ok(Self { shell, words, answers: BufReader::new(answers) })
    }

    /// Starts the server and gives its process id.
    pub(crate) fn start(&mut self) -> io::Result<u32> {
        let answer = self.say("start")?;
        answer.trim().parse().map_err(|_| io::Error::other(format!("the shell answered {answer:?}")))
    }

    /// Ends the server in order, and waits until it is gone.
    pub(crate) fn stop(&mut self) -> io::Result<()> {
        self.say("stop").map(drop)
    }

    /// Kills the server and its children, and waits until they are gone.
    pub(crate) fn kill_nine(&mut self) -> io::Result<()> {
        self.say("kill").map(drop)
    }

    fn say(&mut self, word: &str) -> io::Result<String> {
        let words = self.words.as_mut().ok_or_else(|| io::Error::other("the server was ended"))?;
        writeln!(words, "{word}")?;
        words.flush()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.words.take());
        // Nobody is left to be told that waiting failed.
        let _ = self.shell.wait();
    }
}
