//! From one or several columns of cells to a target.

use chainrule_tensor::ndarray::{Array2, ArrayView1};

use crate::labels::Labels;
use crate::options::ReadOptions;
use crate::table::cells::shortened;
use crate::table::form::{NumberForm, plain};
use crate::target::{Label, Target, numbered};
use crate::task::TaskKind;

/// Collects the columns of a target.
pub(crate) struct TargetCells {
    columns: Vec<Labels>,
    task: TaskKind,
    /// Whether the labels are those of a model.
    known: bool,
    one_hot: OneHot,
}

/// Whether rows with a single 1 among zeros are classes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OneHot {
    Never,
    /// If every row is one.
    Possible,
    Required,
}

impl TargetCells {
    /// For a target with this number of columns.
    ///
    /// # Errors
    /// If the task does not take this number of columns.
    pub(crate) fn new(columns: usize, options: &ReadOptions) -> Result<Self, String> {
        let (task, labels) = (options.task, &options.labels);
        if columns > 1 && task == TaskKind::Classification {
            return Err(format!(
                "it has {columns} columns, and a classification has one: make this several labels (--task multi-label) or \
                 numbers (--task regression)"
            ));
        }
        if columns > 1 && !options.classes.is_empty() {
            return Err(format!(
                "it has {columns} columns, and the target of the model is one column of classes"
            ));
        }
        if !labels.is_empty() && labels.len() != columns {
            return Err(format!("it has {columns} columns, and the model has {} labels", labels.len()));
        }
        let column = |at: usize| match (labels.get(at), task) {
            (Some(label), _) => Labels::new(TaskKind::Classification, &label.words),
            (None, TaskKind::MultiLabel) => Labels::new(TaskKind::Classification, &[]),
            (None, task) => Labels::new(task, &options.classes),
        };
        let known = !labels.is_empty();
        Ok(Self { columns: (0..columns).map(column).collect(), task, known, one_hot: OneHot::Never })
    }

    /// For the rows of an array: its columns have no names, and one-hot rows are classes, numbered by the place of their 1.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn of_rows(columns: usize, options: &ReadOptions) -> Result<Self, String> {
        let classes = &options.classes;
        let fits = classes.is_empty() || *classes == numbered("", columns);
        let one_hot = match options.task {
            _ if columns == 1 || !options.labels.is_empty() || !fits => OneHot::Never,
            TaskKind::Auto if classes.is_empty() => OneHot::Possible,
            TaskKind::Auto | TaskKind::Classification => OneHot::Required,
            TaskKind::Regression | TaskKind::MultiLabel => OneHot::Never,
        };
        if one_hot != OneHot::Required {
            return Ok(Self { one_hot, ..Self::new(columns, options)? });
        }
        let as_labels = ReadOptions { task: TaskKind::MultiLabel, classes: Vec::new(), ..options.clone() };
        Ok(Self { one_hot, ..Self::new(columns, &as_labels)? })
    }

    /// The cells of a column, to take the next one.
    pub(crate) fn column(&mut self, at: usize) -> &mut Labels {
        &mut self.columns[at]
    }

    /// Whether it matters how a column spells numbers.
    #[cfg(any(feature = "csv", feature = "parquet"))]
    pub(crate) fn wants_form(&self, at: usize) -> bool {
        self.columns[at].wants_form()
    }

    /// How a column spells numbers.
    pub(crate) fn form(&self, at: usize) -> &NumberForm {
        self.columns[at].form()
    }

    /// The target; `names` are those of the columns.
    ///
    /// # Errors
    /// If several columns are neither all numbers nor all labels.
    pub(crate) fn finish(self, names: &[String]) -> Result<Target, String> {
        let one_hot = self.one_hot;
        let target = self.together(names)?;
        let classes = match &target {
            _ if one_hot == OneHot::Never => return Ok(target),
            Target::MultiLabel { values, labels } => classes_of(values, labels),
            // A class that does not occur is a column of one number.
            Target::Real { values, .. } if values.iter().all(|&x| x == 0.0 || x == 1.0) => {
                classes_of(&values.mapv(|x| x == 1.0), &[])
            }
            _ => return Ok(target),
        };
        if one_hot == OneHot::Possible { Ok(classes.unwrap_or(target)) } else { classes }
    }

    fn together(self, names: &[String]) -> Result<Target, String> {
        let (task, known) = (self.task, self.known);
        let mut targets: Vec<Target> =
            self.columns.into_iter().zip(names).map(|(column, name)| column.finish(name)).collect();
        if known || task == TaskKind::MultiLabel {
            return labels(targets, names);
        }
        if targets.len() == 1 {
            return Ok(targets.remove(0));
        }
        if targets.iter().all(is_label) {
            return labels(targets, names);
        }
        let Some(words) = targets.iter().position(has_words) else { return Ok(numbers(targets, names)) };
        let number = targets.iter().position(|target| !has_words(target));
        let fault = if let Some(number) = number {
            format!("{:?} holds numbers and {:?} words", names[number], names[words])
        } else {
            let many = targets.iter().position(|target| !is_label(target)).unwrap_or_default();
            format!("{:?} has {} words", names[many], targets[many].outputs())
        };
        Err(format!(
            "the targets cannot be learned together: {fault}; name columns of numbers, or columns of two words (or 0 and 1) \
             each, with --target"
        ))
    }
}

/// The usual names of the columns of a target without names: `y`, or `y0`, `y1`, ….
pub(crate) fn usual_names(columns: usize) -> Vec<String> {
    if columns == 1 { vec!["y".to_owned()] } else { numbered("y", columns) }
}

/// Whether a column has words that are no numbers.
fn has_words(target: &Target) -> bool {
    matches!(target, Target::Classes { names, .. } if names.iter().any(|name| plain(name).is_none()))
}

/// Whether a column is a label under [`TaskKind::Auto`].
fn is_label(target: &Target) -> bool {
    let Target::Classes { names, .. } = target else { return false };
    names.len() <= 2 && (has_words(target) || names.iter().all(|name| name == "0" || name == "1"))
}

/// The classes of one-hot rows.
fn classes_of(rows: &Array2<bool>, labels: &[Label]) -> Result<Target, String> {
    if let Some(other) = labels.iter().find(|label| label.words != ["0", "1"]) {
        let [no, yes] = &other.words;
        return Err(format!(
            "its columns hold {no:?} and {yes:?}, and one-hot rows hold 0 and 1: make these several labels (--task multi-label)"
        ));
    }
    let class = |(row, flags): (usize, ArrayView1<bool>)| {
        let mut ones = flags.iter().zip(0..).filter(|(flag, _)| **flag);
        match (ones.next(), ones.next()) {
            (Some((_, class)), None) => Ok(class),
            (first, _) => Err(format!(
                "row {row} has {}, and a one-hot row has one: make these several labels (--task multi-label)",
                if first.is_some() { "more than one 1" } else { "no 1" }
            )),
        }
    };
    let labels = rows.outer_iter().enumerate().map(class).collect::<Result<_, _>>()?;
    Ok(Target::Classes { labels, names: numbered("", rows.ncols()) })
}

fn numbers(targets: Vec<Target>, names: &[String]) -> Target {
    let rows = targets.first().map_or(0, Target::len);
    let mut all = Array2::zeros((rows, targets.len()));
    for (target, mut column) in targets.into_iter().zip(all.columns_mut()) {
        match target {
            Target::Real { values, .. } => column.assign(&values.column(0)),
            Target::Classes { labels, names } => {
                let numbers: Vec<f64> = names.iter().map(|name| plain(name).unwrap_or_default()).collect();
                column.iter_mut().zip(labels).for_each(|(x, label)| *x = numbers[label as usize]);
            }
            Target::MultiLabel { .. } => unreachable!("a column of cells is no several labels"),
        }
    }
    Target::Real { values: all, names: names.to_vec() }
}

fn labels(targets: Vec<Target>, names: &[String]) -> Result<Target, String> {
    let rows = targets.first().map_or(0, Target::len);
    let mut values = Array2::from_elem((rows, targets.len()), false);
    let mut all = Vec::with_capacity(targets.len());
    for ((target, name), mut column) in targets.into_iter().zip(names).zip(values.columns_mut()) {
        let Target::Classes { labels, names: found } = target else {
            unreachable!("the cells of a label are classes")
        };
        // Labels that hold for no example, or for all.
        let (words, first) = match &found[..] {
            [word] if word == "0" || word == "1" => (["0", "1"].map(str::to_owned), u32::from(word == "1")),
            [word] => {
                return Err(format!("the label {name:?} is {word:?} in every row: leave it out of --target"));
            }
            [no, yes] => ([no.clone(), yes.clone()], 0),
            _ => {
                return Err(format!(
                    "{name:?} has {} words ({}), and a label has two, or 0 and 1: leave it out of --target",
                    found.len(),
                    shortened(&found)
                ));
            }
        };
        column.iter_mut().zip(labels).for_each(|(holds, label)| *holds = label + first == 1);
        all.push(Label { name: name.clone(), words });
    }
    Ok(Target::MultiLabel { values, labels: all })
}

#[cfg(test)]
mod tests {
    use chainrule_tensor::ndarray::array;

    use super::*;

    fn of(columns: &[&[&str]], options: &ReadOptions) -> Result<Target, String> {
        let mut cells = TargetCells::new(columns.len(), options)?;
        for (at, column) in columns.iter().enumerate() {
            column.iter().try_for_each(|cell| cells.column(at).push::<f64>(cell))?;
        }
        cells.finish(&numbered("t", columns.len()))
    }

    fn with(task: TaskKind) -> ReadOptions {
        ReadOptions { task, ..ReadOptions::default() }
    }

    #[test]
    fn columns_of_two_words_are_labels_and_columns_of_numbers_are_numbers() {
        let auto = ReadOptions::default();
        let (flags, words) = (["0", "1", "1.0", "0"], ["spam", "ham", "ham", "ham"]);
        let label =
            |name: &str, words: [&str; 2]| Label { name: name.into(), words: words.map(str::to_owned) };
        let labels = vec![label("t0", ["0", "1"]), label("t1", ["ham", "spam"])];
        let values = array![[false, true], [true, false], [true, false], [false, false]];
        assert_eq!(of(&[&flags, &words], &auto), Ok(Target::MultiLabel { values, labels: labels.clone() }));
        let real = array![[0.0, 2.5], [1.0, 7.0], [1.0, 7.0], [0.0, 3.0]];
        let numbers = ["2.5", "7", "7", "3"];
        let names = numbered("t", 2);
        assert_eq!(of(&[&flags, &numbers], &auto), Ok(Target::Real { values: real, names }));
        assert!(matches!(of(&[&flags, &flags], &with(TaskKind::Regression)), Ok(Target::Real { .. })));
        assert_eq!(
            of(&[&["1", "2"], &["1", "1"]], &with(TaskKind::MultiLabel)).unwrap().labels()[1].words,
            ["0", "1"]
        );
        // The words of a model hold also where one of them does not occur.
        let model = ReadOptions { labels, ..ReadOptions::default() };
        let new = of(&[&["1", "1"], &["spam", "spam"]], &model).unwrap();
        assert!(
            matches!(new, Target::MultiLabel { values, .. } if values == array![[true, true], [true, true]])
        );
    }

    #[test]
    fn one_hot_rows_of_an_array_are_classes() {
        let rows = |columns: &[&[&str]], options: &ReadOptions| {
            let mut cells = TargetCells::of_rows(columns.len(), options)?;
            for (at, column) in columns.iter().enumerate() {
                column.iter().try_for_each(|cell| cells.column(at).push::<f64>(cell))?;
            }
            cells.finish(&usual_names(columns.len()))
        };
        let auto = ReadOptions::default();
        let one_hot: [&[&str]; 3] = [&["0", "1", "0"], &["0", "0", "0"], &["1", "0", "1"]];
        let classes = Target::Classes { labels: vec![2, 0, 2], names: numbered("", 3) };
        let of_model = ReadOptions { classes: numbered("", 3), ..ReadOptions::default() };
        for options in [&auto, &with(TaskKind::Classification), &of_model] {
            assert_eq!(rows(&one_hot, options), Ok(classes.clone()));
        }
        // Any number of ones is any number of labels, and whoever names a task gets it.
        let several: [&[&str]; 2] = [&["0", "1", "1", "0"], &["1", "0", "1", "1"]];
        assert!(matches!(rows(&several, &auto), Ok(Target::MultiLabel { .. })));
        assert!(matches!(rows(&one_hot, &with(TaskKind::MultiLabel)), Ok(Target::MultiLabel { .. })));
        assert!(matches!(rows(&one_hot, &with(TaskKind::Regression)), Ok(Target::Real { .. })));
        for (columns, fault) in [
            (several, "row 2 has more than one 1"),
            ([&["0", "1"], &["0", "0"]], "row 0 has no 1"),
            ([&["2", "1"], &["1", "2"]], "hold \"1\" and \"2\""),
        ] {
            let error = rows(&columns, &with(TaskKind::Classification)).unwrap_err();
            assert!(error.contains(fault), "{error}");
        }
        let words = ReadOptions { classes: vec!["cat".into(), "dog".into()], ..ReadOptions::default() };
        assert!(rows(&several, &words).unwrap_err().contains("is one column of classes"));
    }

    #[test]
    fn columns_of_different_kinds_are_refused() {
        let auto = ReadOptions::default();
        let (words, many) = (["a", "b", "a", "b"], ["a", "b", "c", "a"]);
        for (columns, options, fault) in [
            (&[&words[..], &["1.5", "2", "2", "2"]][..], &auto, "\"t1\" holds numbers and \"t0\" words"),
            (&[&words, &many], &auto, "\"t1\" has 3 words"),
            (&[&words, &many], &with(TaskKind::MultiLabel), "\"t1\" has 3 words (a, b, c)"),
            (&[&words, &["a", "a", "a", "a"]], &auto, "the label \"t1\" is \"a\" in every row"),
            (&[&words, &words], &with(TaskKind::Classification), "--task multi-label"),
            (&[&words], &with(TaskKind::Regression), "--task classification"),
        ] {
            let error = of(columns, options).unwrap_err();
            assert!(error.contains(fault), "{error}");
        }
    }
}
