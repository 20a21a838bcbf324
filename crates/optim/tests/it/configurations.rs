//! Rules and schedules as configurations.

use std::fmt::Debug;

use chainrule_optim::{
    Adagrad, Adam, Clip, DescentSpec, Momentum, QuasiNewtonKind, QuasiNewtonSpec, RmsProp, RuleKind,
    RuleSpec, Schedule, ScheduleKind, Sgd,
};
use chainrule_tensor::Layout;
use serde::{Serialize, de::DeserializeOwned};

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
