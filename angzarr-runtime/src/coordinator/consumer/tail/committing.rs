//! Making count what is done: parks that are written, checkpoints, and whoever waits for either.

use futures_util::FutureExt;

use super::{Happened, Tail};
use crate::coordinator::consumer::attempts::Tried;
use crate::coordinator::consumer::parking::{self, Joining};
use crate::coordinator::consumer::{Asked, ConsumerKind};

impl<'a> Tail<'a> {
    /// Tells how far everything is done for good, and answers those who wait for single events.
    pub(super) fn show(&mut self) {
        let saved = self.unsaved == 0 && !self.committing;
        // What did not matter to anybody needs no commit.
        self.shown = self.shown.max(if saved { self.window.done_up_to() } else { self.checkpoint });
        let position = self.shown;
        let (parks, troubled, firing) = (self.parks.len(), self.parks.troubled(), self.deadlines.firing());
        self.turn.progress.send_if_modified(|progress| {
            let known = progress.clone();
            (progress.position, progress.parks, progress.troubled) = (position, parks, troubled);
            progress.firing = firing;
            *progress != known
        });
        // What sagas and process managers do counts before their checkpoints move. Whoever is answered looks at once
        // whether anything has failed.
        if saved || self.turn.consumer.kind() != ConsumerKind::Projector {
            self.done_for().for_each(Asked::answer);
        }
    }

    /// Those for whom everything is done that they wait for, and those who have gone away.
    fn done_for(&mut self) -> impl Iterator<Item = Asked> + use<'_, 'a> {
        let window = &self.window;
        self.asked.extract_if(.., |asked| asked.is_gone() || window.is_done(asked.from, asked.to))
    }

    pub(super) fn join(&mut self) {
        let (turn, attempts, lease, joining) = (self.turn, self.attempts, self.lease, self.parks.take());
        let position = self.window.done_up_to() + 1;
        self.joining = true;
        self.under_way.push(
            async move {
                let write = || parking::write(&*turn.log.store, &*turn.consumer, lease, &joining);
                let tried = attempts.make(position, write).await;
                Happened::Joined(joining, tried)
            }
            .boxed(),
        );
    }

    pub(super) fn joined(&mut self, joined: Vec<Joining>, tried: Tried<()>) {
        self.joining = false;
        if self.done(self.window.done_up_to() + 1, tried).is_some() {
            self.parks.joined(&joined);
            for joined in joined {
                self.finish(joined.ticket);
                if let Some(deadline) = joined.forgotten {
                    self.deadlines.let_go(deadline.position);
                }
            }
        }
    }

    pub(super) fn commit(&mut self) {
        if self.committing {
            return;
        }
        let (turn, attempts, lease, position) = (self.turn, self.attempts, self.lease, self.window.done_up_to());
        self.committing = true;
        (self.unsaved, self.unsaved_since) = (0, None);
        let answered: Vec<_> = self.done_for().collect();
        self.answered.extend(answered);
        self.after_this.append(&mut self.after_next);
        let leaving = !self.after_this.is_empty();
        self.under_way.push(
            async move {
                let commit = || async {
                    turn.consumer.commit(lease, position).await?;
                    // The parks that forget it may lie on a disk that is faster.
                    if leaving {
                        turn.consumer.sync().await?;
                    }
                    Ok(())
                };
                Happened::Committed(position, attempts.make(position, commit).await)
            }
            .boxed(),
        );
    }

    pub(super) fn committed(&mut self, position: u64, tried: Tried<()>) {
        self.committing = false;
        if self.done(position, tried).is_some() {
            self.checkpoint = position;
            self.answered.drain(..).for_each(Asked::answer);
            for work in std::mem::take(&mut self.after_this) {
                self.clean(work);
            }
            self.go_on_behind_checkpoint();
        }
    }
}
