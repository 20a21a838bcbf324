//! The settings of `chainrule train` as a TOML file: each flag is a key, and a flag on the command line wins.

mod parse;
#[cfg(test)]
mod tests;

use std::any::TypeId;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{IsTerminal, stdin};
use std::path::{Path, PathBuf};

use chainrule::datasets::unreadable;
use chainrule::train::tensors::checksum;
use chainrule_report::run::{CONFIG, LAST_MODEL};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use self::parse::{Fault, Setting, argument, as_flag, parse};
use super::folder::BEST_MODEL;
use crate::commands::data::Source;
use crate::commands::options::Standardize;
use crate::failure::{Failure, errln, in_one_line};
use crate::headings::DATA;
use crate::text_file;

/// Flags that say where and how a run continues and what it prints: not its settings.
const NOT_OF_THE_RUN: [&str; 8] = ["config", "resume", "out", "json", "quiet", "verbose", "help", "version"];
/// Flags that may change when a run is resumed.
const OPEN: [&str; 9] =
    ["resume", "data_dir", "epochs", "threads", "checkpoint_every", "log_every", "json", "quiet", "verbose"];

/// Parses a command line and, for `train`, what its `--config` or `--resume` names.
///
/// # Errors
/// If the file cannot be read, or says what no command line could.
pub(crate) fn complete(program: &mut Command, mut arguments: Vec<OsString>) -> Result<ArgMatches, Failure> {
    program.build();
    let matches = program.clone().try_get_matches_from(&arguments).map_err(Failure::Usage)?;
    let given = match matches.subcommand() {
        Some(("train", given)) => given,
        Some((name, given)) => {
            let own = of_run(program, name, given)?;
            if own.is_empty() {
                return Ok(matches);
            }
            arguments.extend(own);
            return program.clone().try_get_matches_from(arguments).map_err(Failure::Usage);
        }
        None => return Ok(matches),
    };
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
    let text = contents(&path)?;
    if given.contains_id("config") && !given.contains_id("epochs") {
        warn_of_schedules(&path, &text);
    }
    for Setting { key, value } in parsed(&path, &text, train)? {
        let arg = argument(train, &key).expect("unknown keys were refused");
        let excludes =
            |a: &Arg, b: &Arg| train.get_arg_conflicts_with(a).iter().any(|c| c.get_id() == b.get_id());
        let overrules =
            |other: &&Arg| other.get_id() == arg.get_id() || excludes(other, arg) || excludes(arg, other);
        // A default is as good as absent, and says nothing of what was asked for.
        if arg.get_default_values().iter().any(|usual| *usual == *value) {
            continue;
        }
        if !train.get_arguments().filter(|other| on_the_line(other)).any(|other| overrules(&other)) {
            arguments.extend(as_flag(arg, &key, &value).map(OsString::from));
        }
    }
    program.clone().try_get_matches_from(arguments).map_err(Failure::Usage)
}

/// For a command that judges the model of a run and names no other data: the flags that name the run's own, and how it was split. A
/// known data set that is named is where the run found it.
fn of_run(program: &Command, name: &str, given: &ArgMatches) -> Result<Vec<OsString>, Failure> {
    const SEED: &str = "split-seed";
    let command = program.find_subcommand(name).expect("the program has this command");
    let has = |long: &str| command.get_arguments().any(|arg| arg.get_long() == Some(long));
    let on_the_line = |arg: &Arg| given.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
    // `--data`, and the flags that exclude it, such as `--input`.
    let names_data = |arg: &Arg| {
        let id = arg.get_id();
        id == "data" || command.get_arg_conflicts_with(arg).iter().any(|other| other.get_id() == "data")
    };
    // What a run's settings say for these is no choice.
    let of_settings =
        |arg: &&Arg| arg.is_hide_set() && arg.get_help_heading() == Some(DATA) && on_the_line(arg);
    if let Some(flag) = command.get_arguments().find(of_settings).and_then(Arg::get_long) {
        return Err(Failure::Input(format!(
            "--{flag}: `{name}` divides the data as the run of the model did: omit it, or choose a part with --part"
        )));
    }
    let named = given.try_get_one::<Source>("data").ok().flatten();
    let known = named.filter(|data| !data.is_own());
    let names_others = |arg: &Arg| names_data(arg) && arg.get_id() != "data";
    if !has(SEED) || command.get_arguments().filter(|arg| on_the_line(arg)).any(names_others) {
        return Ok(Vec::new());
    }
    let model = given.try_get_one::<PathBuf>("model").ok().flatten();
    let of_run = |model: &&PathBuf| [LAST_MODEL, BEST_MODEL].iter().any(|name| model.ends_with(name));
    let model = model.filter(of_run);
    let settings = model.and_then(|model| model.parent()).map(|run| run.join(CONFIG));
    let Some(settings) = settings.filter(|path| path.exists()) else { return Ok(Vec::new()) };
    let train = program.find_subcommand("train").expect("the program has this command");
    let flag = |Setting { key, value }: Setting| {
        let key = match key.as_str() {
            "seed" => SEED.to_owned(),
            // Its own `--target` is that of one example.
            "target" if has("target-file") => "target-file".to_owned(),
            _ => key,
        };
        let arg = command.get_arguments().find(|arg| arg.get_long() == Some(key.as_str()))?;
        // `explain --target` is the truth of an example, and that of `train` a column.
        let is_the_same = arg.is_hide_set()
            || argument(train, &key)
                .is_some_and(|of_train| of_train.get_value_names() == arg.get_value_names());
        let is_of_the_data = is_the_same && arg.get_help_heading() == Some(DATA) && !on_the_line(arg);
        as_flag(arg, &key, &value).filter(|_| is_of_the_data).map(OsString::from)
    };
    let settings = parsed(&settings, &contents(&settings)?, train)?;
    let is_of_the_run = |data: &Source| {
        settings.iter().any(|Setting { key, value }| key == "data" && *value == data.setting())
    };
    let is_piped = settings.iter().any(|Setting { key, value }| key == "data" && value == "-");
    if is_piped && named.is_none() && stdin().is_terminal() {
        return Err(Failure::input(
            "the run was trained on the standard input, and here it is a terminal: name its data (--data FILE)",
        ));
    }
    if let Some(own) = named.filter(|data| data.is_own()) {
        // A figure over them would be taken for one of unseen examples.
        if name == "evaluate" && is_of_the_run(own) {
            errln!(
                "{own}: these are the data of the run, rows that it trained on among them: without --data its test part is taken"
            );
        }
        return Ok(Vec::new());
    }
    if known.is_some_and(|data| !is_of_the_run(data)) {
        return Ok(Vec::new());
    }
    Ok(settings.into_iter().filter_map(flag).collect())
}

/// Says of the settings of a run that was resumed with more epochs that they do not repeat it.
fn warn_of_schedules(path: &Path, text: &str) {
    if let Some(epochs) = scheduled(text) {
        errln!(
            "warning: {}: that run followed the schedule of {epochs} epochs before it was resumed, and this one has a single schedule",
            path.display()
        );
    }
}

fn contents(path: &Path) -> Result<String, Failure> {
    text_file::read(path).map_err(|error| {
        let fault = unreadable(path, &error, ": name a file of settings");
        Failure::Input(format!("cannot read {}: {fault}", path.display()))
    })
}

/// The settings in the text of a file.
fn parsed(path: &Path, text: &str, train: &Command) -> Result<Vec<Setting>, Failure> {
    parse(text, train).map_err(|(span, fault)| {
        let (line, shown) = line_at(text, span.start);
        let fault = match fault {
            Fault::Text(fault) => fault,
            Fault::Usage(error) => in_one_line(&error),
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
    /// Whether a setting was given on the command line, or has another value than its default in a file.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.given.value_source(id) == Some(ValueSource::CommandLine)
    }

    /// The settings of a run, with the values of those that have one.
    fn values(&self, known: &[(&str, String)]) -> impl Iterator<Item = (&Arg, &str, Option<String>)> {
        self.command.get_arguments().filter_map(move |arg| {
            let (id, key) = (arg.get_id().as_str(), arg.get_long()?);
            if NOT_OF_THE_RUN.contains(&id) {
                return None;
            }
            let raw = self.given.get_raw(id).and_then(|mut values| values.next_back());
            let value = known
                .iter()
                .find_map(|(known, value)| (*known == key).then(|| value.clone()))
                .or_else(|| raw.map(|value| value.to_string_lossy().into_owned()));
            Some((arg, key, value))
        })
    }

    /// The settings that a run keeps when it is resumed, by their keys. Where its files are is none of them: their contents
    /// are compared.
    pub(crate) fn fixed(&self, known: &[(&str, String)]) -> BTreeMap<String, Option<String>> {
        let is_place = |arg: &Arg| {
            ["data", "data_dir", "from", "map", "test", "max_memory"].contains(&arg.get_id().as_str())
        };
        self.values(known)
            .filter(|(arg, ..)| !OPEN.contains(&arg.get_id().as_str()) && !is_place(arg))
            .map(|(_, key, value)| (key.to_owned(), value))
            .collect()
    }

    /// The settings of a run as a file, complete: every key with its value or, if it has none, as a comment; at the end a
    /// checksum of all lines with values.
    ///
    /// `known` overrules what was given: defaults that depend on other settings, paths made absolute. `schedules` are the numbers of
    /// epochs that the schedule of a resumed run was once for.
    pub(crate) fn settings(&self, known: &[(&str, String)], schedules: &[usize]) -> String {
        let (version, again) = (env!("CARGO_PKG_VERSION"), format!("`chainrule train --config {CONFIG}`"));
        let mut text = if schedules.is_empty() {
            format!("# A run of chainrule {version}. {again} repeats it to the bit.\n")
        } else {
            let epochs: Vec<String> = schedules.iter().map(ToString::to_string).collect();
            let epochs = epochs.join(", ");
            format!(
                "# A run of chainrule {version}. Its learning rates are not those of {again}:\n{SCHEDULES}{epochs}\n"
            )
        };
        for (arg, key, value) in self.values(known) {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let line = match value {
                Some(value) => format!("{key} = {}", literal(arg, &value)),
                None => format!("# {key} ="),
            };
            write!(text, "\n# {}\n{line}\n", help.lines().next().unwrap_or_default())
                .expect("a string takes every write");
        }
        let sum = checksum_of(&text);
        write!(text, "\n{CHECKSUM}{sum}\n").expect("a string takes every write");
        text
    }
}

/// What the line begins with that says for how many epochs the schedule of a resumed run was before.
const SCHEDULES: &str = "# it was resumed after it had followed the schedule of epochs = ";

/// What a file of settings says of the schedules before.
fn scheduled(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix(SCHEDULES))
}

/// The numbers of epochs that the schedule was for in the run of a file of settings, before it was resumed with more; with that in the
/// file, if it is another one than that of the schedule from now on.
pub(crate) fn schedules(text: &str, now: usize) -> Vec<usize> {
    let numbers = |line: &str| line.split(", ").filter_map(|number| number.trim().parse().ok()).collect();
    let mut known: Vec<usize> = scheduled(text).map_or_else(Vec::new, numbers);
    let last: Option<usize> =
        text.lines().find_map(|line| line.strip_prefix("epochs = ")?.trim().parse().ok());
    known.extend(last.filter(|&last| last != now));
    known
}

/// What the last line of a file of settings begins with.
const CHECKSUM: &str = "# checksum ";

/// The checksum of the lines with values.
fn checksum_of(text: &str) -> String {
    let lines: Vec<&str> =
        text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()).collect();
    format!("{:016x}", checksum(lines.join("\n").as_bytes()))
}

/// Whether a file of settings is not what a run has written: its checksum does not match. One without a checksum is of an
/// earlier version.
pub(crate) fn is_edited(text: &str) -> bool {
    let sum = text.lines().filter_map(|line| line.strip_prefix(CHECKSUM)).next_back();
    sum.is_some_and(|sum| sum.trim() != checksum_of(text))
}

/// A value in TOML: of a flag that takes a number or a truth value, as such; all else is text.
fn literal(arg: &Arg, value: &str) -> String {
    let is_a = arg.get_value_parser().type_id();
    let numbers = [
        TypeId::of::<bool>(),
        TypeId::of::<Standardize>(),
        TypeId::of::<f64>(),
        TypeId::of::<usize>(),
        TypeId::of::<u64>(),
        TypeId::of::<u32>(),
        TypeId::of::<u16>(),
    ];
    let as_written = numbers.into_iter().any(|number| is_a == number) && parse::is_plain(value);
    if as_written { value.to_owned() } else { quoted(value) }
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
