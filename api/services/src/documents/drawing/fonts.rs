//! The typeface: Liberation Sans (OFL), which QR-bills may be set in, measured and turned into glyphs.
//!
//! European scripts need no shaping beyond composed characters, kerning and widths; figures are never kerned, so that
//! columns of them align.

use std::sync::LazyLock;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::charmap::Charmap;
use skrifa::instance::{LocationRef, Size};
use skrifa::metrics::GlyphMetrics;
use skrifa::raw::TableProvider;
use skrifa::raw::tables::kern::{Kern, SubtableKind};
use skrifa::{FontRef, MetadataProvider};
use unicode_normalization::UnicodeNormalization;

use super::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    Regular,
    Bold,
}

/// Both weights.
pub struct Fonts {
    regular: Face,
    bold: Face,
}

pub struct Face {
    pub font: Font,
    charmap: Charmap<'static>,
    metrics: GlyphMetrics<'static>,
    kern: Option<Kern<'static>>,
    units_per_em: f32,
}

/// A line of text as glyphs, its width in ems.
#[derive(Clone)]
pub struct Run {
    pub text: String,
    pub glyphs: Vec<KrillaGlyph>,
    pub width: f32,
}

static REGULAR: &[u8] = include_bytes!("../../../fonts/LiberationSans-Regular.ttf");
static BOLD: &[u8] = include_bytes!("../../../fonts/LiberationSans-Bold.ttf");

/// The fonts, read once.
pub fn load() -> Result<&'static Fonts, Error> {
    static FONTS: LazyLock<Option<Fonts>> =
        LazyLock::new(|| Some(Fonts { regular: Face::read(REGULAR)?, bold: Face::read(BOLD)? }));
    FONTS.as_ref().ok_or(Error::Fonts("not readable"))
}

impl Fonts {
    pub const fn face(&self, weight: Weight) -> &Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }

    pub fn run(&self, text: &str, weight: Weight) -> Run {
        self.face(weight).run(text)
    }
}

impl Face {
    fn read(data: &'static [u8]) -> Option<Self> {
        let reader = FontRef::new(data).ok()?;
        let metrics = reader.glyph_metrics(Size::unscaled(), LocationRef::default());
        let font = Font::new(data.into(), 0)?;
        let units_per_em = font.units_per_em();
        Some(Self { font, charmap: reader.charmap(), metrics, kern: reader.kern().ok(), units_per_em })
    }

    fn run(&self, text: &str) -> Run {
        let mut run = Run { text: String::with_capacity(text.len()), glyphs: Vec::new(), width: 0.0 };
        let mut before: Option<(char, skrifa::GlyphId)> = None;
        for character in text.nfc() {
            let (character, glyph) = self.glyph(character);
            if let Some((left, left_glyph)) = before
                && !left.is_ascii_digit()
                && !character.is_ascii_digit()
                && let Some(last) = run.glyphs.last_mut()
            {
                let kerning = self.kerning(left_glyph, glyph);
                last.x_advance += kerning;
                run.width += kerning;
            }
            let advance = self.metrics.advance_width(glyph).unwrap_or_default() / self.units_per_em;
            let start = run.text.len();
            run.text.push(character);
            let range = start..run.text.len();
            run.glyphs.push(KrillaGlyph::new(GlyphId::new(glyph.to_u32()), advance, 0.0, 0.0, 0.0, range, None));
            run.width += advance;
            before = Some((character, glyph));
        }
        run
    }

    /// The character as it can be printed: blanks for what controls, a question mark for what the font lacks.
    fn glyph(&self, character: char) -> (char, skrifa::GlyphId) {
        let plain = if character.is_control() || character == '\u{2028}' { ' ' } else { character };
        let known = |character| self.charmap.map(character).filter(|glyph| glyph.to_u32() != 0);
        match known(plain) {
            Some(glyph) => (plain, glyph),
            None => ('?', known('?').unwrap_or_default()),
        }
    }

    fn kerning(&self, left: skrifa::GlyphId, right: skrifa::GlyphId) -> f32 {
        let tables = self.kern.iter().flat_map(Kern::subtables).flatten();
        let units = tables.filter(|table| table.is_horizontal()).find_map(|table| match table.kind() {
            Ok(SubtableKind::Format0(pairs)) => pairs.kerning(left, right),
            _ => None,
        });
        // A font's kerning is small: exact as a float.
        units.map_or(0.0, |units| units as f32 / self.units_per_em)
    }
}
