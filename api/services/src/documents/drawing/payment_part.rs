//! The payment part with receipt of a Swiss QR-bill, drawn by the style guide: 210 by 105 mm at the foot of a page.

use manager_domain::qr_bills::{Address, QrBill};

use super::canvas::{Align, BLACK, Canvas, Role, Style};
use super::fonts::Weight;
use super::text_blocks::{cut, wrap};
use super::words::PaymentPart;
use super::{Error, PAGE_HEIGHT, PAGE_WIDTH, formats, qr_codes};

/// Where it begins, from the top of the page.
pub const TOP: f32 = PAGE_HEIGHT - 105.0;

const RECEIPT_WIDTH: f32 = 62.0;
const MARGIN: f32 = 5.0;
const TITLE: Style = Style::new(11.0, Weight::Bold, BLACK);
const CODE_SIZE: f32 = 46.0;
/// Where the payment part's two columns begin.
const CODE_LEFT: f32 = RECEIPT_WIDTH + MARGIN;
const INFORMATION_LEFT: f32 = 118.0;
/// A point in millimetres.
const POINT: f32 = 25.4 / 72.0;

/// How a column of information is set.
#[derive(Clone, Copy)]
struct Setting {
    width: f32,
    height: f32,
    heading: f32,
    value: f32,
    /// Points from baseline to baseline.
    leading: f32,
}

/// The receipt's type is fixed; the payment part's values may be 8 to 10 points large.
const RECEIPT: Setting = Setting { width: 52.0, height: 56.0, heading: 6.0, value: 8.0, leading: 9.0 };
const INFORMATION: Setting = Setting { width: 87.0, height: 85.0, heading: 8.0, value: 10.0, leading: 11.0 };
const SMALL_INFORMATION: Setting = Setting { heading: 6.0, value: 8.0, leading: 9.0, ..INFORMATION };

/// A heading and its values; without values an empty field of this width and height.
struct Entry<'a> {
    heading: &'a str,
    values: Vec<String>,
    field: Option<[f32; 2]>,
}

/// Draws the payment part on the current page.
///
/// # Errors
/// [`Error::QrCode`], which a checked bill rules out.
pub fn draw(canvas: &mut Canvas, bill: &QrBill, words: &PaymentPart) -> Result<(), Error> {
    canvas.begin(Role::Section);
    draw_separators(canvas);
    draw_receipt(canvas, bill, words);
    let top = TOP + MARGIN;
    canvas.part(Role::Heading(2, words.payment_part.clone()), |canvas| {
        canvas.text(CODE_LEFT, top + 11.0 * POINT, &words.payment_part, TITLE, Align::Left);
    });
    draw_information(canvas, bill, words);
    draw_amount(canvas, bill, words, [CODE_LEFT, TOP + 68.0], [8.0, 10.0, 13.0], 14.0);
    draw_code(canvas, bill, words)?;
    canvas.end();
    Ok(())
}

fn draw_receipt(canvas: &mut Canvas, bill: &QrBill, words: &PaymentPart) {
    let top = TOP + MARGIN;
    canvas.part(Role::Heading(2, words.receipt.clone()), |canvas| {
        canvas.text(MARGIN, top + 11.0 * POINT, &words.receipt, TITLE, Align::Left);
    });
    // Where there is too little room the guidelines let the street go, on the receipt only; then names are cut.
    let fonts = canvas.fonts;
    let value = Style::new(RECEIPT.value, Weight::Regular, BLACK);
    let entries = |full: bool, short: bool| {
        let address = |address: &Address| -> Vec<String> {
            let lines = address_lines(address, full);
            let shorten = |line: String| if short { cut(fonts, &line, value, RECEIPT.width) } else { line };
            lines.into_iter().map(shorten).collect()
        };
        let mut entries = vec![account(bill, words, address(bill.creditor()))];
        entries.push(reference(bill, words));
        entries.push(debtor(words, bill.debtor().map(address), [52.0, 20.0]));
        entries
    };
    let ways = [entries(true, false), entries(false, false), entries(false, true)];
    let fitting = ways.iter().find(|entries| height(canvas, entries, RECEIPT) <= RECEIPT.height);
    draw_entries(canvas, fitting.unwrap_or(&ways[2]), [MARGIN, TOP + 12.0], RECEIPT);
    draw_amount(canvas, bill, words, [MARGIN, TOP + 68.0], [6.0, 8.0, 11.0], 12.0);
    let style = Style::new(6.0, Weight::Bold, BLACK);
    canvas.part(Role::Paragraph, |canvas| {
        canvas.text(RECEIPT_WIDTH - MARGIN, TOP + 82.0 + 6.0 * POINT, &words.acceptance_point, style, Align::Right);
    });
}

fn draw_information(canvas: &mut Canvas, bill: &QrBill, words: &PaymentPart) {
    let address = |address: &Address| address_lines(address, true);
    let mut entries = vec![account(bill, words, address(bill.creditor()))];
    entries.push(reference(bill, words));
    if !bill.message().is_empty() {
        let values = vec![bill.message().to_owned()];
        entries.push(Entry { heading: &words.additional_information, values, field: None });
    }
    entries.push(debtor(words, bill.debtor().map(address), [65.0, 25.0]));
    let settings = [INFORMATION, SMALL_INFORMATION];
    let fitting = settings.into_iter().find(|setting| height(canvas, &entries, *setting) <= setting.height);
    draw_entries(canvas, &entries, [INFORMATION_LEFT, TOP + MARGIN], fitting.unwrap_or(SMALL_INFORMATION));
}

fn account<'a>(bill: &QrBill, words: &'a PaymentPart, address: Vec<String>) -> Entry<'a> {
    let mut values = vec![bill.account().printed()];
    values.extend(address);
    Entry { heading: &words.account, values, field: None }
}

fn reference<'a>(bill: &QrBill, words: &'a PaymentPart) -> Entry<'a> {
    Entry { heading: &words.reference, values: vec![bill.reference().grouped()], field: None }
}

fn debtor(words: &PaymentPart, address: Option<Vec<String>>, field: [f32; 2]) -> Entry<'_> {
    match address {
        Some(values) => Entry { heading: &words.payable_by, values, field: None },
        None => Entry { heading: &words.payable_by_blank, values: Vec::new(), field: Some(field) },
    }
}

fn address_lines(address: &Address, with_street: bool) -> Vec<String> {
    let street = format!("{} {}", address.street, address.house_number);
    let place = format!("{} {}", address.postal_code, address.town);
    let abroad = !matches!(address.country.as_str(), "CH" | "LI");
    let place = if abroad { format!("{}-{place}", address.country) } else { place };
    let lines = [Some(address.name.clone()), with_street.then(|| street.trim().to_owned()), Some(place)];
    lines.into_iter().flatten().filter(|line| !line.is_empty()).collect()
}

fn value_lines(canvas: &Canvas, entry: &Entry<'_>, setting: Setting) -> Vec<String> {
    let style = Style::new(setting.value, Weight::Regular, BLACK);
    entry.values.iter().flat_map(|value| wrap(canvas.fonts, value, style, setting.width)).collect()
}

fn height(canvas: &Canvas, entries: &[Entry<'_>], setting: Setting) -> f32 {
    let lines = |entry: &Entry<'_>| 2.0 + value_lines(canvas, entry, setting).len() as f32;
    let fields = entries.iter().filter_map(|entry| entry.field).map(|[_, height]| height + 1.0).sum::<f32>();
    (entries.iter().map(lines).sum::<f32>() - 1.0) * setting.leading * POINT + fields
}

fn draw_entries(canvas: &mut Canvas, entries: &[Entry<'_>], [x, top]: [f32; 2], setting: Setting) {
    let heading = Style::new(setting.heading, Weight::Bold, BLACK);
    let value = Style::new(setting.value, Weight::Regular, BLACK);
    let leading = setting.leading * POINT;
    let mut y = top + setting.heading * POINT;
    for entry in entries {
        canvas.begin(Role::Paragraph);
        canvas.text(x, y, &format!("{} ", entry.heading), heading, Align::Left);
        let lines = value_lines(canvas, entry, setting);
        y = canvas.lines(x, y + leading, leading, &lines, value) + leading;
        canvas.end();
        if let Some([width, height]) = entry.field {
            corners(canvas, [x, y - 2.0 * leading + 1.4, width, height]);
            y += height + 1.0;
        }
    }
}

/// Currency and amount; the second column begins `column` millimetres to the right.
fn draw_amount(
    canvas: &mut Canvas,
    bill: &QrBill,
    words: &PaymentPart,
    [x, top]: [f32; 2],
    [heading, value, leading]: [f32; 3],
    column: f32,
) {
    let heading_style = Style::new(heading, Weight::Bold, BLACK);
    let value_style = Style::new(value, Weight::Regular, BLACK);
    let y = top + heading * POINT;
    let amount = formats::payment_amount(bill.amount().amount);
    let currency = bill.amount().currency;
    let column = column.max(canvas.width(&words.currency, heading_style) + 3.0);
    for (x, label, text) in [(x, &words.currency, currency.as_str()), (x + column, &words.amount, &amount)] {
        canvas.part(Role::Paragraph, |canvas| {
            canvas.text(x, y, &format!("{label} "), heading_style, Align::Left);
            canvas.text(x, y + leading * POINT, text, value_style, Align::Left);
        });
    }
}

/// The Swiss QR code, 46 mm wide, the Swiss cross of 7 mm in its middle.
fn draw_code(canvas: &mut Canvas, bill: &QrBill, words: &PaymentPart) -> Result<(), Error> {
    let (rectangles, modules) = qr_codes::rectangles(&bill.payload())?;
    let (left, top) = (CODE_LEFT, TOP + 17.0);
    let module = CODE_SIZE / modules;
    let place =
        |[x, y, width, height]: [f32; 4]| [left + x * module, top + y * module, width * module, height * module];
    let figure = Role::Figure(words.code.clone(), canvas.page(), [left, top, left + CODE_SIZE, top + CODE_SIZE]);
    canvas.part(figure, |canvas| {
        canvas.rectangles(rectangles.into_iter().map(place), BLACK);
        let (x, y) = (left + CODE_SIZE / 2.0, top + CODE_SIZE / 2.0);
        canvas.white_rectangle(x - 3.5, y - 3.5, 7.0, 7.0);
        canvas.rectangle(x - 3.0, y - 3.0, 6.0, 6.0, BLACK);
        // The arms of the cross are a sixth longer than wide, as on the flag.
        let (long, wide) = (35.0 / 9.0, 7.0 / 6.0);
        canvas.white_rectangles([
            [x - long / 2.0, y - wide / 2.0, long, wide],
            [x - wide / 2.0, y - long / 2.0, wide, long],
        ]);
    });
    Ok(())
}

/// The corners of a field that is filled in by hand.
fn corners(canvas: &mut Canvas, [x, y, width, height]: [f32; 4]) {
    let arm = 3.0;
    for (x, y, right, down) in
        [(x, y, arm, arm), (x + width, y, -arm, arm), (x, y + height, arm, -arm), (x + width, y + height, -arm, -arm)]
    {
        canvas.line(&[[x + right, y], [x, y], [x, y + down]], 0.75, BLACK);
    }
}

/// Lines to cut along, with scissors.
fn draw_separators(canvas: &mut Canvas) {
    canvas.line(&[[0.0, TOP], [PAGE_WIDTH, TOP]], 0.5, BLACK);
    canvas.line(&[[RECEIPT_WIDTH, TOP], [RECEIPT_WIDTH, PAGE_HEIGHT]], 0.5, BLACK);
    scissors(canvas, [MARGIN, TOP], 0.0);
    scissors(canvas, [RECEIPT_WIDTH, TOP + MARGIN], 90.0);
}

/// A pair of scissors that cuts to the right, turned by `angle` degrees: two rings, two blades.
fn scissors(canvas: &mut Canvas, origin: [f32; 2], angle: f32) {
    canvas.outline(origin, angle, 0.6, |path| {
        for side in [-1.0, 1.0] {
            // A ring of 0.7 mm radius as four curves.
            let (x, y, r) = (0.9, side * 0.95, 0.7);
            let k = r * 0.5523;
            path.move_to(x + r, y);
            path.cubic_to(x + r, y + k, x + k, y + r, x, y + r);
            path.cubic_to(x - k, y + r, x - r, y + k, x - r, y);
            path.cubic_to(x - r, y - k, x - k, y - r, x, y - r);
            path.cubic_to(x + k, y - r, x + r, y - k, x + r, y);
            path.close();
            path.move_to(x + r * 0.85, y - side * r * 0.5);
            path.line_to(4.6, -side * 0.75);
            path.line_to(2.7, -side * 0.05);
        }
    });
}
