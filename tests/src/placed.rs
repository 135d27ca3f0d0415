//! Components in a service of their own.

use std::cell::{Cell, RefCell};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use angzarr_runtime::component::{Component, Registration};
use angzarr_runtime::transport::{Address, Remote, Service};
use tokio::sync::oneshot;

thread_local! {
    static SERVED: Cell<bool> = const { Cell::new(false) };
    /// The services of this thread's test.
    static SERVICES: RefCell<Vec<Serving>> = const { RefCell::new(Vec::new()) };
}

/// A component that is served until this is dropped.
struct Serving {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.end.take());
        // The test has failed already, if it panicked.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// From here on, tests of this thread have components in a service.
pub fn serve_components() {
    SERVED.set(true);
}

/// A component where the test wants it: in its own program, or in a service.
pub fn placed(component: impl Component) -> Registration {
    if SERVED.get() { served(crate::DESCRIPTION, component) } else { component.register() }
}

/// Serves a component over a socket in this process, and gives what a runtime beside it would register. It is served as
/// long as the test's thread lives.
///
/// # Panics
/// If it cannot be served: tests have nothing to go on with then.
#[expect(clippy::expect_used, reason = "a panic is how a test fails")]
fn served(description: &'static [u8], component: impl Component) -> Registration {
    let (tell, told) = mpsc::channel();
    let (end, mut ended) = oneshot::channel();
    // A runtime of its own: tests come with one of one thread, and may stop its clock.
    let thread = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let folder = tempfile::tempdir().expect("a folder");
            let address = Address::Unix(folder.path().join("service.sock"));
            let service = Service::new(description).register(component);
            let serving = service.serve(&address, std::future::pending());
            let connecting = async {
                let remote = connected(&address).await;
                let _ = tell.send(remote.components().remove(0));
                let _ = (&mut ended).await;
            };
            tokio::select! {
                served = serving => panic!("{served:?}"),
                () = connecting => {}
            }
        });
        // A handler that hangs for its test would be waited for.
        runtime.shutdown_background();
    });
    let serving = Serving { end: Some(end), thread: Some(thread) };
    SERVICES.with_borrow_mut(|services| services.push(serving));
    told.recv().expect("the service's description")
}

#[expect(clippy::panic, reason = "a panic is how a test fails")]
async fn connected(address: &Address) -> Remote {
    loop {
        match Remote::connect(address).await {
            Ok(remote) => return remote,
            Err(error) if error.retryable() => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(error) => panic!("{error}"),
        }
    }
}
