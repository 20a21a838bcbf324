//! Decoders of other crates, some of which panic on damaged bytes.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// Whether this thread is in such a decoder.
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// What `decode` returns; `None`, and not a word on stderr, if it panics.
pub(crate) fn guarded<T>(decode: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_GUARDED.get() {
                usual(panic);
            }
        }));
    });
    let was_guarded = IS_GUARDED.replace(true);
    // What the decoder leaves half done is dropped with it.
    let result = panic::catch_unwind(AssertUnwindSafe(decode));
    IS_GUARDED.set(was_guarded);
    result.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_a_decoder_is_no_panic_of_ours() {
        let bytes = [1_u8, 2];
        assert_eq!(guarded(|| bytes[1]), Some(2));
        assert_eq!(guarded(|| guarded(|| bytes[bytes.len()])), Some(None));
        assert_eq!(guarded(|| -> u8 { panic!("a page is short") }), None);
        assert!(!IS_GUARDED.get());
    }
}
