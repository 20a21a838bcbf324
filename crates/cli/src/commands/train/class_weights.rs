//! `--class-weight`: how much each class counts in the loss.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use chainrule::datasets::{Dataset, unreadable};
use chainrule::loss::{CrossEntropyConfig, LossSpec};
use chainrule::model;
use chainrule::tensor::Scalar;

use crate::commands::options::absolute;
use crate::failure::Failure;
use crate::text_file;

/// The value of `--class-weight`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ClassWeights {
    /// n / (k·n_c) for a class with n_c of the n training examples, where k classes occur.
    Balanced,
    /// A line `class,weight` for each class; 1 for a class without one.
    File(PathBuf),
}

impl FromStr for ClassWeights {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "balanced" => Ok(ClassWeights::Balanced),
            file if file.contains(['.', '/', '\\']) => Ok(ClassWeights::File(file.into())),
            _ => {
                Err("expected `balanced`, or a .csv file with a line `class,weight` for each class"
                    .to_owned())
            }
        }
    }
}

impl ClassWeights {
    /// The value of the flag that means the same from any folder.
    pub(crate) fn setting(&self) -> String {
        match self {
            ClassWeights::Balanced => "balanced".to_owned(),
            ClassWeights::File(path) => absolute(path),
        }
    }

    /// The loss with the weights of the classes of `train`.
    ///
    /// # Errors
    /// If the loss is no cross-entropy of classes, or the file does not fit them.
    pub(crate) fn weigh<A: Scalar>(&self, loss: &LossSpec, train: &Dataset<A>) -> Result<LossSpec, Failure> {
        let (LossSpec::CrossEntropy(config), Some(counts)) = (loss, train.class_counts()) else {
            return Err(Failure::Input(format!(
                "--class-weight weighs the classes of the cross-entropy: omit it, or train classes with --loss \
                 cross-entropy instead of {}",
                loss.kind()
            )));
        };
        let class_weights = match self {
            ClassWeights::Balanced => model::ClassWeights::balanced(&counts),
            ClassWeights::File(path) => from_file::<A>(path, train.class_names())?,
        };
        Ok(LossSpec::CrossEntropy(CrossEntropyConfig { class_weights, ..config.clone() }))
    }
}

fn from_file<A: Scalar>(path: &Path, names: &[String]) -> Result<Vec<f64>, Failure> {
    let fault = |fault: String| Failure::Input(format!("--class-weight {}: {fault}", path.display()));
    let text = text_file::read(path).map_err(|error| {
        let unreadable = unreadable(path, &error, "");
        fault(format!(
            "{unreadable}: name a .csv file with a line `class,weight` for each class, or balanced"
        ))
    })?;
    let mut weights: Vec<Option<f64>> = vec![None; names.len()];
    let lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    for (at, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let failed = |what: String| fault(format!("line {}: {what}", at + 1));
        let Some((name, weight)) = line.rsplit_once([',', ';', '\t']) else {
            return Err(failed(format!("{line:?} is no class and weight: write `class,weight`")));
        };
        let name = unquoted(name.trim());
        let weight = match weight.trim().parse::<f64>() {
            Ok(weight) if A::of(weight).is_finite() && weight >= 0.0 => weight,
            // The names of the columns.
            Err(_) if at == 0 && !names.contains(&name) => continue,
            _ => {
                return Err(failed(format!(
                    "{:?} is no weight: give a number that is not negative",
                    weight.trim()
                )));
            }
        };
        let Some(class) = names.iter().position(|known| *known == name) else {
            let known: Vec<&str> = names.iter().take(12).map(String::as_str).collect();
            return Err(failed(format!("{name:?} is no class of the data, which has {}", known.join(", "))));
        };
        if weights[class].replace(weight).is_some() {
            return Err(failed(format!("{name:?} has a weight already: give each class one")));
        }
    }
    if weights.iter().all(Option::is_none) {
        return Err(fault("it is empty: write a line `class,weight` for each class".to_owned()));
    }
    let weights: Vec<f64> = weights.into_iter().map(|weight| weight.unwrap_or(1.0)).collect();
    if weights.iter().all(|&weight| weight == 0.0) {
        return Err(fault("all classes have the weight 0: give one of them more".to_owned()));
    }
    Ok(weights)
}

fn unquoted(name: &str) -> String {
    match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_classes_and_weights() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.csv");
        let names = ["a, b", "0", "1"].map(str::to_owned);
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            from_file::<f32>(&path, &names).map_err(|failure| failure.to_string())
        };
        assert_eq!(read("class,weight\n1,2.5\n\n\"a, b\",0\n"), Ok(vec![0.0, 1.0, 2.5]));
        assert_eq!(read("0;3\n1;0.5\n"), Ok(vec![1.0, 3.0, 0.5]));
        for (text, fault) in [
            ("", "it is empty"),
            ("x,1\n", "line 1: \"x\" is no class of the data, which has a, b, 0, 1"),
            ("1,2\n1,3\n", "line 2: \"1\" has a weight already"),
            ("1,-2\n", "is no weight"),
            ("1,2\n0,x\n", "line 2: \"x\" is no weight"),
            ("1\n", "line 1"),
            ("1,1e300\n", "\"1e300\" is no weight"),
            ("0,0\n1,0\n\"a, b\",0\n", "all classes have the weight 0"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(fault) && error.contains("w.csv"), "{text:?}: {error}");
        }
        assert!(from_file::<f32>(&folder.path().join("none.csv"), &names).is_err());
    }
}
