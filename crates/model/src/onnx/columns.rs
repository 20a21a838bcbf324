//! The columns of a table as inputs of a graph, and the encoding of their cells: what a [`Schema`] says of a file, in operators.

use std::collections::HashSet;

use chainrule_datasets::{ColumnKind, DateForm, Feature, NumberForm, Schema};

use super::graph::{GraphBuilder, int, ints, matrix, texts};
use super::proto::{DOUBLE, TEXT, Value};

/// An input of a graph that is a column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnInput {
    /// The name of the input: that of the column, with `.1`, `.2`, … where several columns have it.
    pub name: String,
    /// Whether its cells are words, and not numbers.
    pub is_text: bool,
    /// What its cells are in the graph, where a file spells them otherwise.
    pub note: Option<&'static str>,
}

const DATES: &str = "days since 1970-01-01 as a number, with the time as a fraction";
const TIMES: &str = "the time of day as a fraction of a day: 06:00 is 0.25";
const DECORATED: &str =
    "plain numbers, without separators, currency or per cent sign: 5,010 is 5010.0 and 45 % is 45.0";

/// The inputs of a graph for the columns of a table, in the order of the features.
///
/// Columns without a name are called `Unnamed: 0`, … by their places in the file, as pandas calls them.
pub fn column_inputs(schema: &Schema) -> Vec<ColumnInput> {
    let mut taken: HashSet<String> = schema.features.iter().map(|column| column.name.clone()).collect();
    let mut given = HashSet::new();
    let mut input = |column: &Feature| {
        let usual = match column.name.trim() {
            "" => format!("Unnamed: {}", column.place),
            _ => column.name.clone(),
        };
        let mut name = usual.clone();
        let mut twin = 0;
        while given.contains(&name) || twin > 0 && taken.contains(&name) {
            twin += 1;
            name = format!("{usual}.{twin}");
        }
        taken.insert(name.clone());
        given.insert(name.clone());
        let is_text = matches!(column.kind, ColumnKind::Category(_));
        let note = match column.form {
            _ if is_text => None,
            NumberForm::Date(DateForm::TimeOfDay) => Some(TIMES),
            NumberForm::Date(_) => Some(DATES),
            NumberForm::Decorated(_) => Some(DECORATED),
            NumberForm::Plain if matches!(column.kind, ColumnKind::Date { .. }) => Some(DATES),
            NumberForm::Plain => None,
        };
        ColumnInput { name, is_text, note }
    };
    schema.features.iter().map(&mut input).collect()
}

/// The inputs by their names inside of the graph, and the matrix in `f64` of the inputs of the network, not scaled.
pub(super) fn encoded(schema: &Schema, graph: &mut GraphBuilder) -> (Vec<Value>, String) {
    let (mut inputs, mut parts, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    let missing = schema.missing_texts();
    for (at, (column, end)) in schema.features.iter().zip(column_inputs(schema)).enumerate() {
        let name = format!("table/column.{at}");
        let mut input = matrix(&name, if end.is_text { TEXT } else { DOUBLE }, 1);
        input.doc_string.push_str(end.note.unwrap_or_default());
        inputs.push(input);
        if let ColumnKind::Number = column.kind {
            numbers.push((name, column.fill));
            continue;
        }
        parts.extend(filled(std::mem::take(&mut numbers), graph));
        match &column.kind {
            ColumnKind::Category(words) => {
                parts.push(one_hot(&name, &end.name, words, column.fill, &missing, graph));
            }
            ColumnKind::Date { with_time } => {
                let days = filled(vec![(name, column.fill)], graph).expect("one column");
                parts.extend(date_parts(days, *with_time, graph));
            }
            ColumnKind::Number => unreachable!("taken above"),
        }
    }
    parts.extend(filled(numbers, graph));
    (inputs, joined(&parts, graph))
}

fn joined(parts: &[String], graph: &mut GraphBuilder) -> String {
    if let [part] = parts {
        return part.clone();
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    graph.apply("Concat", &parts, [int("axis", 1)])
}

/// Columns of numbers as a matrix, NaN replaced where there is a value for it; `None` of no columns.
fn filled(columns: Vec<(String, Option<f64>)>, graph: &mut GraphBuilder) -> Option<String> {
    if columns.is_empty() {
        return None;
    }
    let fills: Vec<f64> = columns.iter().map(|(_, fill)| fill.unwrap_or(f64::NAN)).collect();
    let names: Vec<String> = columns.into_iter().map(|(name, _)| name).collect();
    let x = joined(&names, graph);
    if fills.iter().all(|fill| fill.is_nan()) {
        return Some(x);
    }
    let fills = graph.reals(&[1, fills.len()], &fills);
    let is_missing = graph.apply("IsNaN", &[&x], []);
    Some(graph.apply("Where", &[&is_missing, &fills, &x], []))
}

/// One column for each word: 1 at that of the row. A word that the model does not know makes the graph fail.
fn one_hot(
    input: &str,
    name: &str,
    words: &[String],
    fill: Option<f64>,
    missing: &[String],
    graph: &mut GraphBuilder,
) -> String {
    let (spellings, codes) = spellings(words, fill, missing).into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
    let code = [texts("keys_strings", &spellings), ints("values_int64s", codes), int("default_int64", -1)];
    let code = graph.apply_table("LabelEncoder", &[input], code);
    let known = ints("cats_int64s", (0..words.len() as i64).collect());
    let one_hot = graph.apply_table("OneHotEncoder", &[&code], [known, int("zeros", 0)]);
    graph.name_last(format!("{name}: a word that the model does not know"));
    let flat = graph.reshape(&one_hot, vec![-1, words.len() as i64]);
    graph.cast(&flat, DOUBLE)
}

/// Each text of a cell that a file is read with, and the code of its word: the words; `1.0` for `1`; truth values in other capitals; what
/// spells a missing cell.
fn spellings(words: &[String], fill: Option<f64>, missing: &[String]) -> Vec<(String, i64)> {
    let mut seen: HashSet<String> = HashSet::new();
    let mut spellings = Vec::new();
    let mut add = |text: String, code: i64| {
        if seen.insert(text.clone()) {
            spellings.push((text, code));
        }
    };
    for (word, code) in words.iter().zip(0..) {
        add(word.clone(), code);
    }
    for (word, code) in words.iter().zip(0..) {
        if word.parse().is_ok_and(|n: i64| n.to_string() == *word) {
            add(format!("{word}.0"), code);
        }
        let truths = [["true", "True", "TRUE"], ["false", "False", "FALSE"]];
        if let Some(truths) = truths.iter().find(|[truth, ..]| word.eq_ignore_ascii_case(truth)) {
            for truth in truths {
                add((*truth).to_owned(), code);
            }
        }
    }
    if let Some(code) = fill {
        for text in missing {
            add(text.clone(), code as i64);
        }
    }
    spellings
}

/// The inputs of a date, of which there is a column of days since 1970-01-01, as `Columns` makes them: the days, and sine and cosine of
/// 2π times the fraction of the day, the day of the week and the day of the year, each over the length of the whole.
fn date_parts(days: String, with_time: bool, graph: &mut GraphBuilder) -> Vec<String> {
    let mut dates = Dates { graph };
    let day = dates.floor(&days);
    let mut fractions = Vec::new();
    if with_time {
        fractions.push(dates.apply("Sub", &days, &day));
    }
    let of_week = dates.with("Add", &day, 3.0);
    let of_week = dates.remainder(&of_week, 7.0);
    fractions.push(dates.with("Div", &of_week, 7.0));
    let (of_year, length) = dates.day_of_year(&day);
    fractions.push(dates.apply("Div", &of_year, &length));
    let mut parts = vec![days];
    for fraction in fractions {
        let angle = dates.with("Mul", &fraction, std::f64::consts::TAU);
        parts.extend(["Sin", "Cos"].map(|wave| dates.graph.apply(wave, &[&angle], [])));
    }
    parts
}

/// Whole numbers in `f64`, whose quotients are rounded down.
struct Dates<'g> {
    graph: &'g mut GraphBuilder,
}

impl Dates<'_> {
    fn apply(&mut self, operator: &str, a: &str, b: &str) -> String {
        self.graph.apply(operator, &[a, b], [])
    }

    fn with(&mut self, operator: &str, x: &str, constant: f64) -> String {
        let constant = self.graph.number(constant);
        self.apply(operator, x, &constant)
    }

    fn floor(&mut self, x: &str) -> String {
        self.graph.apply("Floor", &[x], [])
    }

    fn quotient(&mut self, x: &str, divisor: f64) -> String {
        let quotient = self.with("Div", x, divisor);
        self.floor(&quotient)
    }

    fn remainder(&mut self, x: &str, divisor: f64) -> String {
        let quotient = self.quotient(x, divisor);
        let whole = self.with("Mul", &quotient, divisor);
        self.apply("Sub", x, &whole)
    }

    /// 1 where a year is a multiple of a number, else 0.
    fn is_multiple(&mut self, year: &str, of: f64) -> String {
        let rest = self.remainder(year, of);
        let is_zero = self.with("Equal", &rest, 0.0);
        self.graph.cast(&is_zero, DOUBLE)
    }

    /// The day of its year, from 0, and the days of that year.
    ///
    /// # References
    /// H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
    fn day_of_year(&mut self, day: &str) -> (String, String) {
        // Eras of 400 years begin in March, as their years do.
        let of_era = self.with("Add", day, 719_468.0);
        let of_era = self.remainder(&of_era, 146_097.0);
        let mut days = of_era.clone();
        for (operator, divisor) in [("Sub", 1_460.0), ("Add", 36_524.0), ("Sub", 146_096.0)] {
            let leap_days = self.quotient(&of_era, divisor);
            days = self.apply(operator, &days, &leap_days);
        }
        let year = self.quotient(&days, 365.0);
        let mut from_march = self.with("Mul", &year, 365.0);
        for (operator, divisor) in [("Add", 4.0), ("Sub", 100.0)] {
            let leap_days = self.quotient(&year, divisor);
            from_march = self.apply(operator, &from_march, &leap_days);
        }
        let from_march = self.apply("Sub", &of_era, &from_march);
        // January and February belong to the next year.
        let begins_before = self.with("Less", &from_march, 306.0);
        let next = self.with("Add", &year, 1.0);
        let year = self.graph.apply("Where", &[&begins_before, &year, &next], []);
        let mut leap = self.is_multiple(&year, 4.0);
        for (operator, of) in [("Sub", 100.0), ("Add", 400.0)] {
            let multiple = self.is_multiple(&year, of);
            leap = self.apply(operator, &leap, &multiple);
        }
        let (of_january, of_march) = (self.graph.number(-306.0), self.with("Add", &leap, 59.0));
        let first = self.graph.apply("Where", &[&begins_before, &of_march, &of_january], []);
        (self.apply("Add", &from_march, &first), self.with("Add", &leap, 365.0))
    }
}
