//! What frames a document: seller, the buyer's address where a window envelope shows it, the facts, the title; on later
//! pages a short head; on all of them the foot.

use manager_domain::organizations::BillingAddress;

use super::canvas::{Align, GREY, HAIRLINE, INK, Role, Style, WARNING};
use super::fonts::Weight;
use super::text_blocks::{cut, wrap_at_most};
use super::words::fill;
use super::{BOTTOM, Kind, LEFT, Paper, Party, RIGHT, payment_part};

/// The window of Swiss envelopes (C5 and C5/6, window on the right) shows what is between these.
const WINDOW_LEFT: f32 = 118.0;
const WINDOW_TOP: f32 = 46.0;
const WINDOW_BOTTOM: f32 = 86.0;

const SMALL: Style = Style::new(8.0, Weight::Regular, GREY);
const BODY: Style = Style::new(9.0, Weight::Regular, INK);
const BODY_BOLD: Style = Style::new(9.0, Weight::Bold, INK);

/// Draws the first page's head; what follows begins at the paper's `y`.
pub fn draw(paper: &mut Paper<'_>) {
    draw_seller(paper);
    draw_buyer(paper);
    let below = draw_facts(paper).max(WINDOW_BOTTOM);
    paper.y = below + 10.0;
    draw_title(paper);
}

fn draw_seller(paper: &mut Paper<'_>) {
    let seller = &paper.document.seller;
    let name = Style::new(14.0, Weight::Bold, INK);
    let mut lines = address_lines(seller, paper, false);
    let vat_number = seller.vat_number.as_ref();
    lines.extend(vat_number.map(|number| fill(&paper.words.footer.seller_vat_number, &[("number", number)])));
    paper.canvas.part(Role::Paragraph, |canvas| {
        let lines = wrap_at_most(canvas.fonts, &seller.name, name, WINDOW_LEFT - LEFT - 8.0, 2);
        canvas.lines(LEFT, 22.0, 6.0, &lines, name);
    });
    paper.canvas.part(Role::Paragraph, |canvas| {
        let mut y = 19.0;
        for line in lines.iter().take(8) {
            canvas.fitted(WINDOW_LEFT, y, RIGHT - WINDOW_LEFT, line, SMALL, Align::Left);
            y += 3.6;
        }
    });
}

/// The address as it stands on an envelope; the country abroad only, unless `domestic` is to be named as well.
fn address_lines(party: &Party, paper: &Paper<'_>, domestic: bool) -> Vec<String> {
    let Some(address) = &party.address else { return Vec::new() };
    let BillingAddress { line1, line2, postal_code, city, region, country } = address;
    let home = paper.document.seller.address.as_ref().map(|address| &address.country);
    let mut lines = vec![line1.clone()];
    lines.extend(line2.clone());
    lines.push(format!("{postal_code} {city}"));
    lines.extend(region.clone());
    if domestic || home != Some(country) {
        lines.push(paper.words.country(country).to_owned());
    }
    lines.retain(|line| !line.trim().is_empty());
    lines
}

fn draw_buyer(paper: &mut Paper<'_>) {
    let width = RIGHT - WINDOW_LEFT;
    let seller = &paper.document.seller;
    let sender = match &seller.address {
        Some(address) => {
            format!("{} · {} · {} {}", seller.name, address.line1, address.postal_code, address.city)
        }
        None => seller.name.clone(),
    };
    paper.canvas.decoration(|canvas| {
        canvas.fitted(WINDOW_LEFT, WINDOW_TOP + 2.0, width, &sender, SMALL.sized(6.5), Align::Left);
        canvas.horizontal(WINDOW_LEFT, RIGHT, WINDOW_TOP + 3.4, 0.4, HAIRLINE);
    });
    let buyer = &paper.document.buyer;
    let mut texts = vec![buyer.name.clone()];
    texts.extend(address_lines(buyer, paper, false));
    let room = WINDOW_BOTTOM - WINDOW_TOP - 8.0;
    let fonts = paper.canvas.fonts;
    // The largest size at which everything is in the window; at the smallest, what is too long is cut.
    let sizes = [10.5, 9.5, 8.5, 7.5, 6.5];
    let layout = |size: f32, most: usize| {
        let style = BODY.sized(size);
        let lines: Vec<String> = texts.iter().flat_map(|text| wrap_at_most(fonts, text, style, width, most)).collect();
        (style, size * 0.44, lines)
    };
    let fits = |(_, leading, lines): &(Style, f32, Vec<String>)| *leading * lines.len() as f32 <= room;
    let found = sizes.iter().map(|size| layout(*size, 3)).find(fits);
    let (style, leading, lines) = found.unwrap_or_else(|| layout(6.5, 1));
    paper.canvas.part(Role::Paragraph, |canvas| {
        canvas.lines(WINDOW_LEFT, WINDOW_TOP + 8.6, leading, &lines, style);
    });
}

/// Number, dates and references, left of the address. Gives where they end.
fn draw_facts(paper: &mut Paper<'_>) -> f32 {
    let (document, words) = (paper.document, paper.words);
    let facts = &words.facts;
    let number_label = match document.kind {
        Kind::CreditNote(_) => &facts.credit_note_number,
        Kind::Invoice | Kind::ProForma | Kind::Void => &facts.invoice_number,
    };
    let corrects = match &document.kind {
        Kind::CreditNote(correction) => Some(correction.number.clone()),
        Kind::Invoice | Kind::ProForma | Kind::Void => None,
    };
    let payable = corrects.is_none() && document.open_amount() > 0;
    let rows = [
        (number_label, document.number.clone()),
        (&facts.date, Some(words.date(document.date))),
        (&facts.due, document.due.filter(|_| payable).map(|due| words.date(due))),
        (&facts.corrects, corrects),
        (&facts.period, document.period.map(|term| super::line_table::period(words, term))),
        (&facts.customer_number, Some(document.customer_number.clone())),
        (&facts.order_number, document.order_number.clone()),
        (&facts.buyer_vat_number, document.buyer.vat_number.clone()),
    ];
    let rows: Vec<(&String, String)> = rows.into_iter().filter_map(|(label, value)| Some((label, value?))).collect();
    let widest = rows.iter().map(|(label, _)| paper.canvas.width(label, SMALL)).fold(0.0, f32::max);
    let column = LEFT + (widest + 5.0).clamp(30.0, 48.0);
    let mut y = WINDOW_TOP + 8.6;
    for (label, value) in &rows {
        let style = if *label == number_label { BODY_BOLD } else { BODY };
        paper.canvas.part(Role::Paragraph, |canvas| {
            canvas.fitted(LEFT, y, column - LEFT - 2.0, &format!("{label} "), SMALL, Align::Left);
            canvas.fitted(column, y, WINDOW_LEFT - column - 6.0, value, style, Align::Left);
        });
        y += 4.8;
    }
    y
}

fn draw_title(paper: &mut Paper<'_>) {
    let title = paper.title;
    let style = Style::new(17.0, Weight::Bold, INK);
    paper.canvas.part(Role::Heading(1, title.to_owned()), |canvas| {
        canvas.fitted(LEFT, paper.y, RIGHT - LEFT, title, style, Align::Left);
    });
    paper.y += 6.0;
    for (text, style) in introduction(paper) {
        let lines = wrap_at_most(paper.canvas.fonts, &text, style, RIGHT - LEFT, 4);
        paper.y = paper.canvas.part(Role::Paragraph, |canvas| canvas.lines(LEFT, paper.y, 4.3, &lines, style)) + 0.6;
    }
    paper.y += 1.5;
}

/// What must be said before the lines.
fn introduction(paper: &Paper<'_>) -> Vec<(String, Style)> {
    let (document, words) = (paper.document, paper.words);
    let mut texts = Vec::new();
    if document.test {
        texts.push((words.notes.test.clone(), Style { colour: WARNING, ..BODY_BOLD }));
    }
    if document.kind == Kind::Void {
        texts.push((words.notes.void.clone(), Style { colour: WARNING, ..BODY_BOLD }));
    }
    if let Kind::CreditNote(correction) = &document.kind {
        let date = words.date(correction.date);
        texts.push((fill(&words.notes.correction, &[("number", &correction.number), ("date", &date)]), BODY));
        let reason = correction.reason.as_deref().filter(|reason| !reason.trim().is_empty());
        texts.extend(reason.map(|reason| (fill(&words.notes.reason, &[("reason", reason)]), BODY)));
    }
    texts
}

/// The head of a page after the first: what it belongs to.
pub fn draw_continuation(paper: &mut Paper<'_>) {
    let (name, title) = (paper.document.seller.name.as_str(), paper.title);
    paper.canvas.decoration(|canvas| {
        let half = (RIGHT - LEFT) / 2.0 - 4.0;
        canvas.fitted(LEFT, 19.0, half, name, BODY_BOLD, Align::Left);
        canvas.fitted(RIGHT, 19.0, half, title, Style { colour: GREY, ..BODY }, Align::Right);
        canvas.horizontal(LEFT, RIGHT, 22.5, 0.4, HAIRLINE);
    });
}

/// The foot of every page, above the payment part where the last one has it.
pub fn draw_footers(paper: &mut Paper<'_>, with_payment_part: bool) {
    let party = &paper.document.seller;
    let mut texts = vec![party.name.clone()];
    texts.extend(party.address.as_ref().map(|address| format!("{} {}", address.postal_code, address.city)));
    let vat_number = party.vat_number.as_ref();
    texts.extend(vat_number.map(|number| fill(&paper.words.footer.seller_vat_number, &[("number", number)])));
    let text = texts.join("  ·  ");
    let pages = paper.canvas.pages();
    for page in 0..pages {
        paper.canvas.turn_to(page);
        let last = page + 1 == pages;
        let y = if last && with_payment_part { payment_part::TOP - 6.0 } else { BOTTOM + 12.0 };
        let count = fill(&paper.words.footer.page, &[("page", &(page + 1).to_string()), ("pages", &pages.to_string())]);
        paper.canvas.decoration(|canvas| {
            let style = SMALL.sized(7.5);
            let room = RIGHT - LEFT - canvas.width(&count, style) - 6.0;
            let text = cut(canvas.fonts, &text, style, room);
            canvas.horizontal(LEFT, RIGHT, y - 4.0, 0.4, HAIRLINE);
            canvas.text(LEFT, y, &text, style, Align::Left);
            canvas.text(RIGHT, y, &count, style, Align::Right);
        });
    }
}
