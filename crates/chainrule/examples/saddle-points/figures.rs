//! The study's plots and its table, from the files of the runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use chainrule::datasets::write_atomic;
use chainrule_report::plot::{Mark, Plot};
use serde_json::Value;

/// The ways to train: as their runs are called, and as their curves are.
pub(crate) const METHODS: [(&str, &str); 5] = [
    ("sgd", "mini-batch SGD"),
    ("newton", "damped Newton"),
    ("saddle-free", "saddle-free Newton"),
    ("hessian-free", "Hessian-free"),
    ("lbfgs", "L-BFGS"),
];

type Runs = BTreeMap<(usize, String), Vec<Value>>;

/// Draws all figures into `folder`, and prints the table.
pub(crate) fn draw(data: &str, folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let runs = read(folder)?;
    let units: BTreeSet<usize> = runs.keys().map(|key| key.0).collect();
    let save = |name: &str, plot: &Plot| {
        write_atomic(folder.join(format!("{name}.svg")), |file| file.write_all(plot.to_svg().as_bytes()))
    };
    let mut by_size = Plot::new(
        &format!("Training error by size of the network, {data}"),
        "hidden units",
        "wrong answers, per cent",
    );
    for (method, title) in METHODS {
        let points = units.iter().filter_map(|&n| {
            Some((n as f64, 100.0 * mean(&last(runs.get(&(n, method.to_owned()))?, "error"))))
        });
        by_size = by_size.with(title, Mark::Line, points);
    }
    save("error-by-units", &by_size)?;
    for &n in &units {
        let titled = |what: &str, x: &str, y: &str| {
            Plot::new(&format!("{what}, {n} hidden units, {data}"), x, y).log_y()
        };
        let mut by_epoch =
            titled("Training loss", "epoch (a step of a Newton method is one)", "cross-entropy");
        let mut by_second = titled("Training loss", "seconds", "cross-entropy").log_x();
        let mut lowest = titled(
            "Most negative eigenvalue",
            "epoch (a step of a Newton method is one)",
            "|most negative λ|",
        );
        for (method, title) in METHODS {
            let Some(runs) = runs.get(&(n, method.to_owned())) else { continue };
            by_epoch = by_epoch.with(title, Mark::Line, curve(runs, "epoch", "loss"));
            by_second = by_second.with(title, Mark::Line, curve(runs, "seconds", "loss"));
            let seen = eigenvalues(runs);
            if !seen.is_empty() {
                lowest = lowest.with(title, Mark::Line, seen);
            }
        }
        save(&format!("{n}-loss-by-epoch"), &by_epoch)?;
        save(&format!("{n}-loss-by-second"), &by_second)?;
        save(&format!("{n}-lowest-eigenvalue"), &lowest)?;
    }
    println!(
        "| hidden units | method | seeds | loss, median (lowest … highest) | wrong, per cent | seconds a run |"
    );
    println!("|---|---|---|---|---|---|");
    for n in units {
        for (method, title) in METHODS {
            let Some(runs) = runs.get(&(n, method.to_owned())) else { continue };
            let (mut loss, error, seconds) = (last(runs, "loss"), last(runs, "error"), last(runs, "seconds"));
            loss.sort_by(f64::total_cmp);
            let krylov = runs[0]["settings"]["krylov"].as_u64().is_some_and(|krylov| krylov > 0);
            println!(
                "| {n} | {title}{} | {} | {:.2e} ({:.2e} … {:.2e}) | {:.2} | {:.1} |",
                if krylov { ", Krylov" } else { "" },
                runs.len(),
                middle(&loss),
                loss[0],
                loss[loss.len() - 1],
                100.0 * mean(&error),
                mean(&seconds)
            );
        }
    }
    eprintln!("figures in {}", folder.display());
    Ok(())
}

/// The runs by size and method.
fn read(folder: &Path) -> Result<Runs, Box<dyn std::error::Error>> {
    let mut files: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    files.sort_by_key(fs::DirEntry::file_name);
    let mut runs = Runs::new();
    for file in files {
        let name = file.file_name().to_string_lossy().into_owned();
        let Some((units, rest)) = name.strip_suffix(".json").and_then(|name| name.split_once('-')) else {
            continue;
        };
        let (Ok(units), Some((method, _))) = (units.parse(), rest.rsplit_once('-')) else { continue };
        let run = serde_json::from_str(&fs::read_to_string(file.path())?)?;
        runs.entry((units, method.to_owned())).or_default().push(run);
    }
    Ok(runs)
}

fn numbers(run: &Value, key: &str) -> Vec<f64> {
    run[key].as_array().map(|list| list.iter().filter_map(Value::as_f64).collect()).unwrap_or_default()
}

fn last(runs: &[Value], key: &str) -> Vec<f64> {
    runs.iter().map(|run| numbers(run, key).last().copied().unwrap_or(f64::NAN)).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The median over the runs at each record.
fn curve(runs: &[Value], x: &str, y: &str) -> Vec<(f64, f64)> {
    let (xs, ys): (Vec<_>, Vec<_>) = runs.iter().map(|run| (numbers(run, x), numbers(run, y))).unzip();
    let shortest = xs.iter().chain(&ys).map(Vec::len).min().unwrap_or(0);
    (0..shortest).map(|i| (median(&xs, i), median(&ys, i))).collect()
}

fn median(lists: &[Vec<f64>], i: usize) -> f64 {
    let mut values: Vec<f64> = lists.iter().map(|list| list[i]).collect();
    values.sort_by(f64::total_cmp);
    middle(&values)
}

/// The median of sorted values.
fn middle(values: &[f64]) -> f64 {
    let (upper, lower) = (values.len() / 2, values.len().saturating_sub(1) / 2);
    f64::midpoint(values[lower], values[upper])
}

fn eigenvalues(runs: &[Value]) -> Vec<(f64, f64)> {
    let pairs = |run: &Value| -> Vec<(f64, f64)> {
        let list = run["lowest"].as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(|pair| Some((pair[0].as_f64()?, (-pair[1].as_f64()?).max(0.0)))).collect()
    };
    let all: Vec<Vec<(f64, f64)>> = runs.iter().map(pairs).collect();
    let shortest = all.iter().map(Vec::len).min().unwrap_or(0);
    let values: Vec<Vec<f64>> = all.iter().map(|run| run.iter().map(|pair| pair.1).collect()).collect();
    (0..shortest).map(|i| (all[0][i].0, median(&values, i))).collect()
}
