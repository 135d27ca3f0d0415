//! What the coordinators promise, seen through an application over each storage.

mod as_of;
mod bad_books;
mod broken;
mod cascade;
mod checkpoints;
mod deadline_crashes;
mod deadlines;
mod facts;
mod failures;
mod follow;
mod import;
mod io;
mod lanes;
mod once;
mod orders;
mod parks;
mod pipelined;
mod process_manager;
mod processes;
mod queries;
mod redelivery;
mod refusals;
mod roots;
mod setup;
mod shared;
mod shutdown;
mod snapshots;
mod speculative;
mod stale;
mod standing_by;
mod tables;
mod trace;
mod upcasting;
mod views;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use angzarr_runtime::app::ConsumerStatus;
use angzarr_runtime::component::{Delivery, OnFailure};
use angzarr_runtime::id::root_id;
use angzarr_runtime::prost::Message;
use angzarr_runtime::store::{Opened, Record, Store, StreamId};
use angzarr_runtime::{App, Error, Storage};
use angzarr_tests::bank::v1::{BalanceRow, Branch, Deposit, OpenAccount};
use angzarr_tests::placed;
use angzarr_tests::{AccountRules, Faults, OldAccounts, StoreFaults, register};

use crate::backend::Backend;
use crate::store::lease;
use as_of::{
    as_of_a_sequence_it_is_as_it_was, as_of_a_time_it_is_a_beginning_of_the_stream,
    as_of_knows_process_managers_and_refuses_strangers, as_of_stays_after_a_restart,
    as_of_then_events_are_in_current_versions, conversations_are_told_in_order,
};
use bad_books::{
    bad_books_get_their_codes, bad_payloads_change_nothing, pages_are_decided_in_order_and_stored_as_one_book,
    stored_events_that_do_not_decode_are_told, stored_events_that_nobody_knows_are_told,
};
use broken::{
    parks_take_events_whose_key_does_not_decode, parks_take_old_events_that_cannot_be_upcast,
    replay_of_a_type_that_is_gone_is_told,
};
use cascade::{
    cascade_ends_at_a_parked_lane, cascade_ends_at_a_parked_lane_while_others_take_their_time,
    cascade_ends_at_the_deadline, cascade_ends_where_it_never_would, cascade_tells_of_refusals_and_their_compensation,
    cascade_waits_for_all_that_follows,
};
use checkpoints::{checkpoints_beyond_the_log_are_told_at_the_start, checkpoints_beyond_the_log_stop_who_takes_over};
use deadline_crashes::{
    deadlines_are_not_skipped_when_the_store_fails, deadlines_that_are_skipped_leave_a_dead_letter_first,
    deadlines_that_were_set_anew_outlive_whoever_skips_the_old_one,
};
use deadlines::{
    compensation_of_what_is_discarded_reaches_process_managers, compensation_reaches_process_managers,
    compensation_that_never_ends_ends_in_a_park, completed_processes_hear_of_refusals,
    completed_processes_ignore_what_comes_later, deadlines_are_due_when_their_commands_are_decided,
    deadlines_are_moved_and_cancelled, deadlines_fire_after_a_restart, deadlines_fire_once,
    deadlines_fire_once_across_a_kill, deadlines_of_parked_lanes_hide_no_others, deadlines_that_fail_are_skipped,
    deadlines_that_fail_park_their_lane,
};
use facts::{
    facts_are_never_refused, facts_are_recorded_once_under_their_external_id,
    facts_decide_the_same_for_the_same_external_id, facts_do_not_vanish_behind_other_keys,
    facts_of_sagas_are_the_same_whoever_tells_them, facts_reach_consumers, facts_stay_recorded_after_a_restart,
};
use failures::{
    a_failing_aggregate_stores_nothing, a_failing_consumer_goes_on_after_mending, a_failing_projector_stops_alone,
    a_failing_saga_stops_alone, a_panicking_consumer_stops_alone, a_passing_failure_is_tried_again,
};
use follow::{follow_catches_up_and_goes_on, follow_ends_after_a_count_or_a_time};
use import::{
    imports_are_stored_once, imports_are_taken_as_they_are, imports_check_the_sequence, imports_refuse_strangers,
    imports_without_a_key_are_stored_each_time,
};
use io::{
    io_holds_up_nobody_who_came_before, io_holds_up_one_root_only, io_is_done_again_on_a_conflict,
    io_that_hangs_or_panics_changes_nothing,
};
use lanes::{
    lanes_do_not_wait_for_a_hanging_one, lanes_keep_their_order, lanes_of_a_failing_handler_try_again_alone,
    lanes_of_handlers_that_hang_are_parked,
};
use once::{
    once_a_client_key_returns_the_first_events, once_an_empty_result_stays_empty,
    once_client_refusals_are_not_recorded, once_concurrent_duplicates_are_decided_once,
    once_ids_and_time_follow_from_a_client_key, once_ids_and_time_follow_from_the_cause,
    once_redelivered_events_double_nothing, once_refusals_are_recorded_and_compensated,
};
use orders::{
    a_store_that_fails_while_lanes_are_parked_loses_nothing, nothing_is_begun_once_a_consumer_halts,
    orders_are_carried_out_from_any_process, orders_outlive_a_holder_that_dies_before_it_answers,
    orders_that_nobody_takes_up_are_taken_back, orders_that_take_long_go_on_without_their_caller,
    orders_that_were_carried_out_are_not_carried_out_again, pauses_outlive_their_holder,
    redelivery_leaves_events_in_their_parks_that_can_be_read_now, replay_behind_later_events_of_its_row_is_refused,
    replay_finishes_what_a_dead_holder_had_put_into_rows, replay_keeps_live_events_of_its_rows_waiting,
    replay_takes_lanes_that_are_parked_in_their_order, resuming_waits_for_a_store_that_fails,
};
use parks::{
    chains_that_never_end_end_in_a_park, parks_are_discarded_and_compensated, parks_are_kept_and_replayed_in_order,
    parks_are_skipped_and_discarded, parks_keep_what_was_accepted_before_they_are_discarded,
    parks_that_are_many_pause_the_consumer, parks_that_fail_again_stay, parks_under_other_policies,
    parks_without_a_lane_and_strangers_are_told, refusals_without_compensation_become_dead_letters,
};
use pipelined::{
    a_caller_may_go_away_at_any_time, a_slow_store_refuses_nobody, a_store_that_is_away_tells_everybody_soon,
    once_a_lost_answer_is_found_under_its_key, once_a_lost_answer_is_told_to_all_it_concerns,
    once_duplicates_in_flight_survive_a_lost_answer, stale_answers_that_rest_on_what_was_not_stored_are_not_given,
    stale_empty_results_rest_on_what_was_stored, stale_refusals_before_what_was_not_stored_are_not_given,
};
use process_manager::{
    a_process_manager_knows_its_own_stream, a_process_manager_step_is_not_decided_again,
    a_process_manager_step_is_one_book, a_process_manager_without_an_instance_ignores,
};
use processes::{a_killed_holder_is_followed, a_sleeping_holder_changes_nothing_when_it_wakes};
use queries::{
    queries_as_of_then_see_what_was_then, queries_see_what_others_wrote, queries_see_what_was_acknowledged,
    queries_write_nothing,
};
use redelivery::{
    redelivery_adds_nothing_before_the_first_event_of_a_park, redelivery_brings_nothing_back_that_left_a_park,
    redelivery_leaves_no_dead_letter_of_what_is_handled_then, replay_of_what_nobody_compensates_leaves_a_dead_letter,
    replay_takes_what_joined_the_park_while_it_waited, replay_waits_for_the_checkpoint,
};
use refusals::{
    commands_that_nobody_could_be_sent_are_not_recorded, compensation_of_what_is_discarded_passes_facts,
    refusals_of_commands_that_were_sent_together_lead_to_a_step_each,
};
use roots::roots_in_both_cases_are_one;
use setup::{a_start_that_fails_gives_leases_back, targets_without_an_aggregate_are_told};
use shared::{
    once_a_refusal_stays_after_a_crash, once_keys_hold_in_all_applications,
    stale_callers_of_two_applications_lose_nothing, stale_foreign_writes_are_noticed,
    stale_refusals_of_two_applications_are_right,
};
use shutdown::{
    a_handler_that_never_returns_does_not_hold_up_the_end, a_slow_handler_ends_after_its_event,
    a_stopped_consumer_lets_the_others_finish,
};
use snapshots::{
    snapshots_are_used, snapshots_are_used_for_what_is_not_before_them, snapshots_of_another_chain_are_ignored,
    snapshots_of_another_version_are_ignored, snapshots_that_do_not_decode_are_ignored_and_replaced,
};
use speculative::{
    speculative_commands_may_be_of_then, speculative_commands_store_nothing, speculative_reactions_send_nothing,
};
use stale::{stale_rejections_do_not_happen, stale_sequences_conflict, stale_states_are_never_decided_on};
use standing_by::{
    a_handler_that_blocks_stops_no_sign_of_life, a_lost_lease_stops_its_holder,
    a_view_that_was_moved_at_the_last_moment_is_kept, an_application_that_is_overtaken_while_it_starts_stands_by,
    an_application_that_stands_by_goes_on_at_once, an_application_that_stands_by_lets_go,
    an_application_whose_store_fails_right_after_a_lease_was_taken_asks_again, applications_share_the_work_once,
};
use tables::{
    tables_are_committed_with_their_marks, tables_are_made_before_consumers_start,
    tables_are_not_written_twice_after_a_kill, tables_are_waited_for, tables_are_written_once_around_a_park,
    tables_are_written_once_by_a_later_replay, tables_are_written_once_by_a_replay, tables_show_nothing_of_what_failed,
    tables_under_a_later_lease_are_told, tables_whose_commit_was_not_answered_are_written_once,
};
use trace::{trace_follows_a_process, trace_follows_a_saga, trace_starts_with_the_client};
use upcasting::{
    upcasting_knows_fields_and_stored_names, upcasting_leaves_stored_bytes_alone,
    upcasting_passes_what_becomes_nothing, upcasting_reaches_all_readers,
};
use views::{
    views_are_read_in_pages_and_by_column, views_are_rebuilt_past_what_fails, views_are_rebuilt_up_to_what_is_parked,
    views_are_rebuilt_when_they_are_told_to, views_are_rebuilt_while_events_come, views_catch_up_from_memory,
    views_follow_their_keys, views_of_another_log_are_rebuilt, views_skip_what_is_in_their_rows,
    views_that_are_being_rebuilt_survive_a_kill, views_that_are_lost_are_rebuilt, views_that_cannot_be_rebuilt_say_so,
    views_that_run_ahead_are_rebuilt,
};
use waiting::{
    a_dropped_send_is_whole, deadlines_are_kept, deadlines_beyond_the_end_of_time_are_none, shutting_down_drains,
    shutting_down_leaves_nothing_to_do, waiting_does_not_depend_on_other_lanes, waiting_ends_at_a_parked_lane,
    waiting_for_a_stopped_projector_ends, waiting_for_projectors_shows_their_rows,
    waiting_tells_what_failed_in_an_earlier_process,
};

cases! {
    every:
        once_a_client_key_returns_the_first_events,
        once_an_empty_result_stays_empty,
        once_client_refusals_are_not_recorded,
        once_concurrent_duplicates_are_decided_once,
        once_ids_and_time_follow_from_a_client_key,
        once_ids_and_time_follow_from_the_cause,
        once_refusals_are_recorded_and_compensated,
        a_process_manager_without_an_instance_ignores,
        a_process_manager_knows_its_own_stream,
        roots_in_both_cases_are_one,
        targets_without_an_aggregate_are_told,
        snapshots_that_do_not_decode_are_ignored_and_replaced,
        io_holds_up_one_root_only,
        io_holds_up_nobody_who_came_before,
        io_that_hangs_or_panics_changes_nothing,
        io_is_done_again_on_a_conflict,
        upcasting_reaches_all_readers,
        upcasting_knows_fields_and_stored_names,
        upcasting_passes_what_becomes_nothing,
        as_of_a_sequence_it_is_as_it_was,
        as_of_a_time_it_is_a_beginning_of_the_stream,
        as_of_then_events_are_in_current_versions,
        as_of_knows_process_managers_and_refuses_strangers,
        conversations_are_told_in_order,
        stale_sequences_conflict,
        stale_states_are_never_decided_on,
        stale_rejections_do_not_happen,
        trace_starts_with_the_client,
        trace_follows_a_saga,
        trace_follows_a_process,
        imports_are_taken_as_they_are,
        imports_are_stored_once,
        imports_check_the_sequence,
        imports_refuse_strangers,
        imports_without_a_key_are_stored_each_time,
        bad_books_get_their_codes,
        bad_payloads_change_nothing,
        pages_are_decided_in_order_and_stored_as_one_book,
        a_passing_failure_is_tried_again,
        a_failing_saga_stops_alone,
        a_failing_projector_stops_alone,
        a_panicking_consumer_stops_alone,
        a_failing_aggregate_stores_nothing,
        lanes_do_not_wait_for_a_hanging_one,
        lanes_keep_their_order,
        lanes_of_a_failing_handler_try_again_alone,
        lanes_of_handlers_that_hang_are_parked,
        parks_are_skipped_and_discarded,
        parks_are_discarded_and_compensated,
        parks_that_fail_again_stay,
        parks_that_are_many_pause_the_consumer,
        parks_under_other_policies,
        parks_without_a_lane_and_strangers_are_told,
        a_store_that_fails_while_lanes_are_parked_loses_nothing,
        nothing_is_begun_once_a_consumer_halts,
        orders_are_carried_out_from_any_process,
        orders_outlive_a_holder_that_dies_before_it_answers,
        orders_that_nobody_takes_up_are_taken_back,
        orders_that_take_long_go_on_without_their_caller,
        orders_that_were_carried_out_are_not_carried_out_again,
        pauses_outlive_their_holder,
        replay_behind_later_events_of_its_row_is_refused,
        replay_finishes_what_a_dead_holder_had_put_into_rows,
        replay_keeps_live_events_of_its_rows_waiting,
        replay_of_a_type_that_is_gone_is_told,
        replay_of_what_nobody_compensates_leaves_a_dead_letter,
        replay_takes_lanes_that_are_parked_in_their_order,
        replay_takes_what_joined_the_park_while_it_waited,
        replay_waits_for_the_checkpoint,
        redelivery_adds_nothing_before_the_first_event_of_a_park,
        redelivery_brings_nothing_back_that_left_a_park,
        redelivery_leaves_events_in_their_parks_that_can_be_read_now,
        redelivery_leaves_no_dead_letter_of_what_is_handled_then,
        resuming_waits_for_a_store_that_fails,
        refusals_of_commands_that_were_sent_together_lead_to_a_step_each,
        refusals_without_compensation_become_dead_letters,
        chains_that_never_end_end_in_a_park,
        cascade_waits_for_all_that_follows,
        checkpoints_beyond_the_log_are_told_at_the_start,
        checkpoints_beyond_the_log_stop_who_takes_over,
        deadlines_fire_once,
        deadlines_fire_once_across_a_kill,
        deadlines_of_parked_lanes_hide_no_others,
        deadlines_are_due_when_their_commands_are_decided,
        deadlines_are_moved_and_cancelled,
        deadlines_that_fail_park_their_lane,
        deadlines_are_not_skipped_when_the_store_fails,
        deadlines_that_are_skipped_leave_a_dead_letter_first,
        deadlines_that_were_set_anew_outlive_whoever_skips_the_old_one,
        deadlines_that_fail_are_skipped,
        compensation_reaches_process_managers,
        compensation_that_never_ends_ends_in_a_park,
        commands_that_nobody_could_be_sent_are_not_recorded,
        compensation_of_what_is_discarded_passes_facts,
        compensation_of_what_is_discarded_reaches_process_managers,
        completed_processes_hear_of_refusals,
        completed_processes_ignore_what_comes_later,
        cascade_tells_of_refusals_and_their_compensation,
        cascade_ends_at_a_parked_lane,
        cascade_ends_at_a_parked_lane_while_others_take_their_time,
        cascade_ends_at_the_deadline,
        cascade_ends_where_it_never_would,
        follow_catches_up_and_goes_on,
        follow_ends_after_a_count_or_a_time,
        views_follow_their_keys,
        views_are_read_in_pages_and_by_column,
        views_are_rebuilt_up_to_what_is_parked,
        views_are_rebuilt_when_they_are_told_to,
        views_are_rebuilt_while_events_come,
        views_are_rebuilt_past_what_fails,
        views_that_are_being_rebuilt_survive_a_kill,
        views_that_cannot_be_rebuilt_say_so,
        views_catch_up_from_memory,
        views_skip_what_is_in_their_rows,
        waiting_for_projectors_shows_their_rows,
        waiting_for_a_stopped_projector_ends,
        waiting_does_not_depend_on_other_lanes,
        waiting_ends_at_a_parked_lane,
        waiting_tells_what_failed_in_an_earlier_process,
        deadlines_are_kept,
        deadlines_beyond_the_end_of_time_are_none,
        a_stopped_consumer_lets_the_others_finish,
        a_handler_that_never_returns_does_not_hold_up_the_end,
        a_slow_handler_ends_after_its_event,
        shutting_down_drains,
        a_dropped_send_is_whole,
        once_a_lost_answer_is_found_under_its_key,
        a_store_that_is_away_tells_everybody_soon,
        a_slow_store_refuses_nobody,
        a_caller_may_go_away_at_any_time,
        stale_foreign_writes_are_noticed,
        stale_callers_of_two_applications_lose_nothing,
        stale_refusals_of_two_applications_are_right,
        once_keys_hold_in_all_applications,
        once_a_refusal_stays_after_a_crash,
        a_start_that_fails_gives_leases_back,
        applications_share_the_work_once,
        an_application_that_stands_by_goes_on_at_once,
        an_application_that_stands_by_lets_go,
        a_lost_lease_stops_its_holder,
        a_handler_that_blocks_stops_no_sign_of_life,
        a_view_that_was_moved_at_the_last_moment_is_kept,
        an_application_that_is_overtaken_while_it_starts_stands_by,
        an_application_whose_store_fails_right_after_a_lease_was_taken_asks_again,
        facts_are_never_refused,
        facts_are_recorded_once_under_their_external_id,
        facts_decide_the_same_for_the_same_external_id,
        facts_do_not_vanish_behind_other_keys,
        facts_of_sagas_are_the_same_whoever_tells_them,
        facts_reach_consumers,
        queries_as_of_then_see_what_was_then,
        queries_see_what_others_wrote,
        queries_see_what_was_acknowledged,
        queries_write_nothing,
        speculative_commands_may_be_of_then,
        speculative_commands_store_nothing,
        speculative_reactions_send_nothing;
    persistent:
        parks_keep_what_was_accepted_before_they_are_discarded,
        facts_stay_recorded_after_a_restart,
        once_redelivered_events_double_nothing,
        a_process_manager_step_is_one_book,
        a_process_manager_step_is_not_decided_again,
        as_of_stays_after_a_restart,
        snapshots_of_another_chain_are_ignored,
        upcasting_leaves_stored_bytes_alone,
        stored_events_that_nobody_knows_are_told,
        stored_events_that_do_not_decode_are_told,
        parks_take_old_events_that_cannot_be_upcast,
        parks_take_events_whose_key_does_not_decode,
        parks_are_kept_and_replayed_in_order,
        deadlines_fire_after_a_restart,
        a_failing_consumer_goes_on_after_mending,
        views_that_are_lost_are_rebuilt,
        views_of_another_log_are_rebuilt,
        views_that_run_ahead_are_rebuilt,
        shutting_down_leaves_nothing_to_do,
        a_killed_holder_is_followed,
        a_sleeping_holder_changes_nothing_when_it_wakes;
    linked, every:
        once_duplicates_in_flight_survive_a_lost_answer,
        once_a_lost_answer_is_told_to_all_it_concerns,
        snapshots_are_used_for_what_is_not_before_them,
        tables_are_committed_with_their_marks,
        tables_are_made_before_consumers_start,
        tables_are_waited_for,
        tables_are_not_written_twice_after_a_kill,
        tables_are_written_once_around_a_park,
        tables_are_written_once_by_a_later_replay,
        tables_are_written_once_by_a_replay,
        tables_show_nothing_of_what_failed,
        tables_under_a_later_lease_are_told,
        tables_whose_commit_was_not_answered_are_written_once,
        stale_answers_that_rest_on_what_was_not_stored_are_not_given,
        stale_empty_results_rest_on_what_was_stored,
        stale_refusals_before_what_was_not_stored_are_not_given;
    linked, persistent:
        snapshots_are_used,
        snapshots_of_another_version_are_ignored;
}

const TRANSFERS: &str = "bank.v1.app.Transfers";
const WATCH: &str = "watch.v1.app.WithdrawalWatch";
pub(crate) const BALANCES: &str = "bank.v1.app.Balances";
const BRANCHES: &str = "bank.v1.app.Branches";
const NOTICES: &str = "bank.v1.app.Notices";

/// An application of all components.
pub(crate) async fn start(backend: &impl Backend, faults: &Faults) -> App {
    register(App::builder(backend.storage()), faults).start().await.unwrap()
}

const STOP: Delivery = Delivery { on_failure: OnFailure::Stop, ..Delivery::DEFAULT };

/// An application of all components, whose consumers stop at what they cannot handle.
pub(crate) async fn start_stopping(backend: &impl Backend, faults: &Faults) -> App {
    let consumers = [TRANSFERS, WATCH, BALANCES, BRANCHES, NOTICES].into_iter();
    let app = register(App::builder(backend.storage()), faults);
    consumers.fold(app, |app, consumer| app.delivery(consumer, STOP)).start().await.unwrap()
}

/// An application without consumers.
pub(crate) async fn start_accounts(backend: &impl Backend) -> App {
    let rules = AccountRules { faults: Faults::default() };
    App::builder(backend.storage()).register(placed(rules)).register(placed(OldAccounts)).start().await.unwrap()
}

/// Storage that goes wrong as `faults` say. It can be opened again and again, on whatever backend: each time it is that
/// of another process.
async fn faulty(backend: &impl Backend, faults: &StoreFaults) -> Storage {
    Storage::Opened(faults.wrap(backend.open().await))
}

/// An application of all components, as in a process of its own.
async fn start_beside(backend: &impl Backend, faults: &Faults) -> App {
    register(App::builder(faulty(backend, &StoreFaults::default()).await), faults).start().await.unwrap()
}

/// An application without consumers over storage that goes wrong as `store` says.
async fn start_accounts_over(backend: &impl Backend, store: &StoreFaults) -> App {
    let rules = AccountRules { faults: Faults::default() };
    App::builder(faulty(backend, store).await)
        .register(placed(rules))
        .register(placed(OldAccounts))
        .start()
        .await
        .unwrap()
}

/// Opens an account and pays something in.
pub(crate) async fn open(app: &App, account: &str, balance: u64) {
    let branch = Branch { country: "NL".into(), city: "Delft".into() };
    app.send(OpenAccount { account: account.into(), branch: Some(branch) }).await.unwrap();
    app.send(Deposit { account: account.into(), amount: balance }).await.unwrap();
}

/// All records of the log, in current versions.
pub(crate) async fn log(app: &App) -> Vec<Record> {
    app.read_log(0, usize::MAX).await.unwrap().records
}

/// The records of one stream, bookkeeping included.
fn of<'a>(records: &'a [Record], domain: &str, key: &str) -> Vec<&'a Record> {
    let stream = stream(domain, key);
    records.iter().filter(|record| record.stream == stream).collect()
}

pub(crate) fn stream(domain: &str, key: &str) -> StreamId {
    StreamId::new(domain, root_id(domain, key).unwrap())
}

/// Names of the records' types, without their packages.
fn names<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<&'a str> {
    records.into_iter().map(|record| record.payload.type_name.rsplit('.').next().unwrap()).collect()
}

pub(crate) async fn event_names(app: &App, account: &str) -> Vec<String> {
    let events = app.events("accounts", account).await.unwrap();
    names(&events).into_iter().map(ToOwned::to_owned).collect()
}

fn decode<M: Message + Default>(record: &Record) -> M {
    M::decode(record.payload.value.clone()).unwrap()
}

pub(crate) async fn balance(app: &App, account: &str) -> Option<u64> {
    let row = app.view::<BalanceRow>().unwrap().get(account).await.unwrap();
    row.map(|row| row.balance)
}

pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    let error = result.unwrap_err();
    assert!(!error.help().is_empty());
    error.code().to_owned()
}

fn status(app: &App, consumer: &str) -> ConsumerStatus {
    app.consumers().into_iter().find(|status| status.name == consumer).unwrap()
}

/// Waits until a consumer has given up.
pub(crate) async fn stopped(app: &App, consumer: &str) -> ConsumerStatus {
    let gives_up = async {
        while status(app, consumer).stopped.is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gives_up).await.unwrap();
    status(app, consumer)
}

/// Lets a consumer begin anew.
async fn forget(store: &Arc<dyn Store>, consumer: &str) {
    let lease = lease(store, consumer).await;
    store.save_checkpoint(&lease, 0).await.unwrap();
}

/// Does something to the storage while no application has it open.
async fn beneath<T>(backend: &impl Backend, work: impl AsyncFnOnce(&Opened) -> T) -> T {
    let opened = backend.open().await;
    let result = work(&opened).await;
    opened.views.close().await.unwrap();
    opened.store.close().await.unwrap();
    result
}
