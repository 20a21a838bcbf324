//! A list of checks, run one after the other with a heading each and a summary at the end.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use crate::{failure::Failure, process};

/// What a check comes to that does not fail.
#[derive(Debug)]
pub(crate) enum Done {
    Passed,
    /// This machine lacks something that only this check needs: why, and what to do.
    NotHere(String),
}

/// One check.
pub(crate) struct Step {
    pub(crate) title: String,
    pub(crate) work: Work,
    /// What to do when it fails.
    pub(crate) cure: &'static str,
}

/// What a check does.
pub(crate) enum Work {
    Command(Command),
    Call(Box<dyn FnOnce() -> Result<Done, Failure>>),
}

impl Step {
    pub(crate) fn command(title: impl Into<String>, command: Command, cure: &'static str) -> Self {
        Self { title: title.into(), work: Work::Command(command), cure }
    }

    pub(crate) fn call(
        title: impl Into<String>,
        work: impl FnOnce() -> Result<Done, Failure> + 'static,
        cure: &'static str,
    ) -> Self {
        Self { title: title.into(), work: Work::Call(Box::new(work)), cure }
    }
}

impl Work {
    fn run(self) -> Result<Done, Failure> {
        match self {
            Self::Command(mut command) => process::run(&mut command).map(|()| Done::Passed),
            Self::Call(work) => work(),
        }
    }
}

enum Outcome {
    Passed(Duration),
    Failed(Duration),
    NotRun,
    NotHere(String),
}

/// Runs the steps up to the first failure; the summary names all of them, run or not.
pub(crate) fn run_all(steps: Vec<Step>) -> Result<(), Failure> {
    let mut verdict = Ok(());
    let mut table = Vec::with_capacity(steps.len());
    for Step { title, work, cure } in steps {
        if verdict.is_err() {
            table.push((title, Outcome::NotRun));
            continue;
        }
        eprintln!("\n== {title}");
        let start = Instant::now();
        let outcome = match work.run() {
            Ok(Done::Passed) => Outcome::Passed(start.elapsed()),
            Ok(Done::NotHere(why)) => {
                eprintln!("not run: {why}");
                Outcome::NotHere(why)
            }
            Err(failure) => {
                verdict = Err(with_cure(&title, failure, cure));
                Outcome::Failed(start.elapsed())
            }
        };
        table.push((title, outcome));
    }
    eprint!("\n== summary\n{}\n", summary(&table));
    verdict
}

fn with_cure(title: &str, failure: Failure, cure: &str) -> Failure {
    match failure {
        Failure::Check(cause) => Failure::Check(format!("{title}: {cause}; {cure}")),
        other => other,
    }
}

fn summary(table: &[(String, Outcome)]) -> String {
    let mut total = Duration::ZERO;
    let mut lines: Vec<String> = Vec::with_capacity(table.len() + 1);
    for (title, outcome) in table {
        let (word, took) = match outcome {
            Outcome::Passed(took) => ("ok", took),
            Outcome::Failed(took) => ("FAILED", took),
            Outcome::NotRun | Outcome::NotHere(_) => {
                let why =
                    if let Outcome::NotHere(why) = outcome { format!(": {why}") } else { String::new() };
                lines.push(format!("{:<7} {:>8}   {title}{why}", "not run", ""));
                continue;
            }
        };
        total += *took;
        lines.push(format!("{word:<7} {:>6.1} s   {title}", took.as_secs_f64()));
    }
    lines.push(format!("{:<7} {:>6.1} s", "total", total.as_secs_f64()));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use super::*;

    #[test]
    fn the_first_failure_stops_the_rest_and_brings_its_cure() {
        let ran = Rc::new(Cell::new(0));
        let step = |title: &str, passes: bool| {
            let ran = Rc::clone(&ran);
            let work = move || {
                ran.set(ran.get() + 1);
                if passes { Ok(Done::Passed) } else { Err(Failure::Check("it is askew".into())) }
            };
            Step::call(title, work, "straighten it")
        };
        let verdict = run_all(vec![step("first", true), step("second", false), step("third", true)]);
        assert!(matches!(verdict, Err(Failure::Check(line)) if line == "second: it is askew; straighten it"));
        assert_eq!(ran.get(), 2);
    }

    #[test]
    fn what_a_machine_cannot_do_is_no_failure() {
        let step = |title: &str, done| Step::call(title, || Ok(done), "");
        let steps =
            vec![step("browser", Done::NotHere("install one".to_owned())), step("docs", Done::Passed)];
        assert!(run_all(steps).is_ok());
    }

    #[test]
    fn the_summary_shows_what_ran_and_what_did_not() {
        let table = [
            ("format".to_owned(), Outcome::Passed(Duration::from_millis(1500))),
            ("tests".to_owned(), Outcome::Failed(Duration::from_millis(500))),
            ("docs".to_owned(), Outcome::NotRun),
            ("browser".to_owned(), Outcome::NotHere("install one".to_owned())),
        ];
        let expected = "ok         1.5 s   format\nFAILED     0.5 s   tests\nnot run            docs\n\
                        not run            browser: install one\ntotal      2.0 s";
        assert_eq!(summary(&table), expected);
    }
}
