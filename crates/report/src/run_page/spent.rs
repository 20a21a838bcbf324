//! Where the time went, and on which machine.

use maud::{Markup, html};

use crate::digits::duration;
use crate::html::{facts, note};
use crate::results::Results;

/// Instead of times, also of a run that was resumed after its last step.
const NO_STEP: &str = "The process that ended the run took no step.";

/// The shares of the steps' parts.
pub(super) fn time(results: &Results) -> Markup {
    let split = results.split;
    let parts = [
        ("data", "data, records, snapshots", split.data),
        ("forward", "forward", split.forward),
        ("backward", "loss and backward", split.backward),
        ("update", "update", split.update),
    ];
    let total: f64 = parts.iter().map(|part| part.2).sum();
    if total <= 0.0 {
        return note(NO_STEP);
    }
    html! {
        div.bar role="img" aria-label="shares of the time" {
            @for (class, _, seconds) in parts {
                span class=(class) style=(format!("width:{:.2}%", 100.0 * seconds / total)) {}
            }
        }
        ul.key {
            @for (class, name, seconds) in parts {
                li {
                    i class=(class) {}
                    (format!("{name} {}, {:.0} %", duration(seconds), 100.0 * seconds / total))
                }
            }
        }
        (note("Steps of the process that ended the run, without validation."))
    }
}

/// The machine of a run.
pub(super) fn machine(results: &Results) -> Markup {
    let machine = &results.machine;
    let cores = machine.cores.to_string();
    let known = [
        ("processor", machine.processor.as_deref()),
        ("cores", Some(cores.as_str())),
        ("system", Some(&machine.system)),
        ("BLAS", Some(&machine.blas)),
        ("version", Some(&machine.version)),
    ];
    facts(known.into_iter().filter_map(|(name, value)| Some((name, value?))))
}
