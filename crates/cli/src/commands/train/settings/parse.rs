//! A file of settings against the arguments of a command: this part knows nothing of the program, so that the fuzzer can have
//! it alone.

use std::ops::Range;

use clap::{Arg, ArgAction, Command};
use toml::de::{DeTable, DeValue};

/// A key of the file and its value, as a command line has them.
#[derive(Debug, PartialEq)]
pub(crate) struct Setting {
    pub(crate) key: String,
    pub(crate) value: String,
}

pub(crate) fn argument<'a>(train: &'a Command, key: &str) -> Option<&'a Arg> {
    let settable = |arg: &&Arg| {
        arg.get_long() == Some(key)
            && !["config", "resume", "help", "version"].contains(&arg.get_id().as_str())
    };
    train.get_arguments().find(settable)
}

/// What is wrong with a file of settings.
#[derive(Debug)]
pub(crate) enum Fault {
    /// No such key or value.
    Text(String),
    /// A value that the command line would refuse.
    Usage(clap::Error),
}

/// The settings of a file; `train` is the command whose flags are its keys.
///
/// # Errors
/// The bytes at fault and what is wrong with them.
pub(crate) fn parse(text: &str, train: &Command) -> Result<Vec<Setting>, (Range<usize>, Fault)> {
    let table = DeTable::parse(text)
        .map_err(|error| (error.span().unwrap_or(0..0), Fault::Text(error.message().replace('\n', " "))))?;
    let mut settings = Vec::new();
    for (key, value) in table.get_ref() {
        let name = key.get_ref().as_ref();
        let Some(arg) = argument(train, name) else {
            let fault = format!("there is no key `{name}`{}", nearest(name, train));
            return Err((key.span(), Fault::Text(fault)));
        };
        let text = plain(value.get_ref()).map_err(|fault| (value.span(), Fault::Text(fault.to_owned())))?;
        // The command line judges the value.
        let line = ["train".to_owned()].into_iter().chain(as_flag(arg, name, &text));
        if let Err(error) = train.clone().try_get_matches_from(line) {
            return Err((value.span(), Fault::Usage(error)));
        }
        settings.push(Setting { key: name.to_owned(), value: text });
    }
    Ok(settings)
}

/// The flag that says the same; none for one that takes no value and is not set.
pub(crate) fn as_flag(arg: &Arg, key: &str, value: &str) -> Option<String> {
    match (arg.get_action(), value) {
        (ArgAction::SetTrue, "false") => None,
        (ArgAction::SetTrue, "true") => Some(format!("--{key}")),
        _ => Some(format!("--{key}={value}")),
    }
}

/// Whether a number or a truth value in TOML is written, and read again, as on a command line.
pub(crate) fn is_plain(value: &str) -> bool {
    // Whole numbers of TOML have 63 bits and a sign.
    let is_short = value.parse::<u64>().is_err() || value.parse::<i64>().is_ok();
    let text = format!("key = {value}");
    let read = DeTable::parse(&text).ok();
    let entry = read.as_ref().and_then(|table| table.get_ref().iter().next());
    let read = entry.map(|(_, value)| (value.get_ref(), plain(value.get_ref())));
    is_short
        && matches!(
            read,
            Some((DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_), Ok(read))) if read == value
        )
}

/// A value as it stands on a command line.
fn plain(value: &DeValue<'_>) -> Result<String, &'static str> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        DeValue::Integer(_) => Err("write the number in decimal"),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Boolean(yes) => Ok(yes.to_string()),
        DeValue::Array(items) => {
            let items: Result<Vec<String>, _> = items.iter().map(|item| plain(item.get_ref())).collect();
            Ok(items?.join("-"))
        }
        DeValue::Datetime(_) | DeValue::Table(_) => {
            Err("a key takes a text, a number, true or false, or a list of widths")
        }
    }
}

fn nearest(name: &str, train: &Command) -> String {
    let keys = train.get_arguments().filter_map(Arg::get_long).filter(|key| argument(train, key).is_some());
    let best = keys.max_by(|a, b| {
        strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)).then_with(|| b.cmp(a))
    });
    best.map_or_else(String::new, |key| format!("; the nearest is `{key}`"))
}
