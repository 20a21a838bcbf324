use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::{Init, Layout, Scalar, Shape, rows};
use serde::{Deserialize, Serialize};

use crate::layer::{Layer, Station, Structure, Values};
use crate::mode::Mode;
use crate::onnx::OnnxWriter;
use crate::parts::{Parts, add};
use crate::point::{Grad, Point};
use crate::second_order::{Dual, SecondOrder, Tangent};
use crate::spec::{
    LayerSpec, NamedSpec, SpecError, applications, brackets, chain_below, chain_onnx, in_brackets, layers_of,
    network, output, parameters,
};
use crate::tape::{Tape, TapeKind};
use crate::words::{Arguments, WordsError};

/// A residual block: y = f(x) + x, or y = f(x) + g(x) with a projection g as the shortcut.
///
/// # Shapes
/// Without a shortcut f maps a shape onto itself; with one, f and g give the same shape. The parameters of f are named
/// `body.…`, those of g `shortcut.…`.
///
/// # Gradient
/// ```text
/// ∂C/∂x = (∂f/∂x)ᵀ·δ + δ      or  + (∂g/∂x)ᵀ·δ
/// ```
///
/// # PyTorch
/// The state dict is that of a module with `self.body = nn.Sequential(…)` and, for a projection,
/// `self.shortcut = nn.Sequential(…)`.
///
/// # References
/// He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016, eqs. 1 and 2.
///
/// ```
/// use chainrule_layers::{Dense, Layer, Residual, Sequential, Tanh};
///
/// let body = |s| Sequential::<f32>::input(s).then(|n| Dense::new(n, 8)).then(Tanh::new);
/// let model = Sequential::input(5)
///     .then(|s| Residual::with_shortcut(body(s), Dense::new(s, 8)))
///     .then(|s| Residual::new(body(s)));
/// let names: Vec<_> = model.layout().entries().iter().map(|entry| entry.name.as_str()).collect();
/// assert_eq!(names[..3], ["0.body.0.weight", "0.body.0.bias", "0.shortcut.weight"]);
/// assert_eq!(names[4..], ["1.body.0.weight", "1.body.0.bias"]);
/// ```
#[derive(Debug)]
pub struct Residual<A: Scalar> {
    /// f and, if there is a projection, g.
    parts: Parts<A>,
}

impl<A: Scalar> Residual<A> {
    /// y = f(x) + x.
    ///
    /// # Panics
    /// If f gives another shape than it takes.
    #[track_caller]
    pub fn new(body: impl Layer<A> + 'static) -> Self {
        let (input, output) = (body.input_shape(), body.output_shape());
        assert_eq!(
            output, input,
            "residual: the body makes shape {output} of {input}: x cannot be added without a shortcut"
        );
        let mut parts = Parts::new();
        parts.push("body", Box::new(body));
        Self { parts }
    }

    /// y = f(x) + g(x).
    ///
    /// # Panics
    /// If f and g take or give different shapes.
    #[track_caller]
    pub fn with_shortcut(body: impl Layer<A> + 'static, shortcut: impl Layer<A> + 'static) -> Self {
        let shapes = |layer: &dyn Layer<A>| [layer.input_shape(), layer.output_shape()];
        let ([x, f], [x_g, g]) = (shapes(&body), shapes(&shortcut));
        assert_eq!(x, x_g, "residual: the body takes shape {x}, but the shortcut takes {x_g}");
        assert_eq!(f, g, "residual: the body gives shape {f}, but the shortcut gives {g}");
        let mut parts = Parts::new();
        parts.push("body", Box::new(body));
        parts.push("shortcut", Box::new(shortcut));
        Self { parts }
    }

    fn body(&self) -> &dyn Layer<A> {
        self.parts.list[0].layer.as_ref()
    }

    fn has_projection(&self) -> bool {
        self.parts.list.len() > 1
    }
}

/// y ← f + g.
fn sum<A: Scalar>(f: &ArrayRef2<A>, g: &ArrayRef2<A>, y: &mut ArrayRef2<A>) {
    rows::map([f, g], y, |[f, g], y| *y = f + g);
}

impl<A: Scalar> Layer<A> for Residual<A> {
    fn input_shape(&self) -> Shape {
        self.body().input_shape()
    }

    fn output_shape(&self) -> Shape {
        self.body().output_shape()
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

    /// f(x); then, with a projection, g(x) and its ∂C/∂x.
    fn tape(&self, kind: TapeKind, batch: usize) -> Tape<A> {
        let (f, x) = (self.body().outputs(), self.body().inputs());
        let widths = [f, f, x];
        self.parts.tape(kind, batch, if self.has_projection() { &widths[..] } else { &widths[..1] }.to_vec())
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
        let f = rows::first(&arrays[0], n);
        if self.has_projection() { sum(&f, &rows::first(&arrays[1], n), y) } else { sum(&f, x, y) }
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
        let (outputs, scratch) = arrays.split_at_mut(self.parts.list.len());
        for (i, part) in self.parts.list.iter().enumerate() {
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
        if let (false, Some(delta_x)) = (self.has_projection(), delta_x) {
            add(delta, delta_x); //                                                     ∂C/∂x = (∂f/∂x)ᵀ·δ + δ
        }
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        self.parts.have_second_order().then_some(self)
    }

    fn structure(&self) -> Structure {
        Structure::Joined { passed_on: !self.has_projection() }
    }

    fn each_part<'a>(&'a self, station: &Station<'a, A>, visit: &mut dyn FnMut(Station<'a, A>)) {
        for (i, part) in self.parts.list.iter().enumerate() {
            let values = station.values.as_ref().map(|values| Values {
                y: rows::first(&values.tape.arrays[i], values.x.nrows()),
                tape: &values.tape.children[i],
                ..values.clone()
            });
            visit(part.station(station, values));
        }
    }
}

impl<A: Scalar> SecondOrder<A> for Residual<A> {
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
        let r_f = rows::first(&tangent.arrays[0], n);
        match (self.has_projection(), r_x) {
            (true, _) => sum(&r_f, &rows::first(&tangent.arrays[1], n), r_y),
            (false, Some(r_x)) => sum(&r_f, r_x, r_y),
            (false, None) => r_y.assign(&r_f),
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
        let (r_outputs, scratch) = tangent.arrays.split_at_mut(self.parts.list.len());
        for (i, part) in self.parts.list.iter().enumerate() {
            let (y, r_y) = (rows::first(&value.arrays[i], n), rows::first(&r_outputs[i], n));
            let (at, along) = (Point { y: &y, ..at }, Tangent { r_y: &r_y, ..along });
            let tapes = Dual { value: &mut value.children[i], tangent: &mut tangent.children[i] };
            if i == 0 {
                part.r_backward(at, along, delta, r_delta_x.as_deref_mut(), r_grad, tapes);
                continue;
            }
            let mut scratch = r_delta_x.is_some().then(|| rows::first_mut(&mut scratch[0], n));
            part.r_backward(at, along, delta, scratch.as_deref_mut(), r_grad, tapes);
            if let (Some(scratch), Some(r_delta_x)) = (scratch, r_delta_x.as_deref_mut()) {
                add(&scratch, r_delta_x);
            }
        }
        if let (false, Some(r_delta_x)) = (self.has_projection(), r_delta_x) {
            add(delta.tangent, r_delta_x);
        }
    }
}

/// [`Residual`] without its input: `residual (dense 8, tanh, dense 8)`, and `residual (dense 8) shortcut (dense 8)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResidualSpec<S> {
    /// The layers of f.
    pub body: Vec<S>,
    /// The layers of g, where x itself is not added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shortcut: Option<Vec<S>>,
}

impl<S: NamedSpec> LayerSpec for ResidualSpec<S> {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        let mut parts = layer.downcast::<Residual<A>>()?.parts.layers();
        let body = layers_of(parts.next()?)?;
        let shortcut = parts.next().map(layers_of);
        Some(Self { body, shortcut: shortcut.map_or(Some(None), |layers| layers.map(Some))? })
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        let body = output("body", &self.body, input)?;
        let (shortcut, what) = match &self.shortcut {
            Some(shortcut) => (output("shortcut", shortcut, input)?, "the shortcut gives"),
            None => (input, "without a shortcut x is added, of"),
        };
        if body == shortcut {
            return Ok(body);
        }
        Err(SpecError::here(format!("the body gives shape {body}, but {what} shape {shortcut}")))
    }

    fn parameters(&self, input: Shape) -> Option<usize> {
        let shortcut = self.shortcut.as_ref().map_or(Some(0), |shortcut| parameters(shortcut, input))?;
        parameters(&self.body, input)?.checked_add(shortcut)
    }

    fn applications(&self) -> usize {
        let shortcut = self.shortcut.as_ref().map_or(0, |shortcut| applications(shortcut));
        applications(&self.body).saturating_add(shortcut)
    }

    fn build<A: Scalar>(&self, input: Shape, init: Init) -> Box<dyn Layer<A>> {
        self.build_inside(input, Some(init), init)
    }

    fn build_inside<A: Scalar>(&self, input: Shape, chosen: Option<Init>, usual: Init) -> Box<dyn Layer<A>> {
        let body = chain_below(&self.body, input, chosen, usual);
        Box::new(match &self.shortcut {
            Some(shortcut) => Residual::with_shortcut(body, chain_below(shortcut, input, chosen, usual)),
            None => Residual::new(body),
        })
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        let body = in_brackets(arguments, "its body in brackets, such as (dense 8, tanh)")?;
        let shortcut = arguments
            .takes("shortcut")
            .then(|| in_brackets(arguments, "the layers of its shortcut in brackets, such as (dense 8)"));
        Ok(Self { body, shortcut: shortcut.transpose()? })
    }

    fn to_words(&self) -> String {
        match &self.shortcut {
            Some(shortcut) => format!("{} shortcut {}", brackets(&self.body), brackets(shortcut)),
            None => brackets(&self.body),
        }
    }

    fn write_onnx(&self, input: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
        let f = onnx.inside("body", |onnx| chain_onnx(&self.body, input, x, onnx));
        let g = match &self.shortcut {
            Some(shortcut) => onnx.inside("shortcut", |onnx| chain_onnx(shortcut, input, x, onnx)),
            None => x.to_owned(),
        };
        onnx.apply("Add", &[&f, &g])
    }

    fn specimens() -> Vec<(Shape, Self)> {
        let residual =
            |body, shortcut: Option<&str>| Self { body: network(body), shortcut: shortcut.map(network) };
        vec![
            (5.into(), residual("dense 5, tanh", None)),
            (5.into(), residual("dense 4, tanh, dense 3", Some("dense 3"))),
            (Shape::sequence(3, 2), residual("dropout 0.3, dense 4, tanh", Some("dense 5, gelu, dense 4"))),
            (4.into(), residual("residual (dense 4, relu), dense 4", Some("identity"))),
        ]
    }
}
