//! Rules and schedules as configurations.

use std::fmt::Debug;

use chainrule_optim::testing::Quadratic;
use chainrule_optim::{
    Adagrad, Adam, AdamWConfig, Clip, Descent, DescentSpec, Momentum, MomentumConfig, NesterovConfig,
    Optimizer, OptimizerConfig, OptimizerKind, QuasiNewtonKind, QuasiNewtonSpec, RmsProp, RuleKind, RuleSpec,
    Schedule, ScheduleKind, Sgd,
};
use chainrule_tensor::registry::Parameters;
use chainrule_tensor::{Init, Layout, Scalar};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

#[track_caller]
fn returns<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(serde_json::from_str::<T>(&text).unwrap(), *value, "{text}");
}

#[test]
fn a_configuration_comes_back_from_json_as_it_was() {
    returns(&Adam { beta2: 0.99, ..Adam::default() });
    returns(&Adagrad::default());
    returns(&Momentum { mu: 0.8, nesterov: true });
    returns(&RmsProp::default());
    returns(&Sgd);
    returns(&Clip::Norm(1.0));
    for schedule in [
        Schedule::constant(0.1),
        Schedule::step(0.1, 30, 0.5),
        Schedule::exponential(0.1, 0.99),
        Schedule::cosine(0.1, 100),
        Schedule::one_cycle(0.1, 100),
        Schedule::plateau(0.1),
    ] {
        returns(&schedule);
        returns(&schedule.warm_up(10));
    }
}

#[test]
fn what_a_configuration_leaves_out_has_its_default() {
    let read = |text| serde_json::from_str::<Schedule>(text).unwrap();
    assert_eq!(read(r#"{ "rate": 0.1 }"#), Schedule::constant(0.1));
    let cosine = read(r#"{ "rate": 0.1, "shape": { "cosine": { "steps": 100 } }, "warm-up": 5 }"#);
    assert_eq!(cosine, Schedule::cosine(0.1, 100).warm_up(5));
    assert_eq!(read(r#"{ "rate": 0.1, "shape": { "plateau": {} } }"#), Schedule::plateau(0.1));
    assert_eq!(serde_json::from_str::<Adam>(r#"{ "beta1": 0.8 }"#).unwrap().beta2, 0.999);
}

#[test]
fn a_wrong_configuration_is_refused() {
    assert!(serde_json::from_str::<Adam>(r#"{ "beta3": 0.8 }"#).is_err());
    for text in [
        r"{}",
        r#"{ "rate": 0.1, "shape": "stairs" }"#,
        r#"{ "rate": 0.1, "warmup": 5 }"#,
        r#"{ "rate": 0.1, "shape": { "step": { "every": 0, "gamma": 0.5 } } }"#,
    ] {
        assert!(serde_json::from_str::<Schedule>(text).is_err(), "{text}");
    }
}

#[test]
fn what_a_plateau_has_seen_is_no_configuration() {
    let mut plateau = Schedule::plateau(1.0);
    (0..20).for_each(|_| plateau.observe(1.0));
    assert!(plateau.rate(0) < 1.0);
    let text = serde_json::to_string(&plateau).unwrap();
    assert_eq!(serde_json::from_str::<Schedule>(&text).unwrap(), Schedule::plateau(1.0));
}

#[test]
fn every_name_is_read_and_written_back() {
    for &kind in RuleKind::ALL {
        assert_eq!(kind.to_string().parse(), Ok(kind));
        let spec = kind.spec();
        assert_eq!(spec.validate(), Ok(()));
        returns(&spec);
        assert_eq!(serde_json::from_str::<RuleSpec>(&format!("{:?}", kind.name())).unwrap(), spec);
        assert!(spec.learning_rate() > 0.0 && spec.weight_decay() >= 0.0);
    }
    for &kind in QuasiNewtonKind::ALL {
        assert_eq!(kind.to_string().parse(), Ok(kind));
        returns(&kind.spec());
    }
    for &kind in ScheduleKind::ALL {
        assert_eq!(kind.to_string().parse(), Ok(kind));
        let schedule = kind.over(0.1, 30);
        assert_eq!(schedule.kind(), kind);
        returns(&schedule);
    }
    assert_eq!("adma".parse::<RuleKind>().unwrap_err().nearest(), Some("adam"));
    assert_eq!("one_cycle".parse::<ScheduleKind>().unwrap_err().nearest(), Some("one-cycle"));
}

#[test]
fn an_optimizer_is_known_by_the_names_of_both_tables() {
    let names = ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "lbfgs"];
    assert_eq!(OptimizerKind::names().collect::<Vec<_>>(), names);
    for name in names {
        let kind: OptimizerKind = name.parse().unwrap();
        assert_eq!(matches!(kind, OptimizerKind::QuasiNewton(_)), name == "lbfgs");
        assert_eq!((kind.name(), format!("{kind:>9}")), (name, format!("{name:>9}")));
    }
    assert_eq!("lbgfs".parse::<OptimizerKind>().unwrap_err().nearest(), Some("lbfgs"));
}

#[test]
fn the_top_of_one_cycle_is_ten_times_the_rate_of_the_rules_that_divide_by_the_gradients_size() {
    let rates: Vec<_> = RuleKind::ALL
        .iter()
        .map(|kind| {
            let rate = |schedule| kind.spec().rate_under(schedule);
            assert_eq!(rate(ScheduleKind::Cosine), kind.spec().learning_rate());
            (kind.name(), rate(ScheduleKind::OneCycle))
        })
        .collect();
    assert_eq!(
        rates,
        [
            ("sgd", 0.1),
            ("momentum", 0.01),
            ("nesterov", 0.01),
            ("adagrad", 0.01),
            ("rmsprop", 0.01),
            ("adam", 0.01),
            ("adamw", 0.01),
        ]
    );
}

#[test]
fn a_parameter_that_its_formula_does_not_allow_is_refused_by_name() {
    let (share, above) = ("from 0 up to, but not including, 1", "above 0");
    let adam = |beta1, beta2, epsilon| Adam { beta1, beta2, epsilon };
    let momentum = |mu| MomentumConfig { mu };
    let cases = [
        (RuleSpec::Momentum(momentum(1.0)), format!("momentum: mu = 1 is not {share}")),
        (RuleSpec::Momentum(momentum(-0.5)), format!("momentum: mu = -0.5 is not {share}")),
        (RuleSpec::Momentum(momentum(f64::NAN)), format!("momentum: mu = NaN is not {share}")),
        (RuleSpec::Nesterov(NesterovConfig(momentum(1.0))), format!("nesterov: mu = 1 is not {share}")),
        (RuleSpec::Adagrad(Adagrad { epsilon: 0.0 }), format!("adagrad: epsilon = 0 is not {above}")),
        (RuleSpec::Adagrad(Adagrad { epsilon: -0.5 }), format!("adagrad: epsilon = -0.5 is not {above}")),
        (
            RuleSpec::Rmsprop(RmsProp { alpha: 1.0, epsilon: 0.5 }),
            format!("rmsprop: alpha = 1 is not {share}"),
        ),
        (
            RuleSpec::Rmsprop(RmsProp { alpha: 0.5, epsilon: 0.0 }),
            format!("rmsprop: epsilon = 0 is not {above}"),
        ),
        (RuleSpec::Adam(adam(-0.5, 0.5, 0.5)), format!("adam: beta1 = -0.5 is not {share}")),
        (RuleSpec::Adam(adam(0.5, 1.0, 0.5)), format!("adam: beta2 = 1 is not {share}")),
        (RuleSpec::Adam(adam(0.5, 0.5, 0.0)), format!("adam: epsilon = 0 is not {above}")),
        (RuleSpec::Adam(adam(0.5, 0.5, f64::INFINITY)), format!("adam: epsilon = inf is not {above}")),
        (RuleSpec::Adamw(AdamWConfig(adam(1.0, 0.5, 0.5))), format!("adamw: beta1 = 1 is not {share}")),
        (RuleSpec::Adamw(AdamWConfig(adam(0.5, 1.0, 0.5))), format!("adamw: beta2 = 1 is not {share}")),
        (RuleSpec::Adamw(AdamWConfig(adam(0.5, 0.5, 0.0))), format!("adamw: epsilon = 0 is not {above}")),
    ];
    for (spec, says) in cases {
        let fault = spec.validate().unwrap_err().to_string();
        assert!(fault.contains(&says), "{spec:?}: {fault}");
    }
    // The ends of the ranges are allowed.
    for spec in [
        RuleSpec::Momentum(momentum(0.0)),
        RuleSpec::Nesterov(NesterovConfig(momentum(0.0))),
        RuleSpec::Adagrad(Adagrad { epsilon: f64::MIN_POSITIVE }),
        RuleSpec::Rmsprop(RmsProp { alpha: 0.0, epsilon: f64::MIN_POSITIVE }),
        RuleSpec::Adamw(AdamWConfig(adam(0.0, 0.0, f64::MIN_POSITIVE))),
    ] {
        assert_eq!(spec.validate(), Ok(()));
    }
}

#[test]
fn a_schedule_by_its_name_fills_the_run() {
    for (schedule, expected) in [
        (ScheduleKind::Constant.over(0.5, 30), Schedule::constant(0.5)),
        (ScheduleKind::Step.over(0.5, 30), Schedule::step(0.5, 10, 0.1)),
        (ScheduleKind::Step.over(0.5, 31), Schedule::step(0.5, 11, 0.1)),
        (ScheduleKind::Step.over(0.5, 0), Schedule::step(0.5, 1, 0.1)),
        (ScheduleKind::Cosine.over(0.5, 30), Schedule::cosine(0.5, 30)),
        (ScheduleKind::OneCycle.over(0.5, 30), Schedule::one_cycle(0.5, 30)),
        (ScheduleKind::Plateau.over(0.5, 30), Schedule::plateau(0.5)),
    ] {
        assert_eq!(schedule, expected);
    }
    let exponential = ScheduleKind::Exponential.over(0.5, 30);
    for (t, rate) in [(0, 0.5), (15, 0.05), (30, 0.005)] {
        assert!((exponential.rate(t) - rate).abs() < 1e-12, "{}", exponential.rate(t));
    }
    assert_eq!(ScheduleKind::Exponential.over(0.5, 0), Schedule::exponential(0.5, 0.01));
}

/// An optimizer of which the harness tries one case alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Halving;

impl Parameters for Halving {}

impl OptimizerConfig for Halving {
    fn build<A: Scalar>(&self, dim: usize) -> Box<dyn Optimizer<A>> {
        Box::new(Descent::new(Sgd, dim, Schedule::constant(0.5)))
    }
}

#[test]
fn an_optimizer_without_other_paths_is_one_case_of_the_harness() {
    let [case] = Halving.cases::<f64>().try_into().unwrap();
    assert_eq!(case.name, "");
    let case = case.of("halving");
    assert_eq!(format!("{case:?}"), r#"OptimizerCase { name: "halving", .. }"#);
    let mut theta = [4.0, 2.0];
    (case.make)(2).step(&mut Quadratic::new(vec![1.0, 1.0]), &mut theta);
    assert_eq!(theta, [2.0, 1.0]);
}

#[test]
fn a_descent_decays_weights_at_its_rate_or_at_that_of_its_rule() {
    let mut layout = Layout::new();
    layout.push("weight", (1, 1), Init::Zeros);
    layout.push("bias", 1, Init::Zeros);
    // Where C is flat, decay is all that moves θ: by ηλ of itself.
    for (rule, weight_decay, left) in [
        (RuleKind::Sgd, None, 1.0),
        (RuleKind::Sgd, Some(0.5), 1.0 - 0.1 * 0.5),
        (RuleKind::Adamw, None, 1.0 - 0.001 * 0.01),
        (RuleKind::Adamw, Some(0.5), 1.0 - 0.001 * 0.5),
        (RuleKind::Adamw, Some(0.0), 1.0),
    ] {
        let spec = DescentSpec { weight_decay, ..DescentSpec::of(rule.spec()) };
        let (mut descent, mut theta) = (spec.build::<f64>(&layout), [1.0, 1.0]);
        assert_eq!(format!("{descent:?}").contains("Decay"), left < 1.0, "{spec:?}");
        descent.step(&mut Quadratic::new(vec![0.0, 0.0]), &mut theta);
        assert_eq!(theta, [left, 1.0], "{spec:?}");
    }
}

#[test]
fn the_tables_have_the_usual_rates_and_decays() {
    let usual: Vec<_> = RuleKind::ALL
        .iter()
        .map(|kind| (kind.name(), kind.spec().learning_rate(), kind.spec().weight_decay()))
        .collect();
    assert_eq!(
        usual,
        [
            ("sgd", 0.1, 0.0),
            ("momentum", 0.01, 0.0),
            ("nesterov", 0.01, 0.0),
            ("adagrad", 0.01, 0.0),
            ("rmsprop", 0.001, 0.0),
            ("adam", 0.001, 0.0),
            ("adamw", 0.001, 0.01),
        ]
    );
}

#[test]
fn a_descent_is_a_configuration_and_refuses_wrong_ones() {
    let spec: DescentSpec = serde_json::from_str(
        r#"{ "rule": { "name": "nesterov", "mu": 0.8 }, "weight-decay": 0.1, "clip": { "norm": 1.0 } }"#,
    )
    .unwrap();
    assert_eq!(
        (spec.rule.kind(), spec.weight_decay, spec.clip),
        (RuleKind::Nesterov, Some(0.1), Some(Clip::Norm(1.0)))
    );
    returns(&spec);
    returns(&DescentSpec {
        schedule: Some(Schedule::cosine(0.1, 9)),
        ..DescentSpec::of(RuleKind::Adamw.spec())
    });
    let text = format!("{:?}", spec.build::<f32>(&Layout::new()));
    assert!(text.contains("mu: 0.8, nesterov: true") && text.contains("rate: 0.01"), "{text}");
    for (text, says) in [
        (r#"{ "rule": "adam", "decay": 0.1 }"#, "`decay`"),
        (r#"{ "rule": "adan" }"#, "did you mean adam?"),
        (r#"{ "rule": { "name": "adam", "beta1": 1.0 } }"#, "adam: beta1 = 1 is not from 0 up to"),
        (r#"{ "rule": { "name": "momentum", "nesterov": true } }"#, "`nesterov`"),
    ] {
        let fault = serde_json::from_str::<DescentSpec>(text).unwrap_err().to_string();
        assert!(fault.contains(says), "{text}: {fault}");
    }
    let fault = serde_json::from_str::<QuasiNewtonSpec>(r#"{ "name": "lbfgs", "history": 0 }"#).unwrap_err();
    assert!(fault.to_string().contains("lbfgs: history = 0 is not above 0"), "{fault}");
}
