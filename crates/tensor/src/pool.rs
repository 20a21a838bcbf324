//! A fork-join pool: a few threads that share the tasks of one loop at a time.
//!
//! A training step forks several times a millisecond. Waking a sleeping thread costs tens of microseconds, so a worker
//! spins for a moment before it parks; and a pool of one thread has no worker at all and runs the loop where it stands.
//! Which thread takes which task is left to chance; what a task computes must depend on its index alone, and then the
//! result has the same bits for any number of threads.
#![allow(unsafe_code)]

use std::cell::{Cell, UnsafeCell};
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// How often a worker looks for work before it parks: some tens of microseconds.
const SPINS: usize = 20_000;

/// Threads share a matrix in slabs of a multiple of so many rows.
pub const UNIT: usize = 16;

type Task<'a> = dyn Fn(usize) + Sync + 'a;

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

#[derive(Debug)]
struct Shared {
    /// The number of the current loop; a change is the signal to start.
    loops: AtomicU64,
    job: Job,
    tasks: AtomicUsize,
    /// For each thread, the last loop in which its own task was taken, by itself or by one that had nothing left to do.
    own: Vec<AtomicU64>,
    /// Where tasks are not one a thread: the number of the loop and, in the low bits, its next task.
    next: AtomicU64,
    /// Tasks of the current loop that are done.
    done: AtomicUsize,
    panicked: AtomicBool,
    stop: AtomicBool,
}

/// Low bits of [`Shared::next`] that count tasks.
const INDEX: u32 = 24;
/// The index that no task has.
const CLOSED: u64 = (1 << INDEX) - 1;

/// The body of the current loop, its lifetime erased.
struct Job(UnsafeCell<Option<&'static Task<'static>>>);

// SAFETY: the cell is written only by `Pool::run`, while it holds `turn` and all tasks of earlier loops are done. A thread
// reads it only after it has taken a task of the current loop, which `run` does not leave before that task is done.
unsafe impl Sync for Job {}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

impl Pool {
    /// A pool of `threads` threads, the caller's included; 0 counts as 1.
    pub fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            loops: AtomicU64::new(0),
            job: Job(UnsafeCell::new(None)),
            tasks: AtomicUsize::new(0),
            own: (0..threads.max(1)).map(|_| AtomicU64::new(0)).collect(),
            next: AtomicU64::new(0),
            done: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
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
    pub fn run(&self, tasks: usize, task: &Task<'_>) {
        if self.workers.is_empty() || tasks <= 1 {
            return (0..tasks).for_each(task);
        }
        // What a task calls is on one thread: the others have tasks of their own.
        let _alone = Entered(CURRENT.replace(std::ptr::null()));
        assert!((tasks as u64) < CLOSED, "pool: {tasks} tasks are too many for one loop");
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = &*self.shared;
        // SAFETY: only the lifetime changes. Nobody takes a task of this loop after it, and `run` returns, also by
        // unwinding, when all of its tasks are done: `perform` catches panics.
        let erased = unsafe { std::mem::transmute::<&Task<'_>, &'static Task<'static>>(task) };
        let number = shared.loops.load(Ordering::Relaxed) + 1;
        // Closed before anything else changes: who is still in an earlier loop finds no task that it could take for one.
        shared.next.store(number << INDEX | CLOSED, Ordering::Relaxed);
        // SAFETY: `turn` is held and no task is in work, so nobody else looks at the cell.
        unsafe { *shared.job.0.get() = Some(erased) };
        shared.done.store(0, Ordering::Relaxed);
        let one_a_thread = tasks == shared.own.len();
        if !one_a_thread {
            shared.own.iter().for_each(|own| own.store(number, Ordering::Relaxed));
        }
        shared.tasks.store(tasks, Ordering::Release);
        if !one_a_thread {
            shared.next.store(number << INDEX, Ordering::Release);
        }
        shared.loops.store(number, Ordering::Release);
        self.workers.iter().for_each(|worker| worker.thread().unpark());
        shared.share(0, number);
        let mut spins = 0;
        while shared.done.load(Ordering::Acquire) < tasks {
            wait(&mut spins, thread::yield_now);
        }
        assert!(!shared.panicked.swap(false, Ordering::Relaxed), "a task of the pool panicked");
    }
}

impl Shared {
    /// The life of the worker at `place`, from 1; the caller of `run` is at 0.
    fn work(&self, place: usize) {
        let mut seen = 0;
        loop {
            let mut spins = 0;
            let mut number = self.loops.load(Ordering::Acquire);
            while number == seen {
                if self.stop.load(Ordering::Relaxed) {
                    return;
                }
                wait(&mut spins, thread::park);
                number = self.loops.load(Ordering::Acquire);
            }
            self.share(place, number);
            seen = number;
        }
    }

    /// Does this thread's part of a loop; nothing if the loop is over.
    fn share(&self, place: usize, number: u64) {
        if self.tasks.load(Ordering::Acquire) == self.own.len() {
            for i in (place..self.own.len()).chain(0..place) {
                if self.take_own(i, number) {
                    self.perform(i);
                }
            }
        }
        while let Some(i) = self.take_next(number) {
            self.perform(i);
        }
    }

    /// Takes the task of thread `i` in the loop of that number, if nobody has and it is one of a task a thread. In any other
    /// loop, or when this one is over, the number that stands there is as high.
    fn take_own(&self, i: usize, number: u64) -> bool {
        let last = self.own[i].load(Ordering::Relaxed);
        last < number
            && self.own[i].compare_exchange(last, number, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Takes the next task of the loop of that number, if it is still going on and has one.
    fn take_next(&self, number: u64) -> Option<usize> {
        let mut next = self.next.load(Ordering::Acquire);
        // Should `tasks` be that of a later loop already, then `next` has changed too, and the exchange fails.
        while next >> INDEX == number && next & CLOSED < self.tasks.load(Ordering::Acquire) as u64 {
            match self.next.compare_exchange_weak(next, next + 1, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some((next & CLOSED) as usize),
                Err(now) => next = now,
            }
        }
        None
    }

    /// Runs a task that was taken.
    fn perform(&self, i: usize) {
        // SAFETY: the task was taken, so its loop goes on until it is done.
        if let Some(task) = unsafe { *self.job.0.get() }
            && panic::catch_unwind(AssertUnwindSafe(|| task(i))).is_err()
        {
            self.panicked.store(true, Ordering::Relaxed);
        }
        self.done.fetch_add(1, Ordering::Release);
    }
}

fn wait(spins: &mut usize, after: fn()) {
    if *spins < SPINS {
        *spins += 1;
        std::hint::spin_loop();
    } else {
        after();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            // A worker catches what its tasks throw, so it has nothing to report.
            let _ = worker.join();
        }
    }
}

thread_local! {
    /// The pool that this thread has entered.
    static CURRENT: Cell<*const Pool> = const { Cell::new(std::ptr::null()) };
}

/// Puts the pool that was entered before back, also by unwinding.
struct Entered(*const Pool);

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

impl Pool {
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
        let _entered =
            Entered(CURRENT.replace(if self.workers.is_empty() { std::ptr::null() } else { self }));
        body()
    }
}

/// The pool that this thread is in; `None` on a pool's own workers, so that nothing is shared out twice.
#[inline]
pub(crate) fn current<'a>() -> Option<&'a Pool> {
    // SAFETY: the pointer was set by `enter`, whose `self` outlives its body, in which we are.
    unsafe { CURRENT.get().as_ref() }
}

/// Where each vector begins, and whether it is more than empty.
struct Starts<A, const N: usize>([(*mut A, bool); N]);
// SAFETY: the windows that the threads make of it are disjoint, and `A` may go to another thread.
unsafe impl<A: Send, const N: usize> Sync for Starts<A, N> {}

/// Runs `body` on disjoint windows of some equally long vectors, on the threads of the pool that this thread is in: one
/// window a thread, cut at multiples of `unit`. Below `least` numbers, or outside of a pool, there is one window: all.
///
/// `body` gets the place where its window begins. An empty vector stays one: its windows are empty.
///
/// # Panics
/// If the vectors that are not empty differ in length.
///
/// ```
/// use chainrule_tensor::{Pool, pool::sweep};
///
/// let (mut x, mut y) = ([1.0; 100], [0.0; 100]);
/// Pool::new(3).enter(|| {
///     sweep([&mut x, &mut y], 16, 1, |from, [x, y]| {
///         for (i, (x, y)) in x.iter().zip(y).enumerate() {
///             *y = x + (from + i) as f64;
///         }
///     });
/// });
/// assert_eq!(y[99], 100.0);
/// ```
#[track_caller]
pub fn sweep<A: Send, const N: usize>(
    vectors: [&mut [A]; N],
    unit: usize,
    least: usize,
    body: impl Fn(usize, [&mut [A]; N]) + Sync,
) {
    let len = vectors.iter().map(|v| v.len()).max().unwrap_or(0);
    assert!(vectors.iter().all(|v| v.is_empty() || v.len() == len), "sweep: the vectors differ in length");
    let Some(pool) = current().filter(|_| len >= least) else { return body(0, vectors) };
    let starts = Starts(vectors.map(|v| (v.as_mut_ptr(), !v.is_empty())));
    let count = pool.threads();
    pool.run(count, &|i| {
        let starts = &starts;
        let window = slab(len, unit, count, i);
        let windows = starts.0.map(|(start, some)| {
            let size = if some { window.len() } else { 0 };
            // SAFETY: the window lies within the vector, and no other task has it; the vectors outlive `run`.
            unsafe {
                std::slice::from_raw_parts_mut(if some { start.add(window.start) } else { start }, size)
            }
        });
        body(window.start, windows);
    });
}

/// The `i`-th of `count` parts of `0..len`, cut at multiples of `unit`.
pub(crate) fn slab(len: usize, unit: usize, count: usize, i: usize) -> Range<usize> {
    let units = len.div_ceil(unit);
    let cut = |i: usize| (units * i / count * unit).min(len);
    cut(i)..cut(i + 1)
}

#[cfg(test)]
mod tests {
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
