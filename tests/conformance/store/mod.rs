//! The contract of `Store`: laws 1 to 4 and 6.

mod as_of;
mod concurrent;
mod correlated;
mod deadlines;
mod follow;
mod held;
mod kept;
mod keys;
mod large;
mod leases;
mod orders;
mod parks;
mod processes;
mod roots;
mod snapshots;
mod streams;
mod watching;

use std::sync::Arc;
use std::time::Duration;

use angzarr_runtime::Payload;
use angzarr_runtime::prost_types::Timestamp;
use angzarr_runtime::store::{
    Acquired, Appended, EventRef, Lease, Load, Loaded, NewBook, NewParked, NewRecord, OrderStep, Record, RecordKind,
    Store, StoreError, StreamId, Trace,
};
use uuid::Uuid;

// The cases. What is listed below and does not exist does not compile; what exists and is not listed is a warning.
use as_of::*;
use concurrent::*;
use correlated::*;
use deadlines::*;
use held::*;
use kept::*;
use keys::*;
use large::*;
use leases::*;
use orders::*;
use parks::*;
use processes::*;
use roots::*;
use snapshots::*;
use streams::*;
use watching::*;

cases! {
    every:
        streams_start_at_zero,
        streams_have_no_holes,
        streams_wrong_expectations_write_nothing,
        streams_a_book_without_records_is_a_no_op,
        streams_books_in_order_end_with_the_first_not_stored,
        streams_the_first_book_names_the_stream,
        streams_writers_without_expectation_lose_nothing,
        streams_writers_with_expectations_lose_nothing,
        streams_one_of_many_writers_with_the_same_expectation_wins,
        streams_a_conflict_spoils_no_other_book,
        log_order_positions_of_a_book_are_consecutive,
        log_order_pages_from_every_position,
        log_order_holds_while_writers_write,
        log_order_holds_from_any_position,
        once_a_duplicate_returns_the_first_book,
        once_the_key_is_looked_at_before_the_sequence,
        once_the_same_key_of_another_stream_is_another,
        once_an_empty_book_is_remembered,
        once_concurrent_duplicates_store_one,
        once_a_lost_acknowledgement_doubles_nothing,
        once_keys_of_all_kinds,
        snapshots_shorten_the_load,
        snapshots_of_another_fingerprint_are_ignored,
        snapshots_ahead_of_the_stream_are_ignored,
        snapshots_a_newer_one_replaces,
        checkpoints_are_kept,
        the_log_keeps_its_id,
        reopened_log_holds_what_was_acknowledged,
        texts_with_the_character_zero_are_kept,
        a_dropped_append_is_whole_or_not_there,
        a_closed_store_refuses_everything,
        leases_are_free_until_somebody_takes_them,
        leases_are_taken_over_from_the_silent_only,
        leases_that_are_given_back_are_free,
        leases_that_were_lost_are_given_back_already,
        leases_go_to_one_of_many,
        fencing_refuses_every_write_under_an_old_lease,
        fencing_holds_among_many_writers,
        parks_keep_the_order_of_the_log,
        parks_know_the_parts_of_an_event,
        parks_without_events_are_none,
        parks_of_all_kinds_of_lanes,
        dead_letters_are_kept_as_told,
        dead_letters_are_replaced_and_removed,
        dead_letters_come_in_pages,
        orders_are_taken_up_in_the_order_in_which_they_were_given,
        orders_are_answered_once_and_for_all,
        orders_are_carried_out_whole_or_not_at_all,
        orders_are_withdrawn_until_they_are_taken_up,
        orders_make_room_for_newer_ones,
        orders_wake_those_who_watch,
        pauses_are_kept_until_an_order_ends_them,
        deadlines_are_set_with_their_book,
        deadlines_that_are_set_again_are_moved,
        deadlines_are_cleared,
        deadlines_are_cleared_before_the_same_book_sets_them,
        deadlines_of_books_that_are_not_stored_change_nothing,
        deadlines_come_in_the_order_of_their_times,
        deadlines_of_domains_do_not_mix,
        deadlines_of_all_times_and_names,
        as_of_a_sequence,
        as_of_a_time,
        as_of_then_with_snapshots,
        clocks_that_jump_change_no_order,
        clocks_that_jump_leave_the_past_a_beginning,
        correlated_records_come_in_the_order_of_the_log,
        correlated_records_are_paged_from_any_position,
        correlated_records_grow_at_the_end,
        roots_of_a_domain_come_in_order,
        roots_without_records_are_none,
        watching_tells_own_appends_at_once,
        watching_never_runs_ahead_nor_goes_back,
        large_books_beyond_the_limit_are_refused,
        large_books_of_ten_thousand_records,
        large_payloads,
        large_streams_of_a_hundred_thousand_records;
    persistent:
        log_order_a_reader_skips_nothing_that_is_committed_late,
        log_order_a_reader_does_not_wait_for_a_writer_that_died,
        an_append_behind_a_held_writer_waits_or_may_be_tried_again,
        processes_write_to_streams_of_their_own,
        processes_write_to_one_stream,
        processes_make_a_log_together,
        processes_killed_while_they_write_lose_nothing_acknowledged,
        leases_of_a_killed_process_are_taken_over,
        leases_of_a_killed_process_are_free_where_nobody_else_is,
        leases_are_given_back_at_close,
        fencing_reaches_other_stores,
        watching_two_stores_never_runs_ahead_nor_goes_back,
        watching_notices_foreign_appends,
        watching_is_enough_to_follow_foreign_appends,
        orders_wake_those_who_watch_elsewhere;
}

/// A stream that no other case uses.
pub(crate) fn stream() -> StreamId {
    StreamId::new("things", Uuid::new_v4())
}

fn record(text: &str) -> NewRecord {
    let payload = Payload { type_name: "test.Said".into(), value: text.as_bytes().to_vec().into() };
    NewRecord { kind: RecordKind::Event, payload, occurred_at: None, due: None }
}

/// A book with a record for each text.
pub(crate) fn book(stream: &StreamId, texts: &[&str]) -> NewBook {
    NewBook {
        stream: stream.clone(),
        key: "thing".into(),
        expected: None,
        idempotency_key: None,
        records: texts.iter().map(|text| record(text)).collect(),
        cleared: Vec::new(),
        created_at: Timestamp { seconds: 1_700_000_000, nanos: 5_000 },
        trace: Trace { correlation_id: "talk".into(), cause: None, traceparent: None },
    }
}

fn expecting(expected: u32, book: NewBook) -> NewBook {
    NewBook { expected: Some(expected), ..book }
}

fn keyed(key: &str, book: NewBook) -> NewBook {
    NewBook { idempotency_key: Some(key.to_owned()), ..book }
}

/// Takes the lease of a consumer that nobody holds.
pub(crate) async fn lease(store: &Arc<dyn Store>, consumer: &str) -> Lease {
    match store.acquire(consumer, None).await.unwrap() {
        Acquired::Taken(lease) => lease,
        Acquired::Held(beat) => panic!("{consumer} is held: {beat:?}"),
    }
}

/// Appends a book that has a key, again as long as that may help.
async fn persist(store: &Arc<dyn Store>, book: NewBook) -> Appended {
    loop {
        match store.append(book.clone()).await {
            Err(error) if error.retryable() => tokio::time::sleep(Duration::from_millis(10)).await,
            appended => return appended.unwrap(),
        }
    }
}

/// Takes the lease of a consumer, from whoever holds it.
async fn regain(store: &Arc<dyn Store>, consumer: &str) -> Lease {
    match store.acquire(consumer, None).await.unwrap() {
        Acquired::Taken(lease) => lease,
        Acquired::Held(silent) => match store.acquire(consumer, Some(silent)).await.unwrap() {
            Acquired::Taken(lease) => lease,
            Acquired::Held(beat) => panic!("{silent:?} was its last beat, not {beat:?}"),
        },
    }
}

/// Takes an event out of a park, as an order would.
pub(crate) async fn unpark(store: &Arc<dyn Store>, lease: &Lease, event: NewParked) -> Result<(), StoreError> {
    store.carry_out(lease, OrderStep { unparked: vec![event], ..OrderStep::default() }).await
}

/// Removes a dead letter, as an order would.
pub(crate) async fn remove_dead_letter(
    store: &Arc<dyn Store>,
    lease: &Lease,
    event: EventRef,
) -> Result<(), StoreError> {
    store.carry_out(lease, OrderStep { removed: vec![event], ..OrderStep::default() }).await
}

/// The whole stream, without looking at keys or snapshots.
async fn whole(store: &Arc<dyn Store>, stream: &StreamId) -> Loaded {
    let load = Load::of(stream.clone());
    store.load(load).await.unwrap()
}

fn texts(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8(record.payload.value.to_vec()).unwrap()).collect()
}

fn sequences(records: &[Record]) -> Vec<u32> {
    records.iter().map(|record| record.sequence).collect()
}
