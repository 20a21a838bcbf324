//! Settings as a file.

use std::fs;
use std::path::Path;

#[cfg(feature = "openblas")]
use crate::chainrule;
use crate::{json, refused, run, stderr, stdout};

#[test]
fn a_runs_own_settings_repeat_it_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let cases: [&[&str]; 5] = [
        &[
            "--epochs",
            "2",
            "--lr",
            "0.0030000000000000001",
            "--dropout",
            "0.1",
            "--seed",
            "18446744073709551615",
        ],
        &[
            "--epochs",
            "2",
            "--optimizer",
            "lbfgs",
            "--layers",
            "16-16",
            "--activation",
            "gelu",
            "--dtype",
            "f64",
        ],
        &[
            "--data",
            "blobs",
            "--epochs",
            "3",
            "--standardize",
            "--init",
            "normal:0.05",
            "--clip-value",
            "0.5",
        ],
        &["--data", "teacher", "--epochs", "2", "--loss", "huber", "--optimizer", "adamw", "--warmup", "9"],
        &["--layers", "16", "--epochs", "2", "--standardize=channels", "--augment", "rotate 5.0,shift 1"],
    ];
    for (number, arguments) in cases.iter().enumerate() {
        let (first, again) = (format!("a{number}"), format!("b{number}"));
        json(here, &[&["train", "--out", &first, "--json"], *arguments].concat());
        json(here, &["train", "--config", &format!("{first}/config.toml"), "--out", &again, "--json"]);
        let read = |name: &str, file: &str| fs::read(here.join(name).join(file)).unwrap();
        assert!(read(&first, "last.safetensors") == read(&again, "last.safetensors"), "{arguments:?}");
        assert_eq!(read(&first, "config.toml"), read(&again, "config.toml"), "{arguments:?}");
    }
}

#[test]
fn units_of_another_kind_need_no_widths() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let report = json(here, &["train", "--activation", "tanh", "--epochs", "1", "--out", ".", "--json"]);
    assert_eq!(report["layers"], "64-128-10");
    assert_eq!(json(here, &["inspect", "last.safetensors", "--json"])["layers"][1]["layer"], "tanh");
}

#[test]
fn flags_win_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(
        here.join("c.toml"),
        "epochs = 3\nlayers = [8, 4]\nclip-norm = 1.0\nstandardize = true\nseed = 5\n",
    )
    .unwrap();
    let by_file = json(here, &["train", "--config", "c.toml", "--out", "a", "--json"]);
    assert_eq!(
        (&by_file["epochs"], &by_file["layers"], &by_file["seed"]),
        (&3.into(), &"64-8-4-10".into(), &5.into())
    );
    let by_flags = json(
        here,
        &[
            "train",
            "--config",
            "c.toml",
            "--epochs",
            "1",
            "--clip-value",
            "2",
            "--standardize=false",
            "--out",
            "b",
            "--json",
        ],
    );
    assert_eq!(by_flags["epochs"], 1);
    let text = fs::read_to_string(here.join("b/config.toml")).unwrap();
    for line in ["clip-value = 2", "# clip-norm =", "standardize = false", "layers = \"8-4\"", "seed = 5"] {
        assert!(text.lines().any(|found| found == line), "no {line:?} in {text}");
    }
}

#[test]
fn a_file_that_says_what_no_flag_says_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let cases = [
        ("epochs = 3\n\nlearn-rate = 0.1\n", "line 3: `learn-rate = 0.1`", "nearest is `lr`"),
        ("epoch = 3\n", "line 1: `epoch = 3`", "nearest is `epochs`"),
        ("weight_decay = 0.1\n", "line 1", "nearest is `weight-decay`"),
        ("# so\nactivation = \"rleu\"\n", "line 2: `activation = \"rleu\"`", "relu"),
        ("epochs = \"many\"\n", "line 1", "expected a whole number"),
        ("lr = -1.0\n", "line 1", "not negative"),
        ("epochs = 3\nepochs = 4\n", "line 2", "duplicate"),
        ("epochs 3\n", "line 1", "`epochs 3`"),
        ("[model]\nlayers = 3\n", "line 1", "no key `model`"),
        ("epochs = { a = 1 }\n", "line 1", "a number"),
        ("resume = \"x\"\n", "line 1", "no key `resume`"),
    ];
    for (text, line, word) in cases {
        fs::write(here.join("c.toml"), text).unwrap();
        refused(here, &["train", "--config", "c.toml"], &["c.toml", line, word]);
    }
    refused(here, &["train", "--config", "none.toml"], &["none.toml"]);
    assert!(!here.join("runs").exists(), "a refused run leaves nothing behind");
}

#[test]
fn runs_of_a_day_have_folders_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..3)
        .map(|_| {
            let report = json(folder.path(), &["train", "--data", "xor", "--epochs", "1", "--json"]);
            report["run"].as_str().unwrap().to_owned()
        })
        .collect();
    assert!(names[0].starts_with("runs/xor-2") && names[0].len() == "runs/xor-2026-11-24".len(), "{names:?}");
    // Unless midnight passes between them.
    if names[1].starts_with(&names[0]) {
        assert_eq!(names[1..], [format!("{}-2", names[0]), format!("{}-3", names[0])]);
    }
    for name in names {
        for file in ["config.toml", "metrics.jsonl", "results.json", "last.safetensors", "best.safetensors"] {
            assert!(folder.path().join(&name).join(file).is_file(), "no {file} in {name}");
        }
    }
}

#[test]
fn quiet_is_quiet_and_verbose_tells_of_steps() {
    let folder = tempfile::tempdir().unwrap();
    let train = |out: &str, flag: &str| {
        let output = run(folder.path(), &["train", "--epochs", "2", "--log-every", "20", "--out", out, flag]);
        assert!(output.status.success(), "{}", stderr(&output));
        (stdout(&output), stderr(&output))
    };
    assert_eq!(train("a", "--quiet"), (String::new(), String::new()));
    let (_, told) = train("b", "-v");
    assert_eq!(told.lines().filter(|line| line.starts_with("step ")).count(), 4, "{told}");
    // No terminal: plain lines, without a colour or a bar.
    assert!(!told.contains('\u{1b}') && !told.contains('\r'), "{told:?}");
}

#[test]
fn settings_that_do_nothing_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let of_descent: [&[&str]; 8] = [
        &["--lr", "0.1"],
        &["--weight-decay", "0.1"],
        &["--schedule", "cosine"],
        &["--clip-norm", "1"],
        &["--clip-value", "1"],
        &["--batch", "32"],
        &["--warmup", "5"],
        &["--momentum", "0.9"],
    ];
    for optimizer in ["lbfgs", "newton", "saddle-free-newton", "hessian-free"] {
        for setting in of_descent {
            let arguments = [&["train", "--data", "moons", "--optimizer", optimizer], setting].concat();
            refused(here, &arguments, &[setting[0], "does nothing"]);
        }
    }
    let cases: [(&str, &[&str]); 9] = [
        ("--momentum", &["--momentum", "0.5"]),
        ("--krylov", &["--krylov", "9"]),
        ("--inner-steps", &["--inner-steps", "2", "--optimizer", "lbfgs"]),
        ("--adaptive-damping", &["--adaptive-damping", "--optimizer", "hessian-free"]),
        ("--label-smoothing", &["--label-smoothing", "0.1", "--loss", "squared-error"]),
        ("--data-dir", &["--data-dir", "."]),
        ("--target", &["--target", "2"]),
        ("--drop", &["--drop", "2"]),
        ("--delimiter", &["--delimiter", ";"]),
    ];
    for (flag, arguments) in cases {
        refused(here, &[&["train", "--data", "moons"], arguments].concat(), &[flag, "does nothing"]);
    }
    refused(
        here,
        &["train", "--data", "teacher", "--label-smoothing", "0.1"],
        &["--label-smoothing", "does nothing"],
    );
    let rows: Vec<String> = (0..40).map(|i| format!("{i},{}\n", i % 2)).collect();
    fs::write(here.join("d.csv"), format!("x,y\n{}", rows.concat())).unwrap();
    let pillow = Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/tests/pillow");
    for class in ["a", "b"] {
        fs::create_dir_all(here.join("pictures").join(class)).unwrap();
        for i in 0..8 {
            let file = here.join("pictures").join(class).join(format!("{i}.png"));
            fs::copy(pillow.join("rgb.png"), file).unwrap();
        }
    }
    let of_files: [(&str, &str, &[&str]); 6] = [
        ("d.csv", "--image-size", &["--image-size", "8x8"]),
        ("d.csv", "--stream", &["--stream"]),
        ("pictures", "--task", &["--task", "regression"]),
        ("pictures", "--target", &["--target", "y"]),
        ("pictures", "--impute", &["--impute", "mean"]),
        ("pictures", "--decimal", &["--decimal", ","]),
    ];
    for (data, flag, arguments) in of_files {
        refused(here, &[&["train", "--data", data], arguments].concat(), &[flag, "does nothing"]);
    }
    refused(here, &["train", "--data", "pictures", "--drop", "0"], &["--drop", "are for tables"]);
    let softmax = ["train", "d.csv", "--task", "regression", "--output", "softmax"];
    refused(here, &softmax, &["softmax of one output"]);
    assert!(!here.join("runs").exists());
    // What a run has written is no such setting, nor is what an earlier version wrote.
    json(
        here,
        &["train", "--data", "moons", "--optimizer", "lbfgs", "--epochs", "1", "--out", "a", "--json"],
    );
    json(here, &["train", "--config", "a/config.toml", "--out", "b", "--json"]);
    fs::write(here.join("old.toml"), "optimizer = \"lbfgs\"\nbatch = 32\nmomentum = 0.9\nweight-decay = 0\n")
        .unwrap();
    json(here, &["train", "--config", "old.toml", "--epochs", "1", "--out", "c", "--json"]);
    // A run of an earlier version continues as it began.
    fs::create_dir(here.join("old")).unwrap();
    fs::write(
        here.join("old/config.toml"),
        "data = \"moons\"\noptimizer = \"lbfgs\"\nlr = 0.5\nepochs = 1\n",
    )
    .unwrap();
    json(here, &["train", "--resume", "old", "--json"]);
}

#[test]
fn text_settings_come_back_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let rows: Vec<String> = (0..40).map(|i| format!("{i},{},{}\n", i * 2, i % 3)).collect();
    fs::write(here.join("d.csv"), format!("2020.1,2020.10,y\n{}", rows.concat())).unwrap();
    json(here, &["train", "--data", "d.csv", "--target", "2020.10", "--epochs", "1", "--out", "a", "--json"]);
    let text = fs::read_to_string(here.join("a/config.toml")).unwrap();
    assert!(text.lines().any(|line| line == "target = \"2020.10\""), "{text}");
    json(here, &["train", "--config", "a/config.toml", "--out", "b", "--json"]);
    let read = |name: &str, file: &str| fs::read(here.join(name).join(file)).unwrap();
    assert_eq!(read("a", "config.toml"), read("b", "config.toml"));
    assert!(read("a", "last.safetensors") == read("b", "last.safetensors"));
}

#[test]
fn numbers_without_bounds_are_counted_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for schedule in ["constant", "step", "exponential", "cosine", "one-cycle", "plateau"] {
        let ended = json(
            here,
            &[
                "train",
                "--data",
                "moons",
                "--epochs",
                "0",
                "--schedule",
                schedule,
                "--out",
                schedule,
                "--json",
            ],
        );
        assert_eq!(ended["epochs"], 0);
    }
    for epochs in ["576460752303423488", "18446744073709551615"] {
        refused(
            here,
            &["train", "--data", "moons", "--epochs", epochs],
            &["--epochs", "more than can be counted"],
        );
    }
    #[cfg(unix)]
    refused(here, &["train", "--config", "/dev/zero"], &["/dev/zero"]);
    #[cfg(unix)]
    refused(here, &["predict", "/dev/zero", "x.npy"], &["/dev/zero", "regular file"]);
    fs::write(here.join("long.toml"), "\n".repeat(50_000_000)).unwrap();
    refused(here, &["train", "--config", "long.toml"], &["long.toml", "1 MiB"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_network_without_the_memory_for_it_is_refused_with_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let output = std::process::Command::new("sh")
        .current_dir(folder.path())
        .args([
            "-c",
            "ulimit -v 6000000; exec \"$0\" train --layers 30000-30000 --threads 1",
            env!("CARGO_BIN_EXE_chainrule"),
        ])
        .output()
        .unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("902280010 parameters needs") && text.contains("GB of memory"), "{text}");
    assert!(!folder.path().join("runs").exists());
}

#[cfg(feature = "openblas")]
#[test]
fn a_run_has_the_same_bits_on_any_threads_by_either_kernel_and_resumes_with_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let common = ["train", "--data", "digits", "--layers", "96", "--batch", "640", "--lr", "0.001", "-q"];
    let model = |name: &str| fs::read(folder.path().join(name).join("last.safetensors")).unwrap();
    for gemm in ["openblas", "auto"] {
        for threads in ["1", "2", "3"] {
            let name = format!("{gemm}-{threads}");
            let arguments =
                [&common[..], &["--epochs", "2", "--gemm", gemm, "--threads", threads, "--out", &name]]
                    .concat();
            let output = chainrule(folder.path()).args(arguments).output().unwrap();
            assert!(output.status.success(), "{}", stderr(&output));
            assert!(model(&name) == model(&format!("{gemm}-1")), "{name}");
        }
    }
    if cfg!(target_arch = "x86_64") {
        assert!(model("openblas-1") != model("auto-1"), "both are computed by the same kernels");
    }
    // The environment decides where no flag does, and a resumed run keeps to its own.
    let by_environment = || {
        let mut command = chainrule(folder.path());
        command.env("CHAINRULE_GEMM", "openblas");
        command
    };
    let output =
        by_environment().args(common).args(["--epochs", "2", "--out", "environment"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(model("environment") == model("openblas-1"));
    let config = fs::read_to_string(folder.path().join("environment/config.toml")).unwrap();
    assert!(config.contains("gemm = \"openblas\""), "{config}");
    let output = chainrule(folder.path())
        .args(["train", "--resume", "environment", "--epochs", "3", "-q"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let whole = by_environment().args(common).args(["--epochs", "3", "--out", "whole"]).output().unwrap();
    assert!(whole.status.success(), "{}", stderr(&whole));
    assert!(model("environment") == model("whole"));
    let output = chainrule(folder.path()).env("CHAINRULE_GEMM", "mkl").args(common).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("CHAINRULE_GEMM in the environment: there is no"),
        "{}",
        stderr(&output)
    );
}
