//! Where functions of single numbers bend or jump.

use super::steps::Function;

/// What is 0 where an operator bends or jumps.
pub(super) fn conditions(function: &Function, arguments: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let from = |bound: f64| arguments[0].iter().map(|x| x - bound).collect::<Vec<_>>();
    match function.operator {
        "Relu" | "LeakyRelu" | "PRelu" | "Elu" | "Celu" | "Selu" | "Abs" => vec![from(0.0)],
        "Clip" => {
            function.settings.iter().filter(|bound| bound.is_finite()).map(|&bound| from(bound)).collect()
        }
        "HardSwish" => vec![from(-3.0), from(3.0)],
        "Min" | "Max" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" => match arguments {
            [a, b] => vec![a.iter().zip(b).map(|(a, b)| a - b).collect()],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Numbers of every magnitude, in their order.
fn grid() -> Vec<f64> {
    let sizes = (-30..=30).flat_map(|power| [1.0, 3.0].map(|digit| digit * 10_f64.powi(power)));
    let mut grid: Vec<f64> = sizes.flat_map(|size| [-size, size]).chain([0.0]).collect();
    grid.sort_by(f64::total_cmp);
    grid
}

/// Points on both sides of each place where one of the `conditions` at x becomes 0, and between these: a function that is compared
/// nowhere else could be another one beyond them.
pub(super) fn points(conditions: impl Fn(&[f64]) -> Option<Vec<Vec<f64>>>) -> Option<Vec<f64>> {
    let grid = grid();
    let mut bends = Vec::new();
    for (which, found) in conditions(&grid)?.iter().enumerate() {
        for (pair, x) in found.windows(2).zip(grid.windows(2)) {
            if !(pair[0] * pair[1] <= 0.0 && pair[0] != pair[1]) {
                continue;
            }
            let (mut low, mut high) = (x[0], x[1]);
            for _ in 0..80 {
                let middle = f64::midpoint(low, high);
                let at_middle = conditions(&[middle])?[which][0];
                if (at_middle < 0.0) == (pair[0] < 0.0) { low = middle } else { high = middle }
            }
            bends.push(high);
        }
    }
    bends.sort_by(f64::total_cmp);
    bends.dedup();
    let mut points = Vec::new();
    for &bend in &bends {
        points.extend(
            [-10.0, -1.0, -0.1, -1e-3, 1e-3, 0.1, 1.0, 10.0].map(|step| bend + step * bend.abs().max(1e-30)),
        );
    }
    for pair in bends.windows(2) {
        points.extend([0.1, 0.5, 0.9].map(|part| pair[0] + part * (pair[1] - pair[0])));
    }
    Some(points)
}
