//! The checks themselves, shared by `cargo xtask test` and `cargo xtask ci`.

use std::{
    env, fs,
    process::{Command, Stdio},
};

use crate::{
    blas::Blas,
    failure::Failure,
    process, setup,
    steps::{Done, Step},
    tidy,
};

/// The cargo that runs a check.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cargo {
    /// The one that runs us.
    Running,
    /// That of a toolchain known to rustup.
    Of(&'static str),
}

impl Cargo {
    pub(crate) fn command(self) -> Command {
        let mut command = match self {
            Self::Running => process::cargo(),
            Self::Of(toolchain) => {
                // `rustup run`, not `cargo +toolchain`: the cargo on the PATH need not be rustup's.
                let mut command = Command::new("rustup");
                command.args(["run", toolchain, "cargo"]);
                // Inherited, it would make that cargo start ours for its own subcommands.
                command.env_remove("CARGO");
                command
            }
        };
        command.current_dir(process::root());
        command
    }

    fn step(self, title: &str, args: &[&str], blas: Blas, cure: &'static str) -> Step {
        let mut command = self.command();
        command.args(args);
        into_step(format!("{title}, {}", blas.name()), command, cure)
    }
}

fn into_step(title: String, mut command: Command, cure: &'static str) -> Step {
    Step { title, work: Box::new(move || process::run(&mut command).map(|()| Done::Passed)), cure }
}

pub(crate) fn format(cargo: Cargo) -> Step {
    let mut command = cargo.command();
    command.args(["fmt", "--all", "--check"]);
    into_step(
        "format".into(),
        command,
        "run `cargo fmt --all` (`rustup component add rustfmt` if it is missing)",
    )
}

pub(crate) fn tidy() -> Step {
    Step {
        title: "tidy".into(),
        work: Box::new(|| tidy::run().map(|()| Done::Passed)),
        cure: "each line above names its cure",
    }
}

/// Lints of every target; `args` of clippy come after the features.
pub(crate) fn clippy(cargo: Cargo, blas: Blas) -> Step {
    let args =
        [&["clippy", "--locked", "--workspace", "--all-targets"], blas.features(), &["--", "-D", "warnings"]];
    cargo.step(
        "clippy",
        &args.concat(),
        blas,
        "fix the lint (`rustup component add clippy` if it is missing)",
    )
}

/// Compiles every target, benches and examples too, without linking.
pub(crate) fn compiles(cargo: Cargo, blas: Blas) -> Step {
    let args = [&["check", "--locked", "--workspace", "--all-targets"], blas.features()];
    cargo.step(
        "compiles",
        &args.concat(),
        blas,
        "this toolchain must do: write it another way, or raise the MSRV",
    )
}

/// Unit tests, integration tests, examples (compiled) and doctests.
pub(crate) fn tests(cargo: Cargo, blas: Blas) -> Step {
    let mut args = [&["test", "--locked", "--workspace"], blas.features()].concat();
    if blas == Blas::None {
        // xtask has no BLAS to do without: once, with the others, is enough.
        args.extend(["--exclude", "xtask"]);
    }
    cargo.step("tests", &args, blas, "the failed test is named above; rerun it alone with `cargo test NAME`")
}

/// The pages that the program writes, in a real browser; not run where there is none to be had.
pub(crate) fn browser(cargo: Cargo, blas: Blas) -> Step {
    let args = ["test", "--locked", "-p", "chainrule-cli", "--test", "browser"];
    let work = move || match setup::browser::run() {
        Ok(program) => {
            let mut command = cargo.command();
            command
                .args(args)
                .args(blas.features())
                .args(["--", "--ignored"])
                .env("CHAINRULE_CHROMIUM", program);
            process::run(&mut command).map(|()| Done::Passed)
        }
        Err(Failure::Unusable(why)) => Ok(Done::NotHere(why)),
        Err(failure) => Err(failure),
    };
    let cure = "the failed test is named above; with CHAINRULE_SCREENSHOTS=FOLDER it leaves pictures";
    Step { title: format!("browser, {}", blas.name()), work: Box::new(work), cure }
}

/// The numbered examples, which end badly if what they show is not so.
pub(crate) fn examples(cargo: Cargo, blas: Blas) -> Step {
    let work = move || {
        // Of the whole workspace, as the tests: other features would mean other builds of everything below.
        let mut command = cargo.command();
        process::run(command.args(["build", "--locked", "--workspace", "--examples"]).args(blas.features()))?;
        let folder = process::target().join("debug/examples");
        for name in numbered_examples()?.iter().filter(|name| !SLOW_EXAMPLES.contains(&name.as_str())) {
            let program = folder.join(format!("{name}{}", env::consts::EXE_SUFFIX));
            process::run(Command::new(program).stdout(Stdio::null()))?;
        }
        Ok(Done::Passed)
    };
    let cure = "run it alone with `cargo run -p chainrule --example NAME`";
    Step { title: format!("examples, {}", blas.name()), work: Box::new(work), cure }
}

const EXAMPLES: &str = "crates/chainrule/examples";
/// Those that take minutes, and data that is not in the repository; they are compiled with the others.
const SLOW_EXAMPLES: &[&str] = &["08-fashion-mnist"];

/// `01-vector` and so on, in their order.
fn numbered_examples() -> Result<Vec<String>, Failure> {
    let unreadable = |error| Failure::Unusable(format!("{EXAMPLES}: {error}"));
    let mut names = Vec::new();
    for entry in fs::read_dir(process::root().join(EXAMPLES)).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
        let number = |name: &&str| name.starts_with(|c: char| c.is_ascii_digit());
        names.extend(name.strip_suffix(".rs").filter(number).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// What is built with MPI only: its lints, and its tests with ranks that mpirun starts, one test at a time, for they time them.
pub(crate) fn mpi(cargo: Cargo, blas: Blas) -> Vec<Step> {
    let ours = ["--locked", "-p", "chainrule-cli", "-p", "chainrule-distributed"];
    // The features are additions: those of the BLAS stay as they are.
    let features = [blas.features(), &["--features", "chainrule-cli/mpi,chainrule-distributed/mpi"]].concat();
    let clippy = [&["clippy"], &ours[..], &["--all-targets"], &features, &["--", "-D", "warnings"]].concat();
    let tests = [
        &["test", "--locked", "-p", "chainrule-cli", "--features", "chainrule-cli/mpi"],
        blas.features(),
        &["--test", "mpi", "--", "--test-threads", "1"],
    ];
    vec![
        cargo.step("clippy of the ranks", &clippy, blas, "fix the lint"),
        cargo.step(
            "ranks",
            &tests.concat(),
            blas,
            "the failed test is named above; rerun it alone with `cargo test -p chainrule-cli --features mpi --test mpi NAME`",
        ),
    ]
}

/// Every derivative of the zoo against finite differences.
pub(crate) fn gradcheck(cargo: Cargo, blas: Blas) -> Step {
    let args =
        [&["run", "--locked", "-p", "chainrule-benches", "--bin", "gradcheck"], blas.features()].concat();
    cargo.step(
        "gradcheck",
        &args,
        blas,
        "the row in red names the layer, loss or network whose derivative is wrong",
    )
}

/// The documentation, where a broken link is an error.
pub(crate) fn docs(cargo: Cargo, blas: Blas) -> Step {
    let mut command = cargo.command();
    command.args(["doc", "--locked", "--workspace", "--no-deps"]).args(blas.features());
    command.env("RUSTDOCFLAGS", "-D warnings");
    into_step(format!("docs, {}", blas.name()), command, "mend the doc comment named above")
}

/// `--no-default-features` must reach every crate.
///
/// One dependency declared with default features is enough to bring OpenBLAS back, and all tests would still
/// pass.
pub(crate) fn links_no_blas(cargo: Cargo) -> Step {
    let work = move || {
        let mut command = cargo.command();
        command.args(["tree", "--locked", "--workspace", "--no-default-features", "--prefix", "none"]);
        blas_in(&process::read(&mut command)?).map_or(Ok(Done::Passed), |found| {
            Err(Failure::Check(format!("`--no-default-features` still pulls in {found}")))
        })
    };
    let cure = "depend on our own crates with `default-features = false` and forward the feature \
                (`cargo tree --workspace --no-default-features -i NAME` shows who asks for it)";
    Step { title: "noblas is free of BLAS".into(), work: Box::new(work), cure }
}

fn blas_in(tree: &str) -> Option<&str> {
    tree.lines().filter_map(|line| line.split(' ').next()).find(|name| tidy::BLAS_PACKAGES.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blas_in_the_tree_is_found_by_its_whole_name() {
        assert_eq!(blas_in("chainrule v0.1.0\nopenblas-src v0.10.16\n"), Some("openblas-src"));
        assert_eq!(blas_in("chainrule v0.1.0\nndarray v0.17.2\nnot-blas-src v1.0.0\n"), None);
    }

    #[test]
    fn eight_examples_each_fit_on_a_screen() {
        let names = numbered_examples().unwrap();
        for (number, name) in (1..).zip(&names) {
            assert!(name.starts_with(&format!("{number:02}-")), "{name} is number {number}");
            let text = fs::read_to_string(process::root().join(EXAMPLES).join(format!("{name}.rs"))).unwrap();
            assert!(text.lines().count() <= 75, "{name} has {} lines", text.lines().count());
        }
        assert_eq!(names.len(), 8);
        assert!(SLOW_EXAMPLES.iter().all(|slow| names.iter().any(|name| name == slow)));
    }

    #[test]
    fn the_features_stand_before_the_separator() {
        let step = clippy(Cargo::Running, Blas::None);
        assert_eq!(step.title, "clippy, noblas");
        let args = [&["clippy"], Blas::Accelerate.features(), &["--"]].concat();
        assert_eq!(
            args,
            [
                "clippy",
                "--no-default-features",
                "--features",
                "chainrule/accelerate,chainrule/curvature",
                "--"
            ]
        );
    }
}
