//! What is said of many figures.

use std::time::Duration;

/// The middle one.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = figures.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// The middle of what a pick finds in each.
pub(crate) fn median_of<T>(all: &[T], pick: impl Fn(&T) -> f64) -> f64 {
    median(all.iter().map(pick))
}

/// The time that this share of sorted times does not exceed, in milliseconds.
pub(crate) fn percentile(sorted: &[Duration], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0
}
