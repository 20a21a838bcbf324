//! The answer of a network to an example, and how it compares with the truth.

use serde::Serialize;

use crate::digits::{percent, significant};

/// The answer of a network to an example.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Answer {
    /// A class.
    Class {
        /// The class that it says.
        says: String,
        /// Its output for that class.
        output: f64,
        /// Whether the outputs are probabilities.
        is_probability: bool,
        /// The true class, if it is known.
        truth: Option<String>,
        /// The class that the user chose as the target of C.
        target: Option<String>,
        /// Name and output of each class.
        outputs: Vec<(String, f64)>,
    },
    /// A word for each label.
    Labels {
        /// The labels, in the order of the outputs.
        labels: Vec<LabelAnswer>,
    },
    /// Numbers.
    Numbers {
        /// The targets, in the order of the outputs.
        targets: Vec<NumberAnswer>,
    },
}

/// The answer for a label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelAnswer {
    /// Name of the label.
    pub name: String,
    /// The word that the network says.
    pub says: String,
    /// The true word, if it is known.
    pub truth: Option<String>,
    /// The word that the user chose as the target of C.
    pub target: Option<String>,
    /// Both words with their probabilities.
    pub outputs: [(String, f64); 2],
}

/// The answer for a target column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NumberAnswer {
    /// Name of the column.
    pub name: String,
    /// The prediction.
    pub says: f64,
    /// The true value, if it is known.
    pub truth: Option<f64>,
    /// The number that the user chose as the target of C.
    pub target: Option<f64>,
}

/// What an answer is compared with, and its name: the truth or, where nobody knows it, the target that the user chose.
fn measure<'a, T>(truth: Option<&'a T>, target: Option<&'a T>) -> Option<(&'static str, &'a T)> {
    truth.map(|truth| ("truth", truth)).or(target.map(|target| ("target", target)))
}

impl LabelAnswer {
    fn measure(&self) -> Option<(&'static str, &String)> {
        measure(self.truth.as_ref(), self.target.as_ref())
    }

    fn is_right(&self) -> Option<bool> {
        self.measure().map(|(_, word)| *word == self.says)
    }

    /// The probability of the word that it says, which names it: `no (97.0 % for no)`, whatever the label.
    fn phrase(&self) -> String {
        let Self { name, says, outputs, .. } = self;
        let probability = outputs.iter().find(|(word, _)| word == says).map_or(f64::NAN, |(_, p)| *p);
        let wrong = match self.measure() {
            Some(("truth", word)) if word != says => format!(", in truth {word}"),
            Some((_, word)) if word != says => format!(", the target is {word}"),
            _ => String::new(),
        };
        format!("{name} {says} ({} for {says}{wrong})", percent(probability))
    }
}

impl NumberAnswer {
    fn phrase(&self) -> String {
        let Self { name, says, truth, target } = self;
        match measure(truth.as_ref(), target.as_ref()) {
            Some((what, &measure)) => {
                let [says, measure, difference] = compared(*says, measure);
                format!("{name} {says}, and the {what} is {measure} ({difference})")
            }
            None => format!("{name} {}", compared(*says, *says)[0]),
        }
    }
}

impl Answer {
    /// Whether it is right, where that is a question: by the truth or, where nobody knows it, by the target that the user chose.
    ///
    /// ```
    /// use chainrule_report::verdict::Answer;
    ///
    /// let class = |truth: Option<&str>, target: Option<&str>| Answer::Class {
    ///     says: "9".to_owned(),
    ///     output: 0.986,
    ///     is_probability: true,
    ///     truth: truth.map(str::to_owned),
    ///     target: target.map(str::to_owned),
    ///     outputs: Vec::new(),
    /// };
    /// assert_eq!(class(Some("9"), None).is_right(), Some(true));
    /// assert_eq!(class(Some("4"), None).sentence(), "The network says 9 (98.6 %), and the truth is 4: wrong.");
    /// assert_eq!(class(None, Some("4")).sentence(), "The network says 9 (98.6 %), and the target is 4: wrong.");
    /// assert_eq!(class(None, None).sentence(), "The network says 9 (98.6 %).");
    /// ```
    pub fn is_right(&self) -> Option<bool> {
        match self {
            Self::Class { says, truth, target, .. } => {
                measure(truth.as_ref(), target.as_ref()).map(|(_, class)| class == says)
            }
            Self::Labels { labels } => labels
                .iter()
                .map(LabelAnswer::is_right)
                .collect::<Option<Vec<bool>>>()
                .map(|right| right.into_iter().all(|right| right)),
            Self::Numbers { .. } => None,
        }
    }

    /// The answer in a sentence, without names of classes that a terminal would obey: those are the caller's to escape. Where C is that of
    /// another target than the truth, a second sentence says so.
    pub fn sentence(&self) -> String {
        let end = match self.is_right() {
            Some(true) => ": right",
            Some(false) => ": wrong",
            None => "",
        };
        let says = match self {
            Self::Class { says, output, is_probability, truth, target, .. } => {
                let how = if *is_probability { percent(*output) } else { format!("output {output:.4}") };
                let measure = measure(truth.as_ref(), target.as_ref())
                    .map_or_else(String::new, |(what, class)| format!(", and the {what} is {class}"));
                format!("{says} ({how}){measure}")
            }
            Self::Labels { labels } => joined(labels.iter().map(LabelAnswer::phrase), ", "),
            Self::Numbers { targets } => joined(targets.iter().map(NumberAnswer::phrase), "; "),
        };
        let of_target = self
            .target()
            .map_or_else(String::new, |target| format!(" C is computed for the target {target}."));
        format!("The network says {says}{end}.{of_target}")
    }

    /// The target that the user chose, where the truth is known too.
    fn target(&self) -> Option<String> {
        match self {
            Self::Class { truth, target, .. } => target.clone().filter(|_| truth.is_some()),
            Self::Labels { labels } => {
                let word = |label: &LabelAnswer| {
                    let target = label.target.as_ref().filter(|_| label.truth.is_some())?;
                    Some(format!("{} {target}", label.name))
                };
                labels.iter().map(word).collect::<Option<Vec<_>>>().map(|words| words.join(", "))
            }
            Self::Numbers { targets } => {
                let number = |answer: &NumberAnswer| {
                    let target = answer.target.filter(|_| answer.truth.is_some())?;
                    Some(format!("{} {}", answer.name, compared(target, target)[0]))
                };
                targets.iter().map(number).collect::<Option<Vec<_>>>().map(|numbers| numbers.join("; "))
            }
        }
    }
}

fn joined(parts: impl Iterator<Item = String>, between: &str) -> String {
    parts.collect::<Vec<_>>().join(between)
}

/// A prediction, what it is compared with, and the difference with its sign: the larger with six digits, all of them to one decimal place,
/// and to more where the difference would be 0 and is not.
fn compared(says: f64, measure: f64) -> [String; 3] {
    const MOST: i32 = 9;
    let (size, difference) = (says.abs().max(measure.abs()), says - measure);
    let sign = if difference < 0.0 { "−" } else { "+" };
    let readable = 1e-3..1e9;
    let of = |text: &dyn Fn(f64) -> String| {
        [text(says), text(measure), format!("{sign}{}", text(difference.abs()))]
    };
    if size != 0.0 && !readable.contains(&size) {
        return of(&significant);
    }
    let place = |x: f64| if x == 0.0 { 0 } else { x.abs().log10().floor() as i32 };
    let decimals = (5 - place(size)).max(-place(difference)).clamp(0, MOST) as usize;
    of(&|x| {
        let text = format!("{x:.decimals$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(name: &str, says: f64, truth: Option<f64>, target: Option<f64>) -> NumberAnswer {
        NumberAnswer { name: name.to_owned(), says, truth, target }
    }

    #[test]
    fn numbers_are_said_with_their_truth_and_six_digits() {
        let said = |targets: Vec<NumberAnswer>| Answer::Numbers { targets }.sentence();
        assert_eq!(
            said(vec![number("price", 141.5, Some(150.0), None), number("rent", 1.0, Some(1.0), None)]),
            "The network says price 141.5, and the truth is 150 (−8.5); rent 1, and the truth is 1 (+0)."
        );
        assert_eq!(
            said(vec![number("price", 163_425.531_2, Some(162_676.0), None)]),
            "The network says price 163426, and the truth is 162676 (+750)."
        );
        assert_eq!(
            said(vec![number("price", 263_425.25, Some(263_425.0), None)]),
            "The network says price 263425.2, and the truth is 263425 (+0.2)."
        );
        assert_eq!(
            said(vec![number("price", 2.5, None, Some(3.0))]),
            "The network says price 2.5, and the target is 3 (−0.5)."
        );
        assert_eq!(
            said(vec![number("price", 2.5, Some(2.0), Some(3.0))]),
            "The network says price 2.5, and the truth is 2 (+0.5). C is computed for the target price 3."
        );
    }

    #[test]
    fn the_per_cent_of_a_label_is_that_of_the_word_it_names() {
        let label = |says: &str, p: f64, truth: Option<&str>, target: Option<&str>| LabelAnswer {
            name: "wet".to_owned(),
            says: says.to_owned(),
            truth: truth.map(str::to_owned),
            target: target.map(str::to_owned),
            outputs: [("no".to_owned(), 1.0 - p), ("yes".to_owned(), p)],
        };
        let answer = |labels: Vec<LabelAnswer>| Answer::Labels { labels };
        let wrong = answer(vec![
            label("yes", 0.75, Some("yes"), None),
            label("no", 0.25, Some("yes"), None),
            label("no", 1e-6, Some("no"), None),
        ]);
        assert_eq!(wrong.is_right(), Some(false));
        assert_eq!(
            wrong.sentence(),
            "The network says wet yes (75.0 % for yes), wet no (75.0 % for no, in truth yes), wet no (> 99.9 % for no): wrong."
        );
        let chosen = answer(vec![label("no", 0.25, None, Some("yes"))]);
        assert_eq!(chosen.sentence(), "The network says wet no (75.0 % for no, the target is yes): wrong.");
        assert_eq!(answer(vec![label("no", 0.25, None, None)]).is_right(), None);
    }

    #[test]
    fn a_target_beside_the_truth_is_that_of_the_cost_and_judges_nothing() {
        let answer = Answer::Class {
            says: "a".to_owned(),
            output: 0.5,
            is_probability: false,
            truth: Some("a".to_owned()),
            target: Some("b".to_owned()),
            outputs: Vec::new(),
        };
        assert_eq!(answer.is_right(), Some(true));
        assert_eq!(
            answer.sentence(),
            "The network says a (output 0.5000), and the truth is a: right. C is computed for the target b."
        );
    }
}
