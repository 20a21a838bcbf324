use std::fs;

use serde_json::Value;

use crate::{chainrule, json, refused, run, stderr, stdout};

/// A small network for the digits, trained by `optimizer`.
fn trained(folder: &std::path::Path, optimizer: &str, threads: &str) -> Value {
    let arguments = [
        "train",
        "--layers",
        "3",
        "--activation",
        "tanh",
        "--epochs",
        "6",
        "--dtype",
        "f64",
        "--out",
        ".",
        "--json",
        "--optimizer",
        optimizer,
        "--threads",
        threads,
    ];
    json(folder, &arguments)
}

#[test]
fn second_order_methods_train_as_easily_as_adam_and_with_the_same_bits_on_two_threads() {
    let folder = tempfile::tempdir().unwrap();
    // Six steps, of which each sees all 1,437 examples; at first the loss is near ln 10 ≈ 2.3.
    for (optimizer, bar) in [("newton", 2.3), ("saddle-free-newton", 1.6), ("hessian-free", 2.2)] {
        let [(one, model), (_, again)] = ["1", "2"].map(|threads| {
            let folder = folder.path().join(format!("{optimizer}-{threads}"));
            fs::create_dir(&folder).unwrap();
            let report = trained(&folder, optimizer, threads);
            (report, fs::read(folder.join("last.safetensors")).unwrap())
        });
        assert!(one["train_loss"].as_f64().unwrap() < bar, "{optimizer}: {one}");
        assert!(model == again, "{optimizer}: other bits");
    }
}

#[test]
fn curvature_reports_the_spectrum_of_a_model_and_draws_it() {
    let folder = tempfile::tempdir().unwrap();
    trained(folder.path(), "saddle-free-newton", "1");
    let ask = |more: &[&str]| {
        let arguments = ["curvature", "last.safetensors", "--examples", "300", "--json", "--threads", "1"];
        json(folder.path(), &[&arguments, more].concat())
    };
    let hessian = ask(&["--top", "3", "--bottom", "2", "--trace", "--density", "--out", "seen"]);
    assert_eq!((&hessian["parameters"], &hessian["examples"]), (&235.into(), &300.into()));
    assert_eq!(hessian["converged"], true, "{hessian}");
    let values = |report: &Value, end: &str| -> Vec<f64> {
        report[end].as_array().unwrap().iter().map(|pair| pair["value"].as_f64().unwrap()).collect()
    };
    let (top, bottom) = (values(&hessian, "top"), values(&hessian, "bottom"));
    assert!(top.len() == 3 && top.is_sorted_by(|a, b| a >= b) && bottom.len() == 2 && bottom[0] < top[2]);
    // The trace, and the mean of the density times the dimension, are two estimates of one number.
    let list = |key: &str| -> Vec<f64> {
        hessian["density"][key].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
    };
    let mean: f64 = list("nodes").iter().zip(list("weights")).map(|(node, weight)| node * weight).sum();
    let trace = hessian["trace"]["value"].as_f64().unwrap();
    assert!((235.0 * mean / trace - 1.0).abs() < 0.3, "{mean} {trace}");
    for file in ["curvature.json", "spectrum.svg", "density.svg", "vectors.npy"] {
        assert!(folder.path().join("seen").join(file).is_file(), "no {file}");
    }
    // A Gauss-Newton matrix has no negative eigenvalue; a layer's block has the layer's size.
    let gauss_newton = ask(&["--operator", "gauss-newton", "--bottom", "1"]);
    assert!(values(&gauss_newton, "bottom")[0] > -1e-6 * values(&gauss_newton, "top")[0]);
    assert_eq!(ask(&["--operator", "fisher", "--layer", "2"])["parameters"], 40);
    let text = run(folder.path(), &["curvature", "last.safetensors", "--examples", "100"]);
    assert!(text.status.success() && stdout(&text).contains("converged after"), "{text:?}");
}

#[test]
fn critical_points_go_on_where_they_were_and_refuse_other_settings() {
    let folder = tempfile::tempdir().unwrap();
    let ask = |points: &'static str| {
        [
            "critical-points",
            "--resize",
            "3x3",
            "--examples",
            "100",
            "--layers",
            "2",
            "--steps",
            "60",
            "--out",
            "found",
            "--json",
            "--threads",
            "1",
            "--points",
            points,
        ]
    };
    assert_eq!(json(folder.path(), &ask("2"))["attempts"], 2);
    let path = folder.path().join("found/points.jsonl");
    let before = fs::read_to_string(&path).unwrap();
    let report = json(folder.path(), &ask("4"));
    let after = fs::read_to_string(&path).unwrap();
    assert_eq!(report["attempts"], 4);
    assert!(after.starts_with(&before) && after.lines().count() == 5);
    for line in after.lines().skip(1) {
        let point: Value = serde_json::from_str(line).unwrap();
        assert_eq!(point["spectrum"].as_array().unwrap().len(), 9 * 2 + 2 + 2 * 10 + 10);
        let critical = point["gradient"].as_f64().unwrap() <= 1e-8;
        assert_eq!(point["verdict"] == "critical", critical, "{point}");
    }
    assert!(folder.path().join("found/index-loss.svg").is_file());
    refused(folder.path(), &[&ask("4")[..], &["--seed", "9"]].concat(), &["other settings", "--out"]);
}

#[test]
fn files_of_the_user_in_an_output_folder_stay() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    trained(here, "adam", "1");
    let own = "the user's own";
    let curvature =
        ["curvature", "last.safetensors", "--examples", "50", "--top", "1", "--bottom", "0", "--density"];
    let points = ["critical-points", "--resize", "2x2", "--examples", "50", "--layers", "1", "--steps", "2"];
    let [points, more] = ["1", "2"].map(|number| [&points[..], &["--points", number]].concat());
    let files = [
        (&curvature[..], "curvature.json"),
        (&curvature, "spectrum.svg"),
        (&curvature, "density.svg"),
        (&curvature, "vectors.npy"),
        (&points, "index-loss.svg"),
        (&points, "index-error.svg"),
        (&points, "spectra.svg"),
        (&["man"], "chainrule-train.1"),
        (&["man"], "chainrule.1"),
    ];
    for (at, (command, file)) in files.into_iter().enumerate() {
        let out = format!("out{at}");
        fs::create_dir(here.join(&out)).unwrap();
        let path = here.join(&out).join(file);
        fs::write(&path, own).unwrap();
        let arguments = [command, &["--out", &out]].concat();
        refused(here, &arguments, &[file, "exists already", "--force"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), own);
        // Nothing else was written before the refusal.
        assert_eq!(fs::read_dir(here.join(&out)).unwrap().count(), 1, "{file}");
        if matches!(file, "spectrum.svg" | "index-loss.svg" | "chainrule.1") {
            let forced = run(here, &[&arguments[..], &["--force"]].concat());
            assert!(forced.status.success(), "{}", stderr(&forced));
            assert_ne!(fs::read_to_string(&path).unwrap(), own);
        }
    }
    // Points in a file that is none of the program's are neither read nor added to.
    for own in [&b"\xff\xfe"[..], b"a,b\n"] {
        fs::write(here.join("out4/points.jsonl"), own).unwrap();
        refused(here, &[&points[..], &["--out", "out4"]].concat(), &["points.jsonl", "choose another --out"]);
        assert_eq!(fs::read(here.join("out4/points.jsonl")).unwrap(), own);
    }
    // The plots and pages of an earlier call are the program's own.
    assert!(run(here, &[&points[..], &["--out", "again"]].concat()).status.success());
    assert!(run(here, &[&more[..], &["--out", "again"]].concat()).status.success());
    for _ in 0..2 {
        assert!(run(here, &["man", "--out", "pages"]).status.success());
    }
    assert!(here.join("pages/chainrule-critical-points.1").is_file());
    // A lock of the user's is not emptied.
    fs::create_dir(here.join("locked")).unwrap();
    fs::write(here.join("locked/.lock"), own).unwrap();
    assert!(run(here, &["train", "--epochs", "0", "--out", "locked", "-q"]).status.success());
    assert_eq!(fs::read_to_string(here.join("locked/.lock")).unwrap(), own);
}

#[test]
fn what_cannot_be_asked_of_curvature_is_refused_with_its_cure() {
    let folder = tempfile::tempdir().unwrap();
    trained(folder.path(), "adam", "1");
    let refused = |arguments: &[&str], words: &[&str]| refused(folder.path(), arguments, words);
    refused(&["curvature", "last.safetensors", "--layer", "7"], &["--layer 7", "0.weight"]);
    refused(&["critical-points", "--resize", "0x4"], &["10x10"]);
    refused(&["critical-points", "--data", "moons", "--resize", "2x2"], &["no images"]);
    refused(&["critical-points", "--data", "teacher"], &["classes"]);
    refused(&["critical-points", "--layers", "500"], &["6000"]);
}

#[test]
fn newton_on_a_krylov_space_has_the_same_bits_whatever_kernels_openblas_runs() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["Haswell", "Nehalem"].map(|kernels| {
        let folder = folder.path().join(kernels);
        fs::create_dir(&folder).unwrap();
        let output = chainrule(&folder)
            .env("OPENBLAS_CORETYPE", kernels)
            // The products of the network are OpenBLAS's own where it computes them.
            .env("CHAINRULE_GEMM", "auto")
            .args(["train", "--layers", "3", "--activation", "tanh", "--epochs", "6", "--dtype", "f64"])
            .args(["--optimizer", "newton", "--krylov", "20", "--threads", "1", "--out", "."])
            .output()
            .expect("the program starts");
        assert!(output.status.success(), "{kernels}: {}", stderr(&output));
        fs::read(folder.join("last.safetensors")).unwrap()
    });
    assert!(one == other, "other bits");
}

#[test]
fn a_small_spectrum_lists_each_eigenvalue_once_and_says_of_which_loss() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let train = [
        "train",
        "moons",
        "--network",
        "dense 1, dense 2",
        "--epochs",
        "2",
        "--label-smoothing",
        "0.1",
        "--out",
        "m",
        "--json",
    ];
    json(here, &train);
    let spectrum = json(here, &["curvature", "m", "--part", "train", "--json"]);
    assert_eq!([&spectrum["top"], &spectrum["bottom"]].map(|ends| ends.as_array().unwrap().len()), [7, 0]);
    assert_eq!(spectrum["loss"], "cross-entropy with label smoothing 0.1 in nats");
    let loss = json(here, &["evaluate", "m", "--part", "train", "--json"])["loss"].as_f64().unwrap();
    assert!((spectrum["cost"].as_f64().unwrap() - loss).abs() < 1e-5 * loss);
    assert!(spectrum["gradient_norm"].as_f64().unwrap() > 0.0);
    let shown = stdout(&run(here, &["inspect", "m"]));
    assert!(shown.contains("label smoothing 0.1"), "{shown}");
}

#[test]
fn critical_points_of_other_data_are_not_those_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("t.csv"), "a,b,c,d\n1,2,x,p\n2,1,y,q\n0,1,x,p\n3,4,y,p\n1,1,y,q\n").unwrap();
    let points = |target: &'static str, dropped: &'static str| {
        [
            "critical-points",
            "--data",
            "t.csv",
            "--target",
            target,
            "--drop",
            dropped,
            "--layers",
            "1",
            "--points",
            "1",
            "--steps",
            "5",
            "--out",
            "b",
        ]
    };
    assert!(run(here, &points("c", "d")).status.success());
    refused(here, &points("d", "c"), &["started with other settings"]);
}

#[test]
fn a_run_that_begins_at_a_saddle_says_that_it_never_moved() {
    let folder = tempfile::tempdir().unwrap();
    let flags = [
        "--layers",
        "4",
        "--activation",
        "tanh",
        "--init",
        "zeros",
        "--optimizer",
        "saddle-free-newton",
        "--epochs",
        "3",
    ];
    let output = run(folder.path(), &[&["train", "moons", "--out", "z"], &flags[..]].concat());
    let said = stdout(&output) + &stderr(&output);
    assert!(said.contains("the loss never moved"), "{said}");
}
