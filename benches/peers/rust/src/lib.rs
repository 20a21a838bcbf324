//! What the Rust peers share: the workloads, their data, the clock and the command line, as in `../common.py`.

use std::collections::HashMap;
use std::io::BufRead;
use std::time::Instant;

use serde_json::{Value, json};

/// A network, how it is trained, and on how many rows at once.
#[derive(Debug, Clone)]
pub struct Workload {
    pub name: &'static str,
    pub widths: &'static [usize],
    pub activation: Activation,
    pub loss: Loss,
    pub rule: Rule,
    pub batch: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    Sigmoid,
    Relu,
    Tanh,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    SquaredError,
    CrossEntropy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    Sgd,
    Momentum,
    Adam,
}

impl Workload {
    pub fn forward_only(&self) -> bool {
        self.name.starts_with("W6")
    }

    pub fn rate(&self) -> f64 {
        match self.rule {
            Rule::Sgd => 1e-2,
            Rule::Momentum => 1e-3,
            Rule::Adam => 1e-4,
        }
    }
}

const fn entry(
    name: &'static str,
    widths: &'static [usize],
    activation: Activation,
    loss: Loss,
    rule: Rule,
    batch: usize,
) -> Workload {
    Workload { name, widths, activation, loss, rule, batch }
}

const SMALL: &[usize] = &[64, 32, 10];
const W3: &[usize] = &[784, 512, 512, 10];
/// The workloads of `benches/src/workload.rs`.
pub const WORKLOADS: &[Workload] = &[
    entry("W1", &[784, 100, 10], Activation::Sigmoid, Loss::SquaredError, Rule::Sgd, 32),
    entry("W2", &[784, 256, 128, 10], Activation::Relu, Loss::CrossEntropy, Rule::Momentum, 64),
    entry("W3", W3, Activation::Relu, Loss::CrossEntropy, Rule::Adam, 128),
    entry("W4", &[784, 2048, 2048, 10], Activation::Relu, Loss::CrossEntropy, Rule::Momentum, 512),
    entry("W5b1", SMALL, Activation::Tanh, Loss::CrossEntropy, Rule::Sgd, 1),
    entry("W5b16", SMALL, Activation::Tanh, Loss::CrossEntropy, Rule::Sgd, 16),
    entry("W6b1", W3, Activation::Relu, Loss::CrossEntropy, Rule::Adam, 1),
    entry("W6b256", W3, Activation::Relu, Loss::CrossEntropy, Rule::Adam, 256),
];

/// The batches of 8,192 examples: inputs uniform in [0, 1), and of the first inputs, one for each output, the largest
/// as the class.
pub fn batches(workload: &Workload) -> impl Iterator<Item = (Vec<f32>, Vec<u32>)> {
    let (inputs, outputs) = (workload.widths[0], workload.widths[workload.widths.len() - 1]);
    let batch = workload.batch;
    let mut state = 1_u64;
    let mut uniform = move || {
        // Knuth's MMIX generator; the upper bits are good enough for data that only has to be ordinary.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 * (-24.0_f32).exp2()
    };
    (0..8192 / batch).map(move |_| {
        let x: Vec<f32> = (0..batch * inputs).map(|_| uniform()).collect();
        let largest =
            |row: &[f32]| (0..outputs).max_by(|&i, &j| row[i].total_cmp(&row[j])).unwrap_or(0) as u32;
        let classes = x.chunks(inputs).map(largest).collect();
        (x, classes)
    })
}

/// One row of 0 and 1 for each class.
pub fn one_hot(classes: &[u32], outputs: usize) -> Vec<f32> {
    classes
        .iter()
        .flat_map(|&class| (0..outputs).map(move |k| f32::from(u8::from(k as u32 == class))))
        .collect()
}

/// Takes so many training steps, and returns when all are done.
pub type Run = Box<dyn FnMut(usize)>;

struct Contest {
    run: Run,
    pace: f64,
}

impl Contest {
    fn new(mut run: Run) -> Self {
        run(1);
        let (mut steps, mut pace, mut took) = (1, 0.0, 0.0);
        while took < 0.1 {
            let start = Instant::now();
            run(steps);
            took = start.elapsed().as_secs_f64();
            pace = steps as f64 / took;
            steps *= 2;
        }
        Self { run, pace }
    }

    /// Steps a second over about so many seconds.
    fn round(&mut self, seconds: f64) -> f64 {
        let steps = ((seconds * self.pace) as usize).max(1);
        let start = Instant::now();
        (self.run)(steps);
        steps as f64 / start.elapsed().as_secs_f64()
    }
}

fn peak_megabytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<f64>().ok()).unwrap_or(f64::NAN) * 1024.0
        / 1e6
}

fn value_of<'a>(args: &'a [String], option: &str) -> Option<&'a str> {
    let at = args.iter().position(|arg| arg == option)?;
    Some(args.get(at + 1).unwrap_or_else(|| panic!("{option} needs a value")))
}

/// `--serve`, or `--workload NAME [--seconds S | --steps N]`; threads are RAYON_NUM_THREADS.
pub fn main(peer: &str, version: &str, make: fn(&'static Workload) -> Run) {
    let args: Vec<String> = std::env::args().collect();
    let threads: usize = std::env::var("RAYON_NUM_THREADS").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    let named = |name: &str| {
        let found = WORKLOADS.iter().find(|workload| workload.name == name);
        found.unwrap_or_else(|| panic!("no workload is called {name}"))
    };
    let print = |workload: &Workload, figures: Value| {
        let mut line = json!({
            "peer": peer, "workload": workload.name, "threads": threads, "rss_mb": peak_megabytes(),
            "versions": { peer: version },
        });
        for (key, value) in figures.as_object().into_iter().flatten() {
            line[key] = value.clone();
        }
        println!("{line}");
    };
    if args.iter().any(|arg| arg == "--serve") {
        let mut contests: HashMap<&str, Contest> = HashMap::new();
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [name, _, seconds] = words[..] else {
                panic!("expected WORKLOAD VARIANT SECONDS, not {line:?}")
            };
            // The convolutional ones are not written for these libraries.
            let Some(workload) = WORKLOADS.iter().find(|workload| workload.name == name) else {
                println!("{}", json!({ "error": "it is not written for this library" }));
                continue;
            };
            let contest = contests.entry(workload.name).or_insert_with(|| Contest::new(make(workload)));
            let pace = contest.round(seconds.parse().expect("seconds are a number"));
            print(workload, json!({ "samples_per_s": pace * workload.batch as f64 }));
        }
        return;
    }
    let seconds = value_of(&args, "--seconds").map_or(2.0, |s| s.parse().expect("seconds are a number"));
    let steps: Option<usize> = value_of(&args, "--steps").map(|n| n.parse().expect("steps are a number"));
    let only = value_of(&args, "--workload").map(named);
    for workload in WORKLOADS.iter().filter(|workload| only.is_none_or(|only| only.name == workload.name)) {
        let mut run = make(workload);
        if let Some(steps) = steps {
            run(steps);
            print(workload, json!({ "steps": steps }));
            continue;
        }
        let mut contest = Contest::new(run);
        let mut paces: Vec<f64> =
            (0..5).map(|_| contest.round(seconds / 5.0) * workload.batch as f64).collect();
        paces.sort_by(f64::total_cmp);
        print(workload, json!({ "samples_per_s": paces[2], "lo": paces[0], "hi": paces[4] }));
    }
}
