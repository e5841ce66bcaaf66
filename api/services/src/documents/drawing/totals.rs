//! Below the lines: sums, taxes by rate, what was paid and what is open; and beside them what must be said.

use manager_domain::taxes::TaxNote;

use super::canvas::{Align, GREY, INK, Role, Style, TINT};
use super::fonts::Weight;
use super::text_blocks::wrap_at_most;
use super::words::fill;
use super::{Kind, LEFT, Paper, RIGHT, formats};

const START: f32 = 104.0;
const ROW: f32 = 5.0;
const BOX: f32 = 9.0;
const NOTE_WIDTH: f32 = START - LEFT - 8.0;
const NOTE_LEADING: f32 = 3.7;

const PLAIN: Style = Style::new(9.0, Weight::Regular, INK);
const STRONG: Style = Style::new(10.0, Weight::Bold, INK);
const NOTE: Style = Style::new(8.0, Weight::Regular, GREY);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Emphasis {
    Plain,
    /// The total, below a line.
    Total,
    /// What is open, on a tint.
    Open,
}

struct Sum {
    label: String,
    amount: String,
    emphasis: Emphasis,
}

/// How much room the totals and notes take, in millimetres.
pub fn height(paper: &Paper<'_>) -> f32 {
    sums_height(&sums(paper)).max(notes_height(&notes(paper)))
}

/// Draws totals and notes from the paper's `y` on, on one page.
pub fn draw(paper: &mut Paper<'_>) {
    paper.need(height(paper));
    let (sums, notes) = (sums(paper), notes(paper));
    let top = paper.y;
    draw_sums(paper, &sums);
    let mut y = top + 7.0;
    for note in &notes {
        y = paper.canvas.part(Role::Paragraph, |canvas| canvas.lines(LEFT, y, NOTE_LEADING, note, NOTE)) + 1.6;
    }
    paper.y = top + sums_height(&sums).max(notes_height(&notes));
}

/// What is open once more, on a page that has the payment part and nothing else.
pub fn draw_reminder(paper: &mut Paper<'_>) {
    if let Some(open) = sums(paper).pop() {
        let (y, title) = (paper.y + 4.0, paper.title);
        paper.canvas.part(Role::Paragraph, |canvas| {
            let amount = format!("{}  {}", open.label, open.amount);
            let taken = canvas.width(&amount, STRONG) + 6.0;
            canvas.fitted(LEFT, y, RIGHT - LEFT - taken, &format!("{title} "), STRONG, Align::Left);
            canvas.fitted(RIGHT, y, RIGHT - LEFT, &amount, STRONG, Align::Right);
        });
        paper.y = y;
    }
}

fn sums_height(sums: &[Sum]) -> f32 {
    2.0 + sums.iter().map(|sum| sum.emphasis.height()).sum::<f32>()
}

fn notes_height(notes: &[Vec<String>]) -> f32 {
    4.0 + notes.iter().map(|note| note.len() as f32 * NOTE_LEADING + 1.6).sum::<f32>()
}

impl Emphasis {
    const fn height(self) -> f32 {
        match self {
            Self::Plain => ROW,
            Self::Total => ROW + 3.6,
            Self::Open => BOX + 2.0,
        }
    }
}

fn draw_sums(paper: &mut Paper<'_>, sums: &[Sum]) {
    paper.y += 2.0;
    paper.canvas.begin(Role::Table);
    for sum in sums {
        let y = paper.y;
        let (style, baseline, inset) = match sum.emphasis {
            Emphasis::Plain => (PLAIN, y + 4.4, 0.0),
            Emphasis::Total => {
                paper.canvas.horizontal(START, RIGHT, y + 1.6, 0.8, INK);
                (STRONG, y + 6.6, 0.0)
            }
            Emphasis::Open => {
                let top = y + 1.4;
                paper.canvas.decoration(|canvas| canvas.rectangle(START, top, RIGHT - START, BOX, TINT));
                (STRONG, top + 5.8, 2.5)
            }
        };
        paper.canvas.part(Role::Row, |canvas| {
            let taken = canvas.width(&sum.amount, style);
            let room = RIGHT - START - 2.0 * inset - taken - 3.0;
            canvas.part(Role::RowHead, |canvas| {
                canvas.fitted(START + inset, baseline, room, &sum.label, style, Align::Left);
            });
            canvas.part(Role::Cell, |canvas| {
                canvas.fitted(RIGHT - inset, baseline, RIGHT - START, &sum.amount, style, Align::Right);
            });
        });
        paper.y += sum.emphasis.height();
    }
    paper.canvas.end();
}

fn sums(paper: &Paper<'_>) -> Vec<Sum> {
    let (document, words) = (paper.document, &paper.words.totals);
    let plain = |label: String, amount: i64| Sum { label, amount: formats::amount(amount), emphasis: Emphasis::Plain };
    let with_currency = |amount: i64| format!("{} {}", document.currency, formats::amount(amount));
    let mut sums = Vec::new();
    let discounts: i64 = document.lines.iter().filter_map(|line| line.discount.as_ref()).map(|off| off.amount).sum();
    if discounts != 0 {
        sums.push(plain(words.before_discounts.clone(), document.totals.net + discounts));
        sums.push(plain(words.discounts.clone(), -discounts));
    }
    sums.push(plain(words.net.clone(), document.totals.net));
    for rate in &document.totals.rates {
        let (percent, net) = (paper.words.percent(rate.rate), formats::amount(rate.net));
        sums.push(plain(fill(&words.tax, &[("rate", &percent), ("net", &net)]), rate.tax));
    }
    let credit = matches!(document.kind, Kind::CreditNote(_));
    let total = if credit { &words.total_credited } else { &words.total };
    let amount = with_currency(document.totals.total);
    sums.push(Sum { label: total.clone(), amount, emphasis: Emphasis::Total });
    let settled = if credit { &words.returned } else { &words.paid };
    for settlement in &document.settlements {
        let (date, means) = (paper.words.date(settlement.date), paper.words.means(&settlement.means));
        sums.push(plain(fill(settled, &[("date", &date), ("means", &means)]), -settlement.amount));
    }
    let open = document.open_amount();
    let asks = match document.kind {
        Kind::Invoice | Kind::ProForma => true,
        Kind::Void => false,
        Kind::CreditNote(_) => open > 0 && !document.settlements.is_empty(),
    };
    if asks {
        let label = match document.due.filter(|_| open > 0) {
            _ if credit => words.to_return.clone(),
            Some(due) => fill(&words.open_until, &[("date", &paper.words.date(due))]),
            None => words.open.clone(),
        };
        sums.push(Sum { label, amount: with_currency(open), emphasis: Emphasis::Open });
    }
    sums
}

fn notes(paper: &Paper<'_>) -> Vec<Vec<String>> {
    let (document, words) = (paper.document, &paper.words.notes);
    let mut notes: Vec<&String> = Vec::new();
    for note in &document.notes {
        notes.push(match note {
            TaxNote::ReverseCharge => &words.reverse_charge,
            TaxNote::Export => &words.export,
        });
    }
    let open = document.open_amount() > 0;
    match document.kind {
        Kind::ProForma => notes.push(&words.pro_forma),
        Kind::Invoice if !open => notes.push(&words.paid),
        Kind::Invoice | Kind::Void | Kind::CreditNote(_) => {}
    }
    let payable = document.payment.is_some() && open && !document.test;
    if payable && !matches!(document.kind, Kind::CreditNote(_)) {
        notes.push(&words.pay_with_payment_part);
    }
    notes.into_iter().map(|note| wrap_at_most(paper.canvas.fonts, note, NOTE, NOTE_WIDTH, 12)).collect()
}
