//! Measured figures, and how they are shown.

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{Cell, CellAlignment, Table};
use serde::{Deserialize, Serialize};

/// One line of `target/bench.json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Figure {
    /// Like `store.sqlite.commands.1`.
    pub(crate) name: String,
    /// What was measured.
    pub(crate) value: f64,
    /// Of what.
    pub(crate) unit: String,
    /// What a bare loop reached in the same run; none for absolute targets.
    pub(crate) ceiling: Option<f64>,
    /// `value / ceiling`.
    pub(crate) ratio: Option<f64>,
    /// What is aimed at, in words.
    pub(crate) target: String,
}

impl Figure {
    /// A figure that stands for itself.
    pub(crate) fn absolute(name: &str, value: f64, unit: &str, target: &str) -> Self {
        let (name, unit, target) = (name.to_owned(), unit.to_owned(), target.to_owned());
        Self { name, value, unit, ceiling: None, ratio: None, target }
    }

    /// A figure that is compared with a ceiling.
    pub(crate) fn relative(name: &str, value: f64, unit: &str, ceiling: f64, target: &str) -> Self {
        Self { ceiling: Some(ceiling), ratio: Some(value / ceiling), ..Self::absolute(name, value, unit, target) }
    }
}

/// The figures as a person reads them.
pub(crate) fn table(figures: &[Figure]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY).set_header(["Figure", "Value", "Unit", "Ceiling", "Ratio", "Target"]);
    for figure in figures {
        let number = |value: Option<f64>, digits| {
            let text = value.map(|value| format!("{value:.digits$}")).unwrap_or_default();
            Cell::new(text).set_alignment(CellAlignment::Right)
        };
        let digits = if figure.value < 100.0 { 3 } else { 0 };
        table.add_row([
            Cell::new(&figure.name),
            number(Some(figure.value), digits),
            Cell::new(&figure.unit),
            number(figure.ceiling, digits),
            number(figure.ratio, 2),
            Cell::new(&figure.target),
        ]);
    }
    table
}

/// The one in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
