//! Convolutions, pools, interpolation and borders: numbers of PyTorch, generated windows, threads, and bad input.

use chainrule_layers::gradcheck::{Case, check};
use chainrule_layers::{Grad, Layer, MaxPool, Mode, Point, Stage, Tape};
use chainrule_tensor::ndarray::Array2;
use chainrule_tensor::{Accum, Init, Pool, Scalar, Shape};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// A layer in words, an input, and of PyTorch 2.15 its output and the gradient of its input, channels last:
/// ```python
/// x = torch.tensor([float(i * 7 % 11 - 5) for i in range(n)]).reshape(1, *shape).movedim(-1, 1).requires_grad_()
/// y = nn.MaxPool2d(2)(x).movedim(1, -1).flatten()    # or the layer of the same name and settings
/// y.backward(torch.arange(1.0, y.numel() + 1)); print(y, x.grad.movedim(1, -1).flatten())
/// ```
#[rustfmt::skip]
#[expect(clippy::unreadable_literal, reason = "as PyTorch prints them")]
const PYTORCH: &[(&str, &str, &[f64], &[f64])] = &[
    (
        "max-pool 2",
        "4x4x1",
        &[2.0, 5.0, 3.0, 5.0],
        &[0.0, 1.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 4.0, 0.0],
    ),
    (
        "max-pool 3 stride 2 padding 1",
        "4x5x2",
        &[2.0, 5.0, 5.0, 5.0, 4.0, 4.0, 3.0, 3.0, 5.0, 5.0, 5.0, 4.0],
        &[0.0, 0.0, 0.0, 6.0, 0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 12.0, 0.0, 0.0, 18.0, 0.0, 0.0, 7.0, 0.0, 0.0, 0.0, 0.0, 10.0, 0.0, 0.0, 0.0, 0.0, 0.0, 8.0, 0.0, 0.0, 0.0, 0.0, 11.0, 0.0, 0.0, 0.0],
    ),
    (
        "max-pool 2 ceil",
        "3x5x1",
        &[4.0, 5.0, 3.0, -1.0, 2.0, 5.0],
        &[0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 1.0, 0.0, 0.0, 3.0, 4.0, 0.0, 5.0, 0.0, 6.0],
    ),
    (
        "max-pool 2x3 stride 1 dilation 2",
        "4x6x1",
        &[5.0, 5.0, 4.0, 3.0],
        &[0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 3.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    ),
    (
        "max-pool 3 stride 2",
        "7x2",
        &[1.0, 5.0, 4.0, 3.0, 2.0, 3.0],
        &[0.0, 0.0, 0.0, 2.0, 1.0, 0.0, 3.0, 0.0, 0.0, 10.0, 0.0, 0.0, 5.0, 0.0],
    ),
    (
        "avg-pool 2",
        "4x4x1",
        &[-1.25, 1.75, -0.25, 0.0],
        &[0.25, 0.25, 0.5, 0.5, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75, 1.0, 1.0, 0.75, 0.75, 1.0, 1.0],
    ),
    (
        "avg-pool 3 stride 2 padding 1",
        "4x5x1",
        &[-0.222222, 0.555556, 0.555556, -0.777778, -0.444444, -0.222222],
        &[0.111111, 0.333333, 0.222222, 0.555556, 0.333333, 0.555556, 1.333333, 0.777778, 1.777778, 1.0, 0.444444, 1.0, 0.555556, 1.222222, 0.666667, 0.444444, 1.0, 0.555556, 1.222222, 0.666667],
    ),
    (
        "avg-pool 3 stride 2 padding 1 ceil",
        "4x4x1",
        &[-0.555556, 0.666667, 0.833333, -0.333333, 0.222222, -0.666667, 0.0, 0.666667, 0.25],
        &[0.111111, 0.333333, 0.222222, 0.722222, 0.555556, 1.333333, 0.777778, 2.277778, 0.444444, 1.0, 0.555556, 1.555556, 1.611111, 3.5, 1.888889, 5.138889],
    ),
    (
        "avg-pool 3 stride 2 padding 1 ceil exclude-padding",
        "4x4x1",
        &[-1.25, 1.0, 2.5, -0.5, 0.222222, -1.333333, 0.0, 1.333333, 1.0],
        &[0.25, 0.583333, 0.333333, 1.833333, 0.916667, 1.805556, 0.888889, 4.388889, 0.666667, 1.222222, 0.555556, 2.555556, 4.166667, 7.388889, 3.222222, 14.222222],
    ),
    (
        "avg-pool 2 ceil",
        "3x3x1",
        &[0.75, -2.5, 2.0, -4.0],
        &[0.25, 0.25, 1.0, 0.25, 0.25, 1.0, 1.5, 1.5, 4.0],
    ),
    (
        "avg-pool 3 stride 2",
        "7x2",
        &[-2.0, 1.333333, 0.333333, 0.0, -1.0, -1.333333],
        &[0.333333, 0.666667, 0.333333, 0.666667, 1.333333, 2.0, 1.0, 1.333333, 2.666667, 3.333333, 1.666667, 2.0, 1.666667, 2.0],
    ),
    (
        "adaptive-avg-pool 2x3",
        "5x4x1",
        &[-1.0, 0.5, 0.166667, 0.0, 1.5, -0.666667],
        &[0.166667, 0.5, 0.833333, 0.5, 0.166667, 0.5, 0.833333, 0.5, 0.833333, 2.0, 2.666667, 1.5, 0.666667, 1.5, 1.833333, 1.0, 0.666667, 1.5, 1.833333, 1.0],
    ),
    (
        "adaptive-avg-pool 3",
        "7x2",
        &[-2.0, 1.333333, 0.333333, 0.0, -1.0, -1.333333],
        &[0.333333, 0.666667, 0.333333, 0.666667, 1.333333, 2.0, 1.0, 1.333333, 2.666667, 3.333333, 1.666667, 2.0, 1.666667, 2.0],
    ),
    (
        "adaptive-avg-pool 3",
        "2x2x1",
        &[-5.0, -1.5, 2.0, -3.5, 0.0, 3.5, -2.0, 1.5, 5.0],
        &[5.25, 8.25, 14.25, 17.25],
    ),
    (
        "upsample 2",
        "2x2x2",
        &[-5.0, 2.0, -5.0, 2.0, -2.0, 5.0, -2.0, 5.0, -5.0, 2.0, -5.0, 2.0, -2.0, 5.0, -2.0, 5.0, 1.0, -3.0, 1.0, -3.0, 4.0, 0.0, 4.0, 0.0, 1.0, -3.0, 1.0, -3.0, 4.0, 0.0, 4.0, 0.0],
        &[24.0, 28.0, 40.0, 44.0, 88.0, 92.0, 104.0, 108.0],
    ),
    (
        "upsample 2x3 bilinear",
        "2x3x1",
        &[-5.0, -5.0, -2.666667, -0.333333, 2.0, 0.666667, -0.666667, -2.0, -2.0, -2.5, -2.5, -1.083333, 0.333333, 1.75, 0.416667, -0.916667, -2.25, -2.25, 2.5, 2.5, 2.083333, 1.666667, 1.25, -0.083333, -1.416667, -2.75, -2.75, 5.0, 5.0, 3.666667, 2.333333, 1.0, -0.333333, -1.666667, -3.0, -3.0],
        &[46.416667, 63.75, 81.083333, 140.916667, 158.25, 175.583333],
    ),
    (
        "upsample 3 linear",
        "3x1",
        &[-5.0, -5.0, -2.666667, -0.333333, 2.0, 0.666667, -0.666667, -2.0, -2.0],
        &[6.333333, 15.0, 23.666667],
    ),
    (
        "zero-pad 1 0 2 1",
        "2x2x1",
        &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -5.0, 2.0, 0.0, -2.0, 5.0, 0.0, 0.0, 0.0],
        &[8.0, 9.0, 11.0, 12.0],
    ),
    (
        "zero-pad 1 2",
        "2x2",
        &[0.0, 0.0, -5.0, 2.0, -2.0, 5.0, 0.0, 0.0, 0.0, 0.0],
        &[3.0, 4.0, 5.0, 6.0],
    ),
    (
        "global-avg-pool",
        "2x3x2",
        &[-1.166667, 0.333333],
        &[0.166667, 0.333333, 0.166667, 0.333333, 0.166667, 0.333333, 0.166667, 0.333333, 0.166667, 0.333333, 0.166667, 0.333333],
    ),
];

fn built<A: Scalar>(words: &str, input: Shape) -> Box<dyn Layer<A>> {
    let stage: Stage = words.parse().unwrap_or_else(|error| panic!("{words}: {error}"));
    stage.output(input).unwrap_or_else(|error| panic!("{words}: {error}"));
    stage.build(input, Init::Zeros)
}

/// y, and ∂C/∂x for an error signal.
fn passes<A: Scalar>(layer: &dyn Layer<A>, x: &Array2<A>, delta: &Array2<A>) -> [Array2<A>; 2] {
    let mut y = Array2::from_elem((x.nrows(), layer.outputs()), A::nan());
    let mut delta_x = Array2::from_elem(x.dim(), A::nan());
    layer.forward(Mode::EVAL, &[], x, &mut y, &mut Tape::empty());
    let grad = Grad::new(&mut [], Accum::Replace);
    layer.backward(Point { theta: &[], x, y: &y }, delta, Some(&mut delta_x), Some(grad), &mut Tape::empty());
    [y, delta_x]
}

#[test]
fn values_and_gradients_are_those_of_pytorch() {
    for &(words, input, y, delta_x) in PYTORCH {
        let input: Shape = input.parse().unwrap();
        let layer = built::<f64>(words, input);
        let x = Array2::from_shape_fn((1, input.size()), |(_, i)| (i * 7 % 11) as f64 - 5.0);
        let delta = Array2::from_shape_fn((1, layer.outputs()), |(_, i)| i as f64 + 1.0);
        let [ours_y, ours_delta_x] = passes(layer.as_ref(), &x, &delta);
        for (ours, theirs) in [(ours_y, y), (ours_delta_x, delta_x)] {
            assert_eq!(ours.len(), theirs.len(), "{words} on {input}");
            assert!(
                ours.iter().zip(theirs).all(|(ours, theirs)| (ours - theirs).abs() < 1e-6),
                "{words} on {input}: {ours} is not {theirs:?}"
            );
        }
    }
}

#[test]
fn the_first_of_equals_is_the_maximum_and_a_nan_is_one() {
    let pool = MaxPool::new(Shape::sequence(4, 1), 2);
    let x = Array2::from_shape_vec((1, 4), vec![3.0, 3.0, f64::NAN, 9.0]).unwrap();
    let [y, delta_x] = passes(&pool, &x, &Array2::from_shape_vec((1, 2), vec![5.0, 7.0]).unwrap());
    assert!(y[(0, 0)] == 3.0 && y[(0, 1)].is_nan());
    assert_eq!(delta_x.as_slice().unwrap(), [5.0, 0.0, 7.0, 0.0]);
    assert!(Layer::<f64>::near_kink(&pool, &[], &x, 1e-3));
    let apart = Array2::from_shape_vec((1, 4), vec![3.0, 4.0, 2.0, 1.0]).unwrap();
    assert!(
        !Layer::<f64>::near_kink(&pool, &[], &apart, 0.5) && Layer::<f64>::near_kink(&pool, &[], &apart, 1.5)
    );
    // In a network, equals stay equal, and what is nearly equal does not.
    let equal = Array2::from_shape_vec((1, 4), vec![0.0, 0.0, 3.0, 3.0]).unwrap();
    assert!(!Layer::<f64>::near_kink_in_network(&pool, &[], &equal, 1e-3));
    assert!(Layer::<f64>::near_kink_in_network(&pool, &[], &apart, 1.5));
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for words in [
        "max-pool 2",
        "max-pool 3 stride 2 padding 1",
        "avg-pool 3 stride 2 padding 1",
        "upsample 2 bilinear",
    ] {
        for channels in [1, 6, 20] {
            let layer = built::<f32>(words, Shape::image(14, 14, channels));
            let number = |(i, j): (usize, usize)| ((i * 7919 + j * 104_729) % 1009) as f32 / 97.0 - 5.0;
            let x = Array2::from_shape_fn((13, layer.inputs()), number);
            let delta = Array2::from_shape_fn((13, layer.outputs()), number);
            let alone = passes(layer.as_ref(), &x, &delta);
            for threads in [2, 3] {
                let shared = Pool::new(threads).enter(|| passes(layer.as_ref(), &x, &delta));
                assert_eq!(alone, shared, "{words} with {channels} channels on {threads} threads");
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_with_both_shapes() {
    for (words, input, fault) in [
        ("max-pool 5", "4x4x3", "larger than the input, 4x4x3"),
        ("max-pool 2 stride 0", "4x4x3", "none may be 0"),
        ("avg-pool 3 padding 2", "4x4x3", "more than half of the kernel"),
        ("max-pool 2 padding 1 dilation 9", "8x8x1", "sees nothing of the input, 8x8x1"),
        ("max-pool 2", "16", "`reshape`"),
        ("avg-pool 2x3", "9x4", "one length"),
        ("adaptive-avg-pool 0", "4x4x1", "size 0"),
        ("adaptive-avg-pool 2x3", "9x4", "one length"),
        ("global-avg-pool", "16", "`reshape`"),
        ("upsample 0", "4x4x1", "scale of 0"),
        ("upsample 2 linear", "4x4x1", "`bilinear`"),
        ("upsample 2 bilinear", "9x4", "`linear`"),
        ("upsample 18446744073709551615", "4x4x1", "too much"),
        ("zero-pad 1 2", "4x4x1", "left, right, top, bottom"),
        ("zero-pad 1 2 3 4", "9x4", "left, right"),
        ("zero-pad 18446744073709551615", "4x4x1", "too large"),
    ] {
        let stage: Stage = words.parse().unwrap();
        let error = stage.output(input.parse().unwrap()).unwrap_err();
        assert!(error.fault.contains(fault), "{words} on {input}: {error}");
    }
    for words in [
        "max-pool",
        "max-pool 2 stride",
        "avg-pool 2 dilation 2",
        "zero-pad 1 2 3",
        "upsample 2 cubic",
        "global-avg-pool 2",
    ] {
        assert!(words.parse::<Stage>().is_err(), "{words}");
    }
    for json in [
        r#"{"kind":"max-pool","kernel":2,"strides":2}"#,
        r#"{"kind":"avg-pool","kernel":2,"dilation":2}"#,
        r#"{"kind":"global-avg-pool","size":1}"#,
        r#"{"kind":"zero-pad","sides":[1,2,3]}"#,
    ] {
        assert!(serde_json::from_str::<Stage>(json).is_err(), "{json}");
    }
}

/// A small picture or sequence.
fn inputs() -> impl Strategy<Value = Shape> {
    let channels = prop_oneof![Just(1_usize), Just(2), Just(5), Just(17)];
    (1..7_usize, 1..7_usize, channels, any::<bool>()).prop_map(|(height, width, channels, is_picture)| {
        if is_picture {
            Shape::image(height, width, channels)
        } else {
            Shape::sequence(height * width, channels)
        }
    })
}

/// A length along both axes in words; one that a sequence takes too.
fn extent(input: Shape, (height, width): (usize, usize)) -> String {
    if matches!(input, Shape::Image { .. }) { format!("{height}x{width}") } else { width.to_string() }
}

/// Kernel, stride, padding and dilation for an input, in words.
#[derive(Debug, Clone)]
struct Slide {
    input: Shape,
    kernel: String,
    stride: String,
    padding: String,
    dilation: String,
}

/// Windows over an input; many do not fit it.
fn slides() -> impl Strategy<Value = Slide> {
    let pair = |range: std::ops::Range<usize>| (range.clone(), range);
    (inputs(), pair(1..5), pair(1..4), pair(0..3), pair(1..3)).prop_map(
        |(input, kernel, stride, padding, dilation)| Slide {
            input,
            kernel: extent(input, kernel),
            stride: extent(input, stride),
            padding: extent(input, padding),
            dilation: extent(input, dilation),
        },
    )
}

/// A layer in words with an input that it takes: `write` may give words that do not fit.
fn layers(write: impl Fn(&Slide, bool) -> String) -> impl Strategy<Value = (Shape, String)> {
    (slides(), any::<bool>())
        .prop_map(move |(slide, flag)| (slide.input, write(&slide, flag)))
        .prop_filter("the window fits", |(input, words)| {
            words.parse::<Stage>().is_ok_and(|stage| stage.output(*input).is_ok())
        })
}

/// Any layer that slides a window, or shares its machinery; half of them convolutions.
fn any_layer() -> impl Strategy<Value = (Shape, String)> {
    let conv = |name: &'static str| {
        layers(move |Slide { input, kernel, stride, padding, dilation }, grouped| {
            let features = input.features();
            let (outputs, groups) = if grouped { (2 * features, features) } else { (3, 1) };
            format!(
                "{name} {outputs} {kernel} stride {stride} padding {padding} dilation {dilation} groups {groups}"
            )
        })
    };
    let depthwise = layers(|Slide { input, kernel, stride, padding, dilation }, same| {
        let features = input.features();
        let slide =
            if same { "padding same".to_owned() } else { format!("stride {stride} padding {padding}") };
        format!("conv {features} {kernel} {slide} dilation {dilation} groups {features} no-bias")
    });
    prop_oneof![
        4 => conv("conv"),
        2 => conv("conv-transpose"),
        2 => depthwise,
        1 => layers(|Slide { kernel, stride, padding, dilation, .. }, ceil| {
            let ceil = if ceil { " ceil" } else { "" };
            format!("max-pool {kernel} stride {stride} padding {padding} dilation {dilation}{ceil}")
        }),
        1 => layers(|Slide { kernel, stride, padding, .. }, flag| {
            let flag = if flag { " ceil exclude-padding" } else { " ceil" };
            format!("avg-pool {kernel} stride {stride} padding {padding}{flag}")
        }),
        1 => layers(|Slide { kernel, stride, padding, .. }, flag| {
            let flag = if flag { " exclude-padding" } else { "" };
            format!("avg-pool {kernel} stride {stride} padding {padding}{flag}")
        }),
        1 => layers(|slide, _| format!("adaptive-avg-pool {}", slide.kernel)),
        1 => layers(|_, _| "global-avg-pool".to_owned()),
        1 => layers(|slide, linear| {
            let mode = match (linear, slide.input) {
                (false, _) => "",
                (true, Shape::Image { .. }) => " bilinear",
                (true, _) => " linear",
            };
            format!("upsample {}{mode}", slide.stride)
        }),
        1 => layers(|slide, _| format!("zero-pad {}", slide.padding.replace('x', " 1 0 "))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1000,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_generated_layer_is_exact((input, words) in any_layer(), seed in any::<u64>(), rows in 1..3_usize) {
        let layer = built::<f64>(&words, input);
        let report = check(layer.as_ref(), layer.as_ref(), Case { rows, capacity: rows + 1, seed, coordinates: 12 });
        prop_assert!(report.within(1e-8, 1e-7), "{words} on {input}: {report:?}");
        prop_assert!(report.hessian.is_some());
        prop_assert_eq!(Stage::of(layer.as_ref()).unwrap().to_string(), words.parse::<Stage>().unwrap().to_string());
    }
}
