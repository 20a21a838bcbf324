//! The command line of `cargo xtask bench`.

use crate::failure::Failure;

use super::WORKLOADS;

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(super) struct Options {
    pub(super) peers: bool,
    pub(super) no_rust_peers: bool,
    pub(super) python: Option<String>,
    /// Empty: all.
    pub(super) workloads: Vec<String>,
    pub(super) threads: Vec<usize>,
    pub(super) rounds: usize,
    pub(super) seconds: f64,
    pub(super) instructions: bool,
    pub(super) json: Option<String>,
    pub(super) from: Vec<String>,
    pub(super) no_docs: bool,
    pub(super) time_to_accuracy: bool,
    pub(super) compare: Option<String>,
}

impl Options {
    pub(super) fn parse(words: &[String]) -> Result<Self, Failure> {
        let mut options = Self {
            peers: false,
            no_rust_peers: false,
            python: None,
            workloads: Vec::new(),
            threads: vec![1, 2],
            rounds: 5,
            seconds: 0.5,
            instructions: false,
            json: None,
            from: Vec::new(),
            no_docs: false,
            time_to_accuracy: false,
            compare: None,
        };
        let mut words = words.iter();
        while let Some(option) = words.next() {
            match option.as_str() {
                "--peers" => options.peers = true,
                "--no-rust-peers" => options.no_rust_peers = true,
                "--instructions" => options.instructions = true,
                "--time-to-accuracy" => options.time_to_accuracy = true,
                "--no-docs" => options.no_docs = true,
                _ => options.set(option, words.next())?,
            }
        }
        Ok(options)
    }

    /// An option that has a value.
    fn set(&mut self, option: &str, value: Option<&String>) -> Result<(), Failure> {
        let refused =
            |why: &str| Failure::Unusable(format!("bench: {option} {why}; see cargo xtask bench --help"));
        let known = [
            "--python",
            "--workloads",
            "--threads",
            "--rounds",
            "--seconds",
            "--json",
            "--from",
            "--compare",
        ];
        if !known.contains(&option) {
            return Err(refused("is no option"));
        }
        let value = value.ok_or_else(|| refused("needs a value"))?.clone();
        let list = || value.split(',').map(str::to_owned).collect::<Vec<_>>();
        let positive = |text: &str| text.parse::<usize>().ok().filter(|&n| n > 0);
        match option {
            "--python" => self.python = Some(value),
            "--json" => self.json = Some(value),
            "--compare" => self.compare = Some(value),
            "--from" => self.from = list(),
            "--rounds" => {
                self.rounds = positive(&value).ok_or_else(|| refused("wants a whole number above 0"))?;
            }
            "--threads" => {
                let threads = list().iter().map(|n| positive(n)).collect::<Option<_>>();
                self.threads = threads.ok_or_else(|| refused("wants numbers above 0, such as 1,2"))?;
            }
            "--seconds" => {
                let seconds = value.parse().ok().filter(|s: &f64| (0.01..=600.0).contains(s));
                self.seconds = seconds.ok_or_else(|| refused("wants seconds, from 0.01 to 600"))?;
            }
            _ => {
                self.workloads = list();
                if let Some(name) = self.workloads.iter().find(|name| !WORKLOADS.contains(&name.as_str())) {
                    return Err(refused(&format!("knows no {name}; there are {}", WORKLOADS.join(" "))));
                }
            }
        }
        Ok(())
    }

    pub(super) fn wants(&self, workload: &str) -> bool {
        self.workloads.is_empty() || self.workloads.iter().any(|name| name == workload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, Failure> {
        Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn lists_are_separated_by_commas() {
        let options = parse("--workloads W1,W6b256 --threads 2 --from a.json,b.json").unwrap();
        assert!(options.wants("W6b256") && !options.wants("W2"));
        assert_eq!((options.threads, options.from.len()), (vec![2], 2));
    }

    #[test]
    fn bad_usage_is_refused_and_the_help_named() {
        for line in ["--per", "--rounds", "--rounds 0", "--threads 1,x", "--workloads W7", "--seconds nan"] {
            match parse(line) {
                Err(Failure::Unusable(message)) => assert!(message.contains("--help"), "{message}"),
                other => panic!("{line} should be refused, not {other:?}"),
            }
        }
    }
}
