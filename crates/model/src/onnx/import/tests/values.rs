//! Graphs whose functions a layer has, or nearly has.

use super::*;

/// A graph, and the function that it computes.
type Case<'f> = (Vec<Vec<u8>>, &'f dyn Fn(f64) -> f64);

/// What the graph of these nodes makes of each x.
fn values(inputs: u64, nodes: &[Vec<u8>], x: &[f64]) -> Vec<f64> {
    let imported =
        import_bytes::<f64>(&model(&[5, inputs], nodes), None).unwrap_or_else(|fault| panic!("{fault}"));
    let x = Array2::from_shape_vec((x.len() / inputs as usize, inputs as usize), x.to_vec()).unwrap();
    predictions(&imported.checkpoint, &x)
}

#[test]
fn a_bound_far_away_is_a_bound() {
    let number = |name: &str, value: f32| tensor(name, &[], &[value]);
    let far = [-3000.0, -1000.5, -70.0, -1.0, 0.0, 0.5, 6.0, 11.0, 499.0, 501.0, 2999.0];
    let leaky = |x: f64| if x < 0.0 { 0.01 * x } else { x };
    let cases: [Case<'_>; 5] = [
        (
            vec![
                number("t", 10.0),
                number("h", 1.0),
                node("Div", &["x", "t"], "a"),
                node("Clip", &["a", "", "h"], "y"),
            ],
            &|x| (x / 10.0).min(1.0),
        ),
        (
            vec![
                number("t", 2.0),
                number("h", 20.0),
                node("Mul", &["x", "t"], "a"),
                node("Min", &["a", "h"], "y"),
            ],
            &|x| (2.0 * x).min(20.0),
        ),
        (vec![number("l", -1000.0), number("h", 1000.0), node("Clip", &["x", "l", "h"], "y")], &|x| {
            x.clamp(-1000.0, 1000.0)
        }),
        (vec![number("l", 0.0), number("h", 500.0), node("Clip", &["x", "l", "h"], "y")], &|x| {
            x.clamp(0.0, 500.0)
        }),
        (vec![number("h", 1000.0), node("LeakyRelu", &["x"], "a"), node("Min", &["a", "h"], "y")], &|x| {
            leaky(x).min(1000.0)
        }),
    ];
    for (at, (nodes, function)) in cases.iter().enumerate() {
        for (y, x) in values(1, nodes, &far).iter().zip(far) {
            assert!((y - function(x)).abs() <= 1e-6 * function(x).abs().max(1.0), "{at}: {y} at {x}");
        }
    }
    // No layer jumps, and none has a bound for each feature.
    let jump = [
        number("t", 400.0),
        number("z", 0.0),
        node("Less", &["x", "t"], "c"),
        node("Where", &["c", "x", "z"], "y"),
    ];
    assert!(fault(&model(&[5, 1], &jump)).contains("Where"));
    let bounds = [tensor("h", &[2], &[600.0, 700.0]), node("Min", &["x", "h"], "y")];
    assert!(fault(&model(&[5, 2], &bounds)).contains("Min"));
}

#[test]
fn a_function_of_small_values_is_known_by_its_form() {
    let nodes = [tensor("s", &[], &[1e-6]), node("Sigmoid", &["x"], "a"), node("Mul", &["a", "s"], "y")];
    let x = [-3.0, -0.5, 0.1, 2.0];
    for (y, x) in values(1, &nodes, &x).iter().zip(x) {
        assert!((y * 1e6 - 1.0 / (1.0 + (-x).exp())).abs() < 1e-6, "{y} at {x}");
    }
}

#[test]
fn what_a_difference_takes_away_is_taken_away_whole() {
    let weight = |name: &str, scale: f32| tensor(name, &[2, 2], &[scale, 0.0, 0.0, scale]);
    let branches = [
        weight("p", 2.0),
        weight("q", 3.0),
        node("MatMul", &["x", "p"], "a"),
        node("MatMul", &["x", "q"], "b"),
    ];
    let with = |more: &[Vec<u8>]| values(2, &[&branches, more].concat(), &[1.0, -2.0]);
    assert_eq!(with(&[node("Add", &["a", "b"], "s"), node("Sub", &["x", "s"], "y")]), [-4.0, 8.0]);
    assert_eq!(with(&[node("Sub", &["a", "b"], "s"), node("Sub", &["x", "s"], "y")]), [2.0, -4.0]);
    assert_eq!(with(&[node("Sub", &["x", "a"], "s"), node("Sub", &["s", "b"], "y")]), [-4.0, 8.0]);
}

#[test]
fn values_that_are_stretched_along_two_axes_are_refused() {
    let axis = |name: &str, value: i64| {
        field(
            5,
            &[number(1, 1), number(2, 7), field(8, name.as_bytes()), field(9, &value.to_le_bytes())].concat(),
        )
    };
    let nodes = [
        axis("one", 1),
        axis("two", 2),
        node("Softmax", &["x"], "a"),
        node("Tanh", &["x"], "b"),
        node("Unsqueeze", &["a", "two"], "c"),
        node("Unsqueeze", &["b", "one"], "d"),
        node("Mul", &["c", "d"], "y"),
    ];
    assert!(fault(&model(&[5, 3], &nodes)).contains("stretches"));
}

#[test]
fn constants_of_other_types_are_rounded_and_cut() {
    // An attribute: its name and a whole number.
    let cast = |to: u64| {
        let attribute = field(5, &[field(1, b"to"), number(3, to)].concat());
        let message = [field(1, b"w"), field(2, b"v"), field(4, b"Cast"), attribute].concat();
        [tensor("w", &[3], &[0.1, -2.7, 300.0]), field(1, &message), node("Mul", &["x", "v"], "y")]
    };
    let found = |to: u64| values(3, &cast(to), &[1.0; 3]);
    assert_eq!(found(9), [1.0; 3]);
    assert_eq!(found(6), [0.0, -2.0, 300.0]);
    assert_eq!(found(10), [0.099_975_585_937_5, -2.699_218_75, 300.0]);
    assert!(fault(&model(&[5, 3], &cast(3))).contains("Cast"));
}

#[test]
fn an_example_that_fills_the_memory_is_not_reordered() {
    let nodes = [node("Transpose", &["x"], "t"), node("Softmax", &["t"], "y")];
    let order = field(5, &[field(1, b"perm"), [0, 2, 1].map(|axis| number(8, axis)).concat()].concat());
    let transpose = field(1, &[field(1, b"x"), field(2, b"t"), field(4, b"Transpose"), order].concat());
    let error = fault(&model(&[5, 20_000, 20_000], &[transpose, nodes[1].clone()]));
    assert!(error.contains("reorders"), "{error}");
}

#[test]
fn a_refusal_names_what_is_in_the_way() {
    // A loop is named before what it takes.
    let cell = field(1, &[field(1, b"x"), field(1, b"w"), field(2, b"y"), field(4, b"LSTM")].concat());
    assert!(fault(&model(&[5, 2, 3], &[tensor("w", &[1], &[f32::NAN]), cell])).contains("LSTM"));
    let graph = [end(12, "y", &[]), tensor("w", &[1, 2], &[1.0, 2.0]), node("Relu", &["w"], "y")].concat();
    let error = fault(&[field(7, &graph), field(8, &number(2, 17))].concat());
    assert!(error.contains("it has no inputs"), "{error}");
}
