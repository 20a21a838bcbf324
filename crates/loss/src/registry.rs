//! The table of all losses.

use chainrule_tensor::Scalar;
use chainrule_tensor::registry::Parameters;

use crate::binary_cross_entropy::BinaryCrossEntropyConfig;
use crate::config::{LossCase, LossConfig};
use crate::huber::HuberConfig;
use crate::loss::{FusedOutput, Loss};
use crate::mean_absolute_error::MeanAbsoluteErrorConfig;
use crate::softmax_cross_entropy::CrossEntropyConfig;
use crate::squared_error::{MeanSquaredErrorConfig, SquaredErrorConfig};
use crate::target::TargetKind;

chainrule_tensor::registry! {
    /// A loss by its name.
    ///
    /// ```
    /// use chainrule_loss::LossKind;
    ///
    /// assert_eq!("huber".parse(), Ok(LossKind::Huber));
    /// assert_eq!("hubert".parse::<LossKind>().unwrap_err().nearest(), Some("huber"));
    /// ```
    pub enum LossKind: "loss";
    /// A loss with its parameters: what a configuration and a checkpoint keep of it.
    ///
    /// ```
    /// use chainrule_loss::{HuberConfig, LossSpec};
    ///
    /// let spec = LossSpec::Huber(HuberConfig { delta: 0.5, mean: false });
    /// let json = serde_json::to_string(&spec).unwrap();
    /// assert_eq!(json, r#"{"name":"huber","delta":0.5,"mean":false}"#);
    /// assert_eq!(serde_json::from_str::<LossSpec>(&json).unwrap(), spec);
    /// ```
    pub enum LossSpec {
        /// −ln p of the class, with p = softmax(y).
        CrossEntropy(CrossEntropyConfig) = "cross-entropy",
        /// Σᵢ(yᵢ − tᵢ)².
        SquaredError(SquaredErrorConfig) = "squared-error",
        /// Its mean over the outputs.
        MeanSquaredError(MeanSquaredErrorConfig) = "mean-squared-error",
        /// −Σᵢ tᵢ ln g(yᵢ) + (1 − tᵢ) ln(1 − g(yᵢ)).
        BinaryCrossEntropy(BinaryCrossEntropyConfig) = "binary-cross-entropy",
        /// Quadratic near 0, linear beyond.
        Huber(HuberConfig) = "huber",
        /// Σᵢ|yᵢ − tᵢ|.
        MeanAbsolute(MeanAbsoluteErrorConfig) = "mean-absolute",
    }
    /// The description of a loss that was built, if it is one of the table.
    fn of<A: Scalar>(loss: &dyn Loss<A>) -> Option<Self>;
    /// The loss.
    fn build<A: Scalar>(&self) -> Box<dyn Loss<A>>;
    /// What the loss is compared with.
    fn target(&self) -> TargetKind;
    /// The output function that the loss applies itself.
    fn output(&self) -> FusedOutput;
    /// C and its derivative, as [`LossConfig::formulas`] gives them.
    fn formulas(&self) -> [String; 2];
    /// What the harness tries.
    fn cases<A: Scalar>(&self) -> Vec<LossCase<A>>;
}

/// Every loss of the table, with the parameters that the harness tries: the one list that all shared checks run over.
///
/// ```
/// assert!(chainrule_loss::zoo::<f32>().iter().any(|case| case.name == "cross-entropy"));
/// ```
pub fn zoo<A: Scalar>() -> Vec<LossCase<A>> {
    let cases = |kind: &LossKind| {
        let name = kind.name();
        kind.spec().cases().into_iter().map(move |case| case.of(name))
    };
    LossKind::ALL.iter().flat_map(cases).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_loss_comes_back_from_its_name_and_from_json() {
        for &kind in LossKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            let spec = kind.spec();
            let json = serde_json::to_string(&spec).unwrap();
            assert_eq!(serde_json::from_str::<LossSpec>(&json).unwrap(), spec, "{json}");
            let name = format!("{:?}", kind.name());
            assert_eq!(serde_json::from_str::<LossSpec>(&name).unwrap(), spec, "{name}");
            assert_eq!(spec.kind(), kind);
            assert_eq!(LossSpec::of(&*spec.build::<f64>()), Some(spec));
            assert!(zoo::<f64>().iter().any(|case| case.name == kind.name()));
        }
    }

    #[test]
    fn parameters_come_back_and_those_left_out_have_their_defaults() {
        let weighted = LossSpec::CrossEntropy(CrossEntropyConfig {
            label_smoothing: 0.1,
            class_weights: vec![1.0, 2.5],
        });
        let json = serde_json::to_string(&weighted).unwrap();
        assert_eq!(serde_json::from_str::<LossSpec>(&json).unwrap(), weighted, "{json}");
        let smoothed: LossSpec =
            serde_json::from_str(r#"{ "name": "cross-entropy", "label-smoothing": 0.1 }"#).unwrap();
        assert_eq!(
            smoothed,
            LossSpec::CrossEntropy(CrossEntropyConfig {
                label_smoothing: 0.1,
                ..CrossEntropyConfig::default()
            })
        );
    }

    #[test]
    fn a_wrong_configuration_is_refused() {
        let fault = |json: &str| serde_json::from_str::<LossSpec>(json).unwrap_err().to_string();
        for (json, says) in [
            (r#""cros-entropy""#, "did you mean cross-entropy?"),
            (r#"{ "name": "cross" }"#, "`cross-entropy`"),
            (r#"{ "name": "huber", "beta": 1.0 }"#, "`beta`"),
            (r#"{ "name": "huber", "delta": 0.0 }"#, "huber: delta = 0 is not above 0"),
            (r#"{ "name": "cross-entropy", "label-smoothing": 2.0 }"#, "is not from 0 to 1"),
            (r#"{ "name": "cross-entropy", "class-weights": [1.0, -1.0] }"#, "is not at least 0"),
            (r#"{ "name": "binary-cross-entropy", "positive-weights": [-1.0] }"#, "is not at least 0"),
            (r"{}", "name"),
        ] {
            assert!(fault(json).contains(says), "{json}: {}", fault(json));
        }
    }
}
