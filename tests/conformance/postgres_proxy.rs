//! A proxy in front of a PostgreSQL server that cuts connections where it is told to.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Where the next connection is cut: when this many bytes have passed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    /// Of what the client says.
    Request(usize),
    /// Of what the server answers; by then the request was carried out.
    Answer(usize),
}

/// Lets everything pass until it is told otherwise. Connections that show that a store lives are neither counted nor
/// cut but by [`cut_all`](Proxy::cut_all).
pub(crate) struct Proxy {
    port: u16,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    server: u16,
    cut: Mutex<Option<Cut>>,
    counted: Mutex<(usize, usize)>,
    refusing: AtomicBool,
    /// Counts how often all connections were cut.
    ends: watch::Sender<u32>,
}

impl Proxy {
    /// In front of the server at a port of this machine.
    pub(crate) async fn start(server: u16) -> Self {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let (cut, counted, ends) = (Mutex::default(), Mutex::default(), watch::Sender::new(0));
        let state = Arc::new(State { server, cut, counted, refusing: AtomicBool::new(false), ends });
        let task = tokio::spawn(accept(socket, state.clone()));
        Self { port, state, task }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Counts from here on.
    pub(crate) fn count(&self) {
        *self.state.counted.lock().unwrap() = (0, 0);
    }

    /// The bytes of requests and of answers.
    pub(crate) fn counted(&self) -> (usize, usize) {
        *self.state.counted.lock().unwrap()
    }

    pub(crate) fn cut(&self, cut: Cut) {
        *self.state.cut.lock().unwrap() = Some(cut);
    }

    /// Whether what [`cut`](Proxy::cut) asked for was done.
    pub(crate) fn was_cut(&self) -> bool {
        self.state.cut.lock().unwrap().is_none()
    }

    /// Cuts all connections.
    pub(crate) fn cut_all(&self) {
        self.state.ends.send_modify(|ends| *ends += 1);
    }

    /// Takes no connections from here on.
    pub(crate) fn refuse(&self) {
        self.state.refusing.store(true, Ordering::SeqCst);
    }

    /// Takes connections again.
    pub(crate) fn admit(&self) {
        self.state.refusing.store(false, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.cut_all();
    }
}

impl State {
    /// How many of `bytes` bytes may pass; fewer than all cut the connection.
    fn pass(&self, asked: bool, bytes: usize) -> usize {
        let mut counted = self.counted.lock().unwrap();
        *(if asked { &mut counted.0 } else { &mut counted.1 }) += bytes;
        let mut cut = self.cut.lock().unwrap();
        let left = match (&mut *cut, asked) {
            (Some(Cut::Request(left)), true) | (Some(Cut::Answer(left)), false) => left,
            _ => return bytes,
        };
        if *left >= bytes {
            *left -= bytes;
            return bytes;
        }
        let passing = *left;
        *cut = None;
        passing
    }
}

async fn accept(socket: TcpListener, state: Arc<State>) {
    while let Ok((client, _)) = socket.accept().await {
        if !state.refusing.load(Ordering::SeqCst) {
            tokio::spawn(carry(client, state.clone()));
        }
    }
}

/// What only a connection that shows life says.
const LIFE: &[u8] = b"pg_advisory_lock_shared";

/// Carries bytes until either side, or the test, ends it.
async fn carry(mut client: TcpStream, state: Arc<State>) -> std::io::Result<()> {
    let mut ends = state.ends.subscribe();
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, state.server)).await?;
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut shows_life = false;
    loop {
        tokio::select! {
            _ = ends.changed() => return Ok(()),
            bytes = client.read(&mut asked) => {
                let bytes = &asked[..bytes?];
                shows_life |= bytes.windows(LIFE.len()).any(|word| word == LIFE);
                let passing = if shows_life { bytes.len() } else { state.pass(true, bytes.len()) };
                server.write_all(&bytes[..passing]).await?;
                if passing < bytes.len() || bytes.is_empty() {
                    return Ok(());
                }
            }
            bytes = server.read(&mut answered) => {
                let bytes = &answered[..bytes?];
                let passing = if shows_life { bytes.len() } else { state.pass(false, bytes.len()) };
                client.write_all(&bytes[..passing]).await?;
                if passing < bytes.len() || bytes.is_empty() {
                    return Ok(());
                }
            }
        }
    }
}
