//! The points of a plot, and how they are drawn.

/// How the points of a series are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Joined by a line.
    Line,
    /// Joined by steps: between two points the value is that of the second.
    Steps,
    /// Joined by a thin dashed grey line that the others are compared with; it has no place in the legend.
    Guide,
    /// Joined by a thin grey line, one of those that are too many to tell apart; it has no place in the legend.
    Faint,
    /// A dot each.
    Dots,
    /// A dot on a line from the bottom each: a spectrum.
    Stems,
    /// A bar from the bottom each, as wide as the distance to the next: a histogram.
    Bars,
}

impl Mark {
    /// Whether a series has a colour and a place in the legend.
    pub(super) fn is_named(self) -> bool {
        !matches!(self, Self::Guide | Self::Faint)
    }
}

/// What a number beside each point of a series is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    /// The number of an example.
    Example,
    /// How many examples the point is of: the area of its dot.
    Count,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) mark: Mark,
    /// Which of the colours and dashes it has.
    pub(super) style: usize,
    pub(super) points: Vec<(f64, f64)>,
    /// A number beside each point, all of which are drawn then.
    pub(super) tags: Option<(Tag, Vec<usize>)>,
    /// A place of the x axis where the point of the series is marked.
    pub(super) ring: Option<f64>,
}

/// Points of a series that are drawn at most: more are no picture any more, and make a page large.
const MOST: usize = 480;

impl Series {
    pub(super) fn new(name: &str, mark: Mark, style: usize, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.to_owned(), mark, style, points, tags: None, ring: None }
    }

    /// The radius of the dot of a point.
    pub(super) fn radius(&self, point: usize) -> f64 {
        match &self.tags {
            Some((Tag::Count, counts)) => {
                let most = counts.iter().max().copied().unwrap_or(1).max(1);
                2.0 + 8.0 * (counts[point] as f64 / most as f64).sqrt()
            }
            _ => 3.0,
        }
    }

    /// The points that are drawn: all of them or, of many, the lowest and the highest of each of equally many neighbours, so that no
    /// peak is lost.
    pub(super) fn drawn(&self) -> Vec<(f64, f64)> {
        if self.points.len() <= MOST || self.tags.is_some() {
            return self.points.clone();
        }
        let mut drawn = Vec::with_capacity(MOST);
        for part in self.points.chunks((2 * self.points.len()).div_ceil(MOST)) {
            let by_height = |&a: &usize, &b: &usize| part[a].1.total_cmp(&part[b].1);
            let (low, high) = ((0..part.len()).min_by(by_height), (0..part.len()).max_by(by_height));
            let (Some(low), Some(high)) = (low, high) else { continue };
            drawn.extend([low.min(high), low.max(high)].map(|at| part[at]));
        }
        drawn.dedup();
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_points_become_few_and_keep_their_peaks() {
        let mut points: Vec<(f64, f64)> = (0..100_000).map(|i| (f64::from(i), 1.0)).collect();
        points[77_777].1 = 9.0;
        points[5].1 = -3.0;
        let drawn = Series::new("", Mark::Line, 0, points.clone()).drawn();
        assert!(drawn.len() <= MOST && drawn.contains(&(77_777.0, 9.0)) && drawn.contains(&(5.0, -3.0)));
        assert!(drawn.is_sorted_by(|a, b| a.0 < b.0));
        let few = Series::new("", Mark::Line, 0, points[..7].to_vec());
        assert_eq!(few.drawn(), points[..7]);
    }
}
