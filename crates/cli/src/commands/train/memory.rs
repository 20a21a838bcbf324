//! Whether the memory that a run needs is there, before any of it is taken.

use crate::failure::Failure;

/// Checks that the system would give the memory for training `parameters` numbers of `size` bytes with an optimizer that
/// remembers `memory` vectors: θ, the best θ and the gradient besides, and all but the gradient twice more while they are saved.
///
/// # Errors
/// With the bytes that are needed.
pub(super) fn check(parameters: usize, size: usize, memory: usize) -> Result<(), Failure> {
    let vectors = 3 + memory + 2 * (2 + memory);
    let bytes = parameters.checked_mul(size).and_then(|bytes| bytes.checked_mul(vectors));
    let is_there = |bytes: &usize| Vec::<u8>::new().try_reserve_exact(*bytes).is_ok();
    if bytes.as_ref().is_some_and(is_there) {
        return Ok(());
    }
    let needed = parameters as f64 * size as f64 * vectors as f64;
    Err(Failure::Input(format!(
        "training the network's {parameters} parameters needs {:.1} GB of memory, more than there is: choose a smaller network, or a \
         machine with more",
        needed / 1e9
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_is_said_with_its_size() {
        assert!(check(1_000, 4, 2).is_ok());
        // 3 + 2 and twice 2 + 2 vectors of 8 · 10¹⁵ bytes.
        let failure = check(1 << 50, 8, 2).unwrap_err().to_string();
        assert!(failure.contains("117093590.3 GB"), "{failure}");
        assert!(check(usize::MAX, 8, 20).is_err());
    }
}
