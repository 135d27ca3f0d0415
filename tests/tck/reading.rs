//! What became of calls: streams, states, dead letters, rows.

use std::time::{Duration, Instant};

use angzarr_runtime::prost::{Message, Name};
use angzarr_runtime::proto::{self, stream_query::AsOf};
use angzarr_runtime::transport::services::admin_client::AdminClient;
use angzarr_runtime::transport::services::event_query_client::EventQueryClient;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::calls::Answer;
use crate::place::Place;
use crate::processes::PATIENCE;

fn query(domain: &str, key: &str, as_of: Option<AsOf>) -> proto::StreamQuery {
    let cover = proto::Cover { domain: domain.into(), key: key.into(), ..proto::Cover::default() };
    proto::StreamQuery { cover: Some(cover), as_of, ..proto::StreamQuery::default() }
}

/// The events of a book by the last part of their names.
pub(crate) fn names(pages: &[proto::EventPage]) -> Vec<&str> {
    pages.iter().map(|page| page.event.as_ref().unwrap().type_url.rsplit('.').next().unwrap()).collect()
}

/// The event of a page, if it is of this type.
pub(crate) fn event<M: Message + Name + Default>(page: &proto::EventPage) -> Option<M> {
    let any = page.event.as_ref().unwrap();
    any.type_url.ends_with(&format!("/{}", M::full_name())).then(|| M::decode(&*any.value).unwrap())
}

/// Those of this type.
pub(crate) fn events<M: Message + Name + Default>(pages: &[proto::EventPage]) -> Vec<M> {
    pages.iter().filter_map(event).collect()
}

impl Place {
    fn queries(&self) -> EventQueryClient<tonic::transport::Channel> {
        EventQueryClient::new(self.channel.clone()).max_decoding_message_size(usize::MAX)
    }

    /// The records of a stream.
    pub(crate) async fn stream(&self, domain: &str, key: &str) -> Vec<proto::EventPage> {
        let book = self.queries().get_event_book(query(domain, key, None)).await;
        book.unwrap_or_else(|status| panic!("{status:?}")).into_inner().pages
    }

    /// The state that a stream folds to, as of then; the default one if there is none.
    pub(crate) async fn state_as_of<M: Message + Default>(&self, domain: &str, key: &str, then: Option<AsOf>) -> M {
        let answer: Answer<_> = self.queries().get_state(query(domain, key, then)).await;
        let state = answer.unwrap_or_else(|status| panic!("{status:?}")).into_inner().state;
        state.map(|any| M::decode(&*any.value).unwrap()).unwrap_or_default()
    }

    pub(crate) async fn state<M: Message + Default>(&self, domain: &str, key: &str) -> M {
        self.state_as_of(domain, key, None).await
    }

    /// Waits until the events of a stream are so many.
    pub(crate) async fn grows(&self, domain: &str, key: &str, length: usize) -> Vec<proto::EventPage> {
        let began = Instant::now();
        loop {
            let pages = self.stream(domain, key).await;
            if pages.len() >= length {
                return pages;
            }
            assert!(began.elapsed() < PATIENCE, "{domain}/{key} holds {:?}", names(&pages));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn admin(&self) -> AdminClient<tonic::transport::Channel> {
        AdminClient::new(self.channel.clone())
    }

    /// Waits for a dead letter of a consumer, about an event in this stream.
    pub(crate) async fn dead_letter(&self, consumer: &str, key: &str) -> proto::DeadLetter {
        let began = Instant::now();
        loop {
            let request = proto::ListDeadLettersRequest { consumer: consumer.into(), ..Default::default() };
            let letters = self.admin().list_dead_letters(request).await.unwrap().into_inner().dead_letters;
            let is_wanted = |letter: &proto::DeadLetter| {
                letter.record.as_ref().and_then(|book| book.cover.as_ref()).is_some_and(|cover| cover.key == key)
            };
            if let Some(letter) = letters.into_iter().find(is_wanted) {
                return letter;
            }
            assert!(began.elapsed() < PATIENCE, "no dead letter of {consumer} about {key}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until all consumers are done with everything.
    pub(crate) async fn drained(&self) {
        let began = Instant::now();
        loop {
            let answer = self.admin().list_consumers(proto::ListConsumersRequest {}).await.unwrap().into_inner();
            let lagging: Vec<_> = answer.consumers.iter().filter(|consumer| consumer.lag > 0).collect();
            if lagging.is_empty() {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{lagging:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// One column of the row under a key, in the table of a view; none without a row.
    pub(crate) fn column(&self, table: &str, key: &str, column: &str) -> Option<rusqlite::types::Value> {
        let mut path = self.database().into_os_string();
        path.push(".views");
        let views = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let sql = format!("SELECT {column} FROM {table} WHERE _key = ?1");
        views.query_row(&sql, [key], |row| row.get(0)).optional().unwrap()
    }

    /// The row under a key.
    pub(crate) fn row<M: Message + Default>(&self, table: &str, key: &str) -> Option<M> {
        match self.column(table, key, "_row")? {
            rusqlite::types::Value::Blob(bytes) => Some(M::decode(&*bytes).unwrap()),
            other => panic!("{other:?}"),
        }
    }
}
