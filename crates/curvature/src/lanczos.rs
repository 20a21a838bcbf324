//! Lanczos' method with full re-orthogonalisation: eigenpairs from products alone.

use chainrule_tensor::ndarray::{Array2, s};
use chainrule_tensor::rows::slices;
use chainrule_tensor::{Rng, Scalar, vector};

use crate::eigen::{Eigen, eigh};
use crate::operator::Operator;

/// An orthonormal basis V of a Krylov space, a vector a row, and the matrix T = V·M·Vᵀ there.
///
/// Every new vector is orthogonalised twice against all earlier ones, and T holds the coefficients that this takes
/// out, so that T is the projection itself and stays one after a restart, when it is no longer tridiagonal.
#[derive(Debug, Clone)]
pub struct Krylov<A> {
    /// The vectors, `(steps, dim)`.
    pub basis: Vec<Vec<A>>,
    /// T, `(steps, steps)`.
    pub projected: Array2<f64>,
    /// ‖M·v − Vᵀ·V·M·v‖ of the last vector v: 0 where the space is invariant.
    pub beta: f64,
    /// The direction of that remainder: the next vector.
    next: Vec<A>,
}

impl<A: Scalar> Krylov<A> {
    /// The space of `start`, M·start, M²·start, … of at most `steps` dimensions; fewer where it is invariant before.
    ///
    /// # Panics
    /// If `start` is zero or does not have the operator's dimension.
    #[track_caller]
    pub fn from(operator: &mut dyn Operator<A>, start: &[A], steps: usize) -> Self {
        let mut space = Self::begin(operator, start);
        space.extend(operator, steps.min(start.len()), None);
        space
    }

    /// The space of no vector, to which `start` is the next.
    #[track_caller]
    fn begin(operator: &dyn Operator<A>, start: &[A]) -> Self {
        let length = vector::norm(start);
        assert!(length > A::zero(), "lanczos: a start vector of length {length}");
        assert_eq!(start.len(), operator.dim(), "lanczos: the start vector has another dimension");
        let mut next = start.to_vec();
        vector::scale(length.recip(), &mut next);
        Self { basis: Vec::new(), projected: Array2::zeros((0, 0)), beta: 1.0, next }
    }

    /// Adds vectors until there are `steps`. Where the space turns out to be invariant, it goes on with a random
    /// direction from `rng`, or ends.
    fn extend(&mut self, operator: &mut dyn Operator<A>, steps: usize, mut rng: Option<&mut Rng>) {
        let mut scale = self.projected.iter().fold(0.0_f64, |most, t| most.max(t.abs()));
        let mut projected = Array2::zeros((steps, steps));
        let kept = self.basis.len();
        projected.slice_mut(s![..kept, ..kept]).assign(&self.projected);
        let mut product = vec![A::zero(); operator.dim()];
        while self.basis.len() < steps {
            let j = self.basis.len();
            self.basis.push(std::mem::take(&mut self.next));
            operator.apply(&self.basis[j], &mut product);
            for _ in 0..2 {
                for (i, v) in self.basis.iter().enumerate() {
                    let along = vector::dot(v, &product);
                    vector::axpy(-along, v, &mut product);
                    projected[(i, j)] += along.as_f64();
                }
            }
            for i in 0..j {
                projected[(j, i)] = projected[(i, j)];
            }
            self.beta = vector::norm(&product).as_f64();
            scale = scale.max(self.beta).max(projected[(j, j)].abs());
            self.next.clone_from(&product);
            if self.beta > 16.0 * A::epsilon().as_f64() * scale {
                vector::scale(A::of(self.beta.recip()), &mut self.next);
                continue;
            }
            self.beta = 0.0;
            match rng.as_deref_mut() {
                Some(rng) if self.basis.len() < operator.dim() => self.next = self.fresh(rng),
                _ => break,
            }
        }
        let steps = self.basis.len();
        self.projected = projected.slice(s![..steps, ..steps]).to_owned();
    }

    /// A random direction orthogonal to the basis.
    fn fresh(&self, rng: &mut Rng) -> Vec<A> {
        let mut v: Vec<A> = (0..self.basis[0].len()).map(|_| rng.normal(1.0)).collect();
        project_out(&self.basis, &mut v);
        let length = vector::norm(&v);
        vector::scale(length.recip(), &mut v);
        v
    }

    /// Adds the direction `v` to the space, unless it lies there already; the space is no Krylov space then.
    pub fn append(&mut self, operator: &mut dyn Operator<A>, v: &[A]) {
        let (mut v, length) = (v.to_vec(), vector::norm(v));
        project_out(&self.basis, &mut v);
        let left = vector::norm(&v);
        if left <= A::of(64.0) * A::epsilon() * length || self.basis.len() == v.len() {
            return;
        }
        vector::scale(left.recip(), &mut v);
        let mut product = vec![A::zero(); v.len()];
        operator.apply(&v, &mut product);
        let m = self.basis.len();
        let mut projected = Array2::zeros((m + 1, m + 1));
        projected.slice_mut(s![..m, ..m]).assign(&self.projected);
        self.basis.push(v);
        for (i, b) in self.basis.iter().enumerate() {
            let along = vector::dot(b, &product).as_f64();
            (projected[(i, m)], projected[(m, i)]) = (along, along);
        }
        self.projected = projected;
    }

    /// Σⱼ wⱼ·vⱼ.
    pub fn combine(&self, weights: &[f64]) -> Vec<A> {
        let mut sum = vec![A::zero(); self.basis[0].len()];
        self.basis.iter().zip(weights).for_each(|(v, &w)| vector::axpy(A::of(w), v, &mut sum));
        sum
    }
}

/// v ← (I − VᵀV)·v for orthonormal rows of V, twice for the digits.
pub(crate) fn project_out<A: Scalar>(basis: &[Vec<A>], v: &mut [A]) {
    for _ in 0..2 {
        for b in basis {
            vector::axpy(-vector::dot(b, v), b, v);
        }
    }
}

/// An eigenvalue, its unit eigenvector, and how far they are from being one: ‖M·v − λ·v‖.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair<A> {
    /// λ.
    pub value: f64,
    /// v.
    pub vector: Vec<A>,
    /// ‖M·v − λ·v‖, from a separate product.
    pub residual: f64,
}

/// Both ends of a spectrum.
#[derive(Debug, Clone, PartialEq)]
pub struct Ends<A> {
    /// The largest eigenvalues, largest first.
    pub top: Vec<Pair<A>>,
    /// The smallest, smallest first.
    pub bottom: Vec<Pair<A>>,
    /// Whether every residual came below the tolerance.
    pub converged: bool,
    /// Products spent.
    pub products: usize,
}

/// What to look for at the ends of a spectrum, and how hard.
///
/// | Field | Default | Meaning |
/// |---|---|---|
/// | `top` | 1 | pairs at the upper end |
/// | `bottom` | 1 | pairs at the lower end |
/// | `tolerance` | 10⁻⁶ | largest residual, relative to the largest \|λ\| |
/// | `products` | 1000 | products after which the search ends, converged or not |
/// | `seed` | 0 | of the start vector |
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lanczos {
    /// Pairs at the upper end.
    pub top: usize,
    /// Pairs at the lower end.
    pub bottom: usize,
    /// The largest residual ‖M·v − λ·v‖, as a share of the largest |λ|.
    pub tolerance: f64,
    /// The most products.
    pub products: usize,
    /// The seed of the start vector.
    pub seed: u64,
}

impl Default for Lanczos {
    fn default() -> Self {
        Self { top: 1, bottom: 1, tolerance: 1e-6, products: 1000, seed: 0 }
    }
}

impl Lanczos {
    /// Finds the pairs by thick restarts: when the basis is full, the Ritz vectors at both ends are kept and the rest
    /// of the space is built anew. `watch` hears after each restart how many products were spent and how far the
    /// worst residual is from the tolerance, as their quotient; it may end the search.
    ///
    /// # References
    /// Wu and Simon, "Thick-restart Lanczos method for large symmetric eigenvalue problems", SIAM J. Matrix Anal.
    /// Appl. 22(2), 2000, algorithm 3.
    ///
    /// ```
    /// use chainrule_curvature::Lanczos;
    /// use chainrule_tensor::ndarray::{Array1, Array2};
    ///
    /// let mut matrix = Array2::from_diag(&Array1::linspace(-1.0, 3.0, 101));
    /// let ends = Lanczos::default().run(&mut matrix, &mut |_, _| std::ops::ControlFlow::Continue(()));
    /// assert!((ends.top[0].value - 3.0).abs() < 1e-9 && (ends.bottom[0].value + 1.0).abs() < 1e-9);
    /// ```
    pub fn run<A: Scalar>(
        &self,
        operator: &mut dyn Operator<A>,
        watch: &mut dyn FnMut(usize, f64) -> std::ops::ControlFlow<()>,
    ) -> Ends<A> {
        let dim = operator.dim();
        if dim == 0 {
            return Ends { top: Vec::new(), bottom: Vec::new(), converged: true, products: 0 };
        }
        let (top, bottom) = (self.top.min(dim), self.bottom.min(dim));
        let wanted = top + bottom;
        let room = (2 * wanted + 20).min(dim);
        let rng = &mut Rng::new(self.seed);
        let start: Vec<A> = (0..dim).map(|_| rng.normal(1.0)).collect();
        let (mut space, mut products) = (Krylov::begin(operator, &start), 0);
        loop {
            let before = space.basis.len();
            space.extend(operator, room, Some(rng));
            products += space.basis.len() - before;
            let eigen = eigh(&space.projected);
            let (m, largest) = (eigen.values.len(), vector::norm_max(&eigen.values));
            let residual = |i: usize| space.beta * eigen.vectors[(i, m - 1)].abs();
            let ends = || (0..bottom).chain(m - top..m);
            let worst = ends().map(residual).fold(0.0, f64::max);
            let bar = self.tolerance.max(8.0 * A::epsilon().as_f64()) * largest;
            let stop = watch(products, worst / bar.max(f64::MIN_POSITIVE)).is_break();
            if worst <= bar || stop || products >= self.products || m == dim {
                let converged = worst <= bar || m == dim;
                return collect(operator, &space, &eigen, (top, bottom), converged, products);
            }
            // More than is wanted is kept: the next to come would else be lost at every restart.
            let keep = (wanted + (room - wanted) / 3).min(m - 1);
            let low = (keep * bottom / wanted).max(bottom);
            let kept: Vec<usize> = (0..low).chain(m - (keep - low).max(top)..m).collect();
            restart(&mut space, &eigen, &kept);
        }
    }
}

/// The space of some Ritz vectors, to which the old remainder is still the next vector.
fn restart<A: Scalar>(space: &mut Krylov<A>, eigen: &Eigen, kept: &[usize]) {
    let mut projected = Array2::zeros((kept.len(), kept.len()));
    let mut basis = Vec::with_capacity(kept.len());
    for (place, &i) in kept.iter().enumerate() {
        projected[(place, place)] = eigen.values[i];
        let weights = eigen.vectors.row(i).to_vec();
        basis.push(space.combine(&weights));
    }
    space.basis = basis;
    space.projected = projected;
}

fn collect<A: Scalar>(
    operator: &mut dyn Operator<A>,
    space: &Krylov<A>,
    eigen: &Eigen,
    (top, bottom): (usize, usize),
    converged: bool,
    products: usize,
) -> Ends<A> {
    let m = eigen.values.len();
    let vectors: Vec<&[f64]> = slices(&eigen.vectors).collect();
    let mut out = vec![A::zero(); operator.dim()];
    let mut pair = |i: usize| {
        let (value, vector) = (eigen.values[i], space.combine(vectors[i]));
        operator.apply(&vector, &mut out);
        vector::axpy(A::of(-value), &vector, &mut out);
        Pair { value, vector, residual: vector::norm(&out).as_f64() }
    };
    let bottom: Vec<_> = (0..bottom).map(&mut pair).collect();
    let top: Vec<_> = (m - top..m).rev().map(&mut pair).collect();
    let products = products + bottom.len() + top.len();
    Ends { top, bottom, converged, products }
}
