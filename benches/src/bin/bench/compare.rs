//! Against a baseline: by time where it is steady, else by instructions.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::process;

use crate::figures::{BOUND, Figures, OURS, Row, median};

/// What a workload may lose, and what its rounds may scatter by before time says nothing.
const TOLERANCE: f64 = 0.1;

/// One line for each workload of the baseline; fails if one has lost too much, or nothing could be judged.
pub(crate) fn judge(baseline: &Figures, now: &Figures) -> Result<(), Failure> {
    let same_processor = baseline.processor == now.processor;
    let (mut judged, mut lost) = (0, Vec::new());
    for row in &now.rows {
        let Some(before) = baseline.row(&row.workload, row.threads) else { continue };
        let name = format!("{}, threads {}", row.workload, row.threads);
        match change(before, row, same_processor) {
            Some((by, change)) => {
                judged += 1;
                println!("{name:<18} {:+6.1} % by {by}", 100.0 * change);
                if change < -TOLERANCE {
                    lost.push(format!("{name}: {:.1} % slower by {by}", -100.0 * change));
                }
            }
            None => println!("{name:<18} not judged: its time scatters, and no instructions were counted"),
        }
    }
    match (judged, lost.as_slice()) {
        (0, _) => Err(Failure::Unusable(
            "nothing could be compared: make the baseline with --instructions, and install valgrind".into(),
        )),
        (_, []) => Ok(()),
        _ => Err(Failure::Slower(format!("{}; find out what made it so", lost.join("; ")))),
    }
}

/// By how much a workload became faster, as a share, and by which measure.
fn change(before: &Row, now: &Row, same_processor: bool) -> Option<(&'static str, f64)> {
    let (old, new) = (before.ratios(OURS, BOUND), now.ratios(OURS, BOUND));
    if same_processor && is_steady(&old) && is_steady(&new) {
        return Some(("time", median(&new)? / median(&old)? - 1.0));
    }
    Some(("instructions", before.instructions? / now.instructions? - 1.0))
}

fn is_steady(ratios: &[f64]) -> bool {
    let (lo, hi) = ratios.iter().fold((f64::INFINITY, 0.0_f64), |(lo, hi), &x| (lo.min(x), hi.max(x)));
    median(ratios).is_some_and(|median| (hi - lo) / median <= TOLERANCE)
}

/// What callgrind counts for one step more, on one thread; `None` if there is no valgrind.
///
/// Valgrind knows AVX2 but not AVX-512, so these are the instructions of the AVX2 kernels.
pub(crate) fn instructions_of_a_step(ours: &Path, workload: &str) -> Result<Option<f64>, Failure> {
    if !process::on_path("valgrind") {
        eprintln!("no instructions are counted: valgrind is not on the PATH");
        return Ok(None);
    }
    let (few, more) = (2, if workload == "W4" { 1 } else { 4 });
    let counts = [few, few + more].map(|steps| callgrind(ours, workload, steps));
    let [before, after] = counts;
    Ok(Some((after? - before?) / f64::from(more)))
}

fn callgrind(ours: &Path, workload: &str, steps: u32) -> Result<f64, Failure> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(ours);
    command.args(["--workload", workload, "--json", "--steps", &steps.to_string()]);
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| Failure::Unusable(format!("valgrind does not start: {error}")))?;
    let log = String::from_utf8_lossy(&output.stderr);
    collected(&log).filter(|_| output.status.success()).ok_or_else(|| {
        let last = log.lines().last().unwrap_or_default();
        Failure::Unusable(format!("`{}` counts nothing: {last}", process::shown(&command)))
    })
}

/// The count in callgrind's last words: `==1234== Collected : 56789`.
fn collected(log: &str) -> Option<f64> {
    log.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::tests::sample;

    /// The sample with our paces changed.
    fn scaled(round: impl Fn(usize) -> f64) -> Figures {
        let mut figures = sample();
        let paces = figures.rows[0].paces.get_mut(OURS).unwrap();
        paces.iter_mut().enumerate().for_each(|(i, pace)| *pace *= round(i));
        figures
    }

    #[test]
    fn a_loss_of_more_than_a_tenth_fails_and_a_smaller_one_does_not() {
        assert!(judge(&sample(), &scaled(|_| 0.91)).is_ok());
        let verdict = judge(&sample(), &scaled(|_| 0.89));
        assert!(
            matches!(verdict, Err(Failure::Slower(line)) if line.contains("W1, threads 1: 11.0 % slower by time"))
        );
    }

    #[test]
    fn where_time_scatters_instructions_decide() {
        let noisy = |instructions| {
            let mut figures = scaled(|round| if round == 0 { 0.5 } else { 1.0 });
            figures.rows[0].instructions = instructions;
            figures
        };
        assert!(judge(&sample(), &noisy(Some(1.05e6))).is_ok());
        assert!(
            matches!(judge(&sample(), &noisy(Some(1.2e6))), Err(Failure::Slower(line)) if line.contains("instructions"))
        );
        assert!(matches!(judge(&sample(), &noisy(None)), Err(Failure::Unusable(_))));
    }

    #[test]
    fn the_time_of_another_processor_says_nothing() {
        let other = Figures { processor: "Q".into(), ..scaled(|_| 0.5) };
        assert!(judge(&sample(), &other).is_ok());
    }

    #[test]
    fn the_count_is_found_in_the_log() {
        assert_eq!(collected("==1== Events    : Ir\n==1== Collected : 52637\n"), Some(52637.0));
        assert_eq!(collected("==1== Killed\n"), None);
    }
}
