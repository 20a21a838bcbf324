use std::sync::{Arc, Barrier, Mutex, PoisonError};

use chainrule_tensor::Scalar;

use crate::communicator::Communicator;

/// Ranks that are threads of one process: for tests, and for trying out what a number of ranks does.
///
/// ```
/// use chainrule_distributed::{Communicator, Threads};
///
/// let sums = Threads::run(3, |mut rank| {
///     let mut x = [rank.rank() as f64, 1.0];
///     rank.all_reduce(&mut x);
///     x
/// });
/// assert_eq!(sums, [[3.0, 3.0]; 3]);
/// ```
#[derive(Debug)]
pub struct Threads<A> {
    rank: usize,
    shared: Arc<Shared<A>>,
}

#[derive(Debug)]
struct Shared<A> {
    barrier: Barrier,
    /// What each rank shows the others, with how much of it is for whom.
    vectors: Mutex<Vec<(Vec<A>, Vec<usize>)>>,
    words: Mutex<Vec<Vec<u8>>>,
}

impl<A: Scalar> Threads<A> {
    /// Runs `body` on `size` threads, a rank each, and returns what each comes to.
    ///
    /// # Panics
    /// If one panics; the others should not be waiting for it then, or all wait for ever.
    pub fn run<T: Send>(size: usize, body: impl Fn(Self) -> T + Sync) -> Vec<T> {
        let shared = Arc::new(Shared {
            barrier: Barrier::new(size),
            vectors: Mutex::new(vec![(Vec::new(), Vec::new()); size]),
            words: Mutex::new(vec![Vec::new(); size]),
        });
        let body = &body;
        std::thread::scope(|scope| {
            let ranks: Vec<_> = (0..size)
                .map(|rank| Self { rank, shared: Arc::clone(&shared) })
                .map(|rank| scope.spawn(move || body(rank)))
                .collect();
            ranks.into_iter().map(|rank| rank.join().expect("a rank panicked")).collect()
        })
    }

    /// Shows `own` to all ranks, cut into parts of these lengths, and looks at what they show.
    fn show<T>(&self, own: &[A], lengths: &[usize], look: impl FnOnce(&[(Vec<A>, Vec<usize>)]) -> T) -> T {
        let lock = || self.shared.vectors.lock().unwrap_or_else(PoisonError::into_inner);
        lock()[self.rank] = (own.to_vec(), lengths.to_vec());
        self.shared.barrier.wait();
        let result = look(&lock());
        self.shared.barrier.wait();
        result
    }
}

impl<A: Scalar> Communicator<A> for Threads<A> {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.shared.words.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn gather(&mut self, word: &[u8]) -> Vec<Vec<u8>> {
        let lock = || self.shared.words.lock().unwrap_or_else(PoisonError::into_inner);
        lock()[self.rank] = word.to_vec();
        self.shared.barrier.wait();
        let words = lock().clone();
        self.shared.barrier.wait();
        words
    }

    fn all_reduce(&mut self, x: &mut [A]) {
        let own = x.to_vec();
        self.show(&own, &[], |all| {
            x.fill(A::zero());
            for (vector, _) in all {
                x.iter_mut().zip(vector).for_each(|(sum, &x)| *sum += x);
            }
        });
    }

    fn exchange(&mut self, send: &[A], sent: &[usize], receive: &mut [A], received: &[usize]) {
        self.show(send, sent, |all| {
            let mut rest = receive;
            for ((vector, lengths), &length) in all.iter().zip(received) {
                let start: usize = lengths[..self.rank].iter().sum();
                let part = rest.split_off_mut(..length).expect("there is room for all that comes");
                part.copy_from_slice(&vector[start..start + lengths[self.rank]]);
            }
        });
    }

    fn collect(&mut self, own: &[A], all: &mut [A], _: &[usize]) {
        self.show(own, &[], |vectors| {
            let numbers = vectors.iter().flat_map(|(vector, _)| vector);
            all.iter_mut().zip(numbers).for_each(|(out, &x)| *out = x);
        });
    }
}
