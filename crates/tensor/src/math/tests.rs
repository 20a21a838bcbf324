use super::*;

#[test]
fn agree_with_published_values() {
    // Abramowitz and Stegun, table 26.1: Φ(1), Φ(2), φ(1).
    assert!((normal_distribution(1.0_f64) - 0.841_344_746_068_543).abs() < 1e-14);
    assert!((normal_distribution(2.0_f64) - 0.977_249_868_051_821).abs() < 1e-14);
    assert!((normal_density(1.0_f64) - 0.241_970_724_519_143).abs() < 1e-14);
}

#[test]
fn survive_the_ends_of_the_line() {
    for z in [f32::MIN, -1e4, 1e4, f32::MAX] {
        assert!(sigmoid(z).is_finite() && softplus(z).is_finite(), "{z}");
    }
    assert!(softplus(-200.0_f64) > 0.0);
}
