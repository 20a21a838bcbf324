//! What `cargo xtask help` and `cargo xtask COMMAND --help` print. Asking runs nothing.

const HELP: &str = "\
The commands of the Chainrule workspace.

Usage: cargo xtask COMMAND

  setup [--mpi]      find OpenBLAS, or install it with the system's package manager; --mpi: MPI and libclang too
  train ARGS…        setup, then `chainrule train ARGS…`, optimised
  check              format, lints and the tests of what changed since main; --since REVISION: since then
  test               setup, then nearly all of what CI checks on this machine
  test --mpi         setup --mpi, then the tests of several ranks, started by mpirun
  gradcheck ARGS…    setup, then compare every gradient with finite differences
  parity ARGS…       setup, then compare derivatives and optimizers with PyTorch and JAX
  interop            setup, then hand what the program writes to ONNX, PyTorch, NumPy and TensorBoard, and back
  python             build the Python package as a wheel, check it and run its tests; installs its tools under target/
  bench ARGS…        setup, then the speed of training, as a share of the bare products and beside other libraries
  reproduce NAME …   setup, then an experiment of docs: saddle-points, deep-autoencoder
  tidy               the rules of the repository: crate edges, unsafe, file hygiene, links
  ci --cell NAME     one cell of the CI matrix
  ci --list          the names of the cells
  help               this text

COMMAND --help has more about train, gradcheck, parity, interop, python, bench and reproduce.
";

const TRAIN: &str = "\
Train a network in one command from a fresh clone.

Usage: cargo xtask train [ARGS…]

Finds or installs OpenBLAS, builds the program with the profile `quick`, and becomes `chainrule train ARGS…`. The build
takes less time than a release; it trains large networks nearly as fast, and small ones at a fifth to a quarter of the
pace. With no ARGS it trains on the embedded digits. All ARGS:
cargo run --bin chainrule -- train --help
";

const GRADCHECK: &str = "\
Compare the derivatives of every layer, every loss and random networks with finite differences, in both number types.

Usage: cargo xtask gradcheck [OPTIONS]

  --seeds N      how many seeds each is tried on, with three batches each [default: 6]
  --seed N       where the seeds begin [default: 0]
  --only TEXT    only those whose name contains this
  --json         print one JSON object on stdout and nothing else there
";

const PARITY: &str = "\
Compare the derivatives of random networks with every layer, and 100 steps of each optimizer, with PyTorch's and JAX's.

Usage: cargo xtask parity [OPTIONS]

  --rounds N     how often each kind of network is drawn [default: 1]
  --seed N       seed of the networks [default: 0]
  --json         print one JSON object on stdout and nothing else there

The first run makes a Python environment under target/peers with the packages of benches/peers/requirements.txt;
$CHAINRULE_PYTHON names an interpreter that has them already.
";

const INTEROP: &str = "\
Hand what the program writes to those who read it, and what they write to the program: ONNX's checker and onnxruntime,
PyTorch, NumPy, TensorBoard.

Usage: cargo xtask interop

The first run makes a Python environment under target/interop with the packages of tests/interop/requirements.txt;
$CHAINRULE_PYTHON names an interpreter that has them already.
";

const PYTHON: &str = "\
Build the Python package in crates/python as a wheel without a BLAS, install it, check its types and its size, and run its tests.

Usage: cargo xtask python

The first run makes a Python environment under target/python with the packages of crates/python/requirements.txt;
$CHAINRULE_PYTHON names an interpreter that has them already.
";

const BENCH: &str = "\
Measure the training speed on the standard networks, as a share of the bare matrix products of each step, and write
docs/performance.md.

Usage: cargo xtask bench [OPTIONS]

  --peers              PyTorch, JAX, scikit-learn, burn and candle as well
  --time-to-accuracy   from the start of a process to 98, 98.5, 99 and 99.4 % on MNIST instead
  --compare BASELINE   fail if a workload lost more than 10 % against a file that --json wrote

All OPTIONS: cargo run --release -p chainrule-benches --bin bench -- --help
";

const REPRODUCE: &str = "\
Run an experiment of docs, from the data to the figures.

Usage: cargo xtask reproduce NAME [ARGS…]

  saddle-points       SGD, Newton and saddle-free Newton on small networks: docs/saddle-points.md
  deep-autoencoder    the deep autoencoder on MNIST, by SGD and then saddle-free Newton

All ARGS: cargo run -p chainrule --example NAME -- --help
";

/// The page that these words ask for, if they ask for one. What stands after `--` is another program's.
pub(crate) fn asked(words: &[&str]) -> Option<&'static str> {
    let (&command, rest) = words.split_first()?;
    if ["help", "--help", "-h"].contains(&command) {
        return rest.is_empty().then_some(HELP);
    }
    let asks = rest.iter().take_while(|&&word| word != "--").any(|word| ["--help", "-h"].contains(word));
    match command {
        _ if !asks => None,
        "setup" | "check" | "test" | "tidy" | "ci" => Some(HELP),
        "train" => Some(TRAIN),
        "gradcheck" => Some(GRADCHECK),
        "parity" => Some(PARITY),
        "interop" => Some(INTEROP),
        "python" => Some(PYTHON),
        "bench" => Some(BENCH),
        "reproduce" => Some(REPRODUCE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_help_wherever_it_is_asked_for() {
        let commands: Vec<&str> = HELP
            .lines()
            .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next())
            .filter(|&command| command != "help")
            .collect();
        assert!(commands.len() > 9, "{commands:?}");
        for command in commands {
            for words in [&[command, "--help"][..], &[command, "-h"], &[command, "--seed", "3", "--help"]] {
                let page = asked(words);
                assert!(page.is_some_and(|page| page.contains(command)), "{words:?}: {page:?}");
            }
            assert_eq!(asked(&[command]), None);
            assert_eq!(asked(&[command, "--", "--help"]), None);
        }
        assert_eq!(asked(&["tset", "--help"]), None);
    }
}
