//! The command line of `cargo xtask bench`.

use std::path::PathBuf;

use clap::Parser;
use clap::builder::PossibleValuesParser;

use crate::workloads::WORKLOADS;

/// Measure the training speed on the standard networks, as a share of the bare matrix products of each step, and write
/// docs/performance.md.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", after_help = AFTER)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Options {
    /// Measure PyTorch, JAX, scikit-learn, burn and candle as well; they are installed under target/peers
    #[arg(long)]
    pub(crate) peers: bool,
    /// Leave out burn and candle, whose first build takes a quarter of an hour on two cores
    #[arg(long)]
    pub(crate) no_rust_peers: bool,
    /// A Python that has the packages of benches/peers/requirements.txt
    #[arg(long, value_name = "PATH")]
    pub(crate) python: Option<PathBuf>,
    /// Only these workloads [default: all]
    #[arg(long, value_name = "W1,W2", value_delimiter = ',', value_parser = PossibleValuesParser::new(WORKLOADS))]
    pub(crate) workloads: Vec<String>,
    /// Numbers of threads
    #[arg(long, value_name = "1,2", value_delimiter = ',', default_value = "1,2", value_parser = positive)]
    pub(crate) threads: Vec<usize>,
    /// Turns of each contestant
    #[arg(long, value_name = "N", default_value = "5", value_parser = positive)]
    pub(crate) rounds: usize,
    /// Length of a turn in seconds
    #[arg(long, value_name = "S", default_value = "0.5", value_parser = seconds)]
    pub(crate) seconds: f64,
    /// Count the instructions of a step as well (valgrind; one thread, AVX2 at most)
    #[arg(long)]
    pub(crate) instructions: bool,
    /// Write the figures to FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<String>,
    /// Measure nothing: write docs/performance.md from such files; later ones win
    #[arg(long, value_name = "FILE,FILE", value_delimiter = ',')]
    pub(crate) from: Vec<String>,
    /// Leave docs/performance.md as it is
    #[arg(long)]
    pub(crate) no_docs: bool,
    /// Measure the time from the start of a process to 98, 98.5, 99 and 99.4 % on MNIST instead, on two threads;
    /// $CHAINRULE_DATA is the folder of its gzip files; with --peers PyTorch and JAX as well
    #[arg(long)]
    pub(crate) time_to_accuracy: bool,
    /// Seeds of the time to an accuracy
    #[arg(long, value_name = "N", default_value = "10", value_parser = positive)]
    pub(crate) seeds: usize,
    /// Only the recipes of these accuracies in per cent [default: all]
    #[arg(long, value_name = "98,99", value_delimiter = ',', requires = "time_to_accuracy")]
    pub(crate) accuracies: Vec<f64>,
    /// Measure Chainrule with register tiles and with OpenBLAS under its products instead
    #[arg(long, conflicts_with_all = ["peers", "instructions", "json", "compare", "time_to_accuracy"])]
    pub(crate) gemm: bool,
    /// Fail if a workload lost more than 10 % against BASELINE, a file that --json wrote
    #[arg(long, value_name = "BASELINE")]
    pub(crate) compare: Option<String>,
}

const AFTER: &str = "\
A baseline:  cargo xtask bench --instructions --no-docs --json baseline.json
then, later: cargo xtask bench --compare baseline.json
A workload is judged by its speed as a share of the bare products, if neither run scattered by more than 10 % and the
processor is the same; otherwise by the instructions of a step, if the baseline has them.

The criterion benches of single layers, losses and update rules: cargo bench -p chainrule-benches";

impl Options {
    pub(crate) fn wants(&self, workload: &str) -> bool {
        self.workloads.is_empty() || self.workloads.iter().any(|name| name == workload)
    }
}

fn positive(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&n| n > 0).ok_or_else(|| "must be a whole number above 0".to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    let within = |s: &f64| (0.01..=600.0).contains(s);
    text.parse().ok().filter(within).ok_or_else(|| "must be between 0.01 and 600 seconds".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::try_parse_from(["bench"].into_iter().chain(line.split_whitespace()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn lists_are_separated_by_commas() {
        let options = parse("--workloads W1,W6b256 --threads 2 --from a.json,b.json").unwrap();
        assert!(options.wants("W6b256") && !options.wants("W2"));
        assert_eq!((options.threads, options.from.len()), (vec![2], 2));
    }

    #[test]
    fn bad_usage_is_refused_and_the_help_named() {
        for line in ["--per", "--rounds", "--rounds 0", "--threads 1,x", "--workloads W7", "--seconds nan"] {
            match parse(line) {
                Err(message) => assert!(message.contains("--help"), "{message}"),
                Ok(options) => panic!("{line} should be refused, not {options:?}"),
            }
        }
    }
}
