//! One round: decide, append together, answer.

use std::time::SystemTime;

use futures_util::future::join_all;

use super::BusinessCoordinator;
use super::decide::{Answer, Step, plan};
use super::turns::Pending;
use crate::coordinator::state::{self, Folded, Found};
use crate::error::Error;
use crate::rejection::Rejection;
use crate::store::{Appended, Load, StoreError, StreamId};

/// How often a command is decided at most while other writers are faster.
const ATTEMPTS: u32 = 16;

/// Decides on everybody in `batch` and answers; who has to be decided again is queued again. Gives the state if it can
/// stay warm.
pub(super) async fn hold(
    coordinator: &BusinessCoordinator,
    stream: &StreamId,
    batch: Vec<Pending>,
    warm: Option<Folded>,
) -> Option<Folded> {
    let round = Round { coordinator, stream };
    let mut again = Vec::new();
    let warm = round.commands(batch, warm, &mut again).await;
    coordinator.turns.again(stream.root, again);
    warm
}

struct Round<'a> {
    coordinator: &'a BusinessCoordinator,
    stream: &'a StreamId,
}

impl Round<'_> {
    async fn commands(
        &self,
        mut batch: Vec<Pending>,
        warm: Option<Folded>,
        again: &mut Vec<Pending>,
    ) -> Option<Folded> {
        let now = SystemTime::now();
        for late in batch.extract_if(.., |pending| pending.request.deadline.is_some_and(|deadline| now > deadline)) {
            late.answer(Err(Error::DeadlineExceeded));
        }
        // A state that is loaded now is as good as the store's own answer; a warm one has to prove itself.
        let fresh = warm.is_none();
        let mut folded = match warm {
            Some(folded) => folded,
            None => self.load(&mut batch).await?,
        };
        let planned = plan(&*self.coordinator.logic, &mut folded, batch.iter().map(|pending| &pending.request));
        let beyond = batch.split_off(planned.steps.len());
        let steps = self.append(batch, planned.steps).await;

        let stored = steps
            .iter()
            .any(|(_, done)| matches!(done, Done::Appended { result: Ok(appended), .. } if !appended.duplicate));
        let mut sound = true;
        let mut broken: Option<StoreError> = None;
        for (pending, done) in steps {
            match done {
                Done::Appended { result: Ok(appended), refused } => {
                    sound &= !appended.duplicate;
                    pending.answer(match refused {
                        Some(rejection) if !appended.duplicate => Err(Error::Rejected(rejection)),
                        _ if appended.duplicate => self.coordinator.recorded(appended.records),
                        _ => self.coordinator.outcome(appended.records, false),
                    });
                }
                Done::Appended { result: Err(error), .. } => {
                    sound = false;
                    match (error, &broken) {
                        // It follows from what is broken, and would again.
                        (StoreError::Conflict { .. }, Some(error)) => pending.answer(Err(error.clone().into())),
                        (StoreError::Conflict { .. }, None) => self.try_again(pending, again),
                        (error, _) => {
                            broken = Some(error.clone()).filter(|error| !error.retryable());
                            pending.answer(Err(error.into()));
                        }
                    }
                }
                Done::Answer(_) if !sound => self.try_again(pending, again),
                Done::Answer(answer) => {
                    let proven = (stored || fresh) && pending.request.idempotency_key.is_none();
                    sound &= self.prove(pending, answer, proven, &folded, again).await;
                }
            }
        }
        again.extend(beyond);
        if !sound || !planned.clean {
            return None;
        }
        if stored {
            let (logic, name) = (self.coordinator.logic.stateful(), self.coordinator.logic.spec().name);
            state::snapshot_if_due(&self.coordinator.log, logic, name, self.stream, &mut folded).await;
        }
        Some(folded)
    }

    /// Loads the state. Whoever finds his key recorded on the way is answered, whoever comes first.
    async fn load(&self, batch: &mut Vec<Pending>) -> Option<Folded> {
        let (log, spec) = (&self.coordinator.log, self.coordinator.logic.spec());
        while !batch.is_empty() {
            let key = batch[0].request.idempotency_key.as_deref();
            match state::load(log, self.coordinator.logic.stateful(), spec.name, self.stream, key).await {
                Ok(Found::State(folded)) => return Some(folded),
                Ok(Found::Recorded(records)) => batch.remove(0).answer(self.coordinator.recorded(records)),
                Err(error) => batch.remove(0).answer(Err(error)),
            }
        }
        None
    }

    /// Appends all books, so that they can share a commit, in order.
    async fn append(&self, batch: Vec<Pending>, steps: Vec<Step>) -> Vec<(Pending, Done)> {
        let append = |(pending, step)| async move {
            let done = match step {
                Step::Answer(answer) => Done::Answer(answer),
                Step::Append { book, refused } => {
                    Done::Appended { result: self.coordinator.log.append(book).await, refused }
                }
            };
            (pending, done)
        };
        join_all(batch.into_iter().zip(steps).map(append)).await
    }

    /// Answers without an append, if the store says that the key is not recorded and that the state is the present one;
    /// false if it says otherwise.
    async fn prove(
        &self,
        pending: Pending,
        answer: Answer,
        proven: bool,
        folded: &Folded,
        again: &mut Vec<Pending>,
    ) -> bool {
        if !proven {
            let load = Load {
                stream: self.stream.clone(),
                idempotency_key: pending.request.idempotency_key.clone(),
                fingerprint: None,
                from: folded.next_sequence,
            };
            match self.coordinator.log.store.load(load).await {
                Err(error) => {
                    pending.answer(Err(error.into()));
                    return true;
                }
                Ok(loaded) => {
                    if let Some(records) = loaded.recorded {
                        pending.answer(self.coordinator.recorded(records));
                        return true;
                    }
                    if loaded.next_sequence != folded.next_sequence {
                        self.try_again(pending, again);
                        return false;
                    }
                }
            }
        }
        pending.answer(match answer {
            Answer::Nothing => self.coordinator.outcome(Vec::new(), false),
            Answer::Rejected(rejection) => Err(Error::Rejected(rejection)),
            Answer::Conflict { expected, actual } => Err(StoreError::Conflict { expected, actual }.into()),
            Answer::Failed(failure) => Err(failure.into()),
        });
        true
    }

    fn try_again(&self, mut pending: Pending, again: &mut Vec<Pending>) {
        pending.attempts += 1;
        if pending.attempts == ATTEMPTS {
            pending.answer(Err(Error::Contention { attempts: ATTEMPTS }));
        } else {
            again.push(pending);
        }
    }
}

/// What came of a step.
enum Done {
    Appended { result: Result<Appended, StoreError>, refused: Option<Rejection> },
    Answer(Answer),
}
