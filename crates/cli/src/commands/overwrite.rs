//! Output files: what is there already stays, unless the user says otherwise.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use clap::Args;

use crate::failure::Failure;
use crate::headings::OUTPUT;

/// How the title of a page ends that the program writes.
const TITLES: [&str; 2] = ["· chainrule</title>", "<title>The chain rule, number by number</title>"];

#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Overwrite {
    /// Replace an existing output file
    #[arg(long, help_heading = OUTPUT)]
    force: bool,
}

impl Overwrite {
    /// Checks that nothing is lost when `path` is written. A page that the program itself has written may be replaced.
    ///
    /// # Errors
    /// If there is a file already.
    pub(crate) fn check(self, path: &Path) -> Result<(), Failure> {
        if self.force || !path.is_file() || is_own_page(path) {
            return Ok(());
        }
        Err(Failure::Input(format!(
            "{} exists already: choose another name for --out, or replace the file (--force)",
            path.display()
        )))
    }
}

/// Whether a file is a page that the program wrote, by its title.
fn is_own_page(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(1 << 12).read_to_end(&mut start));
    let start = String::from_utf8_lossy(&start);
    read.is_ok() && TITLES.iter().any(|title| start.contains(title))
}
