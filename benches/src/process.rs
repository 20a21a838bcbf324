//! What the system knows of this process; `None` where it is not Linux.

use std::fs;
use std::time::{Duration, Instant};

/// The largest resident set so far, in megabytes of 10⁶ bytes.
pub fn peak_megabytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = peak.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}

/// A clock that starts with the process.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    main: Instant,
    before_main: Option<Duration>,
}

impl Start {
    /// To be called first in `main`, before there is a second thread.
    ///
    /// What came before (exec, the dynamic linker) is what the scheduler has on record for the thread so far: time on a
    /// processor and time in the queue for one.
    pub fn now() -> Self {
        let main = Instant::now();
        let before_main = fs::read_to_string("/proc/self/schedstat").ok().and_then(|record| {
            let mut words = record.split_whitespace().map(str::parse::<u64>);
            let (ran, waited) = (words.next()?.ok()?, words.next()?.ok()?);
            Some(Duration::from_nanos(ran + waited))
        });
        Self { main, before_main }
    }

    /// Milliseconds since the process started.
    pub fn milliseconds(&self) -> Option<f64> {
        Some((self.before_main? + self.main.elapsed()).as_secs_f64() * 1e3)
    }
}
