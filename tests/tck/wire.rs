//! What passes between a sidecar and its service.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// Hands on everything, and counts what the service is sent.
pub(crate) struct Wire(Arc<AtomicU64>);

impl Wire {
    /// Whoever connects to the one socket is connected to the other.
    pub(crate) fn lay(from: PathBuf, to: PathBuf) -> Self {
        let sent = Arc::new(AtomicU64::new(0));
        let listener = UnixListener::bind(from).unwrap();
        let counted = sent.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                // Who finds nobody there is told so by the end of his connection.
                if let Ok(far) = UnixStream::connect(&to).await {
                    tokio::spawn(pass(near, far, counted.clone()));
                }
            }
        });
        Self(sent)
    }

    /// How many bytes the service was sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
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
