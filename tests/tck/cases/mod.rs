//! What every language has to pass: one function a case, listed once for all of them.

mod commands;
mod facts;
mod folding;
mod keys;
mod many;
mod names;
mod processes;
mod rejections;
mod restarts;
mod sagas;
mod snapshots;
mod unions;
mod upcasts;
mod values;
mod views;
mod warm;

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::place::Place;
use crate::processes::PATIENCE;

pub(crate) type Case = for<'a> fn(&'a mut Place) -> BoxFuture<'a, ()>;

macro_rules! cases {
    ($($topic:ident { $($case:ident)+ })+) => {
        &[$($((concat!(stringify!($topic), "::", stringify!($case)), |place| Box::pin($topic::$case(place))),)+)+]
    };
}

/// Cases that go side by side in one place, each with roots of its own.
pub(crate) const SHARED: &[(&str, Case)] = cases! {
    folding {
        events_are_folded_in_order
        a_root_begins_with_the_default_state
        later_commands_of_a_book_see_what_earlier_ones_decided
        a_book_that_is_refused_leaves_nothing_behind
        a_state_is_read_as_of_then
        a_thousand_events_are_folded
    }
    snapshots { snapshots_are_written_when_they_are_due }
    warm {
        only_new_history_travels
        a_service_says_that_it_lacks_history
        a_service_keeps_what_it_folded
        states_of_another_runtime_are_not_taken
        states_of_an_earlier_start_are_not_taken
        what_is_pending_is_forgotten
    }
    many {
        each_is_answered_when_it_is_decided
        what_makes_no_sense_has_no_answer
    }
    facts {
        a_fact_is_recorded_once
        what_follows_from_a_fact_is_in_its_book
        a_fact_whose_handler_panics_is_not_recorded
        an_external_id_is_not_that_of_a_command
        unknown_fields_of_a_fact_are_kept
    }
    rejections {
        a_rejection_arrives_whole
        a_rejection_changes_nothing
        a_query_may_be_refused
    }
    unions {
        each_member_is_stored_as_itself
        a_unary_union_is_its_member
        a_union_without_a_member_is_a_failure
        an_empty_stream_stores_nothing
    }
    commands {
        many_events_are_one_book
        a_key_gets_its_first_answer_again
        a_stale_sequence_is_refused
        handlers_know_their_circumstances
        ids_differ_between_decisions
        a_panic_is_a_failure_and_spoils_nothing
        a_handler_that_takes_too_long_is_given_up
        an_unknown_command_is_refused
        a_command_that_does_not_decode_is_refused
        callers_of_one_root_take_turns
    }
    values {
        the_largest_values_arrive
        the_smallest_values_arrive
        values_that_are_no_numbers_arrive
        values_that_are_not_set_arrive
        text_of_any_script_arrives
        a_megabyte_of_text_arrives
    }
    keys {
        a_root_may_be_a_uuid
        a_root_may_be_a_number
        a_root_may_be_any_text
        a_root_may_not_be_empty
    }
    names {
        an_aggregate_is_called_by_its_name
        an_aggregate_is_called_with_json
        facts_are_taken_with_the_token
    }
    sagas {
        an_event_leads_to_a_command
        an_event_leads_to_commands_and_facts
        a_refusal_is_compensated
        a_refusal_that_nobody_compensates_is_a_dead_letter
        a_saga_that_fails_is_tried_again
        a_saga_that_panics_is_tried_again
        a_saga_that_takes_too_long_is_given_up
    }
    processes {
        an_event_starts_a_process
        an_event_without_a_process_is_ignored
        a_process_sends_commands
        a_process_is_told_of_refusals
        a_process_ends
        a_process_that_fails_is_parked
        a_deadline_passes
        a_deadline_is_moved
        a_deadline_is_cancelled
    }
    views {
        a_row_comes_changes_and_goes
        a_row_has_a_column_for_every_kind
        a_key_may_have_several_fields
        a_projector_that_fails_is_parked
    }
};

/// Cases that need a place of their own, since they kill what runs there.
pub(crate) const ALONE: &[(&str, Case)] = cases! {
    snapshots {
        a_snapshot_is_used_after_a_restart
        a_snapshot_of_another_shape_is_ignored
    }
    many {
        what_has_begun_is_answered_before_the_service_ends
    }
    restarts {
        a_service_may_lose_its_states
        a_sidecar_may_start_again
        both_may_start_again
        a_killed_service_loses_and_doubles_nothing
        a_killed_sidecar_loses_and_doubles_nothing
        deadlines_outlive_both
        without_its_service_a_sidecar_says_so
    }
    upcasts {
        an_old_event_becomes_todays
        an_event_is_read_under_its_old_name
        a_hook_leads_to_one_event
        a_hook_leads_to_many_events
        a_hook_leads_to_no_event
        a_hook_that_fails_spoils_its_event_only
        an_event_that_nobody_knows_is_an_error
    }
};

/// Runs a case; why it failed, if it did.
pub(crate) async fn fails(case: BoxFuture<'_, ()>) -> Option<String> {
    // Cases wait for single things no longer than `PATIENCE`.
    match tokio::time::timeout(PATIENCE * 3, AssertUnwindSafe(case).catch_unwind()).await {
        Ok(Ok(())) => None,
        Ok(Err(panic)) => Some(text(&*panic)),
        Err(_) => Some("it does not end".to_owned()),
    }
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
