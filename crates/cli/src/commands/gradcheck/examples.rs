//! The examples at which derivatives are checked: where no kink is near, and the derivatives are large.

use chainrule::layers::{Layer, Mode};
use chainrule::loss::Loss;
use chainrule::ndarray::{Array2, ArrayView2, Axis, s};
use chainrule::optim::Objective;
use chainrule::tensor::difference;
use chainrule::train::{Risk, Workspace, gradcheck::is_clear_of_kinks};

/// The steps of the differences, the largest first: a smaller one comes with more rounding, and stays clear of nearer kinks.
const STEPS: [f64; 4] =
    [difference::STEP, difference::STEP / 8.0, difference::STEP / 64.0, difference::STEP / 512.0];
/// How many steps a kink must be away, for inputs up to 1.
const CLEARANCE: f64 = 25.0;

/// Examples to choose from, for a network and its loss in `f64`.
pub(super) struct Examples<'a> {
    pub(super) model: &'a dyn Layer<f64>,
    pub(super) loss: &'a dyn Loss<f64>,
    pub(super) mode: Mode<'a, f64>,
    pub(super) theta: &'a [f64],
    pub(super) x: Array2<f64>,
    pub(super) target: Array2<f64>,
}

/// The examples that stay clear of kinks with a step.
pub(super) struct Chosen {
    pub(super) step: f64,
    pub(super) rows: Vec<usize>,
    /// Examples with a larger loss that are near a kink.
    pub(super) passed_over: usize,
}

impl Examples<'_> {
    pub(super) fn select(&self, rows: &[usize]) -> (Array2<f64>, Array2<f64>) {
        (self.x.select(Axis(0), rows), self.target.select(Axis(0), rows))
    }

    /// Up to `wanted` examples that stay clear of kinks, with the largest step that has as many and with the next one; with the
    /// smallest step, as many as there are.
    pub(super) fn clear_of_kinks(&self, wanted: usize) -> Vec<Chosen> {
        let order = self.by_loss();
        let wanted = wanted.min(order.len());
        let last = STEPS[STEPS.len() - 1];
        let all = STEPS.iter().map(|&step| self.chosen(&order, wanted, step));
        let enough = all.skip_while(|chosen| chosen.rows.len() < wanted && chosen.step > last);
        enough.take(2).filter(|chosen| !chosen.rows.is_empty()).collect()
    }

    /// The examples by their loss, the largest first: of one that is predicted with certainty, all derivatives are next to 0.
    fn by_loss(&self) -> Vec<usize> {
        let mut workspace = Workspace::new(self.model, 1);
        let mut losses = Vec::with_capacity(self.x.nrows());
        for row in 0..self.x.nrows() {
            let (x, target) = self.example(row);
            let risk = Risk::new(self.model, self.loss, &x, &target).mode(self.mode);
            losses.push(risk.within(&mut workspace).value(self.theta));
        }
        let mut order: Vec<usize> = (0..losses.len()).collect();
        order.sort_by(|&a, &b| losses[b].total_cmp(&losses[a]));
        order
    }

    fn chosen(&self, order: &[usize], wanted: usize, step: f64) -> Chosen {
        let radius = CLEARANCE * step * self.x.iter().fold(1.0, |most: f64, x| most.max(x.abs()));
        let (mut rows, mut passed_over) = (Vec::new(), 0);
        for &row in order {
            if rows.len() == wanted {
                break;
            }
            let (x, target) = self.example(row);
            if is_clear_of_kinks((self.model, self.loss), self.mode, self.theta, (&x, &target), radius) {
                rows.push(row);
            } else {
                passed_over += 1;
            }
        }
        Chosen { step, rows, passed_over }
    }

    fn example(&self, row: usize) -> (ArrayView2<'_, f64>, ArrayView2<'_, f64>) {
        (self.x.slice(s![row..=row, ..]), self.target.slice(s![row..=row, ..]))
    }
}

impl Chosen {
    /// Which examples of the data, such as "the first 500 of mnist", they are.
    pub(super) fn in_words(&self, data: &str) -> String {
        let skipped = match self.passed_over {
            0 => String::new(),
            skipped => format!(" ({skipped} skipped near a kink)"),
        };
        let examples =
            if self.rows.len() == 1 { "example" } else { &format!("{} examples", self.rows.len()) };
        let step = if self.step < difference::STEP {
            format!(", with steps of {:.1e}", self.step)
        } else {
            String::new()
        };
        format!("checked on the {examples} of {data} with the largest loss{skipped}{step}")
    }
}
