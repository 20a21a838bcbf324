use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use serde::Serialize;

use crate::terminal::{Stream, columns, folded};

/// Why the program ends early: one line with the cause and the cure, and an exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Bad usage or bad input: exit code 2.
    Input(String),
    /// Something failed while running: exit code 1.
    Run(String),
    /// The user stopped it, and nothing is lost: exit code 130, as shells count an interrupt.
    Interrupted(String),
    /// The command line is wrong, or asks for help, which clap prints.
    Usage(clap::Error),
    /// Another rank reports the failure; this one ends with the same exit code.
    Elsewhere(u8),
}

impl Failure {
    pub(crate) fn input(error: impl fmt::Display) -> Self {
        Failure::Input(error.to_string())
    }

    pub(crate) fn run(error: impl fmt::Display) -> Self {
        Failure::Run(error.to_string())
    }

    pub(crate) fn code(&self) -> u8 {
        match self {
            Failure::Input(_) => 2,
            Failure::Run(_) => 1,
            Failure::Interrupted(_) => 130,
            Failure::Usage(error) => error.exit_code() as u8,
            Failure::Elsewhere(code) => *code,
        }
    }

    /// Prints the failure, and returns the exit code of the program.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Failure::Interrupted(_) => errln!("{self}"),
            // A closed stderr has no reader.
            Failure::Usage(error) if is_help(error) => drop(error.print()),
            Failure::Elsewhere(_) => {}
            _ => errln!("error: {self}"),
        }
        ExitCode::from(self.code())
    }
}

/// Prints a line for people on stdout: its control characters [`escaped`], and [`folded`] to the terminal.
macro_rules! outln {
    ($($words:tt)+) => { $crate::failure::say(&format!("{}\n", format_args!($($words)+))) };
}
pub(crate) use outln;

/// The same on stderr. A closed stderr is no failure.
macro_rules! errln {
    ($($words:tt)+) => { $crate::failure::say_to_stderr(&format!("{}\n", format_args!($($words)+))) };
}
pub(crate) use errln;

/// What [`outln!`] does with a line.
pub(crate) fn say(line: &str) -> Result<(), Failure> {
    print(&folded(&escaped(line), columns(Stream::Stdout)))
}

/// What [`errln!`] does with a line.
pub(crate) fn say_to_stderr(line: &str) {
    let _ = io::stderr().write_all(folded(&escaped(line), columns(Stream::Stderr)).as_bytes());
}

/// Prints a value as one line of JSON, its control characters [`escaped`].
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).expect("what is printed has string keys");
    print(&format!("{}\n", escaped(&text)))
}

/// A text whose control characters, which come from names in files, are shown and not obeyed by a terminal: as `\u001b`, which in
/// JSON is the character itself. Line ends and tabs stay.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    let obeyed = |c: char| {
        let reorders = ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c);
        (c.is_control() || reorders) && c != '\n' && c != '\t'
    };
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| if obeyed(c) { format!("\\u{:04x}", c as u32) } else { c.to_string() };
    Cow::Owned(text.chars().map(shown).collect())
}

/// Prints on stdout. A closed pipe, as `head` leaves it, is no failure; a full disk is.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Run(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

/// Whether it is no error but what the user asked for, or who gave no command gets.
fn is_help(error: &clap::Error) -> bool {
    !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
}

/// A message of clap in one line: the fault, and its suggestion or else where the flags are listed.
pub(crate) fn in_one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut message = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let mut command = String::new();
    let (mut cures, mut values_of_flag) = (Vec::new(), None);
    for line in lines {
        if let Some(usage) = line.strip_prefix("Usage: ") {
            let is_name = |word: &&str| word.starts_with(|letter: char| letter.is_ascii_alphabetic());
            command = usage.split(' ').skip(1).take(1).filter(is_name).collect();
        } else if let Some(tip) = line.strip_prefix("tip: ") {
            // To take what looks like a flag for a file is rarely meant.
            cures.extend((!tip.starts_with("to pass")).then(|| tip.to_owned()));
        } else if let Some(values) = line.strip_prefix("[possible values: ") {
            values_of_flag = Some(format!("the values are {}", values.trim_end_matches(']')));
        } else if !line.starts_with("For more information") {
            message.push(' ');
            message.push_str(line);
        }
    }
    cures.extend(values_of_flag);
    // What a value must be is part of the message of its parser.
    let is_complete = error.kind() == ErrorKind::ValueValidation;
    if cures.is_empty() && !is_complete {
        let help = match command.as_str() {
            "" => "see --help".to_owned(),
            command => format!("see `chainrule {command} --help`"),
        };
        cures.push(help);
    }
    [vec![message], cures].concat().join("; ")
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = match self {
            Failure::Input(message) | Failure::Run(message) | Failure::Interrupted(message) => {
                message.clone()
            }
            Failure::Usage(error) => in_one_line(error),
            Failure::Elsewhere(_) => "another rank reports the failure".to_owned(),
        };
        // One line, whatever the cause.
        f.write_str(&message.lines().map(str::trim).collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_shown_escapes_and_obeys_none() {
        let name = "a\u{1b}[2Jb\u{9b}c\u{202e}d\re\u{7f}";
        assert_eq!(escaped(name), r"a\u001b[2Jb\u009bc\u202ed\u000de\u007f");
        assert_eq!(escaped("ü\tx\n"), "ü\tx\n");
        let json = serde_json::to_string(name).unwrap();
        assert_eq!(serde_json::from_str::<String>(&escaped(&json)).unwrap(), name);
    }
}
