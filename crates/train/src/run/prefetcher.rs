//! The batches of a run, filled by a thread of their own while the engine works on those before.
//!
//! They are handed over in groups: to wake a thread costs some microseconds, a good part of a step on a small batch.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Scope;

use chainrule_datasets::{Batch, Batches, Error};
use chainrule_tensor::Scalar;

/// Where a run's batches come from, epoch after epoch. Their order is a function of (seed, epoch), whoever fills them.
pub(crate) struct Prefetcher<'a, A: Scalar> {
    source: Source<'a, A>,
    /// Those in work.
    group: Group<A>,
    /// How many of them are taken.
    taken: usize,
    /// How many batches an epoch has.
    count: usize,
}

enum Source<'a, A: Scalar> {
    /// This thread fills a batch when it is wanted.
    Here(Box<Walk<'a, A>>),
    /// Another thread fills the next group meanwhile, and shuffles the next epoch.
    Ahead {
        /// Filled groups, or why there are no more.
        filled: Receiver<Result<Group<A>, Error>>,
        /// Buffers that go back to be filled again.
        used: Sender<Group<A>>,
    },
}

/// The examples of a group: some tens of microseconds of work for the smallest networks.
const GROUP: usize = 1024;

/// The numbers of a group, at most, unless one batch has more.
const NUMBERS: usize = 1 << 20;

/// The numbers of a batch that are copied in the time it takes to move them from one core's caches to another's.
const NEAR: usize = 1 << 10;

/// Some batches of an epoch, one after the other.
struct Group<A> {
    buffers: Vec<Batch<A>>,
    /// How many are filled.
    filled: usize,
    /// Whether the epoch ends after them.
    ends: bool,
}

/// A walk through epoch after epoch.
struct Walk<'a, A: Scalar> {
    batches: Batches<'a, A>,
    seed: u64,
    epoch: u64,
}

impl<A: Scalar> Walk<'_, A> {
    /// Fills `group` with the next examples, up to the end of the epoch, where the next one begins.
    fn fill(&mut self, group: &mut Group<A>) -> Result<(), Error> {
        (group.filled, group.ends) = (0, false);
        for batch in &mut group.buffers {
            if !self.batches.fill(batch)? {
                self.epoch += 1;
                self.batches.shuffle(self.seed, self.epoch);
                group.ends = true;
                break;
            }
            group.filled += 1;
        }
        Ok(())
    }
}

impl<'a, A: Scalar> Prefetcher<'a, A> {
    /// All batches from the given one, from 0, of the given epoch on. If the engine has more than one of `threads` and
    /// the batches are not small, one more thread, of `scope`, fills them; it ends when the prefetcher is dropped.
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
        let numbers = (batches.size() * batches.inputs()).max(1);
        // A full batch would double the memory of the data to gain next to nothing.
        let is_ahead = threads > 1 && count > 1 && !(batches.is_copied() && numbers <= NEAR);
        let size = GROUP.div_ceil(batches.size()).min(NUMBERS / numbers).min(count).max(1);
        let together = if is_ahead { size } else { 1 };
        let group =
            || Group { buffers: (0..together).map(|_| batches.buffer()).collect(), filled: 0, ends: false };
        let (first, second) = (group(), is_ahead.then(group));
        let mut walk = Walk { batches, seed, epoch };
        let Some(mut group) = second else {
            return Self { source: Source::Here(Box::new(walk)), group: first, taken: 0, count };
        };
        let (give, filled) = channel();
        let (used, take) = channel::<Group<A>>();
        scope.spawn(move || {
            // An error of the channel means that nobody wants more.
            loop {
                if let Err(fault) = walk.fill(&mut group) {
                    let _ = give.send(Err(fault));
                    return;
                }
                let Ok(()) = give.send(Ok(group)) else { return };
                let Ok(next) = take.recv() else { return };
                group = next;
            }
        });
        Self { source: Source::Ahead { filled, used }, group: first, taken: 0, count }
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
        while self.taken == self.group.filled {
            if std::mem::take(&mut self.group.ends) {
                return Ok(None);
            }
            self.taken = 0;
            match &mut self.source {
                Source::Here(walk) => walk.fill(&mut self.group)?,
                Source::Ahead { filled, used } => {
                    let next = filled.recv().expect("the thread lives as long as the prefetcher")?;
                    // Lost only if the thread has ended, as the next `recv` will tell.
                    let _ = used.send(std::mem::replace(&mut self.group, next));
                }
            }
        }
        self.taken += 1;
        Ok(Some(&self.group.buffers[self.taken - 1]))
    }
}

#[cfg(test)]
mod tests {
    use chainrule_datasets::{Augmentation, Dataset, Encoding, Pipeline, digits, synthetic};

    use super::*;

    #[test]
    fn a_thread_that_fills_ahead_changes_nothing() {
        let images = digits::<f32>().train.select(&(0..103).collect::<Vec<_>>());
        let augmentation = "flip, rotate 20, elastic 10 2, cutout 2, mixup 0.4, cutmix 1".parse().unwrap();
        let wide = synthetic::blobs(103, 2, NEAR / 8, 0.2, 1);
        for (data, augmentation) in [
            (wide, Augmentation::default()),
            (synthetic::moons(103, 0.1, 1), Augmentation::default()),
            (images, augmentation),
        ] {
            same_batches(&data, &augmentation);
        }
    }

    fn same_batches(data: &Dataset<f32>, augmentation: &Augmentation) {
        let walk = |threads: usize, start: (usize, usize)| {
            let batches = Batches::new(data, &Pipeline::new(), Encoding::Index, 10);
            let batches = batches.augmented(augmentation).unwrap();
            std::thread::scope(|scope| {
                let mut prefetcher = Prefetcher::new(scope, batches, 7, start, threads);
                let mut seen = Vec::new();
                for _ in 0..3 {
                    while let Some(batch) = prefetcher.next().unwrap() {
                        seen.push((
                            batch.x().to_owned(),
                            batch.target().to_owned(),
                            batch.indices().to_vec(),
                        ));
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
