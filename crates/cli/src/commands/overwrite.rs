//! Output files: what is there already stays, unless the user says otherwise.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use chainrule_report::run::{CONFIG, REPORT};
use clap::Args;

use crate::failure::Failure;
use crate::headings::OUTPUT;

/// What is in the first lines of a page, a plot or a page of the manual that the program writes.
const MARKS: [&str; 4] = [
    "· chainrule</title>",
    "<title>The chain rule, number by number</title>",
    "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" role=\"img\" aria-label=\"",
    ".TH chainrule",
];

#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Overwrite {
    /// Replace an existing output file
    #[arg(long, help_heading = OUTPUT)]
    force: bool,
}

impl Overwrite {
    /// Checks that nothing is lost when `path` is written. A page or plot that the program itself has written may be replaced, unless
    /// it is the report of a run, which no command makes again.
    ///
    /// # Errors
    /// If there is a file already.
    pub(crate) fn check(self, path: &Path) -> Result<(), Failure> {
        if self.force || !path.is_file() || (is_own(path) && !is_of_run(path)) {
            return Ok(());
        }
        Err(Failure::Input(format!(
            "{} exists already: choose another name for --out, or replace the file (--force)",
            path.display()
        )))
    }
}

/// Whether a file is a page or a plot that the program wrote.
fn is_own(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(1 << 12).read_to_end(&mut start));
    let start = String::from_utf8_lossy(&start);
    read.is_ok() && MARKS.iter().any(|mark| start.contains(mark))
}

/// Whether a file is the report in the folder of a run.
fn is_of_run(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == REPORT)
        && path.parent().is_some_and(|folder| folder.join(CONFIG).exists())
}
