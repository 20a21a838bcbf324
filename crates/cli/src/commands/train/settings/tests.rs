use std::collections::BTreeMap;
use std::fs;

use clap::CommandFactory;
use proptest::prelude::*;

use super::*;
use crate::Cli;

/// Values that a flag may take: some that it does, and texts that look like something else.
fn value(arg: &Arg) -> BoxedStrategy<String> {
    let names: Vec<String> =
        arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    let looks = [
        "2020.10",
        "1.10",
        "0107",
        "1e5",
        "1_000",
        "+1",
        "true",
        "false",
        "inf",
        "nan",
        "0x10",
        "-1",
        "2026-11-29",
        "a,b",
        "2.50",
        "0.0030000000000000001",
        "18446744073709551615",
        "32",
        "7-3",
        "28x28",
        "normal:0.05",
        "#",
        "=",
        "\"",
        "'''",
        "\\",
        "a = 1",
        " x ",
        "é\u{1F600}\u{7f}",
        ";",
        "512M",
    ];
    let text = prop_oneof![
        prop::sample::select(looks.map(str::to_owned).to_vec()),
        any::<u16>().prop_map(|number| number.to_string()),
        (0.0..1.0_f64).prop_map(|number| number.to_string()),
        "\\PC{1,12}",
    ];
    if names.is_empty() { text.boxed() } else { prop_oneof![prop::sample::select(names), text].boxed() }
}

fn settable() -> Vec<(String, BoxedStrategy<String>)> {
    let program = Cli::command();
    let train = program.find_subcommand("train").unwrap();
    let args = train.get_arguments().filter(|arg| !NOT_OF_THE_RUN.contains(&arg.get_id().as_str()));
    args.filter_map(|arg| Some((arg.get_long()?.to_owned(), value(arg)))).collect()
}

/// The values of all settings.
fn values(program: &Command, matches: &ArgMatches) -> BTreeMap<String, Option<String>> {
    let line = CommandLine {
        command: program.find_subcommand("train").unwrap(),
        given: matches.subcommand_matches("train").unwrap(),
    };
    line.values(&[]).map(|(_, key, value)| (key.to_owned(), value)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_setting_comes_back_as_it_was_written(
        (key, value) in prop::sample::select(settable()).prop_flat_map(|(key, value)| (Just(key), value)),
    ) {
        let mut program = Cli::command();
        program.build();
        let arguments = ["chainrule".to_owned(), "train".to_owned(), format!("--{key}={value}")];
        // What no command line takes, no file holds.
        let Ok(given) = program.clone().try_get_matches_from(arguments) else { return Ok(()) };
        let train = program.find_subcommand("train").unwrap();
        let text = CommandLine { command: train, given: given.subcommand_matches("train").unwrap() }.settings(&[], &[]);
        prop_assert!(!is_edited(&text), "{text}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, &text).unwrap();
        let again = ["chainrule", "train", "--config", path.to_str().unwrap()].map(OsString::from).to_vec();
        let read = complete(&mut program, again).map_err(|failure| TestCaseError::fail(failure.to_string()))?;
        prop_assert_eq!(values(&program, &read), values(&program, &given));
    }
}

#[test]
fn a_changed_line_is_noticed_and_a_changed_comment_is_not() {
    let mut program = Cli::command();
    program.build();
    let given = program.clone().try_get_matches_from(["chainrule", "train", "--lr", "0.5"]).unwrap();
    let train = program.find_subcommand("train").unwrap();
    let text =
        CommandLine { command: train, given: given.subcommand_matches("train").unwrap() }.settings(&[], &[]);
    assert!(text.contains("\nlr = 0.5\n") && text.contains("\nbatch = 32\n"), "{text}");
    assert!(is_edited(&text.replace("lr = 0.5", "lr = 0.6")));
    assert!(is_edited(&text.replace("# clip-norm =", "clip-norm = 1")));
    assert!(!is_edited(&text.replace("# Learning rate", "# Rate")));
    // Files of earlier versions have no checksum.
    assert!(!is_edited("lr = 0.5\n"));
}
