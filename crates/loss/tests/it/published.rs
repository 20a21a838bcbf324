//! The losses against numbers that were not computed here, and at the ends of the line.
//!
//! The numbers are from Python's `decimal` with 50 digits, by the textbook's formulas as they stand:
//!
//! ```text
//! p = [z.exp() / sum(x.exp() for x in z) for z in z]
//! t = [(1 - eps) * t + eps / K for t in t]
//! loss = -sum(w * t * p.ln() for w, t, p in zip(w, t, p));  delta = [sum(w * t) * p - w * t for w, t, p in zip(w, t, p)]
//! s = 1 / (1 + (-z).exp())
//! loss = -(w * t * s.ln() + (1 - t) * (1 - s).ln());        delta = -w * t * (1 - s) + (1 - t) * s
//! ```

use chainrule_loss::{
    BinaryCrossEntropy, BinaryLogitTerm, Elementwise, Huber, HuberTerm, Loss, MeanAbsoluteError,
    SoftmaxCrossEntropy, SquaredError, gradcheck::check, zoo,
};
use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{Array2, array};

#[track_caller]
fn expect<A: Scalar>(
    loss: &dyn Loss<A>,
    (y, target): (&Array2<A>, &Array2<A>),
    value: f64,
    delta: &[f64],
    bar: f64,
) {
    let mut found = Array2::from_elem(y.dim(), A::nan());
    let values = [loss.value(y, target), loss.value_and_delta(y, target, &mut found)];
    for found in values.map(A::as_f64) {
        assert!((found - value).abs() <= bar * value.abs(), "{loss:?}: {found} for {value}");
    }
    for (found, expected) in found.iter().map(|d| d.as_f64()).zip(delta) {
        assert!((found - expected).abs() <= bar * expected.abs(), "{loss:?}: {found} for δ = {expected}");
    }
}

#[test]
fn cross_entropy_with_each_option() {
    let (z, class, soft) = (array![[0.5, -1.25, 2.0]], array![[1.0]], array![[0.25, 0.5, 0.75]]);
    let (plain, weights) = (SoftmaxCrossEntropy::new(), vec![0.5, 2.0, 1.25]);
    let smooth = plain.clone().label_smoothing(0.1);
    let delta = [0.143_486_848_774_110_94, -0.902_606_593_006_896_9, 0.759_119_744_232_785_9];
    expect(&smooth, (&z, &class), 3.315_955_316_435_366, &delta, 1e-14);
    let weighted = plain.class_weights(weights.clone());
    let delta = [0.353_640_364_214_888_54, -1.938_546_519_347_127_2, 1.584_906_155_132_238_5];
    expect(&weighted, (&z, &class), 6.965_243_966_204_065, &delta, 1e-14);
    // A target that sums to 1.5, weighted and smoothed: δ = s·p − w·t with s = Σ w·t.
    let delta = [0.221_158_319_133_707_32, -0.905_789_312_394_914_4, 0.684_630_993_261_207_1];
    expect(&smooth.class_weights(weights), (&z, &soft), 3.796_298_970_687_568_7, &delta, 1e-14);
}

#[test]
fn cross_entropy_depends_on_differences_of_logits_alone() {
    // ln(1 + e^(−5)), wherever the two logits lie.
    let value = 0.006_715_348_489_118_068;
    let delta = [-0.006_692_850_924_284_855, 0.006_692_850_924_284_855];
    for shift in [0.0, 1e3, 1e4, -1e4] {
        let z = array![[5.0 + shift, shift]];
        expect::<f64>(&SoftmaxCrossEntropy::new(), (&z, &array![[0.0]]), value, &delta, 1e-12);
        let z = z.mapv(|z| z as f32);
        expect::<f32>(&SoftmaxCrossEntropy::new(), (&z, &array![[0.0]]), value, &delta, 2e-5);
    }
}

#[test]
fn binary_cross_entropy_keeps_its_digits_on_either_side() {
    let plain = BinaryCrossEntropy::default();
    for (z, t, value, delta) in [
        (0.75, 1.0, 0.386_871_006_114_899_94, -0.320_821_300_824_607),
        (-1.5, 0.0, 0.201_413_277_982_752_4, 0.182_425_523_806_356_35),
    ] {
        expect(&plain, (&array![[z]], &array![[t]]), value, &[delta], 1e-14);
    }
    let tripled: BinaryCrossEntropy = Elementwise::sum_of(BinaryLogitTerm { positive_weights: vec![3.0] });
    let delta = [0.268_768_048_763_089_46];
    expect(&tripled, (&array![[0.75]], &array![[0.25]]), 1.142_806_509_172_349_8, &delta, 1e-14);
    // A right answer given with confidence costs little, not nothing.
    let (tiny, right) = (2.061_153_620_314_381e-9, [(-20.0_f32, 0.0), (20.0, 1.0)]);
    for (z, t) in right {
        let found = plain.value(&array![[z]], &array![[t]]);
        assert!((found.as_f64() / tiny - 1.0).abs() < 1e-6, "{found} for {tiny}");
    }
    assert!(
        (plain.value(&array![[-50.0]], &array![[0.0]]) / 1.928_749_847_963_917_8e-22 - 1.0_f64).abs() < 1e-14
    );
    for z in [-1e4_f32, 1e4] {
        assert_eq!(plain.value(&array![[z]], &array![[0.0]]), z.max(0.0));
        assert_eq!(plain.value(&array![[z]], &array![[1.0]]), (-z).max(0.0));
    }
}

#[test]
fn the_losses_of_a_difference() {
    // Differences 0.5, −3 and 0: by hand.
    let at = (&array![[1.5, -1.0, 2.0]], &array![[1.0, 2.0, 2.0]]);
    expect(&SquaredError::default(), at, 9.25, &[1.0, -6.0, 0.0], 0.0);
    expect(&SquaredError::mean(), at, 9.25 / 3.0, &[1.0 / 3.0, -2.0, 0.0], 1e-15);
    expect(&MeanAbsoluteError::default(), at, 3.5, &[1.0, -1.0, 0.0], 0.0);
    expect(&MeanAbsoluteError::mean(), at, 3.5 / 3.0, &[1.0 / 3.0, -1.0 / 3.0, 0.0], 1e-15);
    expect(&Huber::default(), at, 2.625, &[0.5, -1.0, 0.0], 0.0);
    expect(&Elementwise::sum_of(HuberTerm { delta: 2.0 }), at, 4.125, &[0.5, -2.0, 0.0], 0.0);
}

#[test]
fn a_class_index_says_what_its_one_hot_row_says() {
    let (y, index, row) = (array![[0.3, -1.0, 0.8]], array![[2.0]], array![[0.0, 0.0, 1.0]]);
    for specimen in zoo::<f64>() {
        let (mut one, mut other) = (Array2::zeros((1, 3)), Array2::zeros((1, 3)));
        let a = specimen.loss.value_and_delta(&y, &index, &mut one);
        assert_eq!(a, specimen.loss.value_and_delta(&y, &row, &mut other), "{}", specimen.name);
        assert_eq!(one, other, "{}", specimen.name);
    }
}

#[test]
fn no_loss_hides_a_nan() {
    for specimen in zoo::<f64>() {
        for at in 0..3 {
            let mut y = array![[0.3, -1.0, 0.8]];
            y[(0, at)] = f64::NAN;
            for target in [array![[0.0]], array![[2.0]]] {
                let mut delta = Array2::zeros((1, 3));
                let values = [
                    specimen.loss.value(&y, &target),
                    specimen.loss.value_and_delta(&y, &target, &mut delta),
                    delta[(0, at)],
                ];
                assert!(values.iter().all(|v| v.is_nan()), "{}: {values:?}", specimen.name);
            }
        }
    }
}

#[test]
fn the_zoo_at_further_sizes() {
    for specimen in zoo::<f64>() {
        for dim in [(1, 1), (17, 1), (17, 2), (3, 10)] {
            let loss = specimen.loss.as_ref();
            let report = check::<f64>(loss, loss, specimen.target, dim, 4);
            assert!(report.within(1e-8, 1e-7), "{}: {dim:?}: {report:?}", specimen.name);
        }
    }
}

#[test]
#[should_panic(expected = "the target (2, 3) fits neither the output (2, 4)")]
fn a_target_of_another_width_is_refused() {
    SquaredError::default().value(&Array2::<f64>::zeros((2, 4)), &Array2::zeros((2, 3)));
}

#[test]
#[should_panic(expected = "the output (3, 2) and its direction (1, 2) differ")]
fn a_direction_is_not_repeated_over_the_rows() {
    let zeros = |rows| Array2::<f64>::zeros((rows, 2));
    SquaredError::default().r_delta(&zeros(3), &zeros(3), &zeros(1), &mut zeros(3));
}

#[test]
#[should_panic(expected = "the output (3, 2) and its direction (5, 2) differ")]
fn a_direction_is_not_cut() {
    let zeros = |rows| Array2::<f64>::zeros((rows, 2));
    SoftmaxCrossEntropy::new().r_delta(&zeros(3), &zeros(3), &zeros(5), &mut zeros(3));
}
