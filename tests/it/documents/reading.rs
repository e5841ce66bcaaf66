//! PDF files as others read them: pages as pictures, QR codes in them, and their text.

use hayro::hayro_interpret::font::Glyph;
use hayro::hayro_interpret::hayro_cmap::BfString;
use hayro::hayro_interpret::{
    BlendMode, ClipPath, Context, Device, GlyphDrawMode, Image, InterpreterCache, InterpreterSettings, Paint,
    PathDrawMode, SoftMask, interpret_page,
};
use hayro::hayro_syntax::Pdf;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::vello_cpu::kurbo::{Affine, BezPath, Rect};
use hayro::{RenderCache, RenderSettings};

/// A page in shades of grey.
pub struct Picture {
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
    pub fn is_blank(&self, [left, top, right, bottom]: [f32; 4]) -> bool {
        let pixel = |millimetres: f32, most: usize| ((millimetres * self.scale) as usize).min(most);
        let (left, right) = (pixel(left, self.width), pixel(right, self.width));
        (pixel(top, self.height)..pixel(bottom, self.height)).all(|y| (left..right).all(|x| self.grey(x, y) > 250))
    }

    /// What the QR code says, if there is one, and where it is: left, top, right, bottom in millimetres.
    pub fn code(&self) -> Option<(String, [f32; 4])> {
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

/// Every page as a picture.
pub fn pictures(bytes: Vec<u8>, scale: f32) -> Vec<Picture> {
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

/// What the file says, page by page, a line for each stretch of text.
pub fn text(bytes: Vec<u8>) -> String {
    let pdf = Pdf::new(bytes).expect("a PDF file");
    let mut reader = Reader::default();
    for page in pdf.pages().iter() {
        let cache = InterpreterCache::new();
        let bounds = Rect::new(0.0, 0.0, 1000.0, 1000.0);
        let settings = InterpreterSettings::default();
        let mut context = Context::new(Affine::IDENTITY, bounds, &cache, page.xref(), settings);
        interpret_page(page, &mut context, &mut reader);
    }
    reader.text
}

/// Whether a word is in the text, be its letters in a line or, as a watermark's are, one below the other.
pub fn spells(text: &str, word: &str) -> bool {
    text.replace('\n', "").contains(word)
}

/// Notes glyphs as characters.
#[derive(Default)]
struct Reader {
    text: String,
    /// Where the glyph before was.
    before: (f64, f64),
}

impl<'a> Device<'a> for Reader {
    fn draw_glyph(&mut self, glyph: &Glyph<'a>, at: Affine, within: Affine, _: &Paint<'a>, _: &GlyphDrawMode) {
        let place = (at * within).translation();
        let (x, y) = self.before;
        // Another line, or back or far on in the same one.
        if (place.y - y).abs() > 0.5 || !(-1.0..30.0).contains(&(place.x - x)) {
            self.text.push('\n');
        }
        self.before = (place.x, place.y);
        match glyph.as_unicode() {
            Some(BfString::Char(character)) => self.text.push(character),
            Some(BfString::String(characters)) => self.text.push_str(&characters),
            None => self.text.push('\u{fffd}'),
        }
    }

    fn set_soft_mask(&mut self, _: Option<SoftMask<'a>>) {}
    fn set_blend_mode(&mut self, _: BlendMode) {}
    fn draw_path(&mut self, _: &BezPath, _: Affine, _: &Paint<'a>, _: &PathDrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn draw_image(&mut self, _: Image<'a, '_>, _: Affine) {}
    fn pop_clip_path(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}
