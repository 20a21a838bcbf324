//! Classification of arrays: three clouds of points, one of them rare.

use chainrule::prelude::*;

fn clouds(each: [usize; 3], seed: u64) -> (Array2<f32>, Vec<&'static str>) {
    let (mut rng, mut rows, mut y) = (Rng::new(seed), Vec::new(), Vec::new());
    for ((name, centre), n) in [("left", -2.0), ("middle", 0.0), ("right", 2.0)].into_iter().zip(each) {
        for _ in 0..n {
            rows.push([centre + rng.normal::<f32>(0.5), rng.normal::<f32>(0.5)]);
            y.push(name);
        }
    }
    (Array2::from(rows), y)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (x, y) = clouds([150, 150, 15], 1);
    let classifier = Classifier::new([16])
        .activation(activation::Tanh)
        .class_weights(ClassWeights::Balanced)
        .patience(20)
        .fit(&x, &y)?;

    let (x, y) = clouds([50, 50, 50], 2);
    let p = classifier.predict_proba(&x);
    let right = classifier.classes().iter().position(|class| *class == "right").ok_or("no such class")?;
    let first = classifier.predict(&x.slice(s![100..101, ..]));
    println!("{:?}, P(right) = {:.3}, {:?}", first, p[(100, right)], classifier.history().best);
    assert!(p.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-5));
    assert!(classifier.accuracy(&x, &y) > 0.9);
    Ok(())
}
