//! The batches of a run, filled by a thread of their own while the engine works on the one before.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Scope;

use chainrule_datasets::{Batch, Batches, Error};
use chainrule_tensor::Scalar;

/// Where a run's batches come from, epoch after epoch. Their order is a function of (seed, epoch), whoever fills them.
pub(crate) struct Prefetcher<'a, A: Scalar> {
    source: Source<'a, A>,
    /// The one in work.
    batch: Batch<A>,
    /// How many batches an epoch has.
    count: usize,
}

enum Source<'a, A: Scalar> {
    /// This thread fills a batch when it is wanted.
    Here(Box<Walk<'a, A>>),
    /// Another thread fills the next one meanwhile, and shuffles the next epoch.
    Ahead {
        /// Filled batches, `None` at the end of each epoch, or why there are no more.
        filled: Receiver<Result<Option<Batch<A>>, Error>>,
        /// Buffers that go back to be filled again.
        used: Sender<Batch<A>>,
    },
}

/// A walk through epoch after epoch.
struct Walk<'a, A: Scalar> {
    batches: Batches<'a, A>,
    seed: u64,
    epoch: u64,
}

impl<A: Scalar> Walk<'_, A> {
    /// Fills `batch` with the next examples; `false` once at the end of each epoch, where the next one begins.
    fn fill(&mut self, batch: &mut Batch<A>) -> Result<bool, Error> {
        let some = self.batches.fill(batch)?;
        if !some {
            self.epoch += 1;
            self.batches.shuffle(self.seed, self.epoch);
        }
        Ok(some)
    }
}

impl<'a, A: Scalar> Prefetcher<'a, A> {
    /// All batches from the given one, from 0, of the given epoch on. If the engine has more than one of `threads`, one more
    /// thread, of `scope`, fills them; it ends when the prefetcher is dropped.
    pub(crate) fn new<'scope>(
        scope: &'scope Scope<'scope, '_>,
        mut batches: Batches<'a, A>,
        seed: u64,
        (epoch, batch): (usize, usize),
        threads: usize,
    ) -> Self
    where
        'a: 'scope,
    {
        let (count, epoch) = (batches.count(), epoch as u64);
        batches.shuffle(seed, epoch);
        batches.seek(batch);
        let (buffer, second) = (batches.buffer(), batches.buffer());
        let mut pass = Walk { batches, seed, epoch };
        // A full batch would double the memory of the data to gain next to nothing.
        if threads == 1 || count == 1 {
            return Self { source: Source::Here(Box::new(pass)), batch: buffer, count };
        }
        let (give, filled) = channel();
        let (used, take) = channel::<Batch<A>>();
        scope.spawn(move || {
            let mut batch = second;
            // An error of the channel means that nobody wants more.
            loop {
                match pass.fill(&mut batch) {
                    Ok(true) => {
                        let Ok(()) = give.send(Ok(Some(batch))) else { return };
                        let Ok(next) = take.recv() else { return };
                        batch = next;
                    }
                    Ok(false) => {
                        let Ok(()) = give.send(Ok(None)) else { return };
                    }
                    Err(fault) => {
                        let _ = give.send(Err(fault));
                        return;
                    }
                }
            }
        });
        Self { source: Source::Ahead { filled, used }, batch: buffer, count }
    }

    /// How many batches an epoch has.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The next batch; `None` once at the end of each epoch.
    ///
    /// # Errors
    /// If a file that the rows stay in can no longer be read; the prefetcher is then at its end.
    pub(crate) fn next(&mut self) -> Result<Option<&Batch<A>>, Error> {
        match &mut self.source {
            Source::Here(pass) => Ok(pass.fill(&mut self.batch)?.then_some(&self.batch)),
            Source::Ahead { filled, used } => {
                let next = filled.recv().expect("the thread lives as long as the prefetcher")?;
                let Some(next) = next else { return Ok(None) };
                // Lost only if the thread has ended, as the next `recv` will tell.
                let _ = used.send(std::mem::replace(&mut self.batch, next));
                Ok(Some(&self.batch))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chainrule_datasets::{Encoding, Pipeline, synthetic};

    use super::*;

    #[test]
    fn a_thread_that_fills_ahead_changes_nothing() {
        let data = synthetic::moons::<f32>(103, 0.1, 1);
        let walk = |threads: usize, start: (usize, usize)| {
            let batches = Batches::new(&data, &Pipeline::new(), Encoding::Index, 10);
            std::thread::scope(|scope| {
                let mut prefetcher = Prefetcher::new(scope, batches, 7, start, threads);
                let mut seen = Vec::new();
                for _ in 0..3 {
                    while let Some(batch) = prefetcher.next().unwrap() {
                        seen.push((batch.x().to_owned(), batch.indices().to_vec()));
                    }
                }
                seen
            })
        };
        let alone = walk(1, (1, 0));
        assert_eq!(alone.len(), 33);
        assert_eq!(walk(2, (1, 0)), alone);
        // From the middle of an epoch, as a resumed run begins.
        assert_eq!(walk(2, (2, 4))[..18], alone[15..]);
    }
}
