//! Which pool a thread has entered, as an address: what stands at it is known to [`Pool`](super::Pool) alone.

use std::cell::Cell;
use std::ptr;

thread_local! {
    /// The pool that this thread has entered; null where it has entered none.
    static CURRENT: Cell<*const ()> = const { Cell::new(ptr::null()) };
}

/// Puts the pool that was entered before back, also by unwinding.
pub(super) struct Entered(*const ());

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Enters the pool at this address until the result is dropped; null leaves the one that was entered.
#[inline]
pub(super) fn enter(pool: *const ()) -> Entered {
    Entered(CURRENT.replace(pool))
}

/// The address of the pool that this thread has entered, or null.
#[inline]
pub(super) fn current() -> *const () {
    CURRENT.get()
}
