//! Whole random networks under the harness.

use chainrule_layers::gradcheck::Case;
use chainrule_layers::{Architecture, Layer, Mode, Stage};
use chainrule_loss as loss;
use chainrule_optim::gradcheck::{Effort, ObjectiveErrors, check};
use chainrule_tensor::difference::STEP;
use chainrule_tensor::ndarray::{Array2, Axis, concatenate};
use chainrule_tensor::{Rng, Scalar};
use chainrule_train::gradcheck::is_clear_of_kinks;
use chainrule_train::{Risk, Workspace};

/// Classes, or numbers to predict: the weighted losses of the zoo are made for three.
const OUTPUTS: usize = 3;

/// C is a number near 1 with an error of some 10⁻¹⁶, and a difference divides it by a step of 10⁻⁴: below this share of the
/// largest component, eight digits are more than the difference has.
const FLOOR: f64 = 0.05;

/// Checks ∇C and ∇²C·v of a random network of `activation` units, one to five dense layers deep, under a random loss of
/// the zoo, sometimes with dropout.
///
/// ```
/// use chainrule_layers::{activation, gradcheck::Case};
/// use chainrule_model::gradcheck::network;
///
/// let case = Case { rows: 5, capacity: 8, seed: 3, coordinates: 400 };
/// assert!(network::<f64>(activation::Tanh, case).within(1e-8, 1e-7));
/// ```
pub fn network<A: Scalar>(activation: impl Into<Stage>, case: Case) -> ObjectiveErrors {
    let rng = &mut Rng::stream(case.seed, 0);
    let mut widths = vec![1 + rng.below(7)];
    widths.extend((0..rng.below(5)).map(|_| 1 + rng.below(9)));
    widths.push(OUTPUTS);
    let dropout = if rng.below(3) == 0 { 0.25 } else { 0.0 };
    let plan = Architecture::perceptron(&widths, activation, dropout);
    let (model, witness) = (plan.build::<A>(None), plan.build::<f64>(None));
    let kind = rng.below(loss::zoo::<A>().len());
    let (loss, loss_witness) = (loss::zoo::<A>().swap_remove(kind), loss::zoo::<f64>().swap_remove(kind));

    let (theta, x, target) = draw(&witness, &loss_witness, case, rng);
    let narrow = |values: &Array2<f64>| values.mapv(A::of);
    let (x_a, target_a) = (narrow(&x), narrow(&target));
    let mut workspaces =
        (Workspace::new(&model, case.capacity.max(case.rows)), Workspace::new(&witness, case.rows));
    check(
        &mut Risk::new(&model, &*loss.loss, &x_a, &target_a).mode(train(case.seed)).within(&mut workspaces.0),
        &mut Risk::new(&witness, &*loss_witness.loss, &x, &target)
            .mode(train(case.seed))
            .within(&mut workspaces.1),
        &theta,
        Effort { coordinates: case.coordinates, floor: FLOOR, step: STEP, seed: case.seed },
    )
}

/// The mode of a training step on a whole batch.
fn train<A>(seed: u64) -> Mode<'static, A> {
    Mode::Train { seed, row: 0 }
}

/// θ and a batch, clear of kinks by more than any difference reaches, all exact in `f32`.
fn draw(
    model: &dyn Layer<f64>,
    loss: &loss::LossCase<f64>,
    case: Case,
    rng: &mut Rng,
) -> (Vec<f64>, Array2<f64>, Array2<f64>) {
    let round = |x: f64| f64::from(x as f32);
    for _ in 0..1000 {
        let mut theta = model.layout().init::<f64>(rng).to_vec();
        for t in &mut theta {
            *t = round(*t + rng.normal::<f64>(0.1));
        }
        // Where the outputs of a row depend on the others, all are drawn at once.
        let together = if model.statistics().is_empty() { 1 } else { case.rows };
        let mut row = |row: usize| {
            let mode = Mode::Train { seed: case.seed, row };
            // A layer of dead units leaves the next one at its bias, whatever the input: then θ must go.
            (0..100).find_map(|_| {
                let x = Array2::from_shape_simple_fn((together, model.inputs()), || round(rng.normal(1.0)));
                let target = loss.target.draw(together, OUTPUTS, rng).mapv(round);
                is_clear_of_kinks((model, &*loss.loss), mode, &theta, (&x, &target), 25.0 * STEP)
                    .then_some((x, target))
            })
        };
        let rows: Option<(Vec<_>, Vec<_>)> = (0..case.rows).step_by(together).map(&mut row).collect();
        if let Some((x, target)) = rows {
            let stack = |rows: Vec<Array2<f64>>| {
                let views: Vec<_> = rows.iter().map(|row| row.view()).collect();
                concatenate(Axis(0), &views).expect("rows of one width")
            };
            return (theta, stack(x), stack(target));
        }
    }
    panic!("check: no batch of {model:?} stays clear of its kinks");
}
