//! Figures beside their references, printed and written as JSON.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};

/// What a row must reach.
#[derive(Clone, Copy)]
pub enum Bar {
    AtLeast(f64),
    Below(f64),
}

/// One row of `quality.md`.
pub struct Row {
    name: &'static str,
    unit: &'static str,
    figure: f64,
    reference: Option<(&'static str, f64)>,
    bar: Bar,
}

impl Row {
    /// A rate as a multiple of another.
    pub fn ratio(name: &'static str, figure: f64, reference: (&'static str, f64), at_least: f64) -> Self {
        Self { name, unit: "/s", figure, reference: Some(reference), bar: Bar::AtLeast(at_least) }
    }

    /// A quantity that stays below a bound.
    pub fn below(name: &'static str, figure: f64, unit: &'static str, bound: f64) -> Self {
        Self { name, unit, figure, reference: None, bar: Bar::Below(bound) }
    }

    fn judged(&self) -> f64 {
        self.reference.map_or(self.figure, |(_, reference)| self.figure / reference)
    }

    fn met(&self) -> bool {
        match self.bar {
            Bar::AtLeast(bar) => self.judged() >= bar,
            Bar::Below(bar) => self.judged() < bar,
        }
    }

    fn bar_text(&self) -> String {
        match self.bar {
            Bar::AtLeast(bar) => format!("≥ {bar} ×"),
            Bar::Below(bar) => format!("< {bar} {}", self.unit),
        }
    }

    fn line(&self) -> String {
        let verdict = if self.met() { "met" } else { "NOT MET" };
        let (figure, unit, bar) = (self.figure, self.unit, self.bar_text());
        match self.reference {
            Some((name, reference)) => {
                let ratio = self.judged();
                format!(
                    "| {} | {figure:.1} {unit} | {name}: {reference:.1} {unit} | {ratio:.2} × | {bar} | {verdict} |",
                    self.name
                )
            }
            None => format!("| {} | {figure:.1} {unit} | | | {bar} | {verdict} |", self.name),
        }
    }

    fn json(&self) -> Value {
        json!({"name": self.name, "figure": self.figure, "unit": self.unit, "bar": self.bar_text(), "met": self.met(),
            "reference": self.reference.map(|(name, figure)| json!({"name": name, "figure": figure})),
            "ratio": self.reference.map(|_| self.judged())})
    }
}

/// The table as Markdown.
pub fn table(rows: &[Row]) -> String {
    let head = "| what | figure | reference | ratio | bar | |\n|---|---|---|---|---|---|\n";
    rows.iter().fold(head.to_owned(), |text, row| text + &row.line() + "\n")
}

/// Writes the report to a file named for its moment and returns where.
pub fn write(folder: &Path, at: &str, rows: &[Row], more: &Value) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let file = folder.join(format!("{}.json", at.replace(':', "")));
    let rows: Vec<Value> = rows.iter().map(Row::json).collect();
    fs::write(&file, serde_json::to_string_pretty(&json!({"at": at, "rows": rows, "run": more}))?)?;
    Ok(file)
}
