//! Measured figures, in the shape of `target/bench.json`.

use serde::Serialize;

/// One line of the file.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    /// Like `peers.esrs.commands.1`.
    name: String,
    /// The median of all rounds.
    value: f64,
    /// Of what.
    unit: &'static str,
    /// Peers are not compared with a bare loop.
    ceiling: Option<f64>,
    /// See `ceiling`.
    ratio: Option<f64>,
    /// What is aimed at, in words.
    target: &'static str,
}

impl Figure {
    /// A figure that nothing is aimed at.
    pub(crate) fn reported(name: String, rounds: Vec<f64>, unit: &'static str) -> Self {
        Self { name, value: median(rounds), unit, ceiling: None, ratio: None, target: "reported" }
    }
}

/// The one in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_shape_of_the_other_benchmarks() {
        let figure = Figure::reported("peers.a.load".into(), vec![3.0, 1.0, 2.0], "events/s");
        assert_eq!(
            serde_json::to_value(figure).unwrap(),
            serde_json::json!({
                "name": "peers.a.load", "value": 2.0, "unit": "events/s",
                "ceiling": null, "ratio": null, "target": "reported",
            })
        );
    }
}
