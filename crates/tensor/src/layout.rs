#![allow(unsafe_code)]

use std::ops::Range;

use ndarray::{ArrayView, ArrayViewMut, Dimension, IntoDimension};

use crate::aligned::Aligned;
use crate::feature_order::FeatureOrder;
use crate::init::Init;
use crate::rng::Rng;
use crate::scalar::Scalar;
use crate::storage::Storage;

/// A named, typed window into a flat vector: declared once, used for θ, ∇θ, a direction v and every optimizer buffer.
///
/// A `Param` is made by [`Layout::push`] and knows its offset and shape; it owns no numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param<D: Dimension> {
    offset: usize,
    dim: D,
}

impl<D: Dimension> Param<D> {
    /// Where the window lies in the flat vector.
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.dim.size()
    }

    /// The window of `flat` as an array, row-major.
    ///
    /// # Panics
    /// If `flat` ends before the window does.
    #[track_caller]
    #[inline]
    pub fn view<'a, A>(&self, flat: &'a [A]) -> ArrayView<'a, A, D> {
        let window = &flat[self.range()];
        // SAFETY: the window has as many numbers as the shape. `from_shape` would count them again, for each parameter in
        // each pass, which is a good part of the time of a small network.
        unsafe { ArrayView::from_shape_ptr(self.dim.clone(), window.as_ptr()) }
    }

    /// The window of `flat` as a mutable array, row-major.
    ///
    /// # Panics
    /// If `flat` ends before the window does.
    #[track_caller]
    #[inline]
    pub fn view_mut<'a, A>(&self, flat: &'a mut [A]) -> ArrayViewMut<'a, A, D> {
        let window = &mut flat[self.range()];
        // SAFETY: as for `view`.
        unsafe { ArrayViewMut::from_shape_ptr(self.dim.clone(), window.as_mut_ptr()) }
    }
}

/// One line of a [`Layout`]: a parameter's name, shape, place, initialiser and roles.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The dotted path, such as `0.weight`.
    pub name: String,
    /// The shape, outermost axis first.
    pub shape: Vec<usize>,
    /// The index of the first number in the flat vector.
    pub offset: usize,
    /// How the numbers begin.
    pub init: Init,
    /// Whether weight decay shrinks it.
    pub decayed: bool,
    /// Whether training moves it; see [`Layout::freeze`].
    pub trained: bool,
    /// How a file holds it.
    pub storage: Storage,
    /// How a file of the fourth format holds it, if in another way: see [`Layout::flattened`].
    pub fourth: Option<Storage>,
}

impl Entry {
    /// How many numbers the parameter has.
    pub fn size(&self) -> usize {
        self.shape.iter().product()
    }

    /// Where the parameter lies in the flat vector.
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.size()
    }

    /// How a file holds it if nothing was flattened below it: see [`Layout::order`].
    pub fn storage_as_it_lies(&self) -> Storage {
        if self.shape.len() > 2 { self.storage.clone() } else { Storage::usual(&self.shape) }
    }

    /// Whether the parameter is a matrix (or more), as opposed to a bias or a gain.
    pub fn is_weight(&self) -> bool {
        self.shape.len() >= 2
    }
}

/// What distinguishes a parameter besides its shape; see [`Layout::push_as`].
///
/// ```
/// use chainrule_tensor::{Init, Layout, Role, Storage};
///
/// let mut conv = Layout::new();
/// // (height, width, in, out) here, (out, in, height, width) in a file of PyTorch's.
/// let role = Role::weight().stored(Storage::permuted(&[3, 3, 8, 16], &[3, 2, 0, 1]));
/// conv.push_as("weight", (3, 3, 8, 16), Init::HeUniform, role);
/// assert_eq!(conv.entries()[0].storage.shape(), [16, 8, 3, 3]);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Role {
    decayed: bool,
    storage: Option<Storage>,
}

impl Role {
    /// What weight decay shrinks.
    pub fn weight() -> Self {
        Self { decayed: true, storage: None }
    }

    /// What weight decay leaves alone: a bias, a gain, a slope.
    pub fn plain() -> Self {
        Self::default()
    }

    /// Held by files in this form instead of the usual one.
    #[must_use]
    pub fn stored(self, storage: Storage) -> Self {
        Self { storage: Some(storage), ..self }
    }
}

/// The table of names, shapes and places of a flat parameter vector: also the header of a checkpoint.
///
/// ```
/// use chainrule_tensor::{Init, Layout};
///
/// let mut dense = Layout::new();
/// dense.push("weight", (4, 3), Init::HeNormal);
/// dense.push("bias", 3, Init::Zeros);
///
/// let mut network = Layout::new();
/// assert_eq!(network.nest("0", &dense), 0..15);
/// assert_eq!(network.nest("2", &dense), 15..30);
/// let names: Vec<_> = network.entries().iter().map(|entry| entry.name.as_str()).collect();
/// assert_eq!(names, ["0.weight", "0.bias", "2.weight", "2.bias"]);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layout {
    entries: Vec<Entry>,
    len: usize,
}

impl Layout {
    /// An empty table.
    pub const fn new() -> Self {
        Self { entries: Vec::new(), len: 0 }
    }

    /// Appends a parameter and returns the handle to its window. What has two axes or more is a weight that decays, and
    /// a matrix is stored transposed.
    pub fn push<S: IntoDimension>(&mut self, name: &str, shape: S, init: Init) -> Param<S::Dim> {
        let dim = shape.into_dimension();
        let role = if dim.ndim() >= 2 { Role::weight() } else { Role::plain() };
        self.push_as(name, dim, init, role)
    }

    /// Appends a parameter with a role of its own.
    ///
    /// # Panics
    /// If the role's storage is for another shape.
    #[track_caller]
    pub fn push_as<S: IntoDimension>(
        &mut self,
        name: &str,
        shape: S,
        init: Init,
        role: Role,
    ) -> Param<S::Dim> {
        let dim = shape.into_dimension();
        let shape = dim.slice().to_vec();
        let storage = role.storage.unwrap_or_else(|| Storage::usual(&shape));
        assert_eq!(
            storage.size(),
            dim.size(),
            "layout: {name} of shape {shape:?} cannot be stored as {storage:?}"
        );
        let (offset, name) = (self.len, name.to_owned());
        self.entries.push(Entry {
            name,
            shape,
            offset,
            init,
            decayed: role.decayed,
            trained: true,
            storage,
            fourth: None,
        });
        self.len += dim.size();
        Param { offset, dim }
    }

    /// Appends all of `child`'s parameters under `prefix` and returns the window that the child's own vector has here.
    pub fn nest(&mut self, prefix: &str, child: &Layout) -> Range<usize> {
        let start = self.len;
        self.entries.extend(child.entries.iter().map(|entry| Entry {
            name: format!("{prefix}.{}", entry.name),
            offset: start + entry.offset,
            ..entry.clone()
        }));
        self.len += child.len;
        start..self.len
    }

    /// Lets files hold the parameters with this number of axes in `window` in another order along one of the axes, as
    /// [`Storage::along`] does: PyTorch flattens a picture with its channels first, and so has the weights behind it.
    ///
    /// ```
    /// use chainrule_tensor::{FeatureOrder, Init, Layout};
    ///
    /// let (mut dense, mut network) = (Layout::new(), Layout::new());
    /// dense.push("weight", (6, 1), Init::Zeros);
    /// let window = network.nest("1", &dense);
    /// network.order(&window, 2, 0, &FeatureOrder::features_first(3, 2));
    /// let stored = network.entries()[0].storage.to_file(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    /// assert_eq!(stored, [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
    /// ```
    pub fn order(&mut self, window: &Range<usize>, axes: usize, axis: usize, order: &FeatureOrder) {
        for entry in self.entries.iter_mut().filter(|entry| window.contains(&entry.offset)) {
            if entry.shape.len() == axes && entry.shape[axis] == order.len() {
                entry.storage = entry.storage.clone().along(axis, order.clone());
            }
        }
    }

    /// Lets files of the fourth format hold the parameters in `window` as these files do where the inputs of the layer are flattened
    /// from these axes: also a bias of as many numbers, which is wrong, in the order of the inputs.
    pub fn flattened(&mut self, window: &Range<usize>, axes: &[usize]) {
        let size: usize = axes.iter().product();
        let features_first = || std::iter::once(axes.len() - 1).chain(0..axes.len() - 1);
        for entry in self.entries.iter_mut().filter(|entry| window.contains(&entry.offset)) {
            let (shape, order): (Vec<usize>, Vec<usize>) = match entry.shape[..] {
                [n] if n == size => (axes.to_vec(), features_first().collect()),
                [n, outputs] if n == size => {
                    let shape = axes.iter().copied().chain([outputs]).collect();
                    (shape, std::iter::once(axes.len()).chain(features_first()).collect())
                }
                _ => continue,
            };
            let file = Storage::usual(&entry.shape).shape().to_vec();
            entry.fourth = Some(Storage::permuted(&shape, &order).reshaped(&file));
        }
    }

    /// Lets the parameters in `window` begin as those of `child`, which was [nested](Self::nest) there, do now.
    ///
    /// # Panics
    /// If there are others in it.
    pub fn begin_as(&mut self, window: &Range<usize>, child: &Layout) {
        let inside =
            self.entries.iter_mut().filter(|entry| window.contains(&entry.offset) && !window.is_empty());
        let mut theirs = child.entries.iter();
        for entry in inside {
            let their = theirs.next().filter(|their| their.shape == entry.shape);
            entry.init = their.expect("layout: a window holds the parameters of its child").init;
        }
    }

    /// The length of the flat vector.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no parameter at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The lines of the table, in the order of the flat vector.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Takes the parameters whose names match `pattern`, where `*` is any text, out of training; says how many.
    ///
    /// ```
    /// use chainrule_tensor::{Init, Layout};
    ///
    /// let mut layout = Layout::new();
    /// for name in ["0.weight", "0.bias", "2.weight"] {
    ///     layout.push(name, 3, Init::Zeros);
    /// }
    /// assert_eq!(layout.freeze("0.*"), 2);
    /// assert_eq!(layout.frozen().collect::<Vec<_>>(), [0..3, 3..6]);
    /// ```
    pub fn freeze(&mut self, pattern: &str) -> usize {
        let found = self.entries.iter_mut().filter(|entry| matches(pattern, &entry.name));
        found.map(|entry| entry.trained = false).count()
    }

    /// The windows that training must not move.
    pub fn frozen(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.entries.iter().filter(|entry| !entry.trained).map(Entry::range)
    }

    /// A fresh flat vector, each parameter drawn by its initialiser.
    pub fn init<A: Scalar>(&self, rng: &mut Rng) -> Aligned<A> {
        let mut theta = Aligned::zeros(self.len);
        for entry in &self.entries {
            entry.init.fill(&entry.shape, &mut theta[entry.range()], rng);
        }
        theta
    }
}

/// Whether `name` is `pattern`, whose `*` are any text.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| {
            let ends = (0..=name.len()).filter(|&at| name.is_char_boundary(at));
            ends.into_iter().any(|at| matches(rest, &name[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_names() {
        for (pattern, name, expected) in [
            ("0.*", "0.weight", true),
            ("0.*", "10.weight", false),
            ("*.weight", "2.body.0.weight", true),
            ("*.body.*.bias", "2.body.0.bias", true),
            ("0.weight", "0.weight", true),
            ("0", "0.weight", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn what_is_frozen_stays_frozen_inside_another_layout() {
        let (mut child, mut layout) = (Layout::new(), Layout::new());
        child.push("weight", (2, 2), Init::Zeros);
        child.freeze("weight");
        layout.push("gain", 1, Init::Zeros);
        layout.nest("1", &child);
        assert!(layout.frozen().eq(std::iter::once(1..5)));
    }

    #[test]
    fn windows_tile_the_vector_and_views_are_row_major() {
        let mut layout = Layout::new();
        let a = layout.push("a", (2, 3), Init::Zeros);
        let b = layout.push("b", 4, Init::Constant(1.5));
        assert_eq!((a.range(), b.range(), layout.len()), (0..6, 6..10, 10));
        let mut theta: Aligned<f64> = layout.init(&mut Rng::new(0));
        a.view_mut(&mut theta)[(1, 0)] = 7.0;
        assert_eq!(theta[3], 7.0);
        assert!(b.view(&theta).iter().all(|&x| x == 1.5));
    }

    #[test]
    fn only_matrices_are_weights() {
        let mut layout = Layout::new();
        layout.push("weight", (2, 3), Init::Zeros);
        layout.push("bias", 3, Init::Zeros);
        let kinds: Vec<_> = layout.entries().iter().map(Entry::is_weight).collect();
        assert_eq!(kinds, [true, false]);
    }

    #[test]
    #[should_panic(expected = "range")]
    fn a_short_vector_is_refused() {
        let mut layout = Layout::new();
        let weight = layout.push("weight", (2, 3), Init::Zeros);
        let _ = weight.view(&[0.0_f32; 5]);
    }
}
