//! The checks themselves, shared by `cargo xtask test` and `cargo xtask ci`.

use std::{
    collections::BTreeSet,
    env,
    process::{Command, Stdio},
};

use crate::{
    blas::Blas,
    failure::Failure,
    process,
    programs::PROGRAM,
    setup,
    steps::{Done, Step},
    tidy, workspace,
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
        Step::command(format!("{title}, {}", blas.name()), command, cure)
    }
}

pub(crate) fn format(cargo: Cargo) -> Step {
    let mut command = cargo.command();
    command.args(["fmt", "--all", "--check"]);
    Step::command(
        "format",
        command,
        "run `cargo fmt --all` (`rustup component add rustfmt` if it is missing)",
    )
}

pub(crate) fn tidy() -> Step {
    Step::call("tidy", || tidy::run().map(|()| Done::Passed), "each line above names its cure")
}

/// Licences, sources and banned crates of the lock file, as deny.toml says; CI runs it, and asks for advisories as well.
pub(crate) fn deny() -> Step {
    let work = || {
        if !process::on_path("cargo-deny") {
            let cure = "CI runs it; `cargo install --locked cargo-deny` brings it here";
            return Ok(Done::NotHere(cure.to_owned()));
        }
        let mut command = Cargo::Running.command();
        command.args(["deny", "--offline", "check", "bans", "licenses", "sources"]);
        process::run(&mut command).map(|()| Done::Passed)
    };
    Step::call(
        "cargo deny",
        work,
        "the crate named above is not allowed by deny.toml: replace it, or allow it there",
    )
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
    cargo.step("tests", &args, blas, RERUN)
}

const RERUN: &str = "the failed test is named above; rerun it alone with `cargo test NAME`";

/// The crates whose results depend on where products come from, and those that are built of them.
const WITHOUT_BLAS: &[&str] =
    &["chainrule-tensor", "chainrule-layers", "chainrule-train", "chainrule-model", "chainrule-curvature"];

/// The tests of the pure-Rust kernels, and of what computes with them: the other crates' are the same without a BLAS.
pub(crate) fn tests_without_blas(cargo: Cargo) -> Result<Step, Failure> {
    let selection = without_blas()?;
    let args: Vec<&str> =
        ["test", "--locked"].into_iter().chain(selection.iter().map(String::as_str)).collect();
    Ok(cargo.step("tests", &args, Blas::None, RERUN))
}

/// What a build without a BLAS is of, as arguments of cargo. The program is among the packages for its dependencies: only with
/// what it asks of them are they the ones that the other steps have built. It has no library, and its tests are not named.
pub(crate) fn without_blas() -> Result<Vec<String>, Failure> {
    let there: Vec<_> =
        workspace::packages()?.into_iter().filter(|it| WITHOUT_BLAS.contains(&it.name.as_str())).collect();
    let tests = there.iter().flat_map(|package| &package.targets).filter(|target| target.kind == "test");
    let tests: BTreeSet<&str> = tests.map(|target| target.name.as_str()).collect();
    let program = workspace::package_with("bin", PROGRAM)?;
    let packages = there.iter().map(|package| package.name.as_str()).chain([program.as_str()]);
    let features = "chainrule-train/files,chainrule-model/onnx";
    // Doctests compute no other way than unit tests do.
    let args = ["--no-default-features", "--features", features, "--lib"].into_iter();
    let args = args.chain(tests.into_iter().flat_map(|name| ["--test", name]));
    Ok(args.chain(packages.flat_map(|name| ["-p", name])).map(str::to_owned).collect())
}

/// The pages that the program writes, in a real browser; not run where there is none to be had.
pub(crate) fn browser(cargo: Cargo, blas: Blas) -> Step {
    let work = move || match setup::browser::run() {
        Ok(program) => {
            let mut command = cargo.command();
            // Of the whole workspace, as the tests: other features would mean other builds of everything below.
            command.args(["test", "--locked", "--workspace", "--test", "browser"]).args(blas.features());
            command.args(["--", "--ignored"]).env("CHAINRULE_CHROMIUM", program);
            process::run(&mut command).map(|()| Done::Passed)
        }
        Err(Failure::Unusable(why)) => Ok(Done::NotHere(why)),
        Err(failure) => Err(failure),
    };
    let cure = "the failed test is named above; with CHAINRULE_SCREENSHOTS=FOLDER it leaves pictures";
    Step::call(format!("browser, {}", blas.name()), work, cure)
}

/// The numbered examples, which end badly if what they show is not so, and every derivative of the zoo against finite
/// differences.
pub(crate) fn programs(cargo: Cargo, blas: Blas) -> Step {
    let work = move || {
        // As the tests built them.
        let mut command = cargo.command();
        command.args(["build", "--locked", "--workspace", "--examples", "--bins"]).args(blas.features());
        process::run(&mut command)?;
        let debug = process::target().join("debug");
        let program = |folder: &str, name: &str| {
            Command::new(debug.join(folder).join(format!("{name}{}", env::consts::EXE_SUFFIX)))
        };
        for name in numbered_examples()?.iter().filter(|name| !SLOW_EXAMPLES.contains(&name.as_str())) {
            process::run(program("examples", name).stdout(Stdio::null()))?;
        }
        process::run(&mut program("", "gradcheck"))?;
        Ok(Done::Passed)
    };
    let cure = "run it alone with `cargo run -p chainrule --example NAME`; gradcheck's row in red names the layer, loss \
                or network whose derivative is wrong";
    Step::call(format!("examples and gradcheck, {}", blas.name()), work, cure)
}

/// Those that take minutes, and data that is not in the repository; they are compiled with the others.
const SLOW_EXAMPLES: &[&str] = &["08-fashion-mnist"];

/// `01-vector` and so on, in their order.
fn numbered_examples() -> Result<Vec<String>, Failure> {
    let targets = workspace::packages()?.into_iter().flat_map(|package| package.targets);
    let examples = targets.filter(|target| target.kind == "example").map(|target| target.name);
    let mut names: Vec<String> =
        examples.filter(|name| name.starts_with(|c: char| c.is_ascii_digit())).collect();
    names.sort();
    Ok(names)
}

/// What is built with MPI only: its lints, and its tests with ranks that mpirun starts, one test at a time, for they time them.
pub(crate) fn mpi(cargo: Cargo, blas: Blas) -> Vec<Step> {
    let ours = ["--locked", "-p", "chainrule-cli", "-p", "chainrule-distributed"];
    // The features are additions: those of the BLAS stay as they are.
    let features = [blas.features(), &["--features", "chainrule-cli/mpi,chainrule-distributed/mpi"]].concat();
    let clippy = [&["clippy"], &ours[..], &["--all-targets"], &features, &["--", "-D", "warnings"]].concat();
    let alone = ["--test", "mpi", "--", "--test-threads", "1"];
    let tests = [&["test", "--locked", "-p", "chainrule-cli", "--features", "mpi"], blas.features(), &alone];
    let cure = "the failed test is named above; rerun it alone with `cargo test -p chainrule-cli --features mpi --test \
                mpi NAME`";
    vec![
        cargo.step("clippy of the ranks", &clippy, blas, "fix the lint"),
        cargo.step("ranks", &tests.concat(), blas, cure),
    ]
}

/// The documentation, where a broken link is an error.
pub(crate) fn docs(cargo: Cargo, blas: Blas) -> Step {
    let mut command = cargo.command();
    command.args(["doc", "--locked", "--workspace", "--no-deps"]).args(blas.features());
    command.env("RUSTDOCFLAGS", "-D warnings");
    Step::command(format!("docs, {}", blas.name()), command, "mend the doc comment named above")
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
    Step::call("noblas is free of BLAS", work, cure)
}

fn blas_in(tree: &str) -> Option<&str> {
    tree.lines()
        .filter_map(|line| line.split(' ').next())
        .find(|name| chainrule_tidy::BLAS_PACKAGES.contains(name))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::steps::Work;

    #[test]
    fn a_blas_in_the_tree_is_found_by_its_whole_name() {
        assert_eq!(blas_in("chainrule v0.1.0\nopenblas-src v0.10.16\n"), Some("openblas-src"));
        assert_eq!(blas_in("chainrule v0.1.0\nndarray v0.17.2\nnot-blas-src v1.0.0\n"), None);
    }

    #[test]
    fn eight_examples_each_fit_on_a_screen() {
        let names = numbered_examples().unwrap();
        let packages = workspace::packages().unwrap();
        for (number, name) in (1..).zip(&names) {
            assert!(name.starts_with(&format!("{number:02}-")), "{name} is number {number}");
            let home = packages.iter().find(|package| package.has("example", name)).unwrap();
            let file = process::root().join(&home.folder).join("examples").join(format!("{name}.rs"));
            let length = fs::read_to_string(file).unwrap().lines().count();
            assert!(length <= 75, "{name} has {length} lines");
        }
        assert_eq!(names.len(), 8);
        assert!(SLOW_EXAMPLES.iter().all(|slow| names.iter().any(|name| name == slow)));
    }

    fn shown(step: Step) -> String {
        match step.work {
            Work::Command(command) => process::shown(&command),
            Work::Call(_) => panic!("{} is no command", step.title),
        }
    }

    #[test]
    fn the_features_stand_before_the_separator() {
        for blas in Blas::ALL {
            let line = shown(clippy(Cargo::Running, blas));
            let expected = ["clippy --locked --workspace --all-targets"].into_iter();
            let expected = expected.chain(blas.features().iter().copied()).chain(["-- -D warnings"]);
            assert_eq!(line, format!("cargo {}", expected.collect::<Vec<_>>().join(" ")), "{blas:?}");
        }
        let [lints, ranks] = mpi(Cargo::Running, Blas::OpenBlas).try_into().ok().expect("two steps");
        assert!(shown(lints).contains("mpi -- -D warnings"));
        assert!(shown(ranks).ends_with("--features mpi --test mpi -- --test-threads 1"));
    }

    #[test]
    fn the_build_without_blas_is_tested_where_it_differs() {
        let line = shown(tests_without_blas(Cargo::Running).unwrap());
        assert!(line.contains("--no-default-features") && line.contains("-p chainrule-tensor"), "{line}");
    }
}
