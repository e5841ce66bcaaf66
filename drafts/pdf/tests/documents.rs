//! Documents as customers get them: rendered to pixels by an independent renderer, the QR codes decoded by an independent
//! reader.

mod fixtures;

use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_syntax::Pdf;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{RenderCache, RenderSettings};
use manager_domain::languages::Language;
use manager_domain::qr_bills::{QrBillFault, Reference, is_qr_reference};
use pdf::documents::{Document, Error, PaymentDetails, render};

/// Pixels of a millimetre, for codes to be read and for margins to be seen.
const FINE: f32 = 6.0;
const COARSE: f32 = 2.0;

/// A page in shades of grey.
struct Picture {
    /// Pixels of a millimetre.
    scale: f32,
    width: usize,
    height: usize,
    greys: Vec<u8>,
}

impl Picture {
    fn grey(&self, x: usize, y: usize) -> u8 {
        self.greys[y * self.width + x]
    }

    /// Whether nothing is drawn between these millimetres: left, top, right, bottom.
    fn is_blank(&self, [left, top, right, bottom]: [f32; 4]) -> bool {
        let pixel = |millimetres: f32, most: usize| ((millimetres * self.scale) as usize).min(most);
        let (left, right) = (pixel(left, self.width), pixel(right, self.width));
        (pixel(top, self.height)..pixel(bottom, self.height)).all(|y| (left..right).all(|x| self.grey(x, y) > 250))
    }

    /// What the QR code says, if there is one, and where it is: left, top, right, bottom in millimetres.
    fn code(&self) -> Option<(String, [f32; 4])> {
        // The lower half is enough, and quicker.
        let above = self.height / 2;
        let grey = |x, y| self.grey(x, y + above);
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(self.width, self.height - above, grey);
        let grids = image.detect_grids();
        assert!(grids.len() <= 1, "one code at most");
        let grid = grids.first()?;
        let (meta, content) = grid.decode().expect("readable");
        // 0 is what readers call error correction M.
        assert!(meta.ecc_level == 0 && meta.version.0 <= 25, "{meta:?}");
        let xs = grid.bounds.map(|point| point.x as f32 / self.scale);
        let ys = grid.bounds.map(|point| (point.y as f32 + above as f32) / self.scale);
        let (least, most) = (
            |all: [f32; 4]| all.into_iter().fold(f32::MAX, f32::min),
            |all: [f32; 4]| all.into_iter().fold(0.0, f32::max),
        );
        Some((content, [least(xs), least(ys), most(xs), most(ys)]))
    }
}

fn pictures(bytes: Vec<u8>, scale: f32) -> Vec<Picture> {
    let pdf = Pdf::new(bytes).expect("a PDF file");
    let cache = RenderCache::new();
    let factor = scale * 25.4 / 72.0;
    let settings = RenderSettings { x_scale: factor, y_scale: factor, bg_color: WHITE, ..RenderSettings::default() };
    let pictures = pdf.pages().iter().map(|page| {
        let pixels = hayro::render(page, &cache, &InterpreterSettings::default(), &settings);
        // All colours here are dark where green is.
        let greys = pixels.data().iter().map(|pixel| pixel.g).collect();
        Picture { scale, width: usize::from(pixels.width()), height: usize::from(pixels.height()), greys }
    });
    pictures.collect()
}

fn drawn(document: &Document, language: Language) -> Vec<Picture> {
    pictures(render(document, language).expect("rendered"), FINE)
}

fn payload(document: &Document, language: Language) -> Option<String> {
    drawn(document, language).last().and_then(Picture::code).map(|(content, _)| content)
}

#[test]
fn every_document_keeps_its_margins_in_every_language() {
    for (name, document) in fixtures::all() {
        for language in Language::ALL {
            let pages = pictures(render(&document, *language).expect("rendered"), COARSE);
            let expected = match name {
                "sixty_lines" => 4,
                "crowded" => 7,
                "long_names" | "several_rates" | "discounts" => 2,
                _ => 1,
            };
            assert_eq!(pages.len(), expected, "{name} {language:?}");
            for (index, page) in pages.iter().enumerate() {
                // The line above the payment part goes from edge to edge.
                let with_payment_part = !page.is_blank([200.0, 191.0, 209.0, 193.0]);
                let bottom = if with_payment_part { 190.0 } else { 297.0 };
                let mut margins = vec![
                    [0.0, 0.0, 19.5, bottom],
                    [190.5, 0.0, 210.0, bottom],
                    [0.0, 0.0, 210.0, 12.0],
                    [0.0, bottom - 3.0, 210.0, bottom],
                ];
                // Between the content and the foot.
                let end = if with_payment_part { 178.5 } else { 274.0 };
                let watermarked = document.test;
                margins.extend((!watermarked).then_some([0.0, end, 210.0, end + 3.0]));
                if with_payment_part {
                    // The payment part's own: right, below, beside and below the receipt, around the code.
                    margins.extend([
                        [205.5, 193.5, 210.0, 297.0],
                        [0.0, 293.0, 60.0, 297.0],
                        [64.5, 292.0, 210.0, 297.0],
                    ]);
                    margins.extend([
                        [0.0, 196.0, 4.5, 297.0],
                        [57.5, 203.0, 61.0, 297.0],
                        [113.5, 193.5, 117.5, 297.0],
                    ]);
                    margins.extend([
                        [64.5, 193.5, 66.5, 297.0],
                        [66.0, 204.5, 117.0, 208.5],
                        [66.0, 255.5, 117.0, 259.0],
                    ]);
                }
                for margin in margins {
                    assert!(page.is_blank(margin), "{name} {language:?} page {index}: something in {margin:?}");
                }
            }
        }
    }
}

#[test]
fn the_code_says_what_the_bill_says() {
    let expected = "SPC\n0200\n1\nCH4431999123000889012\nS\nAlpenhost AG\nRue Eugène-Marziano\n25\n1227\nGenève\nCH\n\n\n\n\n\n\n\n\
        128.42\nCHF\nS\nPia-Maria Rutschmann-Schnyder\nGrosse Marktgasse\n28\n9400\nRorschach\nCH\n\
        QRR\n000000004821320260000000711\nInvoice M48213-2026-7\nEPD";
    assert!(is_qr_reference("000000004821320260000000711"));
    let pages = drawn(&fixtures::one_line(), Language::En);
    let (content, bounds) = pages[0].code().expect("a code");
    assert_eq!(content, expected);
    // Where the style guide wants it: 46 mm, 67 from the left and 17 below the line.
    for (found, wanted) in bounds.into_iter().zip([67.0, 209.0, 113.0, 255.0]) {
        assert!((found - wanted).abs() < 0.8, "{bounds:?}");
    }
}

#[test]
fn the_code_asks_for_what_is_open() {
    let part_paid = payload(&fixtures::discounts(), Language::Fr).expect("a code");
    assert!(part_paid.contains("\n116.38\nCHF\n") && part_paid.contains("\nFacture M48213-2026-7\n"), "{part_paid}");
    let euro = payload(&fixtures::reverse_charge(), Language::De).expect("a code");
    assert!(
        euro.contains(
            "\n1188.00\nEUR\nS\nSociété Générale d'Hébergement SARL\n12 rue de la République\n\n69002\nLyon\nFR\n"
        ),
        "{euro}"
    );
    let nobody = payload(&fixtures::without_address(), Language::It).expect("a code");
    assert!(nobody.contains("\nCHF\n\n\n\n\n\n\n\nQRR\n"), "{nobody}");
    let long = payload(&fixtures::long_names(), Language::Es).expect("a code");
    assert!(long.split('\n').all(|line| line.chars().count() <= 70), "{long}");
    let many = payload(&fixtures::sixty_lines(), Language::En).expect("a code");
    assert!(many.contains("\n3352.29\nCHF\n"), "{many}");
    assert!(payload(&fixtures::pro_forma(), Language::De).expect("a code").contains("\nKunde M48213\nEPD"));
}

#[test]
fn the_code_is_on_the_last_page_only() {
    let pages = drawn(&fixtures::sixty_lines(), Language::De);
    let (last, others) = pages.split_last().expect("pages");
    assert!(last.code().is_some() && others.iter().all(|page| page.code().is_none()));
}

#[test]
fn there_is_no_payment_part_where_nothing_can_or_must_be_paid() {
    let without_account = Document { payment: None, ..fixtures::one_line() };
    for document in [fixtures::paid(), fixtures::credit_note(), fixtures::test_organization(), without_account] {
        assert_eq!(payload(&document, Language::En), None, "{:?}", document.number);
    }
}

#[test]
fn a_reference_that_does_not_fit_is_refused() {
    let details =
        PaymentDetails { account: "CH58 0079 1123 0008 8901 2".to_owned(), ..fixtures::one_line().payment.unwrap() };
    let document = Document { payment: Some(details), ..fixtures::one_line() };
    let refused = render(&document, Language::En);
    assert!(matches!(refused, Err(Error::QrBill(QrBillFault::ReferenceUnfitForAccount))));
    let details = PaymentDetails { account: "CH58 0079 1123 0008 8901 2".to_owned(), reference: Reference::None };
    let payload = payload(&Document { payment: Some(details), ..fixtures::one_line() }, Language::En).expect("a code");
    assert!(payload.contains("\nNON\n\nInvoice M48213-2026-7\nEPD"), "{payload}");
}

#[test]
fn a_test_document_is_watermarked() {
    const BESIDE_TOTALS: [f32; 4] = [30.0, 180.0, 95.0, 225.0];
    let real = Document { test: false, payment: None, ..fixtures::test_organization() };
    assert!(drawn(&real, Language::En)[0].is_blank(BESIDE_TOTALS));
    assert!(!drawn(&fixtures::test_organization(), Language::En)[0].is_blank(BESIDE_TOTALS));
}

#[test]
fn the_same_document_gives_the_same_bytes() {
    for (name, document) in fixtures::all() {
        let first = render(&document, Language::Fr).expect("rendered");
        assert!(first == render(&document, Language::Fr).expect("rendered"), "{name}");
        assert!(first != render(&document, Language::It).expect("rendered"), "{name}");
        assert!(first.len() < 150_000, "{name}: {} bytes", first.len());
    }
}

/// As text within the file, which viewers and search engines read.
#[test]
fn the_file_tells_its_title_and_language() {
    let bytes = render(&fixtures::one_line(), Language::De).expect("rendered");
    let text = String::from_utf8_lossy(&bytes);
    for wanted in ["Rechnung M48213-2026-7", "/Lang(de)", "<pdfaid:part>2", "<pdfuaid:part>1", "2026-11-25T08:30:00"] {
        assert!(text.contains(wanted), "{wanted}");
    }
}
