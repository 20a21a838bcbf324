use chainrule_optim::{RuleKind, ScheduleKind};

/// How a network is trained where nobody says otherwise, by the library and by the program.
///
/// ```
/// use chainrule_model::Recipe;
///
/// let iris = Recipe::usual(120);
/// assert_eq!((iris.batch, iris.epochs), (32, 200));
/// assert_eq!(iris.weight_decay, 0.0125);
/// assert_eq!(Recipe::usual(60_000).epochs, 10);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// Adam.
    pub rule: RuleKind,
    /// One cycle over the run, which ends with steps of next to nothing.
    pub schedule: ScheduleKind,
    /// Examples a step.
    pub batch: usize,
    /// As many passes as make 3,000 steps, from 10 to 200.
    pub epochs: usize,
    /// 1.5 / n for n examples, so that the penalty on the weights counts as much as one and a half examples.
    pub weight_decay: f64,
}

impl Recipe {
    /// For so many training examples.
    pub fn usual(examples: usize) -> Self {
        let batch = 32;
        let (epochs, weight_decay) = (Self::epochs(examples, batch), 1.5 / examples.max(1) as f64);
        Self { rule: RuleKind::Adam, schedule: ScheduleKind::OneCycle, batch, epochs, weight_decay }
    }

    /// The usual passes over so many examples, so many a step.
    pub fn epochs(examples: usize, batch: usize) -> usize {
        const STEPS: usize = 3000;
        const FEWEST: usize = 10;
        const MOST: usize = 200;
        STEPS.div_ceil(examples.div_ceil(batch.max(1)).max(1)).clamp(FEWEST, MOST)
    }
}
