//! `chainrule report`.

use std::path::{Path, PathBuf};

use chainrule::datasets::write_atomic;
use chainrule_report::comparison_page;
use chainrule_report::run::{REPORT, Run};
use clap::Args;

use super::overwrite::Overwrite;
use crate::failure::{Failure, outln};

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Folders of the runs to compare
    #[arg(required = true, value_name = "DIR")]
    runs: Vec<PathBuf>,
    /// File to write the page to
    #[arg(long, value_name = "FILE", default_value = "comparison.html")]
    out: PathBuf,
    #[command(flatten)]
    overwrite: Overwrite,
}

impl Report {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        self.overwrite.check(&self.out)?;
        let with_link = |path: &PathBuf| {
            let run = Run::read(path).map_err(Failure::input)?;
            Ok((run, self.link(path)))
        };
        let runs: Vec<(Run, Option<String>)> = self.runs.iter().map(with_link).collect::<Result<_, _>>()?;
        let html = comparison_page(&runs);
        write_atomic(&self.out, |file| file.write_all(html.as_bytes())).map_err(Failure::run)?;
        let what = match runs.len() {
            1 => "1 run".to_owned(),
            runs => format!("{runs} runs compared"),
        };
        outln!("{what} in {}", self.out.display())
    }

    /// The address of a run's own page, as the comparison can link to it.
    fn link(&self, run: &Path) -> Option<String> {
        let page = run.join(REPORT);
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
