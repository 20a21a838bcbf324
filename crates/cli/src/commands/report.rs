//! `chainrule report`, and the page that every run leaves.

mod compare;
mod examples;
mod machine;
mod page;
mod picture;
mod run;

use std::fs;
use std::path::{Path, PathBuf};

use chainrule::datasets::write_atomic;
use clap::Args;

use super::run::folder;
use crate::failure::{Failure, say};

pub(crate) use examples::pictures;
pub(crate) use machine::machine;
pub(crate) use run::{Story, run_page};

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The folders of the runs
    #[arg(required = true, value_name = "DIR")]
    runs: Vec<PathBuf>,
    /// The page
    #[arg(long, value_name = "FILE", default_value = "comparison.html")]
    out: PathBuf,
}

impl Report {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let stories: Vec<Story> = self.runs.iter().map(|run| read(run)).collect::<Result<_, _>>()?;
        let links: Vec<Option<String>> = self.runs.iter().map(|run| self.link(run)).collect();
        let html = compare::comparison(&stories, &links);
        write_atomic(&self.out, |file| file.write_all(html.as_bytes())).map_err(Failure::run)?;
        let what = match stories.len() {
            1 => "1 run".to_owned(),
            runs => format!("{runs} runs compared"),
        };
        say!("{what} in {}", self.out.display())
    }

    /// The run's own page, as the comparison's can name it.
    fn link(&self, run: &Path) -> Option<String> {
        let page = run.join(folder::REPORT);
        if !page.is_file() {
            return None;
        }
        let here = self.out.parent().filter(|folder| !folder.as_os_str().is_empty());
        let path = match here {
            Some(_) => std::path::absolute(&page).ok()?,
            None => page,
        };
        Some(path.to_string_lossy().replace('\\', "/"))
    }
}

/// Reads what a run left in its folder.
///
/// # Errors
/// If it is no folder of a run that has ended.
pub(crate) fn read(path: &Path) -> Result<Story, Failure> {
    let text = |name: &str| {
        let file = path.join(name);
        fs::read_to_string(&file).map_err(|error| {
            Failure::Input(format!(
                "cannot read {}: {error}: name the folder of a run that has ended",
                file.display()
            ))
        })
    };
    let results = text(folder::RESULTS)?;
    let results = serde_json::from_str(&results)
        .map_err(|error| Failure::Input(format!("{}: {error}", path.join(folder::RESULTS).display())))?;
    let lines = text(folder::METRICS)?.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_else(|| path.display().to_string());
    Ok(Story { name, results, lines, settings: text(folder::CONFIG)? })
}
