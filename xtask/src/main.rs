//! The commands of the workspace: `cargo xtask help` lists them.
//!
//! One file per command. xtask links no BLAS and none of the workspace's crates, so that it builds on a
//! machine that has nothing but Rust, and can fetch the rest; whatever it needs of the other crates it runs
//! as a process.
//!
//! Exit codes: 0 done, 1 a check failed, 2 a command that does not exist or a machine that lacks something.
//! `train`, `gradcheck`, `parity`, `bench` and `reproduce` end with the exit code of the program they start.
#![forbid(unsafe_code)]

mod blas;
mod c_library;
mod check;
mod checks;
mod ci;
mod consumer;
mod failure;
mod help;
mod peers;
mod process;
mod programs;
mod python;
mod setup;
mod steps;
mod test;
mod tidy;
mod workspace;

use std::{env, ffi::OsString, process::ExitCode};

use failure::Failure;

fn main() -> ExitCode {
    let args: Vec<OsString> = env::args_os().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn dispatch(args: &[OsString]) -> Result<(), Failure> {
    // Lossy is enough to recognise a command; what is passed on goes through untouched.
    let words: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    if let Some(page) = help::asked(&words) {
        print!("{page}");
        return Ok(());
    }
    match words.as_slice() {
        ["setup"] => setup::run(blas::Blas::native()),
        ["setup", "--mpi"] => setup::run(blas::Blas::native()).and_then(|()| setup::mpi::run()),
        ["check"] => check::run("main"),
        ["check", "--since", revision] => check::run(revision),
        ["train", ..] => programs::train(&args[1..]),
        ["test"] => test::run(),
        ["test", "--mpi"] => test::run_mpi(),
        ["gradcheck", ..] => programs::gradcheck(&args[1..]),
        ["parity", ..] => programs::parity(&args[1..]),
        ["interop"] => programs::interop(),
        ["python"] => python::run(),
        ["bench", ..] => programs::bench(&args[1..]),
        ["reproduce", ..] => programs::reproduce(&args[1..]),
        ["tidy"] => tidy::run(),
        ["ci", "--cell", name] => ci::run(name),
        ["ci", "--list"] => ci::list(),
        [] => Err(Failure::Unusable("no command given: `cargo xtask help` lists them".into())),
        _ => Err(Failure::Unusable(format!(
            "`cargo xtask {}` does not exist: `cargo xtask help` lists the commands",
            words.join(" ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(words: &[&str]) -> String {
        let args: Vec<OsString> = words.iter().map(OsString::from).collect();
        match dispatch(&args) {
            Err(Failure::Unusable(message)) => message,
            other => panic!("{words:?} should be refused as bad usage, not {other:?}"),
        }
    }

    #[test]
    fn bad_usage_is_refused_with_a_cure() {
        for words in [&[][..], &["tset"], &["setup", "now"], &["ci"], &["ci", "--cell"]] {
            assert!(refused(words).contains("cargo xtask help"), "{words:?}");
        }
    }

    #[test]
    fn an_unknown_cell_is_refused_and_the_known_ones_named() {
        let message = refused(&["ci", "--cell", "amiga-m68k-noblas-stable"]);
        assert!(message.contains("linux-x86_64-openblas-stable"), "{message}");
    }
}
