//! A run is what it says: no figures of a network that overflows, no folder of another run, no data of another run.

use std::fs;
use std::path::Path;

use chainrule_report::digits::significant;

use crate::run_data::{metrics, results};
use crate::{json, run, stderr, stdout};

fn table(path: &Path, rows: impl IntoIterator<Item = [f64; 3]>) {
    let rows: Vec<String> = rows.into_iter().map(|[a, b, y]| format!("{a:e},{b:e},{y:e}\n")).collect();
    fs::write(path, format!("a,b,y\n{}", rows.concat())).unwrap();
}

#[test]
fn a_network_that_overflows_has_neither_accuracy_nor_predictions() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    table(
        &here.join("d.csv"),
        (0..40).map(|i| [f64::from(i) * 1e-3, f64::from(i % 7) * 1e-3, f64::from(i % 2)]),
    );
    json(here, &["train", "--data", "d.csv", "--layers", "4", "--epochs", "2", "--out", "r", "--json"]);
    table(&here.join("huge.csv"), [[0.001, 0.002, 1.0], [3e38, 3e38, 0.0], [0.002, 0.001, 1.0]]);
    let output = run(here, &["evaluate", "r/last.safetensors", "--data", "huge.csv"]);
    let text = stderr(&output);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), String::new()), "{text}");
    assert!(text.contains("example 2") && text.contains("not finite"), "{text}");
    fs::write(here.join("new.csv"), "a,b\n0.001,0.002\n3e38,3e38\n").unwrap();
    let output = run(here, &["predict", "r/last.safetensors", "new.csv"]);
    let text = stderr(&output);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), String::new()), "{text}");
    assert!(text.contains("new.csv, row 2") && text.contains("not finite"), "{text}");
}

#[test]
fn a_run_without_patience_says_of_which_epoch_its_best_model_is() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for (out, extra, part) in [("v", &["--validation", "0.25"][..], "validation"), ("t", &[], "training")] {
        let arguments = ["train", "moons", "--epochs", "12", "--lr", "0.3", "--out", out];
        let trained = run(here, &[&arguments[..], extra].concat());
        let said = stdout(&trained);
        let key = if part == "validation" { "validation_loss" } else { "train_loss" };
        let losses: Vec<(f64, u64)> = metrics(here, out)
            .into_iter()
            .filter(|line| line["kind"] == "epoch")
            .map(|line| (line[key].as_f64().unwrap(), line["epoch"].as_u64().unwrap()))
            .collect();
        let &(loss, epoch) = losses.iter().min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        assert!(epoch < 12, "a learning rate that is too high: {losses:?}");
        let line = format!(
            "best        {out}/best.safetensors: epoch {epoch} has the lowest {part} loss, {}",
            significant(loss)
        );
        assert!(said.contains(&line), "{line}: {said}");
        assert_eq!(said.contains(", and accuracy "), part == "validation", "{said}");
        let bytes = |model: &str| fs::read(here.join(out).join(model)).unwrap();
        assert_ne!(bytes("best.safetensors"), bytes("last.safetensors"));
        // The figures of the table are those of the last model.
        let last = json(here, &["evaluate", out, "--json"])["loss"].as_f64().unwrap();
        let test: Vec<&str> =
            said.lines().find(|line| line.starts_with("test ")).unwrap().split_whitespace().collect();
        assert_eq!(test[1], significant(last), "{said}");
    }
}

#[cfg(target_os = "linux")]
mod folders {
    use std::process::{Child, Stdio};
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;
    use crate::chainrule;

    /// A run that ends with the test, also where the test fails.
    struct Training(Option<Child>);

    impl Drop for Training {
        fn drop(&mut self) {
            if let Some(mut child) = self.0.take() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }

    /// Starts a run in `r` that does not end by itself, and waits for its first checkpoint.
    fn begin(folder: &Path) -> Training {
        let child = chainrule(folder)
            .args([
                "train",
                "--data",
                "moons",
                "--layers",
                "4",
                "--epochs",
                "1000000",
                "--checkpoint-every",
                "50",
            ])
            .args(["--out", "r", "-q"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        while fs::read_dir(folder.join("r/checkpoints")).map_or(0, Iterator::count) < 2 {
            sleep(Duration::from_millis(1));
        }
        Training(Some(child))
    }

    fn interrupt(mut training: Training) -> (Option<i32>, String) {
        let child = training.0.take().unwrap();
        let pid = child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        (output.status.code(), stderr(&output))
    }

    #[test]
    fn a_run_whose_folder_is_moved_follows_it() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let child = begin(here);
        fs::rename(here.join("r"), here.join("moved")).unwrap();
        // Another run may take the name.
        json(here, &["train", "--data", "xor", "--epochs", "1", "--out", "r", "--json"]);
        let other = fs::read(here.join("r/last.safetensors")).unwrap();
        sleep(Duration::from_millis(50));
        let (code, text) = interrupt(child);
        assert_eq!(code, Some(130), "{text}");
        assert!(text.contains("moved"), "{text}");
        assert_eq!(fs::read(here.join("r/last.safetensors")).unwrap(), other);
        let config = here.join("moved/config.toml");
        let settings = fs::read_to_string(&config).unwrap();
        assert!(settings.contains("moons"));
        assert!(here.join("moved/last.safetensors").exists());
    }

    #[test]
    fn a_run_whose_folder_is_deleted_does_not_make_it_again() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let child = begin(here);
        fs::rename(here.join("r"), here.join("gone")).unwrap();
        // Until it succeeds: the run may be writing a file there.
        while here.join("gone").exists() {
            let _ = fs::remove_dir_all(here.join("gone"));
        }
        sleep(Duration::from_millis(50));
        let (code, text) = interrupt(child);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("was deleted while the run was going on"), "{text}");
        assert!(!here.join("r").exists() && !here.join("gone").exists());
    }
}

#[test]
fn a_changed_row_of_a_streamed_file_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    // 5000 rows of two numbers and a target, as NumPy writes them.
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (5000, 3), }";
    let header = format!("{header:<117}\n");
    let mut bytes = [b"\x93NUMPY\x01\x00".as_slice(), &118_u16.to_le_bytes(), header.as_bytes()].concat();
    for i in 0..5000_u16 {
        for x in [f32::from(i % 11), f32::from(i % 7), f32::from(i % 2)] {
            bytes.extend(x.to_le_bytes());
        }
    }
    fs::write(here.join("x.npy"), &bytes).unwrap();
    json(
        here,
        &["train", "--data", "x.npy", "--stream", "--layers", "2", "--epochs", "1", "--out", "r", "--json"],
    );
    let resume = |epochs: &str| run(here, &["train", "--resume", "r", "--epochs", epochs, "-q"]);
    assert!(resume("2").status.success());
    // Not one of the rows that are sampled of a large file.
    let at = bytes.len() - 12 * 5000 + 12 * 2501;
    bytes[at + 2] ^= 1;
    fs::write(here.join("x.npy"), &bytes).unwrap();
    let output = resume("3");
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("not what it was when the run began"), "{text}");
}

#[test]
fn losses_of_any_size_are_printed_with_their_digits() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for (name, unit) in [("large", 1e25), ("small", 1e-29)] {
        let rows = (0..60).map(|i| [f64::from(i % 9), f64::from(i % 4), f64::from(i % 9 * 3 + i % 4) * unit]);
        table(&here.join("d.csv"), rows);
        let arguments = [
            "train",
            "--data",
            "d.csv",
            "--task",
            "regression",
            "--layers",
            "4",
            "--epochs",
            "3",
            "--out",
            name,
        ];
        let output = run(here, &arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        let (loss, rmse) = figures(here, name);
        let exponent = |x: f64| (x / unit / unit).log10().abs();
        assert!(loss > 0.0 && loss.is_finite() && exponent(loss) < 4.0, "{name}: {loss}");
        assert!(rmse > 0.0 && (rmse / unit).log10().abs() < 2.0, "{name}: {rmse}");
        let text = stdout(&output);
        assert!(!text.contains("inf") && text.contains('e'), "{name}: {text}");
    }
}

/// Loss and RMSE on the test data.
fn figures(folder: &Path, name: &str) -> (f64, f64) {
    let text = fs::read_to_string(folder.join(name).join("results.json")).unwrap();
    let results: serde_json::Value = serde_json::from_str(&text).unwrap();
    let number = |key: &str| results["test"][key].as_f64().unwrap_or(f64::NAN);
    (number("loss"), number("rmse"))
}

#[test]
fn lbfgs_with_dropout_compares_losses_under_one_mask() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let arguments =
        ["train", "--data", "moons", "--optimizer", "lbfgs", "--dropout", "0.3", "--layers", "16"];
    let ended =
        json(here, &[&arguments[..], &["--epochs", "30", "--seed", "1", "--out", "r", "--json"]].concat());
    // With the value of the last mask beside those of the next one, most line searches fail, and the loss stays at 0.2.
    assert!(ended["train_loss"].as_f64().unwrap() < 0.12, "{ended}");
}

#[test]
fn a_schedule_that_begins_after_the_warm_up_ends_with_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let train =
        ["train", "--data", "moons", "--layers", "2", "--epochs", "10", "--lr", "0.1", "--warmup", "100"];
    json(here, &[&train[..], &["--schedule", "cosine", "--out", "r", "--json"]].concat());
    let rates: Vec<f64> =
        metrics(here, "r").iter().filter_map(|line| line["learning_rate"].as_f64()).collect();
    assert!(*rates.last().unwrap() < 1e-3 && rates.iter().any(|&rate| rate > 0.09), "{rates:?}");
}

#[test]
fn lbfgs_lowers_one_and_the_same_loss() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    // More than 1024 rows: batch normalisation measures each shard of them.
    let network = ["--network", "flatten, dense 16, batch-norm, relu, dense 10"];
    let lbfgs = ["--optimizer", "lbfgs", "--epochs", "12", "--json"];
    json(here, &[&["train", "digits", "--out", "r"][..], &network, &lbfgs].concat());
    let losses = |name: &str| -> Vec<f64> {
        metrics(here, name)
            .iter()
            .filter(|line| line["kind"] == "epoch")
            .map(|line| line["train_loss"].as_f64().unwrap())
            .collect()
    };
    let plain = losses("r");
    assert!(plain.is_sorted_by(|a, b| a > b) && plain[11] < 0.2 * plain[0], "{plain:?}");
    // On other images in each epoch it asks anew, and goes on learning.
    json(
        here,
        &[&["train", "digits", "--out", "s", "--augment", "shift 1", "--layers", "16"][..], &lbfgs].concat(),
    );
    let shifted = losses("s");
    assert!(
        shifted.windows(2).all(|pair| pair[0] != pair[1]) && shifted[11] < 0.9 * shifted[0],
        "{shifted:?}"
    );
}

#[test]
fn importance_and_charts_see_the_numbers_that_evaluation_sees() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    // Seconds that are one number in single precision.
    let row = |i: usize| format!("{},{},{i}\n", 1_700_000_000 + i, i % 3);
    fs::write(here.join("d.csv"), format!("t,other,y\n{}", (0..100).map(row).collect::<String>())).unwrap();
    json(here, &["train", "--data", "d.csv", "--target", "y", "--out", "r", "--json"]);
    let results = results(here, "r");
    let (r2, unshuffled) = (&results["test"]["r2"], &results["diagnostics"]["importance"]["unshuffled"]);
    assert!(r2.as_f64().unwrap() > 0.99, "{results}");
    assert!((r2.as_f64().unwrap() - unshuffled.as_f64().unwrap()).abs() < 1e-6, "{r2} and {unshuffled}");
}
