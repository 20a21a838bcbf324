use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::{Init, Layout, Scalar, Shape, rows};
use serde::{Deserialize, Serialize};

use crate::join::{Join, concatenate, multiply, multiply_dual, split};
use crate::layer::{Layer, Station, Structure, Values};
use crate::mode::Mode;
use crate::onnx::{OnnxAttribute, OnnxWriter};
use crate::parts::{Parts, add};
use crate::point::{Grad, Point};
use crate::second_order::{Dual, SecondOrder, Tangent};
use crate::spec::{
    LayerSpec, NamedSpec, SpecError, applications, brackets, chain_below, chain_onnx, in_brackets, layers_of,
    network, output, parameters,
};
use crate::tape::{Tape, TapeKind};
use crate::words::{Arguments, WordsError};

/// Several layers that take the same x: y = f₀(x) ⊕ f₁(x) ⊕ …, where ⊕ is the sum, the concatenation of features or the
/// product.
///
/// # Shapes
/// Sum and product need branches of one output shape. A concatenation needs the same positions: y has the features of all
/// branches, in their order, at each. The parameters of branch i are named `i.…`; [`Identity`](crate::Identity) is the
/// branch that passes x on.
///
/// # Gradient
/// ```text
/// ∂C/∂x = Σᵢ (∂fᵢ/∂x)ᵀ·δᵢ      sum       δᵢ = δ
///                              concat    δᵢ = the features of δ that are fᵢ's
///                              product   δᵢ = δ ⊙ ∏_{j≠i} fⱼ(x)
/// ```
///
/// # PyTorch
/// The state dict is that of an `nn.ModuleList` of the branches, each an `nn.Sequential`.
///
/// # References
/// Szegedy et al., "Going deeper with convolutions", CVPR 2015 (concat); Dauphin et al., "Language modeling with gated
/// convolutional networks", ICML 2017, eq. 1 (product).
///
/// ```
/// use chainrule_layers::{Branches, Dense, Identity, Join, Layer, Sequential};
/// use chainrule_tensor::Shape;
///
/// let model: Sequential<f32> = Sequential::input(Shape::image(8, 8, 3))
///     .then(|s| Branches::new(Join::Concat, Identity::new(s)).and(Dense::new(s, 5)).and(Dense::new(s, 2)));
/// assert_eq!(model.output_shape(), Shape::image(8, 8, 3 + 5 + 2));
/// assert_eq!(model.layout().entries()[0].name, "0.1.weight");
/// ```
#[derive(Debug)]
pub struct Branches<A: Scalar> {
    join: Join,
    output: Shape,
    parts: Parts<A>,
}

impl<A: Scalar> Branches<A> {
    /// The first branch.
    pub fn new(join: Join, first: impl Layer<A> + 'static) -> Self {
        let (output, mut parts) = (first.output_shape(), Parts::new());
        parts.push("0", Box::new(first));
        Self { join, output, parts }
    }

    /// One more branch.
    ///
    /// # Panics
    /// If it takes another shape than the first, or its output cannot be joined to the others'.
    #[must_use]
    #[track_caller]
    pub fn and(mut self, next: impl Layer<A> + 'static) -> Self {
        let place = self.parts.list.len();
        let (takes, all_take) = (next.input_shape(), self.input_shape());
        assert_eq!(
            takes, all_take,
            "branches: branch {place} takes shape {takes}, the others take {all_take}"
        );
        match self.join.shape(self.output, next.output_shape()) {
            Ok(output) => self.output = output,
            Err(error) => panic!("branches: {}, at branch {place}", error.fault),
        }
        self.parts.push(place.to_string(), Box::new(next));
        self
    }

    fn count(&self) -> usize {
        self.parts.list.len()
    }

    /// Where the scratch arrays begin on the tape.
    fn scratch(&self) -> usize {
        if self.join == Join::Sum { self.count() } else { 2 * self.count() }
    }

    /// The features of each branch at a position.
    fn features(&self) -> impl Iterator<Item = usize> + Clone + '_ {
        self.parts.list.iter().map(|part| part.layer.output_shape().features())
    }
}

impl<A: Scalar> Layer<A> for Branches<A> {
    fn input_shape(&self) -> Shape {
        self.parts.list[0].layer.input_shape()
    }

    fn output_shape(&self) -> Shape {
        self.output
    }

    fn layout(&self) -> &Layout {
        &self.parts.layout
    }

    fn statistics(&self) -> &Layout {
        &self.parts.statistics
    }

    fn observe(&self, tape: &Tape<A>, observed: &mut [A]) {
        self.parts.observe(&tape.children, observed);
    }

    fn track(&self, observed: &[A], statistics: &mut [A]) {
        self.parts.track(observed, statistics);
    }

    /// fᵢ(x) of each branch; where δ is not the same for all, δᵢ of each; where there are several, a ∂C/∂x; and for the
    /// second order of a product, a product.
    fn tape(&self, kind: TapeKind, batch: usize) -> Tape<A> {
        let outputs = || self.parts.list.iter().map(|part| part.layer.outputs());
        let deltas = outputs().filter(|_| self.join != Join::Sum);
        self.parts.tape(kind, batch, outputs().chain(deltas).chain([self.inputs(), self.outputs()]))
    }

    fn forward(
        &self,
        mode: Mode<'_, A>,
        theta: &[A],
        x: &ArrayRef2<A>,
        y: &mut ArrayRef2<A>,
        tape: &mut Tape<A>,
    ) {
        let (n, Tape { arrays, children, .. }) = (x.nrows(), tape);
        for (i, part) in self.parts.list.iter().enumerate() {
            part.forward((i, mode), theta, x, &mut rows::first_mut(&mut arrays[i], n), &mut children[i]);
        }
        let outputs = &arrays[..self.count()];
        if self.join == Join::Concat {
            return concatenate(self.features(), outputs, y);
        }
        y.assign(&rows::first(&outputs[0], n));
        for output in &outputs[1..] {
            let output = rows::first(output, n);
            if self.join == Join::Sum { add(&output, y) } else { multiply(&output, y) }
        }
    }

    fn backward(
        &self,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        mut delta_x: Option<&mut ArrayRef2<A>>,
        mut grad: Option<Grad<'_, A>>,
        tape: &mut Tape<A>,
    ) {
        let (n, Tape { arrays, children, .. }) = (at.x.nrows(), tape);
        let (arrays, scratch) = arrays.split_at_mut(self.scratch());
        let (outputs, deltas) = arrays.split_at_mut(self.count());
        if self.join == Join::Concat {
            split(self.features(), delta, deltas);
        }
        for (i, part) in self.parts.list.iter().enumerate() {
            if self.join == Join::Product {
                let mut own = rows::first_mut(&mut deltas[i], n);
                own.assign(delta);
                for (_, y) in outputs.iter().enumerate().filter(|(j, _)| *j != i) {
                    multiply(&rows::first(y, n), &mut own);
                }
            }
            let own = deltas.get(i).map(|own| rows::first(own, n));
            let delta = own.as_deref().unwrap_or(delta);
            let y = rows::first(&outputs[i], n);
            let (at, tape) = (Point { y: &y, ..at }, &mut children[i]);
            if i == 0 {
                part.backward(at, delta, delta_x.as_deref_mut(), grad.as_mut(), tape);
                continue;
            }
            let mut scratch = delta_x.is_some().then(|| rows::first_mut(&mut scratch[0], n));
            part.backward(at, delta, scratch.as_deref_mut(), grad.as_mut(), tape);
            if let (Some(scratch), Some(delta_x)) = (scratch, delta_x.as_deref_mut()) {
                add(&scratch, delta_x);
            }
        }
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        self.parts.have_second_order().then_some(self)
    }

    fn structure(&self) -> Structure {
        match self.join {
            Join::Concat => Structure::SideBySide,
            Join::Sum | Join::Product => Structure::Joined { passed_on: false },
        }
    }

    fn each_part<'a>(&'a self, station: &Station<'a, A>, visit: &mut dyn FnMut(Station<'a, A>)) {
        for (i, part) in self.parts.list.iter().enumerate() {
            let values = station.values.as_ref().map(|values| {
                let (arrays, n) = (&values.tape.arrays, values.x.nrows());
                let delta = values.delta.map(|delta| match self.join {
                    Join::Sum => delta,
                    Join::Concat | Join::Product => rows::first(&arrays[self.count() + i], n),
                });
                Values { x: values.x, y: rows::first(&arrays[i], n), delta, tape: &values.tape.children[i] }
            });
            visit(part.station(station, values));
        }
    }
}

impl<A: Scalar> SecondOrder<A> for Branches<A> {
    fn r_forward(
        &self,
        at: Point<'_, A>,
        v: &[A],
        r_x: Option<&ArrayRef2<A>>,
        r_y: &mut ArrayRef2<A>,
        tapes: Dual<&mut Tape<A>>,
    ) {
        let (n, Dual { value, tangent }) = (at.x.nrows(), tapes);
        for (i, part) in self.parts.list.iter().enumerate() {
            let y = rows::first(&value.arrays[i], n);
            let mut out = rows::first_mut(&mut tangent.arrays[i], n);
            let tapes = Dual { value: &mut value.children[i], tangent: &mut tangent.children[i] };
            part.r_forward(Point { y: &y, ..at }, v, r_x, &mut out, tapes);
        }
        let (arrays, scratch) = tangent.arrays.split_at_mut(self.scratch());
        let (outputs, r_outputs) = (&value.arrays[..self.count()], &arrays[..self.count()]);
        if self.join == Join::Concat {
            return concatenate(self.features(), r_outputs, r_y);
        }
        let mut product = rows::first_mut(&mut scratch[1], n);
        product.assign(&rows::first(&outputs[0], n));
        r_y.assign(&rows::first(&r_outputs[0], n));
        for (y, r) in outputs.iter().zip(r_outputs).skip(1) {
            let (y, r) = (rows::first(y, n), rows::first(r, n));
            if self.join == Join::Sum { add(&r, r_y) } else { multiply_dual(&mut product, r_y, &y, &r) }
        }
    }

    fn r_backward(
        &self,
        at: Point<'_, A>,
        along: Tangent<'_, A>,
        delta: Dual<&ArrayRef2<A>>,
        mut r_delta_x: Option<&mut ArrayRef2<A>>,
        r_grad: &mut [A],
        tapes: Dual<&mut Tape<A>>,
    ) {
        let (n, Dual { value, tangent }) = (at.x.nrows(), tapes);
        let (outputs, deltas) = value.arrays[..self.scratch()].split_at(self.count());
        let (r_arrays, scratch) = tangent.arrays.split_at_mut(self.scratch());
        let (r_outputs, r_deltas) = r_arrays.split_at_mut(self.count());
        let [scratch, product] = scratch else { unreachable!("two scratch arrays are on the tape") };
        if self.join == Join::Concat {
            split(self.features(), delta.tangent, r_deltas);
        }
        for (i, part) in self.parts.list.iter().enumerate() {
            if self.join == Join::Product {
                let mut product = rows::first_mut(product, n);
                let mut r_own = rows::first_mut(&mut r_deltas[i], n);
                product.assign(delta.value);
                r_own.assign(delta.tangent);
                for (j, (y, r_y)) in outputs.iter().zip(&*r_outputs).enumerate() {
                    if j != i {
                        multiply_dual(&mut product, &mut r_own, &rows::first(y, n), &rows::first(r_y, n));
                    }
                }
            }
            let own = deltas.get(i).map(|own| rows::first(own, n));
            let r_own = r_deltas.get(i).map(|own| rows::first(own, n));
            let delta = Dual {
                value: own.as_deref().unwrap_or(delta.value),
                tangent: r_own.as_deref().unwrap_or(delta.tangent),
            };
            let (y, r_y) = (rows::first(&outputs[i], n), rows::first(&r_outputs[i], n));
            let (at, along) = (Point { y: &y, ..at }, Tangent { r_y: &r_y, ..along });
            let tapes = Dual { value: &mut value.children[i], tangent: &mut tangent.children[i] };
            if i == 0 {
                part.r_backward(at, along, delta, r_delta_x.as_deref_mut(), r_grad, tapes);
                continue;
            }
            let mut scratch = r_delta_x.is_some().then(|| rows::first_mut(scratch, n));
            part.r_backward(at, along, delta, scratch.as_deref_mut(), r_grad, tapes);
            if let (Some(scratch), Some(r_delta_x)) = (scratch, r_delta_x.as_deref_mut()) {
                add(&scratch, r_delta_x);
            }
        }
    }
}

/// [`Branches`] without its input: `branches concat (dense 3, relu) (dense 2)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BranchesSpec<S> {
    /// How the branches are joined.
    pub join: Join,
    /// The layers of each branch.
    pub branches: Vec<Vec<S>>,
}

impl<S: NamedSpec> LayerSpec for BranchesSpec<S> {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        let branches = layer.downcast::<Branches<A>>()?;
        Some(Self {
            join: branches.join,
            branches: branches.parts.layers().map(layers_of).collect::<Option<_>>()?,
        })
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        let mut joined = None;
        for (i, branch) in self.branches.iter().enumerate() {
            let shape = output(&i.to_string(), branch, input)?;
            joined = Some(match joined {
                None => shape,
                Some(so_far) => self
                    .join
                    .shape(so_far, shape)
                    .map_err(|error| SpecError::here(format!("{}, at branch {i}", error.fault)))?,
            });
        }
        joined.ok_or_else(|| SpecError::here("there is no branch"))
    }

    fn parameters(&self, input: Shape) -> Option<usize> {
        self.branches.iter().try_fold(0_usize, |sum, branch| sum.checked_add(parameters(branch, input)?))
    }

    fn applications(&self) -> usize {
        self.branches.iter().map(|branch| applications(branch)).fold(0, usize::saturating_add)
    }

    fn build<A: Scalar>(&self, input: Shape, init: Init) -> Box<dyn Layer<A>> {
        self.build_inside(input, Some(init), init)
    }

    fn build_inside<A: Scalar>(&self, input: Shape, chosen: Option<Init>, usual: Init) -> Box<dyn Layer<A>> {
        let mut branches = self.branches.iter().map(|branch| chain_below(branch, input, chosen, usual));
        let first = branches.next().expect("a description that has an output has a branch");
        Box::new(branches.fold(Branches::new(self.join, first), Branches::and))
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        let join = arguments.required("its join, `sum`, `concat` or `product`")?;
        let mut branches = vec![in_brackets(arguments, "its branches in brackets, such as (dense 8, tanh)")?];
        while arguments.has_network() {
            branches.push(in_brackets(arguments, "a branch")?);
        }
        Ok(Self { join, branches })
    }

    fn to_words(&self) -> String {
        let branches: Vec<_> = self.branches.iter().map(|branch| brackets(branch)).collect();
        format!("{} {}", self.join, branches.join(" "))
    }

    fn write_onnx(&self, input: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
        let by_position = input_positions(self, input);
        let outputs: Vec<String> = self
            .branches
            .iter()
            .enumerate()
            .map(|(i, branch)| {
                let y = onnx.inside(&i.to_string(), |onnx| chain_onnx(branch, input, x, onnx));
                let features = output("", branch, input).map_or(0, Shape::features);
                if by_position { onnx.with_width(&y, features) } else { y }
            })
            .collect();
        let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
        let operator = match self.join {
            Join::Concat => {
                let y = onnx.apply_with("Concat", &outputs, vec![("axis", OnnxAttribute::Int(1))]);
                let width = self.output(input).map_or(0, Shape::size);
                return if by_position { onnx.with_width(&y, width) } else { y };
            }
            Join::Sum => "Add",
            Join::Product => "Mul",
        };
        let first = outputs[0].to_owned();
        outputs[1..].iter().fold(first, |so_far, next| onnx.apply(operator, &[&so_far, next]))
    }

    fn specimens() -> Vec<(Shape, Self)> {
        let branches = |join, branches: &[&str]| Self {
            join,
            branches: branches.iter().map(|branch| network(branch)).collect(),
        };
        let image = Shape::image(2, 2, 3);
        vec![
            (4.into(), branches(Join::Sum, &["dense 3, tanh", "dense 3", "dense 5, relu, dense 3"])),
            (4.into(), branches(Join::Concat, &["dense 3, relu", "dense 2"])),
            (image, branches(Join::Concat, &["identity", "dropout 0.3, dense 2, sigmoid", "dense 1"])),
            (5.into(), branches(Join::Product, &["dense 3", "dense 3, sigmoid"])),
            (image, branches(Join::Product, &["dense 2, tanh", "dropout 0.2, dense 2", "dense 2, gelu"])),
            (3.into(), branches(Join::Product, &["dense 2, tanh"])),
        ]
    }
}

/// Whether the rows of the graph have to become positions for a concatenation.
fn input_positions<S: NamedSpec>(spec: &BranchesSpec<S>, input: Shape) -> bool {
    spec.join == Join::Concat && spec.output(input).is_ok_and(|output| output.positions() > 1)
}
