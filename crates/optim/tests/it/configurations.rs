//! Rules and schedules as configurations.

use std::fmt::Debug;

use chainrule_optim::{Adagrad, Adam, Clip, Momentum, RmsProp, Schedule, Sgd};
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
