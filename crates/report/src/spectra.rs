//! Plots of the spectra of second derivatives.

use crate::plot::{Mark, Plot};

/// Extreme eigenvalues by rank, their sizes on a logarithmic axis.
pub fn extreme_eigenvalues(data: &str, largest: &[f64], smallest: &[f64]) -> Plot {
    let ranked = |values: &[f64], sign: f64| -> Vec<(f64, f64)> {
        (1..).zip(values).map(|(rank, value)| (f64::from(rank), sign * value)).collect()
    };
    Plot::new(&format!("Extreme eigenvalues, {data}"), "rank", "|eigenvalue|")
        .log_y()
        .with("largest, positive", Mark::Dots, ranked(largest, 1.0))
        .with("smallest, negative", Mark::Dots, ranked(smallest, -1.0))
}

/// A spectral density on a logarithmic axis.
pub fn spectral_density(data: &str, curve: impl IntoIterator<Item = (f64, f64)>) -> Plot {
    Plot::new(&format!("Spectral density, {data}"), "eigenvalue", "density").log_y().with(
        "density",
        Mark::Line,
        curve,
    )
}

/// Whole spectra as histograms, each under its title.
pub fn histograms(title: &str, spectra: impl IntoIterator<Item = (String, Vec<(f64, f64)>)>) -> Plot {
    let plot = Plot::new(title, "eigenvalue", "eigenvalues").log_y();
    spectra.into_iter().fold(plot, |plot, (name, bars)| plot.with(&name, Mark::Dots, bars))
}

/// A figure of critical points against their index, a series for each kind of point.
pub fn against_index(label: &str, series: impl IntoIterator<Item = (String, Vec<(f64, f64)>)>) -> Plot {
    let plot = Plot::new("Index of critical points", "index α, fraction of negative eigenvalues", label);
    series.into_iter().fold(plot, |plot, (name, points)| plot.with(&name, Mark::Dots, points))
}
