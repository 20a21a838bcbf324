use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use chainrule_tensor::Scalar;

use crate::dataset::Dataset;
use crate::image::shape::ImageShape;
use crate::table::cells::shortened;
use crate::table::column::numbered;
use crate::table::form::NumberForm;
use crate::table::schema::{ColumnKind, Feature, Schema};
use crate::table::unread::looks_like;
use crate::target::Target;

/// What a file was taken for, in one line.
///
#[cfg_attr(feature = "csv", doc = "```")]
#[cfg_attr(not(feature = "csv"), doc = "```ignore")]
/// use chainrule_datasets::{ReadOptions, csv};
///
/// # fn main() -> Result<(), chainrule_datasets::Error> {
/// let text = b"length,colour,class\n1.5,red,a\n2.5,blue,b\n3.5,red,a\n4.5,red,b\n";
/// let data = csv::decode::<f32>(text, "hats.csv".as_ref(), &ReadOptions::default())?;
/// assert_eq!(
///     data.summary().to_string(),
///     "comma, header, 2 columns: 1 number, 1 category (2 words); target class: 2 classes"
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    text: String,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Feature {
    /// What its cells are, in words: a number and how it is spelled, a date, or a category with its words.
    ///
    #[cfg_attr(feature = "csv", doc = "```")]
    #[cfg_attr(not(feature = "csv"), doc = "```ignore")]
    /// use chainrule_datasets::{ReadOptions, csv};
    ///
    /// # fn main() -> Result<(), chainrule_datasets::Error> {
    /// let table = b"colour;on;price;y\nred;2024-03-01;1,5 %;1\nblue;2024-03-02;2 %;2\n";
    /// let data = csv::decode::<f64>(table, "hats.csv".as_ref(), &ReadOptions::default())?;
    /// let kinds: Vec<String> = data.schema().unwrap().features.iter().map(|feature| feature.in_words()).collect();
    /// assert_eq!(kinds, ["category: blue, red", "date", "number, decimal comma, per cent"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn in_words(&self) -> String {
        match (&self.kind, &self.form) {
            (ColumnKind::Category(words), _) => format!("category: {}", shortened(words)),
            (ColumnKind::Date { .. }, form) => format!("{form} with its parts"),
            (ColumnKind::Number, NumberForm::Plain) => "number".to_owned(),
            (ColumnKind::Number, NumberForm::Date(_)) => self.form.to_string(),
            (ColumnKind::Number, form) => format!("number, {form}"),
        }
    }
}

impl<A: Scalar> Dataset<A> {
    /// What the file of these examples was taken for: dialect, columns, target.
    pub fn summary(&self) -> Summary {
        self.summary_of(self.len())
    }

    /// The same, of a file of this many examples, of which these are a part.
    pub fn summary_of(&self, examples: usize) -> Summary {
        let features = match (self.schema(), self.image()) {
            (Some(schema), _) => table(schema),
            (None, Some(ImageShape { height, width, channels })) => {
                format!("{} of {height} x {width} x {channels}", counted(examples, "image"))
            }
            (None, None) => format!("{} of numbers", counted(self.inputs(), "column")),
        };
        let targets = self.schema().map_or(&[][..], |schema| &schema.targets);
        let names: Vec<String> = targets.iter().map(|target| visible(&target.name)).collect();
        let target = match (&names[..], self.outputs()) {
            ([name], _) => format!("target {name}"),
            ([], outputs) if outputs > 1 && !self.target().is_classes() => format!("{outputs} targets"),
            ([], _) => "target".to_owned(),
            (names, _) => format!("targets {}", shortened(names)),
        };
        let target = match self.target() {
            Target::Classes { names, .. } => format!("{target}: {}", counted(names.len(), "class")),
            Target::Real { .. } => {
                let mut forms: Vec<String> = targets
                    .iter()
                    .filter(|target| !target.form.is_plain())
                    .map(|target| target.form.to_string())
                    .collect();
                forms.dedup();
                let forms = if forms.is_empty() { String::new() } else { format!(" ({})", forms.join("; ")) };
                format!("{target}: numbers{forms}")
            }
            Target::MultiLabel { labels, .. } => {
                let mut words: Vec<String> =
                    labels.iter().map(|label| visible(&label.words.join("/"))).collect();
                words.dedup();
                format!("{target}: {} ({})", counted(labels.len(), "label"), shortened(&words))
            }
        };
        let mut text = format!("{features}; {target}");
        for note in self.schema().iter().flat_map(|schema| unread(schema)) {
            write!(text, "; {note}").expect("a string takes every write");
        }
        if let (resized @ 1.., files) = self.resized_files() {
            write!(text, "; {resized} of {files} files resized").expect("a string takes every write");
        }
        if !self.ignored().is_empty() {
            let kinds: Vec<String> =
                self.ignored().iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            text.push_str("; ignored: ");
            text.push_str(&kinds.join(", "));
        }
        Summary { text }
    }
}

fn table(schema: &Schema) -> String {
    let mut parts: Vec<String> = schema.dialect.iter().map(ToString::to_string).collect();
    parts.push(format!("{}: {}", counted(schema.features.len(), "column"), kinds(schema).join(", ")));
    let left_out = schema.width.saturating_sub(schema.features.len() + schema.targets.len());
    if left_out > 0 {
        parts.push(format!("{left_out} left out"));
    }
    parts.join(", ")
}

/// What dates with their cyclic parts are counted as.
const WITH_PARTS: &str = "date with parts";

/// The columns by kind: numbers, then dates, then categories.
fn kinds(schema: &Schema) -> Vec<String> {
    let mut numbers = BTreeMap::new();
    let (mut plain, mut words) = (0_usize, Vec::new());
    for feature in &schema.features {
        match (&feature.kind, &feature.form) {
            (ColumnKind::Category(known), _) => words.push(known.len()),
            (ColumnKind::Date { .. }, _) => *numbers.entry(WITH_PARTS.to_owned()).or_insert(0_usize) += 1,
            (ColumnKind::Number, NumberForm::Plain) => plain += 1,
            (ColumnKind::Number, form) => *numbers.entry(form.to_string()).or_insert(0_usize) += 1,
        }
    }
    let mut kinds = Vec::new();
    if plain > 0 {
        kinds.push(counted(plain, "number"));
    }
    for (form, count) in numbers {
        kinds.push(if form == "date" {
            counted(count, "date")
        } else if form == "time of day" {
            if count == 1 { "1 time of day".to_owned() } else { format!("{count} times of day") }
        } else if form == WITH_PARTS {
            format!("{} (with cyclic parts)", counted(count, "date"))
        } else {
            format!("{} ({form})", counted(count, "number"))
        });
    }
    match (words.iter().min(), words.iter().max()) {
        (Some(least), Some(most)) if least == most => {
            let each = if words.len() > 1 { " each" } else { "" };
            kinds.push(format!("{} ({}{each})", counted(words.len(), "category"), counted(*most, "word")));
        }
        (Some(least), Some(most)) => {
            kinds.push(format!("{} ({least} to {most} words)", counted(words.len(), "category")));
        }
        _ => {}
    }
    kinds
}

/// A note for each category whose words look like numbers or dates.
fn unread(schema: &Schema) -> impl Iterator<Item = String> {
    schema.features.iter().filter_map(|feature| {
        let ColumnKind::Category(words) = &feature.kind else { return None };
        let (looks, count) = (looks_like(words)?, words.len());
        let column = numbered(feature.place, Some(feature.name.as_str()).filter(|_| schema.named));
        let cure = "write them as 2024-01-31 or 12.5, or leave the column out (--drop)";
        Some(visible(&format!("{column}: {count} different words that {looks}: {cure}")))
    })
}

/// A name whose control characters, also those that reorder a line, are shown and not obeyed by a terminal or a page.
fn visible(name: &str) -> String {
    let reorders = |c: char| ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c);
    let shown = |letter: char| {
        if letter.is_control() || reorders(letter) {
            letter.escape_default().to_string()
        } else {
            letter.to_string()
        }
    };
    name.chars().map(shown).collect()
}

/// A count with its noun, in the plural but for one.
///
/// ```
/// use chainrule_datasets::counted;
///
/// assert_eq!([0, 1, 2].map(|count| counted(count, "class")), ["0 classes", "1 class", "2 classes"]);
/// ```
pub fn counted(count: usize, what: &str) -> String {
    let plural = match what {
        "category" => "categories".to_owned(),
        "class" => "classes".to_owned(),
        _ => format!("{what}s"),
    };
    if count == 1 { format!("1 {what}") } else { format!("{count} {plural}") }
}
