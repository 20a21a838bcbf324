//! Synthetic data from a seed: problems with a known answer.
//!
//! Each set is a function of its arguments. Examples of the classes alternate, and a longer set begins with the shorter
//! one of the same seed.

mod mnist_1d;

use std::f64::consts::{PI, TAU};

use chainrule_tensor::ndarray::Array2;
use chainrule_tensor::{Rng, Scalar};

pub use self::mnist_1d::mnist_1d;
use crate::dataset::Dataset;
use crate::features::Features;
use crate::streams;
use crate::target::Target;

/// Two spirals, one turned by half a circle against the other: hard for a small network.
///
/// An example of class c is r·(cos φ, sin φ), φ = 2π·`turns`·r + π·c, with r² uniform on \[0, 1), plus noise
/// N(0, `noise`²) in both coordinates.
///
/// # References
/// K. Lang and M. Witbrock, "Learning to tell two spirals apart", Connectionist Models Summer School, 1988: there with 3
/// turns and 194 points.
///
/// ```
/// let data = chainrule_datasets::synthetic::spirals::<f64>(194, 3.0, 0.0, 1);
/// assert_eq!(data.class_counts(), Some(vec![97, 97]));
/// ```
pub fn spirals<A: Scalar>(n: usize, turns: f64, noise: f64, seed: u64) -> Dataset<A> {
    planar("spirals", n, noise, seed, |class, rng| {
        let r = rng.uniform::<f64>(0.0, 1.0).sqrt();
        let phi = TAU * turns * r + PI * class as f64;
        [r * phi.cos(), r * phi.sin()]
    })
}

/// Two half moons, each with its tip in the other's hollow.
///
/// With t uniform on \[0, π), class 0 is (cos t, sin t) and class 1 is (1 − cos t, ½ − sin t), plus noise N(0, `noise`²)
/// in both coordinates.
///
/// ```
/// let data = chainrule_datasets::synthetic::moons::<f32>(100, 0.1, 1);
/// assert_eq!((data.inputs(), data.outputs()), (2, 2));
/// ```
pub fn moons<A: Scalar>(n: usize, noise: f64, seed: u64) -> Dataset<A> {
    planar("moons", n, noise, seed, |class, rng| {
        let t: f64 = rng.uniform(0.0, PI);
        if class == 0 { [t.cos(), t.sin()] } else { [1.0 - t.cos(), 0.5 - t.sin()] }
    })
}

/// Exclusive or: the corners of the unit square in turn, plus noise N(0, `noise`²) in both coordinates.
///
/// The smallest problem that no network without a hidden layer solves.
///
/// # References
/// M. Minsky and S. Papert, "Perceptrons", MIT Press, 1969.
///
/// ```
/// use chainrule_datasets::{Pipeline, synthetic};
///
/// let data = synthetic::xor::<f64>(4, 0.0, 1);
/// let corners = chainrule_tensor::ndarray::array![[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]];
/// assert_eq!(data.inputs_through(&Pipeline::new()), corners);
/// assert_eq!(data.labels(), Some(&[0, 1, 0, 1][..]));
/// ```
pub fn xor<A: Scalar>(n: usize, noise: f64, seed: u64) -> Dataset<A> {
    let mut corner = 0;
    planar("xor", n, noise, seed, |_, _| {
        corner += 1;
        [[1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [1.0, 1.0]][corner % 4]
    })
}

/// Normal clouds N(centre, `deviation`²·I) around centres that are uniform on \[−1, 1)ⁿ, one cloud a class.
///
/// # Panics
/// If there is no class.
///
/// ```
/// let data = chainrule_datasets::synthetic::blobs::<f32>(90, 3, 5, 0.1, 1);
/// assert_eq!((data.inputs(), data.class_counts()), (5, Some(vec![30; 3])));
/// ```
#[track_caller]
pub fn blobs<A: Scalar>(n: usize, classes: usize, inputs: usize, deviation: f64, seed: u64) -> Dataset<A> {
    assert!(classes > 0, "blobs: there must be at least one class");
    let (mut rng, mut parameters) = (streams::examples(seed), streams::parameters(seed));
    let centres = Array2::from_shape_simple_fn((classes, inputs), || parameters.uniform::<f64>(-1.0, 1.0));
    let x = Array2::from_shape_fn((n, inputs), |(i, j)| {
        A::of(centres[(i % classes, j)] + rng.normal::<f64>(deviation))
    });
    let labels = (0..n).map(|i| (i % classes) as u32).collect();
    dataset("blobs", x, Target::numbered(labels, classes))
}

/// A random network t(x) = V·tanh(W·x + b) that labels normal inputs, so that a network of its shape can be perfect.
///
/// x ~ N(0, I), W ~ N(0, 1/inputs), b ~ N(0, 1), V ~ N(0, 1/hidden); to the outputs comes noise N(0, `noise`²).
///
/// # References
/// E. Gardner and B. Derrida, "Three unfinished works on the optimal storage capacity of networks", J. Phys. A 22, 1989
/// (learning from a teacher).
///
/// ```
/// use chainrule_datasets::synthetic::Teacher;
///
/// let teacher = Teacher { inputs: 3, hidden: 8, outputs: 2, noise: 0.0 };
/// let (real, classes) = (teacher.regression::<f64>(50, 1), teacher.classes::<f64>(50, 1));
/// assert_eq!(real.features(), classes.features());
/// assert_eq!((real.outputs(), classes.outputs()), (2, 2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Teacher {
    /// Numbers per example.
    pub inputs: usize,
    /// Hidden units.
    pub hidden: usize,
    /// Target columns, or classes.
    pub outputs: usize,
    /// The standard deviation of the noise on the outputs.
    pub noise: f64,
}

impl Teacher {
    /// The targets are the teacher's outputs.
    pub fn regression<A: Scalar>(&self, n: usize, seed: u64) -> Dataset<A> {
        let (x, y) = self.examples(n, seed);
        dataset("teacher", x.mapv(A::of), Target::real(y.mapv(A::of)))
    }

    /// The class of an example is the teacher's largest output.
    ///
    /// # Panics
    /// If there are no outputs.
    #[track_caller]
    pub fn classes<A: Scalar>(&self, n: usize, seed: u64) -> Dataset<A> {
        assert!(self.outputs > 0, "teacher: there must be at least one class");
        let (x, y) = self.examples(n, seed);
        let largest = |row: &[f64]| chainrule_tensor::rows::argmax(row) as u32;
        let labels = chainrule_tensor::rows::slices(&y).map(largest).collect();
        dataset("teacher", x.mapv(A::of), Target::numbered(labels, self.outputs))
    }

    /// Scalar loops: this crate does not depend on layers, and a teacher need not be fast.
    fn examples(&self, n: usize, seed: u64) -> (Array2<f64>, Array2<f64>) {
        let mut parameters = streams::parameters(seed);
        let mut draw = |rows, columns, deviation: f64| {
            Array2::from_shape_simple_fn((rows, columns), || parameters.normal::<f64>(deviation))
        };
        let w = draw(self.hidden, self.inputs, (self.inputs.max(1) as f64).sqrt().recip());
        let b = draw(self.hidden, 1, 1.0);
        let v = draw(self.outputs, self.hidden, (self.hidden.max(1) as f64).sqrt().recip());
        let mut rng = streams::examples(seed);
        let (mut x, mut y) = (Array2::zeros((n, self.inputs)), Array2::zeros((n, self.outputs)));
        let mut hidden = vec![0.0; self.hidden];
        for (mut x, mut y) in x.outer_iter_mut().zip(y.outer_iter_mut()) {
            x.map_inplace(|x| *x = rng.normal(1.0));
            for (h, (w, b)) in hidden.iter_mut().zip(w.outer_iter().zip(&b)) {
                *h = (w.iter().zip(&x).map(|(w, x)| w * x).sum::<f64>() + b).tanh();
            }
            for (y, v) in y.iter_mut().zip(v.outer_iter()) {
                *y = v.iter().zip(&hidden).map(|(v, h)| v * h).sum::<f64>() + rng.normal::<f64>(self.noise);
            }
        }
        (x, y)
    }
}

/// Points of two classes in the plane, in turn.
fn planar<A: Scalar>(
    name: &str,
    n: usize,
    noise: f64,
    seed: u64,
    mut point: impl FnMut(usize, &mut Rng) -> [f64; 2],
) -> Dataset<A> {
    let mut rng = streams::examples(seed);
    let mut x = Array2::zeros((n, 2));
    for (i, mut row) in x.outer_iter_mut().enumerate() {
        for (x, clean) in row.iter_mut().zip(point(i % 2, &mut rng)) {
            *x = A::of(clean + rng.normal::<f64>(noise));
        }
    }
    dataset(name, x, Target::numbered((0..n).map(|i| (i % 2) as u32).collect(), 2))
}

#[track_caller]
fn dataset<A: Scalar>(name: &str, x: Array2<A>, target: Target) -> Dataset<A> {
    Dataset::new(name, Features::Real(x), target).expect("the noise is finite")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Encoding, Pipeline};

    fn points(data: &Dataset<f64>) -> Array2<f64> {
        data.inputs_through(&Pipeline::new())
    }

    #[test]
    fn the_same_seed_gives_the_same_examples_and_a_longer_set_begins_with_a_shorter() {
        let teacher = Teacher { inputs: 3, hidden: 4, outputs: 2, noise: 0.1 };
        let sets: [fn(usize, u64) -> Dataset<f64>; 5] = [
            mnist_1d,
            |n, seed| spirals(n, 2.0, 0.1, seed),
            |n, seed| moons(n, 0.1, seed),
            |n, seed| xor(n, 0.1, seed),
            |n, seed| blobs(n, 3, 4, 0.1, seed),
        ];
        for set in sets {
            assert_eq!(set(20, 1), set(20, 1));
            assert_ne!(set(20, 1), set(20, 2));
            assert_eq!(set(30, 1).select(&(0..20).collect::<Vec<_>>()), set(20, 1));
        }
        let (long, short) = (teacher.regression::<f64>(30, 1), teacher.regression::<f64>(20, 1));
        assert_eq!(long.select(&(0..20).collect::<Vec<_>>()), short);
    }

    #[test]
    fn spirals_lie_in_the_unit_disc_and_mirror_each_other() {
        let data = spirals::<f64>(1000, 3.0, 0.0, 1);
        for (row, &class) in points(&data).outer_iter().zip(data.labels().unwrap()) {
            let radius = row[0].hypot(row[1]);
            assert!(radius <= 1.0);
            // At radius r the angle is 2π·turns·r + π·class.
            let phi = TAU * 3.0 * radius + PI * f64::from(class);
            assert!((row[0] - radius * phi.cos()).abs() < 1e-9 && (row[1] - radius * phi.sin()).abs() < 1e-9);
        }
    }

    #[test]
    fn moons_without_noise_are_half_circles() {
        let data = moons::<f64>(100, 0.0, 1);
        for (row, &class) in points(&data).outer_iter().zip(data.labels().unwrap()) {
            let centre = if class == 0 { [0.0, 0.0] } else { [1.0, 0.5] };
            assert!(((row[0] - centre[0]).hypot(row[1] - centre[1]) - 1.0).abs() < 1e-12);
            assert!(if class == 0 { row[1] >= 0.0 } else { row[1] <= 0.5 });
        }
    }

    #[test]
    fn a_teachers_classes_are_its_largest_outputs() {
        let teacher = Teacher { inputs: 5, hidden: 16, outputs: 3, noise: 0.0 };
        let y = teacher.regression::<f64>(200, 3).encode(Encoding::Real);
        let classes = teacher.classes::<f64>(200, 3);
        for (row, &class) in y.outer_iter().zip(classes.labels().unwrap()) {
            assert!(row.iter().all(|&y| y <= row[class as usize]));
        }
        assert!(classes.class_counts().unwrap().iter().all(|&count| count > 10));
    }
}
