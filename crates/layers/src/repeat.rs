use chainrule_tensor::ndarray::{Array2, ArrayRef2, ArrayView2};
use chainrule_tensor::{Accum, Init, Layout, Scalar, Shape, rows, vector};
use serde::{Deserialize, Serialize};

use crate::layer::{Layer, Station, Structure, Values};
use crate::mode::Mode;
use crate::onnx::OnnxWriter;
use crate::parts::{Part, Parts};
use crate::point::{Grad, Point};
use crate::second_order::{Dual, SecondOrder, Tangent};
use crate::spec::{
    LayerSpec, NamedSpec, SpecError, applications, brackets, chain_below, chain_onnx, in_brackets, layers_of,
    network, output, parameters,
};
use crate::tape::{Tape, TapeKind};
use crate::words::{Arguments, WordsError};

/// The same layer k times, with the same θ: y = f(θ, f(θ, … f(θ, x))), weights shared over depth.
///
/// # Shapes
/// f maps a shape onto itself. Its parameters are there once, named `body.…`.
///
/// # Gradient
/// With h₀ = x, h_t = f(θ, h_{t−1}) and δ_k = δ:
/// ```text
/// δ_{t−1} = (∂f/∂h at h_{t−1})ᵀ·δ_t      ∂C/∂x = δ₀
/// ∂C/∂θ   = Σ_t (∂f/∂θ at h_{t−1})ᵀ·δ_t
/// ```
///
/// Each application drops units by random numbers of its own. Running statistics are shared, as θ is: those of a batch are
/// the mean over the applications.
///
/// # PyTorch
/// The state dict is that of a module with `self.body = nn.Sequential(…)` that `forward` applies k times.
///
/// # References
/// Dehghani et al., "Universal transformers", ICLR 2019, §2.1; Lan et al., "ALBERT", ICLR 2020, §3.1.
///
/// ```
/// use chainrule_layers::{Dense, Layer, Repeat, Sequential, Tanh};
///
/// let model: Sequential<f32> = Sequential::input(5)
///     .then(|s| Repeat::new(3, Sequential::input(s).then(|n| Dense::new(n, 5)).then(Tanh::new)));
/// assert_eq!(model.layout().len(), 5 * 5 + 5);
/// assert_eq!(model.layout().entries()[0].name, "0.body.0.weight");
/// ```
#[derive(Debug)]
pub struct Repeat<A: Scalar> {
    times: usize,
    /// f alone.
    parts: Parts<A>,
}

impl<A: Scalar> Repeat<A> {
    /// `body`, `times` times.
    ///
    /// # Panics
    /// If `times` is 0, or the body gives another shape than it takes.
    #[track_caller]
    pub fn new(times: usize, body: impl Layer<A> + 'static) -> Self {
        let (input, output) = (body.input_shape(), body.output_shape());
        assert!(times > 0, "repeat: a body is applied once or more");
        assert_eq!(output, input, "repeat: the body makes shape {output} of {input}, which it does not take");
        let mut parts = Parts::new();
        parts.push("body", Box::new(body));
        Self { times, parts }
    }

    fn body(&self) -> &Part<A> {
        &self.parts.list[0]
    }
}

/// The first `n` rows of array `t − 1`, or `edge` where `t` is 0: what application `t` takes.
fn below<'a, A: Scalar>(arrays: &'a [Array2<A>], t: usize, edge: &'a ArrayRef2<A>) -> ArrayView2<'a, A> {
    if t == 0 { edge.view() } else { rows::first(&arrays[t - 1], edge.nrows()) }
}

/// The first `n` rows of array `t`, or `edge` behind the last: what application `t` gives.
fn above<'a, A: Scalar>(arrays: &'a [Array2<A>], t: usize, edge: &'a ArrayRef2<A>) -> ArrayView2<'a, A> {
    arrays.get(t).map_or(edge.view(), |array| rows::first(array, edge.nrows()))
}

impl<A: Scalar> Layer<A> for Repeat<A> {
    fn input_shape(&self) -> Shape {
        self.body().layer.input_shape()
    }

    fn output_shape(&self) -> Shape {
        self.body().layer.output_shape()
    }

    fn layout(&self) -> &Layout {
        &self.parts.layout
    }

    fn statistics(&self) -> &Layout {
        &self.parts.statistics
    }

    fn observe(&self, tape: &Tape<A>, observed: &mut [A]) {
        observed.copy_from_slice(&tape.vectors[0]);
        vector::scale(A::one() / A::of(self.times as f64), observed);
    }

    fn track(&self, observed: &[A], statistics: &mut [A]) {
        self.parts.track(observed, statistics);
    }

    /// h₁ … h_{k−1}, then δ₁ … δ_{k−1}; the sum of the statistics over the applications, and those of one.
    fn tape(&self, kind: TapeKind, batch: usize) -> Tape<A> {
        let children = (0..self.times).map(|_| self.body().layer.tape(kind, batch)).collect();
        let hidden = std::iter::repeat_n(self.inputs(), 2 * (self.times - 1));
        let statistics = self.parts.statistics.len();
        Tape { kind, children, ..Tape::with_widths(batch, hidden).and_vectors([statistics; 2]) }
    }

    fn forward(
        &self,
        mode: Mode<'_, A>,
        theta: &[A],
        x: &ArrayRef2<A>,
        y: &mut ArrayRef2<A>,
        tape: &mut Tape<A>,
    ) {
        let (n, last) = (x.nrows(), self.times - 1);
        let Tape { arrays, vectors, children, .. } = tape;
        vectors[0].fill(A::zero());
        for (t, child) in children.iter_mut().enumerate() {
            let (h_below, h_above) = arrays[..last].split_at_mut(t);
            let input = below(h_below, t, x);
            let mut output = match h_above.first_mut() {
                Some(h) => rows::first_mut(h, n),
                None => y.view_mut(),
            };
            self.body().forward((t, mode), theta, &input, &mut output, child);
            if let (Mode::Train { .. }, [sum, one]) = (mode, &mut vectors[..])
                && !sum.is_empty()
            {
                self.body().layer.observe(child, one);
                vector::axpy(A::one(), one, sum);
            }
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
        let (n, last) = (at.x.nrows(), self.times - 1);
        let (hidden, deltas) = tape.arrays.split_at_mut(last);
        for (t, child) in tape.children.iter_mut().enumerate().rev() {
            let (delta_below, delta_above) = deltas.split_at_mut(t);
            let (x, y) = (below(hidden, t, at.x), above(hidden, t, at.y));
            let delta = above(delta_above, 0, delta);
            let at = Point { theta: at.theta, x: &x, y: &y };
            let mut scratch = delta_below.last_mut().map(|out| rows::first_mut(out, n));
            let out = scratch.as_deref_mut().or(delta_x.as_deref_mut());
            self.body().backward(at, &delta, out, grad.as_mut(), child);
            if let Some(grad) = &mut grad {
                grad.accum = Accum::Add; //                                 ∂C/∂θ is a sum over the applications
            }
        }
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        self.parts.have_second_order().then_some(self)
    }

    fn structure(&self) -> Structure {
        Structure::Repeated
    }

    /// The body once, or each application where a pass has left its values.
    fn each_part<'a>(&'a self, station: &Station<'a, A>, visit: &mut dyn FnMut(Station<'a, A>)) {
        let Some(values) = &station.values else { return visit(self.body().station(station, None)) };
        let (hidden, deltas) = values.tape.arrays.split_at(self.times - 1);
        for (t, tape) in values.tape.children.iter().enumerate() {
            let first = |array: &'a Array2<A>| rows::first(array, values.x.nrows());
            let x = t.checked_sub(1).map_or(values.x, |t| first(&hidden[t]));
            let y = hidden.get(t).map_or(values.y, first);
            let delta = values.delta.map(|delta| deltas.get(t).map_or(delta, first));
            visit(self.body().station(station, Some(Values { x, y, delta, tape })));
        }
    }
}

impl<A: Scalar> SecondOrder<A> for Repeat<A> {
    fn r_forward(
        &self,
        at: Point<'_, A>,
        v: &[A],
        r_x: Option<&ArrayRef2<A>>,
        r_y: &mut ArrayRef2<A>,
        tapes: Dual<&mut Tape<A>>,
    ) {
        let (n, last, Dual { value, tangent }) = (at.x.nrows(), self.times - 1, tapes);
        let hidden = &value.arrays[..last];
        for t in 0..self.times {
            let (r_below, r_above) = tangent.arrays[..last].split_at_mut(t);
            let (x, y) = (below(hidden, t, at.x), above(hidden, t, at.y));
            let r_input = r_below.last().map(|r| rows::first(r, n));
            let mut r_output = match r_above.first_mut() {
                Some(r) => rows::first_mut(r, n),
                None => r_y.view_mut(),
            };
            let at = Point { theta: at.theta, x: &x, y: &y };
            let tapes = Dual { value: &mut value.children[t], tangent: &mut tangent.children[t] };
            self.body().r_forward(at, v, r_input.as_deref().or(r_x), &mut r_output, tapes);
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
        let (n, last, Dual { value, tangent }) = (at.x.nrows(), self.times - 1, tapes);
        let (hidden, deltas) = value.arrays.split_at(last);
        let (r_hidden, r_deltas) = tangent.arrays.split_at_mut(last);
        for t in (0..self.times).rev() {
            let (r_delta_below, r_delta_above) = r_deltas.split_at_mut(t);
            let (x, y) = (below(hidden, t, at.x), above(hidden, t, at.y));
            let r_input = t.checked_sub(1).map(|t| rows::first(&r_hidden[t], n));
            let r_y = above(r_hidden, t, along.r_y);
            let at = Point { theta: at.theta, x: &x, y: &y };
            let along = Tangent { v: along.v, r_x: r_input.as_deref().or(along.r_x), r_y: &r_y };
            let value_delta = above(deltas, t, delta.value);
            let tangent_delta = above(r_delta_above, 0, delta.tangent);
            let delta = Dual { value: &*value_delta, tangent: &*tangent_delta };
            let tapes = Dual { value: &mut value.children[t], tangent: &mut tangent.children[t] };
            let mut scratch = r_delta_below.last_mut().map(|out| rows::first_mut(out, n));
            let out = scratch.as_deref_mut().or(r_delta_x.as_deref_mut());
            self.body().r_backward(at, along, delta, out, r_grad, tapes);
        }
    }
}

/// [`Repeat`] without its input: `repeat 3 (dense 5, tanh)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepeatSpec<S> {
    /// How often the body is applied.
    pub times: usize,
    /// The layers of f.
    pub body: Vec<S>,
}

impl<S: NamedSpec> LayerSpec for RepeatSpec<S> {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        let repeat = layer.downcast::<Repeat<A>>()?;
        Some(Self { times: repeat.times, body: layers_of(repeat.parts.layers().next()?)? })
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        if self.times == 0 {
            return Err(SpecError::here("a body is repeated once or more, not 0 times"));
        }
        let body = output("body", &self.body, input)?;
        if body == input {
            return Ok(body);
        }
        Err(SpecError::here(format!("the body is repeated, but makes shape {body} of shape {input}")))
    }

    fn parameters(&self, input: Shape) -> Option<usize> {
        parameters(&self.body, input)
    }

    fn applications(&self) -> usize {
        applications(&self.body).saturating_mul(self.times)
    }

    fn build<A: Scalar>(&self, input: Shape, init: Init) -> Box<dyn Layer<A>> {
        self.build_inside(input, Some(init), init)
    }

    fn build_inside<A: Scalar>(&self, input: Shape, chosen: Option<Init>, usual: Init) -> Box<dyn Layer<A>> {
        Box::new(Repeat::new(self.times, chain_below(&self.body, input, chosen, usual)))
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        let times = arguments.required("how often its body is applied, such as 3")?;
        Ok(Self { times, body: in_brackets(arguments, "its body in brackets, such as (dense 8, tanh)")? })
    }

    fn to_words(&self) -> String {
        format!("{} {}", self.times, brackets(&self.body))
    }

    fn write_onnx(&self, input: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
        onnx.inside("body", |onnx| {
            (0..self.times).fold(x.to_owned(), |x, _| chain_onnx(&self.body, input, &x, onnx))
        })
    }

    fn specimens() -> Vec<(Shape, Self)> {
        let repeat = |times, body| Self { times, body: network(body) };
        vec![
            (5.into(), repeat(3, "dense 5, tanh")),
            (4.into(), repeat(2, "dropout 0.3, dense 6, tanh, dense 4")),
            (Shape::sequence(3, 2), repeat(4, "dense 2, gelu")),
            (3.into(), repeat(1, "dense 3")),
        ]
    }
}
