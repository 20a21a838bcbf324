//! What the threads of a pool share, and how they take the tasks of a loop.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;

/// How often a worker looks for work before it parks: some tens of microseconds.
const SPINS: usize = 20_000;

pub(super) type LoopBody<'a> = dyn Fn(usize) + Sync + 'a;

#[derive(Debug)]
pub(super) struct Shared {
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
struct Job(UnsafeCell<Option<&'static LoopBody<'static>>>);

// SAFETY: the cell is written only by `open`, by one thread at a time and while all tasks of earlier loops are done. A thread
// reads it only after it has taken a task of the current loop, which is not left before that task is done.
unsafe impl Sync for Job {}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

impl Shared {
    /// For a pool of `threads` threads, the caller of `run` included.
    pub(super) fn new(threads: usize) -> Self {
        Self {
            loops: AtomicU64::new(0),
            job: Job(UnsafeCell::new(None)),
            tasks: AtomicUsize::new(0),
            own: (0..threads).map(|_| AtomicU64::new(0)).collect(),
            next: AtomicU64::new(0),
            done: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        }
    }

    /// Opens a loop for all threads, and returns its number.
    ///
    /// # Safety
    /// One thread at a time opens a loop, and calls [`finish`](Self::finish) before another is opened and before `task` ends.
    ///
    /// # Panics
    /// If there are millions of tasks.
    pub(super) unsafe fn open(&self, tasks: usize, task: &LoopBody<'_>) -> u64 {
        assert!((tasks as u64) < CLOSED, "pool: {tasks} tasks are too many for one loop");
        // SAFETY: only the lifetime changes. Nobody takes a task of this loop after `finish`, which the caller waits for.
        let erased = unsafe { std::mem::transmute::<&LoopBody<'_>, &'static LoopBody<'static>>(task) };
        let number = self.loops.load(Ordering::Relaxed) + 1;
        // Closed before anything else changes: a thread that is still in an earlier loop finds no task that it could take for one.
        self.next.store(number << INDEX | CLOSED, Ordering::Relaxed);
        // SAFETY: no other thread opens a loop and no task is running, so nobody else reads the cell.
        unsafe { *self.job.0.get() = Some(erased) };
        self.done.store(0, Ordering::Relaxed);
        let one_a_thread = tasks == self.own.len();
        if !one_a_thread {
            self.own.iter().for_each(|own| own.store(number, Ordering::Relaxed));
        }
        self.tasks.store(tasks, Ordering::Release);
        if !one_a_thread {
            self.next.store(number << INDEX, Ordering::Release);
        }
        self.loops.store(number, Ordering::Release);
        number
    }

    /// Waits for the tasks that other threads have taken.
    ///
    /// # Panics
    /// If a task of the loop panicked.
    pub(super) fn finish(&self, tasks: usize) {
        let mut spins = 0;
        while self.done.load(Ordering::Acquire) < tasks {
            wait(&mut spins, thread::yield_now);
        }
        assert!(!self.panicked.swap(false, Ordering::Relaxed), "a task of the pool panicked");
    }

    /// Ends the workers; they must be unparked.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// The life of the worker at `place`, from 1; the caller of `run` is at 0.
    pub(super) fn work(&self, place: usize) {
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
    pub(super) fn share(&self, place: usize, number: u64) {
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
