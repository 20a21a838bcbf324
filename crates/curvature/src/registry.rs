//! The table of all second-order methods.

use chainrule_optim::{Optimizer, OptimizerCase, OptimizerConfig};
use chainrule_tensor::Scalar;
use chainrule_tensor::registry::Parameters;

use crate::hessian_free::HessianFreeConfig;
use crate::newton::{NewtonConfig, SaddleFreeNewtonConfig};

chainrule_tensor::registry! {
    /// A second-order method by its name.
    pub enum SecondOrderKind: "second-order method";
    /// A second-order method with its parameters.
    ///
    /// ```
    /// use chainrule_curvature::{NewtonConfig, SecondOrderSpec};
    ///
    /// let spec: SecondOrderSpec = serde_json::from_str(r#"{ "name": "newton", "inner": 2 }"#).unwrap();
    /// assert_eq!(spec, SecondOrderSpec::Newton(NewtonConfig { inner: 2, ..NewtonConfig::default() }));
    /// ```
    pub enum SecondOrderSpec {
        /// [`Newton`](crate::Newton), damped.
        Newton(NewtonConfig) = "newton",
        /// [`Newton`](crate::Newton), saddle-free.
        SaddleFreeNewton(SaddleFreeNewtonConfig) = "saddle-free-newton",
        /// [`HessianFree`](crate::HessianFree).
        HessianFree(HessianFreeConfig) = "hessian-free",
    }
    /// The optimizer in `dim` dimensions.
    fn build<A: Scalar>(&self, dim: usize) -> Box<dyn Optimizer<A>>;
    /// What the harness tries.
    fn cases<A: Scalar>(&self) -> Vec<OptimizerCase<A>>;
}

#[cfg(test)]
mod tests {
    use chainrule_optim::testing::Saddle;

    use super::*;

    #[test]
    fn every_name_is_read_and_written_back_and_names_a_method_that_moves() {
        for &kind in SecondOrderKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            let spec = kind.spec();
            let json = serde_json::to_string(&spec).unwrap();
            assert_eq!(serde_json::from_str::<SecondOrderSpec>(&json).unwrap(), spec, "{json}");
            let mut theta = [1.0, 0.5];
            spec.build(2).step(&mut Saddle(1.0), &mut theta);
            assert!(theta != [1.0, 0.5], "{kind}");
        }
        assert_eq!("newtn".parse::<SecondOrderKind>().unwrap_err().nearest(), Some("newton"));
    }

    #[test]
    fn a_wrong_configuration_is_refused() {
        for (json, says) in [
            (r#"{ "name": "newton", "inner": 0 }"#, "newton: inner = 0 is not above 0"),
            (r#"{ "name": "saddle-free-newton", "krilov": 9 }"#, "`krilov`"),
            (r#"{ "name": "hessian-free", "damping": 0.0 }"#, "hessian-free: damping = 0 is not above 0"),
        ] {
            let fault = serde_json::from_str::<SecondOrderSpec>(json).unwrap_err().to_string();
            assert!(fault.contains(says), "{json}: {fault}");
        }
    }
}
