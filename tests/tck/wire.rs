//! What passes between a sidecar and its service.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// Hands on everything, and counts what the service is sent.
pub(crate) struct Wire {
    from: PathBuf,
    to: PathBuf,
    sent: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl Wire {
    /// Whoever connects to the one socket is connected to the other, where somebody listens already.
    pub(crate) fn lay(from: PathBuf, to: PathBuf) -> Self {
        let sent = Arc::default();
        let accepting = accept(&from, &to, &sent);
        Self { from, to, sent, accepting }
    }

    /// From here on nobody is let in, as where nobody listens; what is connected stays so.
    pub(crate) async fn close(&mut self) {
        self.accepting.abort();
        // Once that has come to its end, the socket is closed; that it was told to is no news.
        let _ = (&mut self.accepting).await;
    }

    /// The opposite.
    pub(crate) fn open(&mut self) {
        std::fs::remove_file(&self.from).unwrap();
        self.accepting = accept(&self.from, &self.to, &self.sent);
    }

    /// How many bytes the service was sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

fn accept(from: &Path, to: &Path, sent: &Arc<AtomicU64>) -> JoinHandle<()> {
    let (listener, to, sent) = (UnixListener::bind(from).unwrap(), to.to_owned(), sent.clone());
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            if let Ok(far) = UnixStream::connect(&to).await {
                tokio::spawn(pass(near, far, sent.clone()));
            }
        }
    })
}

/// Until either side ends the connection.
async fn pass(near: UnixStream, far: UnixStream, counted: Arc<AtomicU64>) {
    let (mut questions, mut to_near) = near.into_split();
    let (mut answers, mut to_far) = far.into_split();
    let asking = async {
        let mut buffer = vec![0; 64 << 10];
        loop {
            match questions.read(&mut buffer).await {
                Ok(read) if read > 0 => {
                    counted.fetch_add(read as u64, Ordering::Relaxed);
                    if to_far.write_all(&buffer[..read]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            }
        }
    };
    tokio::select! {
        () = asking => {}
        _ = tokio::io::copy(&mut answers, &mut to_near) => {}
    }
}
