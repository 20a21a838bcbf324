/// In which order a file has the features of a row, as blocks side by side; nothing is kept for each feature.
///
/// ```
/// use chainrule_tensor::FeatureOrder;
///
/// // Two pixels with three channels each, which PyTorch flattens channel by channel, and a number beside them.
/// let picture = FeatureOrder::features_first(2, 3);
/// let order = FeatureOrder::side_by_side([picture, FeatureOrder::same(1)]);
/// let places: Vec<usize> = (0..order.len()).map(|k| order.place(k)).collect();
/// assert_eq!(places, [0, 3, 1, 4, 2, 5, 6]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureOrder(Vec<Block>);

/// Features by position, which a file has by feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    positions: usize,
    features: usize,
}

impl FeatureOrder {
    /// The order here.
    pub fn same(features: usize) -> Self {
        Self::features_first(1, features)
    }

    /// Features at positions: the first feature at all positions, then the second, ….
    pub fn features_first(positions: usize, features: usize) -> Self {
        Self(vec![Block { positions, features }])
    }

    /// One after the other.
    pub fn side_by_side(orders: impl IntoIterator<Item = Self>) -> Self {
        Self(orders.into_iter().flat_map(|order| order.0).collect())
    }

    /// Whether it is the order here.
    pub fn is_same(&self) -> bool {
        self.0.iter().all(|block| block.positions <= 1 || block.features <= 1)
    }

    /// How many features there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|block| block.positions * block.features).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where here the feature is that a file has at place k.
    ///
    /// # Panics
    /// If there are fewer.
    #[track_caller]
    pub fn place(&self, k: usize) -> usize {
        let (mut first, mut rest) = (0, k);
        for Block { positions, features } in &self.0 {
            let size = positions * features;
            if rest < size {
                return first + rest % positions * features + rest / positions;
            }
            (first, rest) = (first + size, rest - size);
        }
        panic!("feature order: there is no place {k}")
    }
}
