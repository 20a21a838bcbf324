//! A file of settings against a command with an argument of each kind.
#![no_main]

#[path = "../../crates/cli/src/commands/train/settings/parse.rs"]
mod parse;

use chainrule_fuzz::{LITTLE, bounded};
use clap::{Arg, ArgAction, Command, value_parser};
use libfuzzer_sys::fuzz_target;

fn train() -> Command {
    let arg = |name: &'static str| Arg::new(name).long(name);
    Command::new("train")
        .arg(arg("data"))
        .arg(arg("layers"))
        .arg(arg("lr").value_parser(value_parser!(f64)))
        .arg(arg("epochs").value_parser(value_parser!(usize)))
        .arg(arg("seed").value_parser(value_parser!(u64)))
        .arg(arg("task").value_parser(["auto", "classification", "regression"]))
        .arg(arg("standardize").num_args(0..=1).require_equals(true).value_parser(value_parser!(bool)))
        .arg(arg("quiet").action(ArgAction::SetTrue))
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut train = train();
    train.build();
    if let Ok(settings) = bounded(bytes, LITTLE, || parse::parse(text, &train)) {
        // What was taken from a file is what a command line takes.
        for setting in settings {
            let arg = parse::argument(&train, &setting.key).expect("unknown keys are refused");
            let line =
                ["train".to_owned()].into_iter().chain(parse::as_flag(arg, &setting.key, &setting.value));
            assert!(train.clone().try_get_matches_from(line).is_ok());
        }
    }
});
