//! One round: decide, append together, answer.

use std::time::SystemTime;

use super::BusinessCoordinator;
use super::decide::{Answer, Step, plan};
use super::turns::Pending;
use crate::coordinator::ATTEMPTS;
use crate::coordinator::state::{self, Folded, Found};
use crate::error::Error;
use crate::rejection::Rejection;
use crate::store::{Appended, Load, StoreError, StreamId};

/// Decides on everybody in `batch` and answers. Gives the state, if it can stay warm, and who has to be decided again.
pub(super) async fn hold(
    coordinator: &BusinessCoordinator,
    stream: &StreamId,
    mut batch: Vec<Pending>,
    warm: Option<Folded>,
) -> (Option<Folded>, Vec<Pending>) {
    let now = SystemTime::now();
    for late in batch.extract_if(.., |pending| pending.request.deadline.is_some_and(|deadline| now > deadline)) {
        late.answer(Err(Error::DeadlineExceeded));
    }
    // A state that is loaded now is as good as the store's own answer; a warm one has to prove itself.
    let fresh = warm.is_none();
    let warm = match warm {
        Some(warm) => Some(warm),
        None => load(coordinator, stream, &mut batch).await,
    };
    let Some(mut folded) = warm else { return (None, batch) };
    let planned =
        plan(&*coordinator.logic, &mut folded, coordinator.now(), batch.iter().map(|pending| &*pending.request)).await;
    let beyond = batch.split_off(planned.steps.len());
    // Whoever decides does not hold the state any more. He gets all of it the next time, and may lose it again.
    let lost = planned.steps.is_empty() && !planned.clean;

    let (steps, books): (Vec<_>, Vec<_>) = planned.steps.into_iter().map(Planned::split).unzip();
    let books: Vec<_> = books.into_iter().flatten().collect();
    let begins: Vec<_> = books.iter().map(|book| book.expected).collect();
    let results = if books.is_empty() { Vec::new() } else { coordinator.log.store.append_in_order(books).await };
    let stored = results.iter().take_while(|result| Appended::is_stored(result)).count();
    // Not where the stream would end if everything had been stored: others may have brought it there.
    let ends = begins.get(stored).copied().flatten().unwrap_or(folded.next_sequence);
    let proven = stored > 0 || fresh;
    let mut round = Round { coordinator, stream, ends, sound: true, proven, failure: None, again: Vec::new() };
    let mut results = results.into_iter();
    for (pending, step) in batch.into_iter().zip(steps) {
        match step {
            Planned::Append { refused } => round.appended(pending, results.next(), refused).await,
            Planned::Answer(answer) => round.answer(pending, answer).await,
        }
    }
    let mut beyond = beyond.into_iter();
    if lost && let Some(first) = beyond.next() {
        round.outrun(first);
    }
    beyond.for_each(|pending| round.beyond(pending));

    let Round { sound, again, .. } = round;
    if !sound || !planned.clean {
        return (None, again);
    }
    if stored > 0 {
        let (logic, name) = (coordinator.logic.stateful(), coordinator.logic.spec().name);
        state::snapshot_if_due(&coordinator.log, logic, name, stream, &mut folded).await;
    }
    (Some(folded), again)
}

/// Loads the state. Whoever finds his key recorded on the way is answered, whoever comes first.
async fn load(coordinator: &BusinessCoordinator, stream: &StreamId, batch: &mut Vec<Pending>) -> Option<Folded> {
    let (log, name) = (&coordinator.log, coordinator.logic.spec().name);
    while !batch.is_empty() {
        let key = batch[0].request.idempotency_key.as_deref();
        match state::load(log, coordinator.logic.stateful(), name, stream, key).await {
            Ok(Found::State(folded)) => return Some(folded),
            Ok(Found::Recorded(records)) => {
                let found = batch.remove(0);
                let recorded = coordinator.recorded(&found.request, records).await;
                found.answer(recorded);
            }
            // Asking once for each of them would keep the last one waiting for ever.
            Err(Error::Store(error)) if error.retryable() => {
                batch.drain(..).for_each(|pending| pending.answer(Err(error.clone().into())));
            }
            Err(Error::Failed(failure)) if failure.retryable() => {
                batch.drain(..).for_each(|pending| pending.answer(Err(failure.again().into())));
            }
            Err(error) => batch.remove(0).answer(Err(error)),
        }
    }
    None
}

/// A step whose book is on its way.
enum Planned {
    Append { refused: Option<Rejection> },
    Answer(Answer),
}

impl Planned {
    fn split(step: Step) -> (Self, Option<crate::store::NewBook>) {
        match step {
            Step::Append { book, refused } => (Planned::Append { refused }, Some(book)),
            Step::Answer(answer) => (Planned::Answer(answer), None),
        }
    }
}

/// Answering, in the order of the round.
struct Round<'a> {
    coordinator: &'a BusinessCoordinator,
    stream: &'a StreamId,
    /// The stream's next sequence, behind what was stored.
    ends: u32,
    /// Whether all books so far were stored as planned.
    sound: bool,
    /// Whether the store has confirmed the state since the round began: by an append, or by having been asked.
    proven: bool,
    /// What the store said to the book at which the append ended.
    failure: Option<StoreError>,
    again: Vec<Pending>,
}

impl Round<'_> {
    /// `result` is none if the append ended with a book before it.
    async fn appended(
        &mut self,
        pending: Pending,
        result: Option<Result<Appended, StoreError>>,
        refused: Option<Rejection>,
    ) {
        self.sound &= result.as_ref().is_some_and(Appended::is_stored);
        match (result, refused) {
            (None, _) => self.behind(pending),
            (Some(Err(StoreError::Conflict { .. })), _) => self.outrun(pending),
            (Some(Err(error)), _) => {
                self.failure = Some(error.clone());
                pending.answer(Err(error.into()));
            }
            (Some(Ok(appended)), _) if appended.duplicate => {
                let recorded = self.coordinator.recorded(&pending.request, appended.records).await;
                pending.answer(recorded);
            }
            (Some(Ok(_)), Some(rejection)) => pending.answer(Err(Error::Rejected(rejection))),
            (Some(Ok(appended)), None) => pending.answer(self.coordinator.stored(appended.records).await),
        }
    }

    /// The append ended before it.
    fn behind(&mut self, mut pending: Pending) {
        match &self.failure {
            // It may have been stored together with the one of which nobody knows.
            Some(error @ StoreError::Unknown { .. }) => pending.answer(Err(error.clone().into())),
            // What is wrong with one book is no other's fault, but the second time it is the store.
            Some(error) if error.retryable() && pending.put_off => pending.answer(Err(error.clone().into())),
            failure => {
                pending.put_off |= failure.is_some();
                self.again.push(pending);
            }
        }
    }

    /// It was not decided on. Where the store does not answer, each of those who wait would find out by himself.
    fn beyond(&mut self, mut pending: Pending) {
        match &self.failure {
            Some(error) if error.retryable() && pending.put_off => pending.answer(Err(error.clone().into())),
            failure => {
                pending.put_off |= failure.is_some();
                self.again.push(pending);
            }
        }
    }

    /// Another writer was faster.
    fn outrun(&mut self, mut pending: Pending) {
        pending.attempts += 1;
        if pending.attempts == ATTEMPTS {
            pending.answer(Err(Error::Contention { attempts: ATTEMPTS }));
        } else {
            self.again.push(pending);
        }
    }

    /// Answers without an append, once the store has confirmed the state, and that the key is not recorded.
    async fn answer(&mut self, pending: Pending, answer: Answer) {
        if !self.sound {
            return self.again.push(pending);
        }
        if !self.proven || pending.request.idempotency_key.is_some() {
            let load = Load {
                idempotency_key: pending.request.idempotency_key.clone(),
                from: self.ends,
                ..Load::of(self.stream.clone())
            };
            match self.coordinator.log.store.load(load).await {
                Err(error) => {
                    self.sound = false;
                    return pending.answer(Err(error.into()));
                }
                Ok(loaded) => {
                    if let Some(records) = loaded.recorded {
                        let recorded = self.coordinator.recorded(&pending.request, records).await;
                        return pending.answer(recorded);
                    }
                    if loaded.next_sequence != self.ends {
                        self.sound = false;
                        return self.outrun(pending);
                    }
                    self.proven = true;
                }
            }
        }
        pending.answer(self.coordinator.answer(answer));
    }
}
