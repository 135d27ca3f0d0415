//! Following a conversation as it goes on.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::App;
use crate::coordinator::outcome::CausedBook;
use crate::error::Error;
use crate::store::Record;

/// How many records are read at a time.
const PAGE: usize = 256;

/// The books of one conversation, in the order of the log: first those that there are, then each as it is stored,
/// none twice and none left out.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/app/example.rs"));
/// # #[tokio::main]
/// # async fn main() -> Result<(), angzarr_runtime::Error> {
/// # let app = example().await?;
/// let mut talk = app.follow("web-1").count(2);
/// app.send(Open { account: "a".into() }).correlation_id("web-1").await?;
/// app.send(Deposit { account: "a".into(), amount: 70 }).correlation_id("web-1").await?;
///
/// let mut types = Vec::new();
/// while let Some(book) = talk.next().await? {
///     types.extend(book.records.into_iter().map(|record| record.payload.type_name));
/// }
/// assert_eq!(types, ["example.v1.Opened".into(), "example.v1.Deposited".into()]);
/// # app.shutdown().await
/// # }
/// ```
#[derive(Debug)]
pub struct Following {
    app: App,
    correlation_id: String,
    head: watch::Receiver<u64>,
    /// Read up to here.
    read: u64,
    /// Books that were read and not given yet. The last one may go on.
    books: VecDeque<CausedBook>,
    left: Option<u64>,
    until: Option<Instant>,
}

impl App {
    /// Follows the conversation `correlation_id` from its beginning.
    pub fn follow(&self, correlation_id: impl Into<String>) -> Following {
        Following {
            app: self.clone(),
            correlation_id: correlation_id.into(),
            head: self.inner.log.store.watch(),
            read: 0,
            books: VecDeque::new(),
            left: None,
            until: None,
        }
    }
}

impl Following {
    /// Begins behind this position.
    #[must_use]
    pub fn after(mut self, position: u64) -> Self {
        self.read = position;
        self
    }

    /// Ends after so many books.
    #[must_use]
    pub fn count(mut self, books: u64) -> Self {
        self.left = Some(books);
        self
    }

    /// Ends after this time, counted from now.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        self.until = Instant::now().checked_add(time);
        self
    }

    /// The next book, when there is one; none at the end.
    ///
    /// # Errors
    /// What the store and upcasters can yield; asked again, it goes on with the same book.
    pub async fn next(&mut self) -> Result<Option<CausedBook>, Error> {
        if self.left == Some(0) {
            return Ok(None);
        }
        let book = match self.until {
            Some(until) => match timeout_at(until, self.wait_for_next()).await {
                Ok(book) => book?,
                Err(_) => return Ok(None),
            },
            None => self.wait_for_next().await?,
        };
        self.left = self.left.map(|left| left - 1);
        Ok(book)
    }

    async fn wait_for_next(&mut self) -> Result<Option<CausedBook>, Error> {
        loop {
            if let Some(book) = self.books.pop_front() {
                return Ok(Some(book));
            }
            self.head.mark_unchanged();
            self.read_on().await?;
            if self.books.is_empty() && self.head.changed().await.is_err() {
                return Ok(None);
            }
        }
    }

    /// Reads whole books: they become visible at once, so only the end of a page can cut one.
    async fn read_on(&mut self) -> Result<(), Error> {
        let log = self.app.inner.log.clone();
        let mut limit = PAGE;
        loop {
            let stored = log.store.read_correlated(&self.correlation_id, self.read, limit).await?;
            let full = stored.len() == limit;
            let answers = log.upcasts.ask(&stored).await;
            let mut books: Vec<Vec<Record>> = Vec::new();
            for record in stored {
                match books.last_mut().filter(|book| book.last().is_some_and(|last| record.continues(last))) {
                    Some(book) => book.push(record),
                    None => books.push(vec![record]),
                }
            }
            if full && books.len() == 1 {
                limit *= 2;
                continue;
            }
            if full {
                books.pop();
            }
            for book in books {
                let (Some(stream), Some(last)) =
                    (book.first().map(|record| record.stream.clone()), book.last().map(|record| record.position))
                else {
                    continue;
                };
                let mut records = Vec::new();
                for record in book {
                    log.upcasts.current(record, &answers, &mut records)?;
                }
                self.books.push_back(CausedBook { stream, records });
                self.read = last;
            }
            return Ok(());
        }
    }
}
