//! `--time-to-accuracy`: from the start of a process to a test accuracy on MNIST, over some seeds.

use std::path::Path;
use std::process::Command;

use crate::failure::Failure;

use crate::contestants::{self, PYTHON_RECIPE};
use crate::figures::{OURS, median};
use crate::options::Options;
use crate::{docs, process, table};

/// An accuracy in per cent and what leads there, chosen on a validation part of the training data: a network, and Adam under
/// one cycle of the learning rate.
struct Recipe {
    percent: f64,
    /// Whether the images are set upright first.
    deskew: bool,
    network: &'static str,
    augment: &'static str,
    batch: &'static str,
    rate: &'static str,
    epochs: &'static str,
}

const RECIPES: [Recipe; 4] = [
    Recipe {
        percent: 98.0,
        deskew: false,
        network: "dense 256, relu",
        augment: "",
        batch: "256",
        rate: "0.008",
        epochs: "4",
    },
    Recipe {
        percent: 98.5,
        deskew: true,
        network: "dense 512, relu",
        augment: "",
        batch: "256",
        rate: "0.006",
        epochs: "6",
    },
    Recipe {
        percent: 99.0,
        deskew: false,
        network: "conv 16 5 stride 2, relu, conv 32 5 stride 2, relu, flatten, dense 64, relu",
        augment: "shift 1",
        batch: "128",
        rate: "0.005",
        epochs: "8",
    },
    Recipe {
        percent: 99.4,
        deskew: false,
        network: "conv 24 5 stride 2, relu, conv 48 5 stride 2, relu, flatten, dropout 0.3, dense 128, relu, dropout 0.3",
        augment: "shift 1",
        batch: "128",
        rate: "0.004",
        epochs: "25",
    },
];
const THREADS: &str = "2";

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let folder = std::env::var("CHAINRULE_DATA").map_err(|_| {
        Failure::Unusable("set CHAINRULE_DATA to the folder of MNIST's four gzip files".to_owned())
    })?;
    let ours = process::sibling("time-to-accuracy")?;
    let python = if options.peers { Some(contestants::python(options.python.as_deref())?) } else { None };
    let wanted =
        |recipe: &Recipe| options.accuracies.is_empty() || options.accuracies.contains(&recipe.percent);
    let (recipes, seeds) = (RECIPES.into_iter().filter(wanted), options.seeds);
    let mut lines = Vec::new();
    for Recipe { percent, deskew, network, augment, batch, rate, epochs } in recipes {
        let mut contestants = vec![(OURS, Command::new(&ours))];
        for (library, name) in PYTHON_RECIPE {
            let Some(python) = &python else { break };
            let mut command = Command::new(python);
            command.arg(contestants::folder().join("time_to_accuracy.py")).arg(name);
            contestants.push((library, command));
        }
        let mut times = vec![Vec::new(); contestants.len()];
        // Seed by seed, so that what else happens on the machine meets all.
        for seed in 1..=options.seeds {
            for ((library, command), times) in contestants.iter().zip(&mut times) {
                eprint!("\r{percent} %, seed {seed} of {seeds}, {library}      ");
                let mut command = again(command);
                command.args(["--target", &(percent / 100.0).to_string(), "--network", network]);
                command.args(["--augment", augment]);
                command.args(deskew.then_some("--deskew"));
                command.args(["--batch", batch, "--rate", rate, "--epochs", epochs]);
                command.args(["--seed", &seed.to_string(), "--threads", THREADS]);
                command.arg("--data-dir").arg(Path::new(&folder));
                times.push(contestants::report(&mut command)?["seconds"].as_f64());
            }
        }
        eprintln!();
        lines.extend(
            contestants.iter().zip(&times).map(|((library, _), times)| line(percent, epochs, library, times)),
        );
    }
    let head = ["", "epochs", "accuracy", "median", "slowest", "seeds that reached it"];
    let text = table::table(&head, lines.into_iter());
    if options.no_docs {
        print!("{text}");
        return Ok(());
    }
    docs::put("time to accuracy", &text)
}

/// The same program with the same first arguments.
fn again(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    copy.args(command.get_args()).env_remove("OPENBLAS_CORETYPE");
    copy
}

/// A seed that never reached the accuracy counts as slower than all others: there may be no median.
fn line(percent: f64, epochs: &str, library: &str, times: &[Option<f64>]) -> Vec<String> {
    let counted: Vec<f64> = times.iter().map(|time| time.unwrap_or(f64::INFINITY)).collect();
    let seconds = |time: Option<f64>| {
        time.filter(|time| time.is_finite()).map_or("never".to_owned(), |time| format!("{time:.2} s"))
    };
    let reached = times.iter().flatten().count();
    vec![
        library.to_owned(),
        epochs.to_owned(),
        format!("{percent} %"),
        format!("**{}**", seconds(median(&counted))),
        seconds(counted.iter().copied().reduce(f64::max)),
        format!("{reached} of {}", times.len()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_that_never_arrives_is_the_slowest() {
        let cells = line(98.0, "4", OURS, &[Some(1.0), None, Some(2.0)]);
        assert_eq!(cells[3..], ["**2.00 s**", "never", "2 of 3"]);
        assert_eq!(line(98.0, "4", OURS, &[None, None, Some(2.0)])[3], "**never**");
    }
}
