//! What an optimizer remembers between two calls.

use chainrule::optim::Optimizer;
use chainrule::tensor::Scalar;

/// All numbers that an optimizer remembers, in the order in which it visits them.
pub(super) fn save<A: Scalar>(optimizer: &mut dyn Optimizer<A>) -> Vec<Vec<A>> {
    let mut memory = Vec::new();
    optimizer.state(&mut |_, numbers| memory.push(numbers.to_vec()));
    memory
}

/// Puts back what `save` took, unless it is of another method.
pub(super) fn load<A: Scalar>(optimizer: &mut dyn Optimizer<A>, memory: &[Vec<A>]) {
    let mut lengths = Vec::new();
    optimizer.state(&mut |_, numbers| lengths.push(numbers.len()));
    if lengths == memory.iter().map(Vec::len).collect::<Vec<_>>() {
        let mut saved = memory.iter();
        optimizer.state(&mut |_, numbers| {
            if let Some(saved) = saved.next() {
                numbers.copy_from_slice(saved);
            }
        });
    }
}

/// C where L-BFGS has come to.
pub(super) fn value<A: Scalar>(optimizer: &mut dyn Optimizer<A>) -> Option<f64> {
    let mut found = None;
    optimizer.state(&mut |name, numbers| {
        if let ("value", [value]) = (name, &*numbers) {
            found = Some(value.as_f64());
        }
    });
    found
}
