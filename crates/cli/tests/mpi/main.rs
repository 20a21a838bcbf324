//! The program on several ranks, started by a real `mpirun`: `cargo xtask test --mpi`.
//!
//! Without the feature `mpi` none of it is built, and where there is no `mpirun`, these tests have nothing to say.
#![cfg(unix)]

mod failures;
mod namespaces;
mod same_bits;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_chainrule");

/// `mpirun`, for more ranks than there are cores, in `folder`.
fn mpirun(folder: &Path) -> Command {
    let mut command = Command::new("mpirun");
    command.current_dir(folder).stdin(Stdio::null()).env_remove("CHAINRULE_DATA");
    // Open MPI takes them for flags of its own; MPICH does not know them, nor need them.
    for (key, value) in [
        ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
        ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
        ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
        ("OMPI_MCA_mpi_yield_when_idle", "1"),
    ] {
        command.env(key, value);
    }
    command
}

/// The program alone.
fn alone(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(PROGRAM).current_dir(folder).args(arguments).output().expect("the program starts")
}

fn text(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat()
}

#[track_caller]
fn succeeds(output: &Output) {
    assert!(output.status.success(), "{}: {}", output.status, text(output));
}

/// Runs on so many ranks.
fn on(ranks: usize, folder: &Path, arguments: &[&str]) -> Output {
    let ranks = ranks.to_string();
    mpirun(folder).args(["-n", &ranks, PROGRAM]).args(arguments).output().expect("mpirun starts")
}

/// The models of a finished run.
fn models(folder: &Path, run: &str) -> [Vec<u8>; 2] {
    ["last", "best"].map(|name| {
        let path = folder.join(run).join(format!("{name}.safetensors"));
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    })
}

/// How many checkpoints a run has.
fn checkpoints(folder: &Path, run: &str) -> usize {
    let files = fs::read_dir(folder.join(run).join("checkpoints")).into_iter().flatten().flatten();
    files.filter(|file| file.path().extension().is_some_and(|extension| extension == "safetensors")).count()
}

/// Waits for something, but not for ever.
#[track_caller]
fn wait_for<T>(what: &str, most: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < most, "no {what} after {most:?}");
        sleep(Duration::from_millis(5));
    }
}

/// The processes of the program that work in a folder, which is nobody else's: rank and number of each.
fn ranks_of(folder: &Path) -> Vec<(usize, u32)> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut ranks: Vec<(usize, u32)> = processes
        .filter_map(|process| {
            let number = process.file_name().to_str()?.parse().ok()?;
            let there = fs::read_link(process.path().join("cwd")).ok()?;
            if !there.starts_with(folder.canonicalize().ok()?) {
                return None;
            }
            let program = fs::read_link(process.path().join("exe")).ok()?;
            let is_ours = program == Path::new(PROGRAM).canonicalize().ok()?;
            let environment = fs::read(process.path().join("environ")).ok()?;
            let variable = |name: &str| {
                let line =
                    environment.split(|&byte| byte == 0).find_map(|line| line.strip_prefix(name.as_bytes()));
                std::str::from_utf8(line?).ok()?.parse().ok()
            };
            let rank = variable("OMPI_COMM_WORLD_RANK=").or_else(|| variable("PMI_RANK="));
            Some((rank.filter(|_| is_ours)?, number))
        })
        .collect();
    ranks.sort_unstable();
    ranks
}

/// A run with all that there is to lose: momentum, a plateau, dropout; with the same bits on any number of ranks.
const RUN: &[&str] = &[
    "train",
    "--data",
    "moons",
    "--layers",
    "8",
    "--dropout",
    "0.1",
    "--batch",
    "48",
    "--optimizer",
    "adam",
    "--lr",
    "0.02",
    "--schedule",
    "plateau",
    "--validation",
    "0.2",
    "--checkpoint-every",
    "7",
    "--threads",
    "1",
    "--reduction",
    "tree",
];

/// Begins a run that does not end by itself, on so many ranks in `torn`, and waits until it has two checkpoints.
fn begin_endless(ranks: usize, folder: &Path) -> std::process::Child {
    let child = mpirun(folder)
        .args(["-n", &ranks.to_string(), PROGRAM])
        .args(RUN)
        .args(["--epochs", "1000000", "--out", "torn"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("mpirun starts");
    wait_for("checkpoint", Duration::from_mins(1), || (checkpoints(folder, "torn") >= 2).then_some(()));
    child
}

/// Goes on with the endless run up to this epoch, on so many ranks, or in a process alone.
fn resume_to_the_end(ranks: usize, folder: &Path, epochs: usize) {
    let epochs = epochs.to_string();
    let arguments = ["train", "--resume", "torn", "--epochs", &epochs, "-q"];
    succeeds(&if ranks == 0 { alone(folder, &arguments) } else { on(ranks, folder, &arguments) });
}

/// An epoch that the endless run has not ended, from 1.
fn epoch(folder: &Path) -> usize {
    let text = fs::read_to_string(folder.join("torn/metrics.jsonl")).unwrap_or_default();
    1 + text.matches("\"kind\":\"epoch\"").count()
}
