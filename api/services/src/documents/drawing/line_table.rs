//! The lines of a document as a table that goes on over pages, its head repeated and its sum carried forward.

use manager_domain::terms::Term;

use super::canvas::{Align, GREY, HAIRLINE, INK, Role, Style};
use super::fonts::Weight;
use super::text_blocks::wrap_at_most;
use super::words::{Words, fill};
use super::{BOTTOM, Coverage, LEFT, Line, Paper, RIGHT, TOP, formats, totals};

const HEAD: Style = Style::new(7.5, Weight::Bold, GREY);
const DESCRIPTION: Style = Style::new(9.0, Weight::Bold, INK);
const DETAIL: Style = Style::new(8.0, Weight::Regular, GREY);
const FIGURE: Style = Style::new(9.0, Weight::Regular, INK);

const LEADING: f32 = 4.1;
const DETAIL_LEADING: f32 = 3.6;
const PADDING: f32 = 2.1;
const HEAD_HEIGHT: f32 = 7.0;
/// The sum that is carried to the next page.
const CARRY_HEIGHT: f32 = 6.5;
const GAP: f32 = 5.0;
/// Lines below a description, so that every row fits on a page.
const MOST_DETAILS: usize = 24;
/// The description is given at least this much.
const NARROWEST_DESCRIPTION: f32 = 58.0;

/// What one line prints.
struct Row {
    description: Vec<String>,
    details: Vec<String>,
    /// One for each column of figures.
    figures: Vec<String>,
    net: i64,
}

impl Row {
    fn height(&self) -> f32 {
        2.0 * PADDING
            + (self.description.len() as f32 - 1.0) * LEADING
            + 2.8
            + self.details.len() as f32 * DETAIL_LEADING
    }
}

/// Where the columns of figures end, and how large they are set.
struct Grid {
    heads: Vec<String>,
    ends: Vec<f32>,
    widths: Vec<f32>,
    description_width: f32,
    figure: Style,
    head: Style,
}

/// Draws all lines from the paper's `y` on.
pub fn draw(paper: &mut Paper<'_>) {
    let with_discount = paper.document.lines.iter().any(|line| line.discount.is_some());
    let figures: Vec<Vec<String>> =
        paper.document.lines.iter().map(|line| figures(line, paper.words, with_discount)).collect();
    let grid = grid(paper, &figures, with_discount);
    let rows: Vec<Row> =
        paper.document.lines.iter().zip(figures).map(|(line, figures)| row(paper, &grid, line, figures)).collect();
    paper.canvas.begin(Role::Table);
    paper.canvas.part(Role::TableHead, |canvas| {
        canvas.part(Role::Row, |canvas| draw_head(canvas, paper.words, &grid, paper.y, true));
    });
    paper.y += HEAD_HEIGHT;
    paper.canvas.begin(Role::TableBody);
    draw_rows(paper, &grid, &rows);
    paper.canvas.end();
    paper.canvas.end();
}

fn draw_rows(paper: &mut Paper<'_>, grid: &Grid, rows: &[Row]) {
    let mut carried = 0;
    let totals = totals::height(paper);
    for (index, row) in rows.iter().enumerate() {
        let fits = |below: f32, y: f32| y + row.height() + below <= BOTTOM;
        let fresh = TOP + HEAD_HEIGHT + CARRY_HEIGHT;
        // The totals never stand alone on a page where the last line can go with them.
        let last = index > 0 && index + 1 == rows.len() && fits(totals, fresh);
        if !fits(if last { totals } else { CARRY_HEIGHT }, paper.y) {
            break_page(paper, grid, (index > 0).then_some(carried));
        }
        draw_row(paper, grid, row);
        carried += row.net;
    }
}

/// Goes on with the table on a new page, carrying the sum of the lines so far.
fn break_page(paper: &mut Paper<'_>, grid: &Grid, carried: Option<i64>) {
    if let Some(carried) = carried {
        carry(paper, &paper.words.lines.carried_forward, carried);
    }
    let open = paper.canvas.suspend();
    paper.next_page();
    draw_head(paper.canvas, paper.words, grid, paper.y, false);
    paper.canvas.resume(open);
    paper.y += HEAD_HEIGHT;
    if let Some(carried) = carried {
        carry(paper, &paper.words.lines.brought_forward, carried);
        paper.y += CARRY_HEIGHT;
        paper.canvas.horizontal(LEFT, RIGHT, paper.y, 0.4, HAIRLINE);
    }
}

fn carry(paper: &mut Paper<'_>, label: &str, amount: i64) {
    let y = paper.y + 4.4;
    paper.canvas.decoration(|canvas| {
        canvas.text(LEFT, y, label, DETAIL, Align::Left);
        canvas.text(RIGHT, y, &formats::amount(amount), Style { colour: GREY, ..FIGURE }, Align::Right);
    });
}

fn draw_head(canvas: &mut super::canvas::Canvas, words: &Words, grid: &Grid, y: f32, tagged: bool) {
    let baseline = y + 4.4;
    let mut cell = |x: f32, width: f32, text: &str, align| {
        if tagged {
            canvas.begin(Role::ColumnHead);
        }
        canvas.fitted(x, baseline, width, text, grid.head, align);
        if tagged {
            canvas.end();
        }
    };
    cell(LEFT, grid.description_width, &words.columns.description, Align::Left);
    for ((head, end), width) in grid.heads.iter().zip(&grid.ends).zip(&grid.widths) {
        cell(*end, *width, head, Align::Right);
    }
    canvas.horizontal(LEFT, RIGHT, y, 0.8, INK);
    canvas.horizontal(LEFT, RIGHT, y + HEAD_HEIGHT, 0.4, HAIRLINE);
}

fn draw_row(paper: &mut Paper<'_>, grid: &Grid, row: &Row) {
    let baseline = paper.y + PADDING + 2.8;
    paper.canvas.begin(Role::Row);
    paper.canvas.part(Role::Cell, |canvas| {
        let y = canvas.lines(LEFT, baseline, LEADING, &row.description, DESCRIPTION);
        canvas.lines(LEFT, y - LEADING + DETAIL_LEADING + 0.4, DETAIL_LEADING, &row.details, DETAIL);
    });
    for ((figure, end), width) in row.figures.iter().zip(&grid.ends).zip(&grid.widths) {
        paper.canvas.part(Role::Cell, |canvas| {
            canvas.fitted(*end, baseline, *width, figure, grid.figure, Align::Right);
        });
    }
    paper.canvas.end();
    paper.y += row.height();
    paper.canvas.horizontal(LEFT, RIGHT, paper.y, 0.4, HAIRLINE);
}

fn figures(line: &Line, words: &Words, with_discount: bool) -> Vec<String> {
    let quantity = formats::quantity(line.quantity);
    let mut figures = vec![
        line.unit.as_ref().map_or_else(|| quantity.clone(), |unit| format!("{quantity}\u{a0}{unit}")),
        formats::price(line.unit_price),
    ];
    if with_discount {
        let discount = line.discount.as_ref().filter(|discount| discount.amount != 0);
        figures.push(discount.map_or_else(|| "–".to_owned(), |discount| formats::amount(-discount.amount)));
    }
    figures.extend([words.percent(line.rate), formats::amount(line.net)]);
    figures
}

/// Columns as wide as what is in them, smaller where the description would get too little.
fn grid(paper: &Paper<'_>, rows: &[Vec<String>], with_discount: bool) -> Grid {
    let columns = &paper.words.columns;
    let net = format!("{} {}", columns.net, paper.document.currency);
    let mut heads = vec![columns.quantity.clone(), columns.unit_price.clone()];
    heads.extend(with_discount.then(|| columns.discount.clone()));
    heads.extend([columns.tax.clone(), net]);
    let measure = |scale: f32| -> Vec<f32> {
        let widest = |column: usize, head: &String| {
            let style = FIGURE.sized(FIGURE.size * scale);
            let figures = rows.iter().filter_map(|row| row.get(column));
            let widest = figures.map(|figure| paper.canvas.width(figure, style)).fold(0.0, f32::max);
            // A unit is free text: it gets so much and no more.
            let most = if column == 0 { 24.0 } else { 40.0 };
            widest.max(paper.canvas.width(head, HEAD.sized(HEAD.size * scale))).min(most)
        };
        heads.iter().enumerate().map(|(column, head)| widest(column, head) + 0.1).collect()
    };
    let taken = |widths: &[f32]| widths.iter().sum::<f32>() + GAP * widths.len() as f32;
    let scales = [1.0, 0.93, 0.86, 0.79, 0.72];
    let fitting = scales.into_iter().find(|scale| RIGHT - LEFT - taken(&measure(*scale)) >= NARROWEST_DESCRIPTION);
    let scale = fitting.unwrap_or(0.72);
    let mut widths = measure(scale);
    let room = RIGHT - LEFT - NARROWEST_DESCRIPTION - GAP * widths.len() as f32;
    let total: f32 = widths.iter().sum();
    if total > room {
        widths.iter_mut().for_each(|width| *width *= room / total);
    }
    let description_width = RIGHT - LEFT - taken(&widths);
    let mut end = LEFT + description_width;
    let ends = widths.iter().map(|width| {
        end += GAP + width;
        end
    });
    let ends = ends.collect();
    let (figure, head) = (FIGURE.sized(FIGURE.size * scale), HEAD.sized(HEAD.size * scale));
    Grid { heads, ends, widths, description_width, figure, head }
}

fn row(paper: &Paper<'_>, grid: &Grid, line: &Line, figures: Vec<String>) -> Row {
    let fonts = paper.canvas.fonts;
    let width = grid.description_width;
    let description = wrap_at_most(fonts, &line.description, DESCRIPTION, width, 8);
    let coverage = match line.coverage {
        Coverage::Once => None,
        Coverage::Term(term) => Some(period(paper.words, term)),
        Coverage::Months(1) => Some(paper.words.lines.month.clone()),
        Coverage::Months(months) => Some(fill(&paper.words.lines.months, &[("count", &months.to_string())])),
    };
    let discount = line.discount.as_ref().and_then(|discount| discount.label.clone());
    let mut texts: Vec<String> = line.details.iter().take(8).cloned().collect();
    if let Some(coverage) = coverage {
        // On the last detail's line, where it has room.
        let joined = texts.last().map(|last| format!("{last}  ·  {coverage}"));
        match joined.filter(|joined| paper.canvas.width(joined, DETAIL) <= width) {
            Some(joined) => {
                texts.pop();
                texts.push(joined);
            }
            None => texts.push(coverage),
        }
    }
    texts.extend(discount);
    let details =
        texts.into_iter().flat_map(|text| wrap_at_most(fonts, &text, DETAIL, width, 4)).take(MOST_DETAILS).collect();
    let description = if description.is_empty() { vec![String::new()] } else { description };
    Row { description, details, figures, net: line.net }
}

/// A term by its first and its last day.
pub fn period(words: &Words, term: Term) -> String {
    let last = term.end.pred_opt().unwrap_or(term.end).max(term.start);
    fill(&words.lines.period, &[("from", &words.date(term.start)), ("to", &words.date(last))])
}
