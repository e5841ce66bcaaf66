//! Comma-separated values (RFC 4180) that spreadsheets don't take for formulas.

use manager_domain::Money;

/// A cell before it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// A text that people wrote: what a spreadsheet would take for a formula begins with an apostrophe.
    Text(String),
    /// What the program wrote: numbers, days, ids, keywords.
    Plain(String),
}

/// What begins a formula, its wide forms included, and what spreadsheets pass over before one.
const FORMULAS: [char; 11] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r', '\n'];

/// An amount as a decimal: `1234.50`.
pub fn amount(amount: Money) -> Cell {
    Cell::Plain(amount.decimal())
}

/// One row, with its line's end.
pub fn line(cells: &[Cell]) -> String {
    let written: Vec<String> = cells.iter().map(Cell::written).collect();
    format!("{}\r\n", written.join(","))
}

impl Cell {
    fn written(&self) -> String {
        let text = match self {
            Self::Text(text) if text.trim_start_matches(' ').starts_with(FORMULAS) => format!("'{text}"),
            Self::Text(text) | Self::Plain(text) => text.clone(),
        };
        if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
    }
}

#[cfg(test)]
mod tests {
    use manager_domain::Currency;

    use super::*;

    #[test]
    fn formulas_become_texts_and_separators_are_quoted() {
        for (text, written) in [
            ("example.ch", "example.ch"),
            ("=1+1", "'=1+1"),
            ("+41 22", "'+41 22"),
            ("-1", "'-1"),
            ("@sum", "'@sum"),
            ("  =1", "'  =1"),
            ("＝1", "'＝1"),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
            ("a,b", "\"a,b\""),
            ("a\nb", "\"a\nb\""),
            ("1-2", "1-2"),
            ("", ""),
        ] {
            assert_eq!(Cell::Text(text.to_owned()).written(), written, "{text}");
        }
        let amount = |minor| amount(Money::new(minor, Currency::Chf));
        assert_eq!(line(&[Cell::Plain("-1".to_owned()), amount(-123_405), amount(5)]), "-1,-1234.05,0.05\r\n");
        assert_eq!(line(&[]), "\r\n");
    }
}
