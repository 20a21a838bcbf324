//! OpenBLAS on a CPU that it does not know: a child process begins with its oldest kernels, as if the library had fallen
//! back on them by itself.
#![cfg(all(feature = "openblas", target_os = "linux", target_arch = "x86_64"))]
#![allow(unsafe_code)]

use std::process::Command;

use chainrule_tensor::blas;
use chainrule_tensor::kernel::{Kernel, gemm_with};
use chainrule_tensor::ndarray::Array2;

/// Says that this process is the child, and whether it forgets why the library chose the oldest kernels.
const ROLE: &str = "CHAINRULE_TEST_ROLE";

#[test]
fn child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    if role == "forgetful" {
        // SAFETY: the harness runs this one test, and its main thread waits. The library has read the variable at its
        // start; without it nobody can tell that the choice was not the library's own.
        unsafe { std::env::remove_var("OPENBLAS_CORETYPE") };
    }
    let kernels = blas::kernels().expect("OpenBLAS is linked");
    let a = Array2::<f32>::ones((100, 100));
    let mut c = Array2::zeros((100, 100));
    gemm_with(Kernel::Library, 1.0, &a, &a, 0.0, &mut c);
    assert!(c.iter().all(|&x| x == 100.0));
    println!("\n[{:?} {} {}]", kernels.switch, kernels.before, kernels.after);
}

/// What the child says of the kernels: what was done, before and after.
fn outcome(role: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let output = Command::new(std::env::current_exe().expect("a test has a path"))
        .args(["--exact", "child", "--nocapture"])
        .env_remove("OPENBLAS_CORETYPE")
        .env(ROLE, role)
        .envs(environment.iter().copied())
        .output()
        .expect("the child starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let line = text.lines().find_map(|line| line.strip_prefix('[')?.strip_suffix(']'));
    line.expect("the child reports").split(' ').map(str::to_owned).collect()
}

#[test]
fn kernels_that_are_too_old_are_chosen_again_unless_somebody_says_no() {
    let old = ("OPENBLAS_CORETYPE", "Prescott");
    let suits = outcome("child", &[]);
    assert!(["NotNeeded", "Done", "Impossible"].contains(&suits[0].as_str()), "{suits:?}");
    let user = outcome("child", &[old]);
    if user[1] != "Prescott" || !is_x86_feature_detected!("avx2") {
        // This library has been built for one kind of CPU, or this CPU is no newer than the kernels.
        return;
    }
    assert_eq!(user, ["UsersChoice", "Prescott", "Prescott"]);
    assert_eq!(outcome("forgetful", &[old, ("CHAINRULE_OPENBLAS_SWITCH", "off")])[0], "Off");
    let switched = outcome("forgetful", &[old]);
    assert_eq!((switched[0].as_str(), switched[1].as_str()), ("Done", "Prescott"));
    assert!(["Haswell", "SkylakeX"].contains(&switched[2].as_str()), "{switched:?}");
}
