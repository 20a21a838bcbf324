//! `--gemm`: whole steps with register tiles and with OpenBLAS under their products, in turn.

use crate::contestants::{number, pinned, report};
use crate::failure::Failure;
use crate::figures::Row;
use crate::options::Options;
use crate::workloads::WORKLOADS;
use crate::{docs, process, table};

/// The kernels, as `throughput --gemm` calls them.
const KERNELS: [&str; 2] = ["tiles", "openblas"];

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let ours = process::sibling("throughput")?;
    let mut lines = Vec::new();
    for &workload in WORKLOADS.iter().filter(|name| options.wants(name)) {
        for &threads in &options.threads {
            let mut row = Row::new(workload, threads);
            for round in 0..options.rounds {
                eprint!("\r{workload}, threads {threads}, round {} of {}    ", round + 1, options.rounds);
                for kernels in KERNELS {
                    let mut command = pinned(&ours, threads);
                    command.args(["--workload", workload, "--gemm", kernels, "--json", "--rounds", "5"]);
                    command.args(["--threads", &threads.to_string()]);
                    command.args(["--seconds", &options.seconds.to_string()]);
                    row.add(kernels, number(&report(&mut command)?, "samples_per_s")?);
                }
            }
            eprintln!();
            lines.push(line(&row));
        }
    }
    let head = ["workload", "threads", "tiles", "OpenBLAS", "OpenBLAS / tiles"];
    let text = table::table(&head, lines.into_iter());
    if options.no_docs {
        print!("{text}");
        return Ok(());
    }
    docs::put("gemm", &text)
}

/// Samples/s with each, and the median of the ratios of the rounds.
fn line(row: &Row) -> Vec<String> {
    let [tiles, openblas] = KERNELS;
    let pace = |kernels| row.pace(kernels).map_or_else(String::new, table::short);
    let ratio = row.ratio(openblas, tiles).map_or_else(String::new, |ratio| format!("{ratio:.2}"));
    vec![row.workload.clone(), row.threads.to_string(), pace(tiles), pace(openblas), ratio]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_median_of_the_rounds_ratios() {
        let mut row = Row::new("W1", 2);
        for (tiles, openblas) in [(200e3, 100e3), (100e3, 80e3), (400e3, 100e3)] {
            row.add("tiles", tiles);
            row.add("openblas", openblas);
        }
        assert_eq!(line(&row), ["W1", "2", "200 k", "100 k", "0.50"]);
    }
}
