/// An epilogue: what is done with each finished part of a matrix while that part is still in the cache.
///
/// It is called with the index of the part's first number, counted row by row in the whole matrix, and with the part: numbers
/// that follow one another in that order. The parts are disjoint and cover the matrix, and several threads may call it at once.
///
/// # References
/// Chetlur et al., "cuDNN: efficient primitives for deep learning", 2014 (a product with its bias and activation fused).
pub type Epilogue<'a, A> = dyn Fn(usize, &mut [A]) + Sync + 'a;
