use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::registry::UnknownName;
use crate::rng::Rng;
use crate::scalar::Scalar;
use crate::vector;

/// How a parameter begins.
///
/// The last axis of a parameter counts its outputs (fan-out); the others together its inputs (fan-in), so a
/// `(inputs, outputs)` weight has the fans its name says. Of a convolution's weight, `(height, width, inputs, outputs)`, each
/// input goes to all taps of all outputs: Glorot's fan-out is outputs · height · width, as PyTorch and Keras count it.
///
/// | Initialiser | Distribution | Source |
/// |---|---|---|
/// | `GlorotUniform` | U(−a, a), a = √(6 / (fan-in + fan-out)) | Glorot and Bengio 2010, eq. 16 |
/// | `GlorotNormal` | N(0, 2 / (fan-in + fan-out)) | Glorot and Bengio 2010, eq. 12 |
/// | `HeUniform` | U(−a, a), a = √(6 / fan-in) | He et al. 2015, eq. 10 |
/// | `HeNormal` | N(0, 2 / fan-in) | He et al. 2015, eq. 10 |
/// | `LecunUniform` | U(−a, a), a = √(3 / fan-in) | LeCun et al. 1998, "Efficient BackProp", eq. 16 |
/// | `LecunNormal` | N(0, 1 / fan-in) | the same |
/// | `Orthogonal` | orthonormal rows or columns, times `gain` | Saxe, McClelland and Ganguli 2014 |
/// | `Sparse` | `incoming` weights a unit from N(0, deviation²), the rest 0 | Martens 2010, §5 |
///
/// As text it is its name, with its number after a colon where it has one: `he-uniform`, `normal:0.01`.
///
/// ```
/// use chainrule_tensor::{Init, Rng};
///
/// assert_eq!("normal:0.01".parse(), Ok(Init::Normal { deviation: 0.01 }));
///
/// let mut weight = [0.0_f64; 40 * 10];
/// Init::SPARSE.fill(&[40, 10], &mut weight, &mut Rng::new(1));
/// assert_eq!(weight.iter().filter(|w| **w != 0.0).count(), 15 * 10);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// All 0.
    Zeros,
    /// All the same number.
    Constant(f64),
    /// Uniform on `[−limit, limit)`.
    Uniform {
        /// The half-width of the interval.
        limit: f64,
    },
    /// Normal around 0.
    Normal {
        /// The standard deviation.
        deviation: f64,
    },
    /// Keeps variances through saturating units, forward and backward.
    GlorotUniform,
    /// The same with a normal distribution.
    GlorotNormal,
    /// Keeps variances through rectifiers.
    HeUniform,
    /// The same with a normal distribution.
    HeNormal,
    /// Keeps the variance of a linear unit's input.
    LecunUniform,
    /// The same with a normal distribution.
    LecunNormal,
    /// A random orthogonal matrix: keeps lengths exactly.
    Orthogonal {
        /// The common singular value.
        gain: f64,
    },
    /// A few strong weights to each unit, however many inputs it has.
    Sparse {
        /// The number of inputs with a weight, for each output.
        incoming: usize,
        /// The standard deviation of those weights.
        deviation: f64,
    },
}

crate::names! {
    /// An initialiser by its name.
    pub enum InitKind: "initialiser" {
        /// [`Init::Zeros`].
        Zeros = "zeros",
        /// [`Init::Constant`].
        Constant = "constant",
        /// [`Init::Uniform`].
        Uniform = "uniform",
        /// [`Init::Normal`].
        Normal = "normal",
        /// [`Init::GlorotUniform`].
        GlorotUniform = "glorot-uniform",
        /// [`Init::GlorotNormal`].
        GlorotNormal = "glorot-normal",
        /// [`Init::HeUniform`].
        HeUniform = "he-uniform",
        /// [`Init::HeNormal`].
        HeNormal = "he-normal",
        /// [`Init::LecunUniform`].
        LecunUniform = "lecun-uniform",
        /// [`Init::LecunNormal`].
        LecunNormal = "lecun-normal",
        /// [`Init::Orthogonal`].
        Orthogonal = "orthogonal",
        /// [`Init::Sparse`].
        Sparse = "sparse",
    }
}

/// Why a text is no initialiser.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ParseInitError {
    /// Its name is not one of the table's.
    #[error(transparent)]
    UnknownName(#[from] UnknownName),
    /// What follows the colon is not a finite number.
    #[error("{text:?} is not a number")]
    NotANumber {
        /// What follows the colon.
        text: String,
    },
    /// The initialiser has no number.
    #[error("{kind} takes no number")]
    TakesNoNumber {
        /// Which one.
        kind: InitKind,
    },
}

impl FromStr for Init {
    type Err = ParseInitError;

    fn from_str(text: &str) -> Result<Self, ParseInitError> {
        let (name, number) = match text.split_once(':') {
            Some((name, number)) => (name, Some(number)),
            None => (text, None),
        };
        let kind: InitKind = name.parse()?;
        let number = match number {
            Some(text) => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Some(number),
                _ => return Err(ParseInitError::NotANumber { text: text.to_owned() }),
            },
            None => None,
        };
        Ok(match (kind, number) {
            (InitKind::Constant, _) => Init::Constant(number.unwrap_or(0.0)),
            (InitKind::Uniform, _) => Init::Uniform { limit: number.unwrap_or(0.1) },
            (InitKind::Normal, _) => Init::Normal { deviation: number.unwrap_or(1.0) },
            (InitKind::Orthogonal, _) => Init::Orthogonal { gain: number.unwrap_or(1.0) },
            (InitKind::Sparse, _) => {
                Init::Sparse { incoming: INCOMING, deviation: number.unwrap_or(DEVIATION) }
            }
            (kind, Some(_)) => return Err(ParseInitError::TakesNoNumber { kind }),
            (InitKind::Zeros, None) => Init::Zeros,
            (InitKind::GlorotUniform, None) => Init::GlorotUniform,
            (InitKind::GlorotNormal, None) => Init::GlorotNormal,
            (InitKind::HeUniform, None) => Init::HeUniform,
            (InitKind::HeNormal, None) => Init::HeNormal,
            (InitKind::LecunUniform, None) => Init::LecunUniform,
            (InitKind::LecunNormal, None) => Init::LecunNormal,
        })
    }
}

/// As [`FromStr`] reads it. The text has no place for the incoming weights of `Sparse`, which are read as Martens' 15; serde keeps
/// them.
impl fmt::Display for Init {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.kind().name();
        match *self {
            Init::Constant(number)
            | Init::Uniform { limit: number }
            | Init::Normal { deviation: number }
            | Init::Orthogonal { gain: number }
            | Init::Sparse { deviation: number, .. } => write!(f, "{name}:{number}"),
            _ => f.write_str(name),
        }
    }
}

/// Martens' choice: incoming weights of each unit.
const INCOMING: usize = 15;
/// And their standard deviation.
const DEVIATION: f64 = 1.0;

impl Init {
    /// Which one it is.
    pub const fn kind(self) -> InitKind {
        match self {
            Init::Zeros => InitKind::Zeros,
            Init::Constant(_) => InitKind::Constant,
            Init::Uniform { .. } => InitKind::Uniform,
            Init::Normal { .. } => InitKind::Normal,
            Init::GlorotUniform => InitKind::GlorotUniform,
            Init::GlorotNormal => InitKind::GlorotNormal,
            Init::HeUniform => InitKind::HeUniform,
            Init::HeNormal => InitKind::HeNormal,
            Init::LecunUniform => InitKind::LecunUniform,
            Init::LecunNormal => InitKind::LecunNormal,
            Init::Orthogonal { .. } => InitKind::Orthogonal,
            Init::Sparse { .. } => InitKind::Sparse,
        }
    }

    /// Martens' choice for deep autoencoders: 15 incoming weights from N(0, 1).
    pub const SPARSE: Init = Init::Sparse { incoming: INCOMING, deviation: DEVIATION };

    /// Fills `out`, a row-major array of the given shape.
    ///
    /// # Panics
    /// If `out` does not have the size of `shape`, or if `Orthogonal` or `Sparse` is asked for a vector.
    pub fn fill<A: Scalar>(&self, shape: &[usize], out: &mut [A], rng: &mut Rng) {
        assert_eq!(
            out.len(),
            shape.iter().product::<usize>(),
            "init: shape {shape:?} does not fit the window"
        );
        let fan_out = shape.last().copied().unwrap_or(1).max(1);
        let fan_in = (out.len() / fan_out).max(1);
        let taps: usize = shape.iter().rev().skip(2).product();
        let (inputs, both) = (fan_in as f64, (fan_in + taps * fan_out) as f64);
        match *self {
            Init::Zeros => out.fill(A::zero()),
            Init::Constant(value) => out.fill(A::of(value)),
            Init::Uniform { limit } => uniform(out, limit, rng),
            Init::Normal { deviation } => normal(out, deviation, rng),
            Init::GlorotUniform => uniform(out, (6.0 / both).sqrt(), rng),
            Init::GlorotNormal => normal(out, (2.0 / both).sqrt(), rng),
            Init::HeUniform => uniform(out, (6.0 / inputs).sqrt(), rng),
            Init::HeNormal => normal(out, (2.0 / inputs).sqrt(), rng),
            Init::LecunUniform => uniform(out, (3.0 / inputs).sqrt(), rng),
            Init::LecunNormal => normal(out, (1.0 / inputs).sqrt(), rng),
            Init::Orthogonal { gain } => {
                assert!(shape.len() >= 2, "init: an orthogonal parameter needs two axes, not {shape:?}");
                orthogonal(out, fan_in, fan_out, gain, rng);
            }
            Init::Sparse { incoming, deviation } => {
                assert!(shape.len() >= 2, "init: a sparse parameter needs two axes, not {shape:?}");
                sparse(out, fan_in, fan_out, incoming, deviation, rng);
            }
        }
    }
}

fn uniform<A: Scalar>(out: &mut [A], limit: f64, rng: &mut Rng) {
    out.fill_with(|| rng.uniform(-limit, limit));
}

fn normal<A: Scalar>(out: &mut [A], deviation: f64, rng: &mut Rng) {
    out.fill_with(|| rng.normal(deviation));
}

/// Gram–Schmidt, each vector projected twice ("twice is enough", Giraud et al. 2005), on the shorter side.
fn orthogonal<A: Scalar>(out: &mut [A], rows: usize, columns: usize, gain: f64, rng: &mut Rng) {
    let (count, len) = (rows.min(columns), rows.max(columns));
    let mut basis: Vec<f64> = Vec::with_capacity(count * len);
    for _ in 0..count {
        let (done, mut v) = (basis.len() / len, vec![0.0; len]);
        normal(&mut v, 1.0, rng);
        for q in (0..2 * done).map(|i| &basis[i % done * len..][..len]) {
            vector::axpy(-vector::dot(q, &v), q, &mut v);
        }
        let norm = vector::norm(&v);
        vector::scale(1.0 / norm, &mut v);
        basis.extend(v);
    }
    for (i, row) in out.chunks_exact_mut(columns).enumerate() {
        for (j, w) in row.iter_mut().enumerate() {
            *w = A::of(gain * if rows >= columns { basis[j * len + i] } else { basis[i * len + j] });
        }
    }
}

fn sparse<A: Scalar>(
    out: &mut [A],
    rows: usize,
    columns: usize,
    incoming: usize,
    deviation: f64,
    rng: &mut Rng,
) {
    out.fill(A::zero());
    let mut inputs: Vec<usize> = (0..rows).collect();
    for unit in 0..columns {
        // The first draws of Fisher and Yates: `incoming` distinct inputs.
        for k in 0..incoming.min(rows) {
            let pick = k + rng.below(rows - k);
            inputs.swap(k, pick);
            out[inputs[k] * columns + unit] = rng.normal(deviation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, ArrayView2};

    #[test]
    fn every_name_is_read_and_written_back() {
        for &kind in InitKind::ALL {
            let init: Init = kind.name().parse().unwrap();
            assert_eq!(init.kind(), kind);
            assert_eq!(init.to_string().parse(), Ok(init));
            let json = serde_json::to_string(&init).unwrap();
            assert_eq!(serde_json::from_str::<Init>(&json).unwrap(), init, "{json}");
        }
    }

    #[test]
    fn a_wrong_text_says_what_is_wrong_with_it() {
        let fault = |text: &str| text.parse::<Init>().unwrap_err().to_string();
        assert!(
            fault("glorot-unifrom")
                .starts_with("there is no initialiser \"glorot-unifrom\"; did you mean glorot-uniform?")
        );
        assert_eq!(fault("normal:inf"), "\"inf\" is not a number");
        assert_eq!(fault("zeros:1"), "zeros takes no number");
    }

    fn drawn(init: Init, shape: [usize; 2]) -> Vec<f64> {
        let mut out = vec![0.0; shape[0] * shape[1]];
        init.fill(&shape, &mut out, &mut Rng::new(42));
        out
    }

    #[test]
    fn variances_are_the_papers() {
        let (n, m) = (400_usize, 300_usize);
        let expected = [
            (Init::GlorotUniform, 2.0 / 700.0),
            (Init::GlorotNormal, 2.0 / 700.0),
            (Init::HeUniform, 2.0 / 400.0),
            (Init::HeNormal, 2.0 / 400.0),
            (Init::LecunUniform, 1.0 / 400.0),
            (Init::LecunNormal, 1.0 / 400.0),
            (Init::Uniform { limit: 3.0 }, 3.0),
            (Init::Normal { deviation: 0.5 }, 0.25),
        ];
        for (init, variance) in expected {
            let draws = drawn(init, [n, m]);
            let measured = draws.iter().map(|w| w * w).sum::<f64>() / draws.len() as f64;
            assert!((measured / variance - 1.0).abs() < 0.03, "{init:?}: {measured} instead of {variance}");
        }
    }

    #[test]
    fn uniform_stays_inside_its_limit() {
        let limit = (6.0_f64 / 7.0).sqrt();
        assert!(drawn(Init::GlorotUniform, [3, 4]).iter().all(|w| w.abs() <= limit));
    }

    #[test]
    fn orthogonal_has_orthonormal_rows_or_columns() {
        for shape in [[7, 4], [4, 7], [5, 5], [1, 3]] {
            let draws = drawn(Init::Orthogonal { gain: 2.0 }, shape);
            let w = ArrayView2::from_shape(shape, &draws).unwrap();
            let gram = if shape[0] >= shape[1] { w.t().dot(&w) } else { w.dot(&w.t()) };
            let identity = Array2::<f64>::eye(gram.nrows()) * 4.0;
            assert!((&gram - &identity).iter().all(|d| d.abs() < 1e-12), "{shape:?}");
        }
    }

    #[test]
    fn sparse_gives_each_unit_its_inputs() {
        for (rows, expected) in [(100, 15), (6, 6)] {
            let draws = drawn(Init::SPARSE, [rows, 8]);
            let w = ArrayView2::from_shape((rows, 8), &draws).unwrap();
            for unit in w.columns() {
                assert_eq!(unit.iter().filter(|w| w.abs() > 0.0).count(), expected);
            }
        }
    }
}
