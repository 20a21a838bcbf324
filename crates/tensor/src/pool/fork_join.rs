//! The pool: its threads, the loops they run together, and the pool that a thread has entered.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::ambient;
use super::workers::{LoopBody, Shared};

/// A fixed set of threads that run the tasks of a loop together; the caller is one of them.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// let (pool, sum) = (chainrule_tensor::Pool::new(3), AtomicUsize::new(0));
/// pool.run(100, &|i| {
///     sum.fetch_add(i, Ordering::Relaxed);
/// });
/// assert_eq!(sum.into_inner(), 4950);
/// ```
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// Held while a loop runs: the pool serves one at a time.
    turn: Mutex<()>,
}

impl Pool {
    /// A pool of `threads` threads, the caller's included; 0 counts as 1.
    pub fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared::new(threads.max(1)));
        let workers = (1..threads)
            .map(|place| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.work(place))
            })
            .collect();
        Self { shared, workers, turn: Mutex::new(()) }
    }

    /// The threads of the pool, the caller's included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Runs `task(0)` … `task(tasks − 1)`, in any order, and returns when all are done.
    ///
    /// As many tasks as threads are one for each thread, the same at every call, so that a slab of a matrix stays in the
    /// cache of the core that works on it; otherwise a thread takes the next task when it has done one. A thread that has
    /// nothing left to do takes what no other has begun, so a loop never waits for one that the system keeps from running.
    ///
    /// # Panics
    /// If a task panics, or there are millions of tasks. A task must not call `run` of the same pool: it would wait for itself.
    pub fn run(&self, tasks: usize, task: &LoopBody<'_>) {
        if self.workers.is_empty() || tasks <= 1 {
            return (0..tasks).for_each(task);
        }
        // What a task calls is on one thread: the others have tasks of their own.
        let _alone = ambient::enter(ptr::null());
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: `turn` is held until `finish` has returned; `share` does not unwind, as it catches what a task throws.
        let number = unsafe { self.shared.open(tasks, task) };
        self.workers.iter().for_each(|worker| worker.thread().unpark());
        self.shared.share(0, number);
        self.shared.finish(tasks);
    }

    /// Runs `body` on this thread; products and sweeps inside it are shared out among the threads of the pool.
    ///
    /// ```
    /// use chainrule_tensor::{Pool, gemm, ndarray::Array2};
    ///
    /// let (a, mut c) = (Array2::<f32>::ones((64, 64)), Array2::zeros((64, 64)));
    /// Pool::new(2).enter(|| gemm(1.0, &a, &a, 0.0, &mut c));
    /// assert_eq!(c[(63, 63)], 64.0);
    /// ```
    pub fn enter<T>(&self, body: impl FnOnce() -> T) -> T {
        // A pool of one thread shares nothing: there is nothing to look up.
        let pool: *const Self = if self.workers.is_empty() { ptr::null() } else { self };
        let _entered = ambient::enter(pool.cast());
        body()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop();
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            // A worker catches what its tasks throw, so it has nothing to report.
            let _ = worker.join();
        }
    }
}

/// The pool that this thread is in; `None` on a pool's own workers, so that nothing is shared out twice.
#[inline]
pub(crate) fn current<'a>() -> Option<&'a Pool> {
    // SAFETY: only `Pool::enter` sets the address, that of a pool which outlives its body, and this runs within that body.
    unsafe { ambient::current().cast::<Pool>().as_ref() }
}

#[cfg(test)]
mod tests {
    use std::panic::{self, AssertUnwindSafe};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn every_task_runs_once_in_every_loop() {
        for threads in [0, 1, 2, 5] {
            let pool = Pool::new(threads);
            for tasks in [0, 1, 2, 7, 64] {
                for _ in 0..50 {
                    let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                    pool.run(tasks, &|i| {
                        counts[i].fetch_add(1, Ordering::Relaxed);
                    });
                    assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
                }
            }
        }
    }

    #[test]
    fn loops_of_both_kinds_in_turn_and_more_threads_than_cores_do_each_task_once() {
        let pool = Pool::new(7);
        for round in 0..3000 {
            let tasks = [7, 3, 7, 7, 20, 2][round % 6];
            let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
            pool.run(tasks, &|i| {
                counts[i].fetch_add(1, Ordering::Relaxed);
            });
            assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1), "round {round}");
        }
    }

    #[test]
    fn a_parked_pool_wakes_up() {
        let (pool, count) = (Pool::new(2), AtomicUsize::new(0));
        for _ in 0..3 {
            thread::sleep(std::time::Duration::from_millis(20));
            pool.run(8, &|_| {
                count.fetch_add(1, Ordering::Relaxed);
            });
        }
        assert_eq!(count.into_inner(), 24);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
        let pool = Pool::new(3);
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| pool.run(9, &|i| assert!(i != 4, "task 4"))));
        assert!(outcome.is_err());
        let count = AtomicUsize::new(0);
        pool.run(9, &|_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(count.into_inner(), 9);
    }
}
