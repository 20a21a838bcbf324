//! How many threads can work at full speed.

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZero;
use std::thread;

/// The cores that this process may use: what its affinity mask and its cgroup leave of the machine, with the two threads of
/// a core counted once, since they share the units that multiply. Where the system does not tell one core from another, its
/// processors.
///
/// ```
/// assert!(chainrule_tensor::available_threads() >= 1);
/// ```
pub fn available_threads() -> usize {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let siblings = |cpu: usize| {
        fs::read_to_string(format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")).ok()
    };
    allowed.and_then(|list| cores(list.trim(), siblings)).map_or(processors, |cores| cores.min(processors))
}

/// The cores behind a list of processors such as `0-3,8`, by what the system says of each: which are threads of its core.
fn cores(list: &str, siblings: impl Fn(usize) -> Option<String>) -> Option<usize> {
    let mut cores = BTreeSet::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        for cpu in first.parse().ok()?..=last.parse().ok()? {
            cores.insert(siblings(cpu)?);
        }
    }
    Some(cores.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_of_one_core_count_once() {
        // Four cores of two threads: 0 and 4 are one of them, and so on.
        let siblings = |cpu: usize| (cpu < 8).then(|| format!("{},{}\n", cpu % 4, cpu % 4 + 4));
        for (list, count) in [
            ("0-7", Some(4)),
            ("0,4", Some(1)),
            ("1-2,5,7", Some(3)),
            ("6", Some(1)),
            ("0-8", None),
            ("", None),
            ("all", None),
        ] {
            assert_eq!(cores(list, siblings), count, "{list}");
        }
    }
}
