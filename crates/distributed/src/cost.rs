//! What a step costs on a number of ranks, by a model of the network.

/// A network on which every pair of ranks can talk at once: a message of n bytes takes α + n/β seconds.
///
/// # References
/// Thakur, Rabenseifner and Gropp 2005, §4; Hockney, "The communication challenge for MPP", 1994 (α and β).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// α, in seconds.
    pub latency: f64,
    /// β, in bytes a second.
    pub bandwidth: f64,
}

impl Link {
    /// Seconds of an all-reduce of `bytes` bytes by the better of two algorithms:
    /// ```text
    /// recursive doubling           ⌈log₂R⌉·(α + n/β)
    /// reduce-scatter, all-gather   2·⌈log₂R⌉·α + 2·(R − 1)/R·n/β
    /// ```
    ///
    /// ```
    /// use chainrule_distributed::Link;
    ///
    /// let link = Link { latency: 1e-5, bandwidth: 1e9 };
    /// assert_eq!(link.all_reduce(1, 1e9), 0.0);
    /// assert!((link.all_reduce(4, 0.0) - 2e-5).abs() < 1e-12);
    /// assert!((link.all_reduce(4, 1e9) - 1.50004).abs() < 1e-12);
    /// ```
    pub fn all_reduce(self, ranks: usize, bytes: f64) -> f64 {
        let rounds = f64::from(ranks.next_power_of_two().ilog2());
        let (once, share) = (bytes / self.bandwidth, (ranks as f64 - 1.0) / ranks as f64);
        (rounds * (self.latency + once)).min(2.0 * rounds * self.latency + 2.0 * share * once)
    }
}

/// What a step of first-order descent asks of one rank.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Seconds of the forward pass.
    pub forward: f64,
    /// Seconds of the backward pass.
    pub backward: f64,
    /// Seconds of the update and of all else.
    pub rest: f64,
    /// Bytes of ∇C and C.
    pub bytes: f64,
    /// Bytes of a bucket.
    pub bucket: f64,
}

impl Load {
    /// Seconds of a step on `ranks` ranks, bucket by bucket: each goes off when the backward pass has done with it and the one
    /// before is through; or, unless they are `hidden`, when the whole pass is over.
    ///
    /// ```
    /// use chainrule_distributed::{Link, Load};
    ///
    /// let load = Load { forward: 1.0, backward: 2.0, rest: 0.5, bytes: 4e9, bucket: 2e9 };
    /// let link = Link { latency: 0.0, bandwidth: 4e9 };
    /// // Two buckets of half a second: one is through when the backward pass ends.
    /// assert_eq!(load.step(2, link, true), 4.0);
    /// assert_eq!(load.step(2, link, false), 4.5);
    /// ```
    pub fn step(self, ranks: usize, link: Link, hidden: bool) -> f64 {
        let buckets = (self.bytes / self.bucket).ceil().max(1.0);
        let each = link.all_reduce(ranks, self.bytes / buckets);
        let (mut through, end) = (0.0, self.forward + self.backward);
        for i in 1..=buckets as usize {
            let ready = if hidden { self.forward + self.backward * i as f64 / buckets } else { end };
            through = f64::max(through, ready) + each;
        }
        // Whether to go on, all ask all: two rounds of a word.
        let rounds = f64::from(ranks.next_power_of_two().ilog2());
        through + self.rest + 2.0 * rounds * link.latency
    }
}
