//! How a batch is divided among processes, and in which order its parts are added.

use std::ops::Range;

/// The most rows of a leaf: enough for GEMM's pace, few enough to stay in cache.
const MOST: usize = 256;
/// The fewest, unless the batch has no more.
const FEWEST: usize = 8;
/// Leaves that a batch is cut into where that leaves neither more nor fewer rows to each.
const LEAVES: usize = 64;

/// In which order the parts of a sum over a batch are added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reduction {
    /// As is fastest: each process adds its own rows, and the library that joins the processes adds those sums. The result
    /// has the same bits for any number of threads, but not for another number of processes.
    #[default]
    Library,
    /// Over a fixed [`Tree`]: the same bits for any number of processes too, one included.
    Tree,
}

/// The part of each batch that is one process's of several.
///
/// ```
/// use chainrule_train::{Division, Reduction};
///
/// let third = Division { reduction: Reduction::Library, rank: 2, size: 3 };
/// assert_eq!(third.rows(100), 66..100);
/// assert_eq!(Division::default().rows(100), 0..100);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Division {
    /// In which order the parts are added.
    pub reduction: Reduction,
    /// The number of the process, from 0.
    pub rank: usize,
    /// How many processes there are.
    pub size: usize,
}

impl Default for Division {
    fn default() -> Self {
        Self { reduction: Reduction::Library, rank: 0, size: 1 }
    }
}

impl Division {
    /// The rows of a batch of `batch` rows that are this process's; none for some, where there are fewer than processes.
    pub fn rows(self, batch: usize) -> Range<usize> {
        match self.reduction {
            Reduction::Library => share(batch, self.size, self.rank),
            Reduction::Tree => {
                let tree = Tree::over(batch);
                tree.rows(self.leaves(tree))
            }
        }
    }

    /// The leaves of a tree that are this process's.
    pub fn leaves(self, tree: Tree) -> Range<usize> {
        share(tree.leaves, self.size, self.rank)
    }

    /// The fewest rows of a batch that a process or a leaf has at once, if it has any.
    pub(crate) fn fewest_rows(self, batch: usize) -> usize {
        let parts = match self.reduction {
            Reduction::Library => self.size,
            Reduction::Tree => leaves(batch),
        };
        (batch / parts).max(1)
    }

    /// The most rows that are this process's, of batches of at most `batch`.
    pub(crate) fn most_rows(self, batch: usize) -> usize {
        let leaves = leaves(batch).div_ceil(self.size);
        match self.reduction {
            Reduction::Library => batch.div_ceil(self.size),
            Reduction::Tree => batch.min(leaves * Tree::most_rows(batch)),
        }
    }
}

/// The fixed binary tree over which the parts of a batch are added: its shape depends on the number of rows alone.
///
/// Its leaves are equal shares of the rows: about eight rows each, but no more than 64 leaves, until a leaf would have more than
/// 256 rows. Leaves are added as ((0 + 1) + (2 + 3)) + …, by whichever processes hold them.
///
/// ```
/// use chainrule_train::Tree;
///
/// assert_eq!(Tree::over(32).leaves(), 4);
/// assert_eq!(Tree::over(60_000).leaves(), 235);
/// // Leaves 1 to 4 of 8: one alone, and the pair (2 + 3).
/// let nodes = Tree::over(64).nodes(1..4);
/// assert_eq!(nodes.iter().map(|node| node.first()).collect::<Vec<_>>(), [1, 2]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tree {
    rows: usize,
    leaves: usize,
}

/// A place in a [`Tree`]: the sum of some leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    first: usize,
    /// How many leaves there would be if the tree were full: a power of two.
    width: usize,
}

impl Tree {
    /// The tree of a batch of `rows` rows.
    pub fn over(rows: usize) -> Self {
        Self { rows, leaves: leaves(rows) }
    }

    /// How many leaves there are.
    pub fn leaves(self) -> usize {
        self.leaves
    }

    /// The rows of some leaves.
    pub fn rows(self, leaves: Range<usize>) -> Range<usize> {
        let cut = |leaf| self.rows * leaf / self.leaves;
        cut(leaves.start)..cut(leaves.end)
    }

    /// The sum of all leaves.
    pub fn root(self) -> Node {
        Node { first: 0, width: self.leaves.next_power_of_two() }
    }

    /// The two summands of a node, the second only where the tree reaches so far; `None` for a leaf.
    pub fn halves(self, node: Node) -> Option<(Node, Option<Node>)> {
        let width = node.width / 2;
        let right = Node { first: node.first + width, width };
        (width > 0).then_some((Node { width, ..node }, (right.first < self.leaves).then_some(right)))
    }

    /// The fewest nodes that are the sums of just these leaves, from left to right.
    pub fn nodes(self, leaves: Range<usize>) -> Vec<Node> {
        let mut nodes = Vec::new();
        self.collect(self.root(), &leaves, &mut nodes);
        nodes
    }

    fn collect(self, node: Node, leaves: &Range<usize>, nodes: &mut Vec<Node>) {
        let end = self.leaves.min(node.first + node.width);
        if leaves.start <= node.first && end <= leaves.end {
            nodes.push(node);
        } else if node.first < leaves.end && leaves.start < end {
            let (left, right) = self.halves(node).expect("a leaf is within or without");
            self.collect(left, leaves, nodes);
            if let Some(right) = right {
                self.collect(right, leaves, nodes);
            }
        }
    }

    /// How many sums are kept at once on the way up from a leaf.
    pub(crate) fn depth(self) -> usize {
        self.leaves.next_power_of_two().ilog2() as usize
    }

    /// The most rows of a leaf, of batches of at most `batch` rows.
    pub(crate) fn most_rows(batch: usize) -> usize {
        batch.div_ceil(LEAVES).clamp(FEWEST, MOST).min(batch)
    }
}

impl Node {
    /// Its first leaf.
    pub fn first(self) -> usize {
        self.first
    }
}

fn leaves(rows: usize) -> usize {
    rows.div_ceil(FEWEST).min(LEAVES).max(rows.div_ceil(MOST)).max(1)
}

/// One of `shares` shares of `0..rows`, as equal as can be.
pub(crate) fn share(rows: usize, shares: usize, i: usize) -> Range<usize> {
    rows * i / shares..rows * (i + 1) / shares
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCHES: [usize; 12] = [1, 7, 8, 9, 16, 100, 512, 513, 4097, 16_384, 16_385, 60_000];

    #[test]
    fn every_row_is_one_process_s_and_none_has_more_than_it_is_told() {
        for reduction in [Reduction::Library, Reduction::Tree] {
            for batch in BATCHES {
                for size in [1, 2, 3, 4, 7, 100] {
                    let mut next = 0;
                    for rank in 0..size {
                        let division = Division { reduction, rank, size };
                        let rows = division.rows(batch);
                        assert_eq!(rows.start, next);
                        for most in BATCHES.into_iter().filter(|&most| most >= batch) {
                            assert!(rows.len() <= division.most_rows(most), "{division:?} {batch} of {most}");
                        }
                        next = rows.end;
                    }
                    assert_eq!(next, batch);
                }
            }
        }
    }

    #[test]
    fn no_part_is_smaller_than_it_is_told() {
        for batch in (1..300).chain(BATCHES) {
            let tree = Tree::over(batch);
            let of_leaves = (0..tree.leaves()).map(|leaf| tree.rows(leaf..leaf + 1).len());
            let division = Division { reduction: Reduction::Tree, ..Division::default() };
            assert_eq!(of_leaves.min(), Some(division.fewest_rows(batch)));
            for size in [1, 2, 3, 7] {
                let of = |rank| Division { reduction: Reduction::Library, rank, size };
                let parts = (0..size).map(|rank| of(rank).rows(batch).len()).filter(|&rows| rows > 0);
                assert_eq!(parts.min(), Some(of(0).fewest_rows(batch)), "{batch} {size}");
            }
        }
    }

    #[test]
    fn no_leaf_is_larger_than_it_is_told() {
        for batch in 1..20_000 {
            let tree = Tree::over(batch);
            let most = (0..tree.leaves()).map(|leaf| tree.rows(leaf..leaf + 1).len()).max().unwrap();
            assert!(most <= Tree::most_rows(batch), "{batch}");
        }
        for batch in BATCHES {
            assert!((1..=batch).all(|last| Tree::most_rows(last) <= Tree::most_rows(batch)));
        }
    }

    #[test]
    fn the_nodes_of_all_ranks_are_the_leaves_once_each() {
        fn leaves_under(tree: Tree, node: Node) -> usize {
            tree.halves(node).map_or(1, |(left, right)| {
                leaves_under(tree, left) + right.map_or(0, |right| leaves_under(tree, right))
            })
        }
        for batch in BATCHES {
            let tree = Tree::over(batch);
            for size in 1..9 {
                let mut next = 0;
                for rank in 0..size {
                    let division = Division { reduction: Reduction::Tree, rank, size };
                    for node in tree.nodes(division.leaves(tree)) {
                        assert_eq!(node.first(), next);
                        next += leaves_under(tree, node);
                    }
                }
                assert_eq!(next, tree.leaves());
            }
            assert_eq!(tree.nodes(0..tree.leaves()), [tree.root()]);
        }
    }
}
