//! What was measured: kept as it came, round by round, so that every ratio can be taken later.

use std::collections::BTreeMap;
use std::{env, fs, thread};

use serde_json::{Value, json};

use crate::failure::Failure;

/// The name of Chainrule among the contestants.
pub(crate) const OURS: &str = "Chainrule";
/// The name of the bare products.
pub(crate) const BOUND: &str = "bare products";
/// The other libraries, in the order of the tables; a contestant's name begins with its library's.
pub(crate) const LIBRARIES: &[&str] = &["PyTorch", "JAX", "burn", "candle", "scikit-learn"];

#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// The processor, by its own name, and how many of its threads there are.
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) versions: BTreeMap<String, String>,
    pub(crate) rows: Vec<Row>,
    pub(crate) starts: Vec<Start>,
}

/// One workload on so many threads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) workload: String,
    pub(crate) threads: usize,
    /// Samples per second, by contestant, one for each round.
    pub(crate) paces: BTreeMap<String, Vec<f64>>,
    /// Of a step on one thread, where they were counted.
    pub(crate) instructions: Option<f64>,
}

/// A process that does one step of W3.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Start {
    pub(crate) contestant: String,
    pub(crate) milliseconds: f64,
    pub(crate) megabytes: f64,
}

pub(crate) fn median(numbers: &[f64]) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

impl Row {
    pub(crate) fn new(workload: &str, threads: usize) -> Self {
        Self { workload: workload.to_owned(), threads, paces: BTreeMap::new(), instructions: None }
    }

    pub(crate) fn add(&mut self, contestant: &str, pace: f64) {
        self.paces.entry(contestant.to_owned()).or_default().push(pace);
    }

    pub(crate) fn pace(&self, contestant: &str) -> Option<f64> {
        median(self.paces.get(contestant)?)
    }

    /// The rounds' ratios of one contestant's pace to another's.
    pub(crate) fn ratios(&self, of: &str, to: &str) -> Vec<f64> {
        match (self.paces.get(of), self.paces.get(to)) {
            (Some(of), Some(to)) => of.iter().zip(to).map(|(of, to)| of / to).collect(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn ratio(&self, of: &str, to: &str) -> Option<f64> {
        median(&self.ratios(of, to))
    }

    /// The fastest variant of a library.
    pub(crate) fn best_of(&self, library: &str) -> Option<&str> {
        let variants = self.paces.keys().filter(|name| name.starts_with(library));
        variants
            .max_by(|a, b| self.pace(a).partial_cmp(&self.pace(b)).expect("paces are numbers"))
            .map(String::as_str)
    }

    /// Ours over the fastest of all peers.
    pub(crate) fn lead(&self) -> Option<f64> {
        let best = LIBRARIES.iter().filter_map(|library| self.best_of(library));
        best.filter_map(|peer| self.ratio(OURS, peer)).min_by(f64::total_cmp)
    }
}

impl Figures {
    pub(crate) fn of_this_machine() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find(|line| line.starts_with("model name"));
        let model = model.and_then(|line| line.split_once(": ")).map(|(_, name)| name.trim().to_owned());
        Self {
            processor: model.unwrap_or_else(|| env::consts::ARCH.to_owned()),
            cores: thread::available_parallelism().map_or(1, std::num::NonZero::get),
            ..Self::default()
        }
    }

    /// These figures, with what `newer` has in their place.
    pub(crate) fn merged(mut self, newer: Self) -> Self {
        self.rows.retain(|old| {
            !newer.rows.iter().any(|new| (&new.workload, new.threads) == (&old.workload, old.threads))
        });
        self.rows.extend(newer.rows);
        self.versions.extend(newer.versions);
        let starts = if newer.starts.is_empty() { self.starts } else { newer.starts };
        Self { processor: newer.processor, cores: newer.cores, starts, ..self }
    }

    /// The row of a workload on so many threads.
    pub(crate) fn row(&self, workload: &str, threads: usize) -> Option<&Row> {
        self.rows.iter().find(|row| row.workload == workload && row.threads == threads)
    }

    pub(crate) fn to_json(&self) -> String {
        let rows = self.rows.iter().map(|row| {
            json!({
                "workload": row.workload, "threads": row.threads, "samples_per_s": row.paces,
                "instructions_per_step": row.instructions,
            })
        });
        let rows: Vec<Value> = rows.collect();
        let starts: Vec<Value> = self.starts.iter().map(|start| {
            json!({ "contestant": start.contestant, "start_ms": start.milliseconds, "rss_mb": start.megabytes })
        }).collect();
        let all = json!({
            "processor": self.processor, "cores": self.cores, "versions": self.versions, "rows": rows,
            "starts": starts,
        });
        format!("{all:#}\n")
    }

    pub(crate) fn read(file: &str) -> Result<Self, Failure> {
        let unusable =
            |why: String| Failure::Unusable(format!("{file}: {why}: name a file that --json wrote"));
        let text = fs::read_to_string(file).map_err(|error| unusable(error.to_string()))?;
        let json: Value = serde_json::from_str(&text).map_err(|error| unusable(error.to_string()))?;
        Self::from_json(&json).ok_or_else(|| unusable("it has other contents".to_owned()))
    }

    fn from_json(json: &Value) -> Option<Self> {
        let numbers = |value: &Value| value.as_array()?.iter().map(Value::as_f64).collect::<Option<Vec<_>>>();
        let row = |row: &Value| {
            let paces = row["samples_per_s"].as_object()?.iter();
            Some(Row {
                workload: row["workload"].as_str()?.to_owned(),
                threads: usize::try_from(row["threads"].as_u64()?).ok()?,
                paces: paces
                    .map(|(name, paces)| Some((name.clone(), numbers(paces)?)))
                    .collect::<Option<_>>()?,
                instructions: row["instructions_per_step"].as_f64(),
            })
        };
        let start = |start: &Value| {
            Some(Start {
                contestant: start["contestant"].as_str()?.to_owned(),
                milliseconds: start["start_ms"].as_f64()?,
                megabytes: start["rss_mb"].as_f64()?,
            })
        };
        let versions = json["versions"].as_object()?.iter();
        Some(Self {
            processor: json["processor"].as_str()?.to_owned(),
            cores: usize::try_from(json["cores"].as_u64()?).ok()?,
            versions: versions
                .map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
                .collect::<Option<_>>()?,
            rows: json["rows"].as_array()?.iter().map(row).collect::<Option<_>>()?,
            starts: json["starts"].as_array()?.iter().map(start).collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Two rounds of W1, in which the machine halved its pace between them.
    pub(crate) fn sample() -> Figures {
        let mut row = Row::new("W1", 1);
        for scale in [2.0, 1.0] {
            row.add(OURS, 90.0 * scale);
            row.add(BOUND, 100.0 * scale);
            row.add("PyTorch eager", 30.0 * scale);
            row.add("PyTorch fused", 40.0 * scale);
            row.add("JAX scan", 60.0 * scale);
        }
        row.instructions = Some(1e6);
        let start = Start { contestant: OURS.into(), milliseconds: 20.0, megabytes: 40.0 };
        Figures {
            processor: "P".into(),
            cores: 2,
            rows: vec![row],
            starts: vec![start],
            ..Figures::default()
        }
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let figures = sample();
        let row = figures.row("W1", 1).unwrap();
        assert_eq!(row.ratio(OURS, BOUND), Some(0.9));
        assert_eq!(row.best_of("PyTorch"), Some("PyTorch fused"));
        assert_eq!(row.lead(), Some(1.5));
        assert_eq!(row.ratio(OURS, "burn"), None);
    }

    #[test]
    fn json_brings_everything_back() {
        let figures = sample();
        let back = Figures::from_json(&serde_json::from_str(&figures.to_json()).unwrap()).unwrap();
        assert_eq!((back.rows, back.starts, back.cores), (figures.rows, figures.starts, figures.cores));
        assert!(Figures::from_json(&json!({ "rows": [] })).is_none());
    }

    #[test]
    fn newer_rows_take_the_place_of_older_ones() {
        let mut newer = sample();
        newer.rows[0].add(OURS, 1.0);
        newer.rows.push(Row::new("W2", 1));
        let merged = sample().merged(newer);
        assert_eq!(merged.rows.len(), 2);
        assert_eq!(merged.row("W1", 1).unwrap().paces[OURS].len(), 3);
    }
}
