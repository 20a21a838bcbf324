//! The settings of `chainrule train` as a TOML file: each flag is a key, and a flag on the command line wins.

mod parse;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use chainrule_report::run::CONFIG;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use self::parse::{Fault, Setting, argument, as_flag, parse};
use crate::failure::{Failure, first_paragraph};
use crate::text_file;

/// Flags that say where and how a run continues and what it prints: not its settings.
const NOT_OF_THE_RUN: [&str; 8] = ["config", "resume", "out", "json", "quiet", "verbose", "help", "version"];
/// Flags that may change when a run is resumed.
const OPEN: [&str; 8] =
    ["resume", "epochs", "threads", "checkpoint_every", "log_every", "json", "quiet", "verbose"];

/// Parses a command line and, for `train`, what its `--config` or `--resume` names.
///
/// # Errors
/// If the file cannot be read, or says what no command line could.
pub(crate) fn complete(program: &mut Command, mut arguments: Vec<OsString>) -> Result<ArgMatches, Failure> {
    program.build();
    let matches = program.clone().try_get_matches_from(&arguments).map_err(Failure::Usage)?;
    let Some(("train", given)) = matches.subcommand() else { return Ok(matches) };
    let train = program.find_subcommand("train").expect("the program has this command");
    let on_the_line = |arg: &Arg| given.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
    let path = match (given.get_one::<PathBuf>("resume"), given.get_one::<PathBuf>("config")) {
        (Some(folder), _) => {
            let fixed = |arg: &&Arg| on_the_line(arg) && !OPEN.contains(&arg.get_id().as_str());
            if let Some(flag) = train.get_arguments().find(fixed).and_then(Arg::get_long) {
                return Err(Failure::Input(format!(
                    "--resume continues with the settings in {}: omit --{flag}, or start a new run",
                    folder.join(CONFIG).display()
                )));
            }
            if !folder.join(CONFIG).exists() {
                let fault = if folder.is_dir() { "it holds no run" } else { "there is no such folder" };
                return Err(Failure::Input(format!(
                    "--resume {}: {fault}: give the folder of a run, which has a {CONFIG}",
                    folder.display()
                )));
            }
            folder.join(CONFIG)
        }
        (None, Some(path)) => path.clone(),
        (None, None) => return Ok(matches),
    };
    for Setting { key, value } in read(&path, train)? {
        let arg = argument(train, &key).expect("unknown keys were refused");
        let excludes =
            |a: &Arg, b: &Arg| train.get_arg_conflicts_with(a).iter().any(|c| c.get_id() == b.get_id());
        let overrules =
            |other: &&Arg| other.get_id() == arg.get_id() || excludes(other, arg) || excludes(arg, other);
        if !train.get_arguments().filter(|other| on_the_line(other)).any(|other| overrules(&other)) {
            arguments.extend(as_flag(arg, &key, &value).map(OsString::from));
        }
    }
    program.clone().try_get_matches_from(arguments).map_err(Failure::Usage)
}

fn read(path: &Path, train: &Command) -> Result<Vec<Setting>, Failure> {
    let text = text_file::read(path).map_err(|error| {
        Failure::Input(format!("cannot read {}: {error}: name a file of settings", path.display()))
    })?;
    parse(&text, train).map_err(|(span, fault)| {
        let (line, shown) = line_at(&text, span.start);
        let fault = match fault {
            Fault::Text(fault) => fault,
            Fault::Usage(error) => first_paragraph(&error.to_string()),
        };
        Failure::Input(format!("{}, line {line}: `{shown}`: {fault}", path.display()))
    })
}

/// The number of the line at a byte, from 1, and its text.
fn line_at(text: &str, at: usize) -> (usize, &str) {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let number = before.matches('\n').count();
    (number + 1, text.lines().nth(number).unwrap_or("").trim())
}

/// The command line of `chainrule train`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CommandLine<'a> {
    /// The command with its flags.
    pub(crate) command: &'a Command,
    /// What was given, on the line or in a file.
    pub(crate) given: &'a ArgMatches,
}

impl CommandLine<'_> {
    /// Whether a flag was given, on the line or in a file.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.given.value_source(id) == Some(ValueSource::CommandLine)
    }

    /// The settings of a run as a file, complete: every key with its value or, if it has none, as a comment.
    ///
    /// `known` overrules what was given: defaults that depend on other settings, paths made absolute.
    pub(crate) fn settings(&self, known: &[(&str, String)]) -> String {
        let mut text = format!(
            "# A run of chainrule {}. `chainrule train --config {CONFIG}` repeats it to the bit.\n",
            env!("CARGO_PKG_VERSION")
        );
        for arg in self.command.get_arguments() {
            let (id, Some(key)) = (arg.get_id().as_str(), arg.get_long()) else { continue };
            if NOT_OF_THE_RUN.contains(&id) {
                continue;
            }
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let raw = self.given.get_raw(id).and_then(|mut values| values.next_back());
            let value = known
                .iter()
                .find_map(|(known, value)| (*known == key).then(|| value.clone()))
                .or_else(|| raw.map(|value| value.to_string_lossy().into_owned()));
            let line = match value {
                Some(value) => format!("{key} = {}", literal(&value)),
                None => format!("# {key} ="),
            };
            write!(text, "\n# {}\n{line}\n", help.lines().next().unwrap_or_default())
                .expect("a string takes every write");
        }
        text
    }
}

/// A value in TOML: a number or a truth value as such where it reads back as the same text, all else as a text.
fn literal(value: &str) -> String {
    let as_written = [
        value.parse::<bool>().map(|yes| yes.to_string()).ok(),
        value.parse::<i64>().map(|number| number.to_string()).ok(),
        value.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| format!("{number:?}")),
    ];
    let is_itself = as_written.into_iter().flatten().any(|text| text == value);
    if is_itself { value.to_owned() } else { quoted(value) }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => write!(quoted, "\\u{:04x}", c as u32).expect("a string takes every write"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
