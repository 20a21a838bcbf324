//! Transforms against numbers worked out by hand and against each other.

use chainrule_datasets::{Dataset, Features, ImageShape, Pipeline, Scaling, Target, Transform, digits};
use chainrule_tensor::ndarray::{Array2, Axis, array};
use proptest::prelude::*;

fn table(x: Array2<f64>) -> Dataset<f64> {
    let n = x.nrows();
    Dataset::new("table", x, Target::numbered(vec![0; n], 1)).unwrap()
}

#[test]
fn fits_give_the_numbers_worked_out_by_hand() {
    let data = table(array![[1.0, 0.1], [3.0, 0.1], [8.0, 0.1]]);
    let standardise = Pipeline::fit(&[Scaling::Standardise], &data).unwrap();
    let Transform::Standardise { mean, deviation } = &standardise.transforms()[0] else { panic!() };
    assert_eq!(mean[..], [4.0, 0.1]);
    assert!((deviation[0] - (26.0_f64 / 3.0).sqrt()).abs() < 1e-15);
    assert_eq!(deviation[1], 1.0);
    let min_max = Pipeline::fit(&[Scaling::MinMax], &data).unwrap();
    assert_eq!(min_max.transforms(), [Transform::MinMax { min: vec![1.0, 0.1], range: vec![7.0, 1.0] }]);
}

#[test]
fn global_standardisation_treats_all_numbers_alike() {
    let data = table(array![[1.0, 10.0], [3.0, 20.0], [8.0, 60.0]]);
    let fitted = Pipeline::fit(&[Scaling::GlobalStandardise], &data).unwrap();
    let x = data.inputs_through(&fitted);
    assert!(x.mean().unwrap().abs() < 1e-15);
    assert!((x.std(0.0) - 1.0).abs() < 1e-14);
}

#[test]
fn channels_are_standardised_over_all_pixels() {
    let shape = ImageShape { height: 1, width: 2, channels: 3 };
    let x = array![[1.0, 10.0, 7.0, 3.0, 20.0, 7.0], [5.0, 60.0, 7.0, 7.0, 30.0, 7.0]];
    let data = table(x).with_image(shape).unwrap();
    let fitted = Pipeline::fit(&[Scaling::ChannelStandardise], &data).unwrap();
    let Transform::ChannelStandardise { mean, deviation } = &fitted.transforms()[0] else { panic!() };
    assert_eq!(mean[..], [4.0, 30.0, 7.0]);
    // √((9 + 1 + 1 + 9)/4), √((400 + 100 + 900 + 0)/4), and 1 for a constant channel.
    for (found, expected) in deviation.iter().zip([5.0_f64.sqrt(), 350.0_f64.sqrt(), 1.0]) {
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
    let x = data.inputs_through(&fitted);
    assert!((x[(0, 3)] + 1.0 / 5.0_f64.sqrt()).abs() < 1e-12 && x[(1, 5)] == 0.0);
    let json = serde_json::to_string(&fitted).unwrap();
    assert_eq!(serde_json::from_str::<Pipeline>(&json).unwrap(), fitted);
    assert!(
        fitted.check(7).unwrap_err().to_string().contains("images with 3 channels, and 7 numbers are none")
    );
    let error = Pipeline::fit(&[Scaling::ChannelStandardise], &table(array![[1.0], [2.0]])).unwrap_err();
    assert!(error.to_string().contains("no images"), "{error}");
}

#[test]
fn standardised_digits_have_mean_0_and_variance_1() {
    let train = digits::<f64>().train;
    let pipeline = train.pixel_scaling().then_fit(Scaling::Standardise, &train).unwrap();
    let x = train.inputs_through(&pipeline);
    assert!(x.mean_axis(Axis(0)).unwrap().iter().all(|m| m.abs() < 1e-12));
    // Constant pixels (the corners of no digit) keep variance 0.
    assert!(x.var_axis(Axis(0), 0.0).iter().all(|&v| (v - 1.0).abs() < 1e-12 || v == 0.0));
    let Features::Bytes(bytes) = train.features() else { panic!() };
    let mut by_hand = bytes.mapv(f64::from);
    pipeline.apply_in_place(&mut by_hand);
    assert_eq!(by_hand, x);
}

#[test]
fn useless_numbers_and_lists_are_refused() {
    for json in [
        r#"[{"kind":"scale","divisor":0.0}]"#,
        r#"[{"kind":"standardise","mean":[1.0],"deviation":[]}]"#,
        r#"[{"kind":"standardise","mean":[1.0],"deviation":[1.0]},{"kind":"min-max","min":[],"range":[]}]"#,
        r#"[{"kind":"magic"}]"#,
        r#"[{"kind":"channel-standardise","mean":[],"deviation":[]}]"#,
        r#"[{"kind":"scale","divisor":2.0,"shift":1.0}]"#,
    ] {
        assert!(serde_json::from_str::<Pipeline>(json).is_err(), "{json}");
    }
    let fitted = Pipeline::fit(&[Scaling::MinMax], &table(array![[1.0, 2.0]])).unwrap();
    assert!(fitted.check(3).unwrap_err().to_string().contains("fitted on 2 features, not 3"));
    assert!(Pipeline::fit(&[Scaling::MinMax], &table(Array2::zeros((0, 2)))).is_err());
}

proptest! {
    #[test]
    fn folding_equals_step_by_step_and_has_an_inverse(
        rows in prop::collection::vec(prop::array::uniform3(-1e3..1e3_f64), 1..20), divisor in 0.1..1e3_f64,
    ) {
        let x: Array2<f64> = rows.into();
        let data = table(x.clone());
        let scale = Pipeline::new().then(Transform::Scale { divisor });
        let whole = scale.clone().then_fit(Scaling::MinMax, &data).unwrap().then_fit(Scaling::Standardise, &data).unwrap();
        // Fitting each step on what the one before has made.
        let mut stepped = data.materialize(&scale);
        for method in [Scaling::MinMax, Scaling::Standardise] {
            stepped = stepped.materialize(&Pipeline::fit(&[method], &stepped).unwrap());
        }
        let Features::Real(stepped) = stepped.features() else { panic!() };
        let mut y = data.inputs_through(&whole);
        prop_assert!((&y - stepped).iter().all(|d| d.abs() < 1e-6));
        whole.invert_in_place(&mut y);
        prop_assert!((&y - &x).iter().all(|d| d.abs() < 1e-8));
    }
}
