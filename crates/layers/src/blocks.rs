//! Loops over the channels of a position, in blocks that fit registers.

/// What to do with `L` channels from a place on.
pub(crate) trait Block {
    /// Does it. Written `#[inline(always)]`, it is compiled for the CPU of the [`dispatch`](chainrule_tensor::simd::dispatch)
    /// around it.
    fn block<const L: usize>(&mut self, at: usize);
}

const WIDE: usize = 16;
const NARROW: usize = 4;

// Each loop calls its block at one place only: the blocks are inlined, for every set of vector instructions.

/// Goes through all channels; some of the last ones are worked on twice, so the work must come to the same twice.
#[inline(always)]
pub(crate) fn over(channels: usize, work: &mut impl Block) {
    if channels >= WIDE {
        for i in 0..channels.div_ceil(WIDE) {
            work.block::<WIDE>((i * WIDE).min(channels - WIDE));
        }
    } else if channels >= NARROW {
        for i in 0..channels.div_ceil(NARROW) {
            work.block::<NARROW>((i * NARROW).min(channels - NARROW));
        }
    } else {
        for at in 0..channels {
            work.block::<1>(at);
        }
    }
}

/// Goes through all channels, each once.
#[inline(always)]
pub(crate) fn once(channels: usize, work: &mut impl Block) {
    let mut at = 0;
    while channels - at >= WIDE {
        work.block::<WIDE>(at);
        at += WIDE;
    }
    while channels - at >= NARROW {
        work.block::<NARROW>(at);
        at += NARROW;
    }
    while at < channels {
        work.block::<1>(at);
        at += 1;
    }
}

/// `L` numbers from a place on.
#[inline(always)]
pub(crate) fn load<A: Copy, const L: usize>(x: &[A], at: usize) -> [A; L] {
    x[at..at + L].try_into().expect("a slice of L numbers")
}

/// The same, to write to.
#[inline(always)]
pub(crate) fn place<A, const L: usize>(y: &mut [A], at: usize) -> &mut [A; L] {
    (&mut y[at..at + L]).try_into().expect("a slice of L numbers")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counts(Vec<usize>);

    impl Block for Counts {
        fn block<const L: usize>(&mut self, at: usize) {
            self.0[at..at + L].iter_mut().for_each(|count| *count += 1);
        }
    }

    #[test]
    fn every_channel_has_its_turn() {
        for channels in 0..150 {
            let mut counts = Counts(vec![0; channels]);
            once(channels, &mut counts);
            assert!(counts.0.iter().all(|&count| count == 1), "{channels}: {:?}", counts.0);
            over(channels, &mut counts);
            assert!(counts.0.iter().all(|&count| count > 1), "{channels}: {:?}", counts.0);
        }
    }
}
