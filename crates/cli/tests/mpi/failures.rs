//! Whatever happens to one rank, all end within seconds, one of them says why, and the last checkpoint stands.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::{
    PROGRAM, RUN, alone, begin_endless, epoch, models, mpirun, on, ranks_of, resume_to_the_end, succeeds,
    text, wait_for,
};

/// "Within seconds", on a machine that has other things to do.
const SECONDS: Duration = Duration::from_secs(20);

/// Expects this exit code, an end of all ranks, and one line of error with all of `words`.
#[track_caller]
fn fails(folder: &Path, output: &Output, code: i32, words: &[&str]) {
    let text = text(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{text}");
    for word in words {
        assert!(errors[0].contains(word), "no {word:?} in: {}", errors[0]);
    }
    assert!(!text.contains("panicked") && !text.contains("MPI_ERR"), "{text}");
    wait_for("end of the ranks", SECONDS, || ranks_of(folder).is_empty().then_some(()));
}

/// From what the run left, one process goes on, and ends as if nothing had been.
fn goes_on(here: &Path) {
    let last = epoch(here) + 1;
    resume_to_the_end(0, here, last);
    succeeds(&alone(here, &[RUN, &["--epochs", &last.to_string(), "--out", "whole", "-q"]].concat()));
    assert!(models(here, "torn") == models(here, "whole"));
}

#[test]
fn a_killed_rank_ends_all_and_the_last_checkpoint_stands() {
    for victim in [2, 0] {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let child = begin_endless(3, here);
        let ranks = ranks_of(here);
        assert_eq!(ranks.len(), 3, "{ranks:?}");
        let number = ranks[victim].1.to_string();
        let start = Instant::now();
        assert!(Command::new("kill").args(["-KILL", &number]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert!(start.elapsed() < SECONDS, "{:?}", start.elapsed());
        let text = text(&output);
        assert!(!output.status.success(), "{text}");
        // It is mpirun that sees it, and says so.
        let told = text.lines().filter(|line| line.contains("signal 9")).count();
        assert_eq!(told, 1, "{text}");
        wait_for("end of the ranks", SECONDS, || ranks_of(here).is_empty().then_some(()));
        goes_on(here);
    }
}

#[test]
fn an_interrupt_saves_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let child = begin_endless(2, here);
    let number = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &number]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let text = text(&output);
    assert!(text.contains("interrupted in epoch"), "{text}");
    wait_for("end of the ranks", SECONDS, || ranks_of(here).is_empty().then_some(()));
    goes_on(here);
}

#[test]
fn a_loss_that_is_not_finite_on_one_rank_ends_all() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    // The square of the one wild target is beyond f32; whichever rank has it, none of the others sees it. Under a sigmoid
    // targets keep their unit.
    let row =
        |i: u64| format!("{},{}\n", i % 7, if i == 6 { "1e30".to_owned() } else { format!("{}.5", i % 3) });
    fs::write(here.join("t.csv"), format!("x,y\n{}", (0..60).map(row).collect::<Vec<_>>().concat())).unwrap();
    let start = Instant::now();
    let output = on(
        3,
        here,
        &[
            "train",
            "--data",
            "t.csv",
            "--loss",
            "squared-error",
            "--output",
            "sigmoid",
            "--batch",
            "60",
            "--out",
            "run",
            "-q",
        ],
    );
    assert!(start.elapsed() < SECONDS);
    fails(here, &output, 1, &["the loss became", "epoch 1, batch 1"]);
}

#[test]
fn a_rank_that_sees_other_data_ends_all_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for (name, last) in [("a", "3,4,1"), ("b", "3,5,1")] {
        fs::create_dir(here.join(name)).unwrap();
        let rows = (0..40).map(|i| format!("{i},{},{}\n", i * 7 % 5, i % 2)).collect::<Vec<_>>().concat();
        fs::write(here.join(name).join("t.csv"), format!("a,b,class\n{rows}{last}\n")).unwrap();
    }
    let arguments = ["train", "--data", "t.csv", "--out", "../run", "-q"];
    let output = mpirun(here)
        .args(["-n", "2", "-wdir", "a", PROGRAM])
        .args(arguments)
        .args([":", "-n", "1", "-wdir", "b", PROGRAM])
        .args(arguments)
        .output()
        .unwrap();
    fails(here, &output, 2, &["rank 2 reads other data than rank 0", "the same files"]);
    assert!(!here.join("run").exists());
    // And one that sees none.
    fs::remove_file(here.join("b/t.csv")).unwrap();
    let output = mpirun(here)
        .args(["-n", "1", "-wdir", "a", PROGRAM])
        .args(arguments)
        .args([":", "-n", "1", "-wdir", "b", PROGRAM])
        .args(arguments)
        .output()
        .unwrap();
    fails(here, &output, 2, &["rank 1: ", "t.csv"]);
}

#[test]
fn a_rank_with_another_configuration_ends_all_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let with = |rate: &str| {
        let other = [RUN, &["--out", "run"]]
            .concat()
            .iter()
            .map(|word| word.replace("0.02", rate))
            .collect::<Vec<_>>();
        let mut command = mpirun(here);
        command.args(["-n", "1", PROGRAM]).args(RUN).args(["--out", "run", ":", "-n", "1", PROGRAM]);
        command.args(other).output().unwrap()
    };
    fails(here, &with("0.3"), 2, &["rank 1 has another configuration", "`lr = 0.3`", "`lr = 0.02`"]);
    fails(here, &with("fast"), 2, &["rank 1: ", "fast"]);
    assert!(!here.join("run").exists());
    // What is wrong on all is told once, too.
    fails(here, &on(2, here, &["evaluate", "x.safetensors"]), 2, &["start it without mpirun"]);
}

#[test]
fn a_rank_that_alone_resumes_ends_all() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    succeeds(&alone(here, &[RUN, &["--epochs", "1", "--out", "old", "-q"]].concat()));
    let resumed = ["train", "--resume", "old", "--epochs", "2", "-q"].map(str::to_owned).to_vec();
    let begun: Vec<String> =
        [RUN, &["--epochs", "2", "--out", "new", "-q"]].concat().into_iter().map(str::to_owned).collect();
    for (first, second) in [(&resumed, &begun), (&begun, &resumed)] {
        let start = Instant::now();
        let mut command = mpirun(here);
        command.args(["-n", "1", PROGRAM]).args(first).args([":", "-n", "1", PROGRAM]).args(second);
        let output = command.output().unwrap();
        assert!(start.elapsed() < SECONDS, "{:?}", start.elapsed());
        fails(here, &output, 2, &["rank 1 has another configuration", "resume = "]);
        assert!(!here.join("new").exists());
    }
}

#[test]
fn a_full_disk_of_the_first_rank_ends_all_and_the_last_checkpoint_stands() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let mut child = begin_endless(2, here);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for("end of the ranks", SECONDS, || ranks_of(here).is_empty().then_some(()));
    // No file of the first rank may grow beyond 4 blocks of 512 bytes. It talks by TCP, for shared memory is made of files.
    let script = here.join("full.sh");
    fs::write(
        &script,
        "#!/bin/sh\nif [ \"${OMPI_COMM_WORLD_RANK:-$PMI_RANK}\" = 0 ]; then trap '' XFSZ; ulimit -f 4; fi\nexec \"$@\"\n",
    )
    .unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let start = Instant::now();
    let output = mpirun(here)
        .env("OMPI_MCA_btl", "tcp,self")
        .args(["-n", "2"])
        .arg(&script)
        .args([PROGRAM, "train", "--resume", "torn", "-q"])
        .output()
        .unwrap();
    assert!(start.elapsed() < 2 * SECONDS, "{:?}", start.elapsed());
    fails(here, &output, 1, &["torn"]);
    goes_on(here);
}
