//! Pages as a tagged PDF file: PDF/A-2a and PDF/UA-1, fonts embedded, nothing in it that differs from run to run.

use std::num::NonZeroU16;

use chrono::{Datelike, Timelike};
use krilla::color::rgb;
use krilla::configure::{Accessibility, Archival, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{Point, Rect, Transform};
use krilla::metadata::{DateTime, Metadata};
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke};
use krilla::surface::Surface;
use krilla::tagging::{Artifact, ArtifactType, BBox, ContentTag, TableHeaderScope, Tag, TagGroup, TagKind, TagTree};
use krilla::{Document, SerializeSettings};
use manager_domain::Instant;

use super::canvas::{Canvas, Colour, Mark, POINTS, Role, Shape};
use super::fonts::Fonts;
use super::{Error, PAGE_HEIGHT, PAGE_WIDTH};

/// The file's properties.
pub struct Properties<'a> {
    pub title: String,
    pub author: String,
    pub language: &'a str,
    pub made_at: Instant,
}

impl Canvas {
    /// Writes the file.
    ///
    /// # Errors
    /// [`Error::Pdf`] where a font can't be embedded or the file would not be as the standards ask: a defect.
    pub fn finish(mut self, properties: &Properties<'_>) -> Result<Vec<u8>, Error> {
        let configuration = ConfigurationBuilder::new()
            .with_archival_validator(Archival::A2_A)
            .with_accessibility_validator(Accessibility::UA1)
            .finish()
            .map_err(|e| Error::Pdf(format!("{e:?}")))?;
        let settings = SerializeSettings { configuration, enable_tagging: true, ..SerializeSettings::default() };
        let mut file = Document::new_with(settings);
        let size = PageSettings::from_wh(PAGE_WIDTH * POINTS, PAGE_HEIGHT * POINTS);
        for marks in std::mem::take(&mut self.pages) {
            let mut page = match &size {
                Some(size) => file.start_page_with(size.clone()),
                None => file.start_page(),
            };
            let mut surface = page.surface();
            self.draw(&mut surface, &marks);
            surface.finish();
            page.finish();
        }
        let mut outline = Outline::new();
        let top = XyzDestination::new(0, Point::from_xy(0.0, 0.0));
        outline.push_child(OutlineNode::new(properties.title.clone(), top));
        file.set_outline(outline);
        let mut tree = TagTree::new().with_lang(Some(properties.language.to_owned()));
        for root in std::mem::take(&mut self.roots) {
            tree.push(self.group(root));
        }
        file.set_tag_tree(tree);
        file.set_metadata(metadata(properties));
        file.finish().map_err(|e| Error::Pdf(format!("{e:?}")))
    }

    fn draw(&mut self, surface: &mut Surface<'_>, marks: &[Mark]) {
        for marks in marks.chunk_by(|left, right| left.part == right.part) {
            let part = marks.first().and_then(|mark| mark.part);
            let artifact = ContentTag::Artifact(Artifact::with_kind(ArtifactType::Other));
            let identifier = surface.start_tagged(part.map_or(artifact, |_| ContentTag::Other));
            for mark in marks {
                mark.shape.draw(surface, self.fonts);
            }
            surface.end_tagged();
            if let Some(part) = part.and_then(|part| self.parts.get_mut(part)) {
                part.content.push(identifier);
            }
        }
    }

    /// A part with what is below it. Parts nest as deep as tables do.
    fn group(&mut self, index: usize) -> TagGroup {
        let mut group = TagGroup::new(tag(&self.parts[index].role));
        for identifier in std::mem::take(&mut self.parts[index].content) {
            group.push(identifier);
        }
        for part in std::mem::take(&mut self.parts[index].parts) {
            group.push(self.group(part));
        }
        group
    }
}

impl Shape {
    fn draw(&self, surface: &mut Surface<'_>, fonts: &Fonts) {
        match self {
            Self::Text { run, at, style, angle } => {
                surface.set_stroke(None);
                surface.set_fill(Some(fill(style.colour)));
                let middle = (at.x + run.width * style.size / 2.0, at.y - style.size * 0.36);
                if *angle != 0.0 {
                    surface.push_transform(&Transform::from_rotate_at(*angle, middle.0, middle.1));
                }
                let font = fonts.face(style.weight).font.clone();
                surface.draw_glyphs(*at, &run.glyphs, font, &run.text, style.size, false);
                if *angle != 0.0 {
                    surface.pop();
                }
            }
            Self::Fill(path, colour) => {
                surface.set_stroke(None);
                surface.set_fill(Some(fill(*colour)));
                surface.draw_path(path);
            }
            Self::Stroke(path, colour, width) => {
                surface.set_fill(None);
                let paint = rgb::Color::new(colour.0, colour.1, colour.2).into();
                surface.set_stroke(Some(Stroke { paint, width: *width, ..Stroke::default() }));
                surface.draw_path(path);
            }
        }
    }
}

fn fill(colour: Colour) -> Fill {
    Fill { paint: rgb::Color::new(colour.0, colour.1, colour.2).into(), ..Fill::default() }
}

fn tag(role: &Role) -> TagKind {
    match role {
        Role::Heading(level, title) => {
            Tag::Hn(NonZeroU16::new(*level).unwrap_or(NonZeroU16::MIN), Some(title.clone())).into()
        }
        Role::Paragraph => Tag::P.into(),
        Role::Table => Tag::Table.into(),
        Role::TableHead => Tag::THead.into(),
        Role::TableBody => Tag::TBody.into(),
        Role::Row => Tag::TR.into(),
        Role::ColumnHead => Tag::TH(TableHeaderScope::Column).into(),
        Role::RowHead => Tag::TH(TableHeaderScope::Row).into(),
        Role::Cell => Tag::TD.into(),
        Role::Section => Tag::Section.into(),
        Role::Figure(description, page, place) => {
            let [left, top, right, bottom] = place.map(|length| length * POINTS);
            let rect = Rect::from_ltrb(left, top, right, bottom);
            let bbox = rect.map(|rect| BBox::new(*page, rect));
            Tag::Figure(Some(description.clone())).with_bbox(bbox).into()
        }
    }
}

fn metadata(properties: &Properties<'_>) -> Metadata {
    let at = properties.made_at.utc();
    // Each fits: years are bounded by what the clock tells, the rest by the calendar.
    let small = |value: u32| u8::try_from(value).unwrap_or(0);
    let date = DateTime::new(u16::try_from(at.year()).unwrap_or(0))
        .month(small(at.month()))
        .day(small(at.day()))
        .hour(small(at.hour()))
        .minute(small(at.minute()))
        .second(small(at.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    Metadata::new()
        .title(properties.title.clone())
        .authors(vec![properties.author.clone()])
        .language(properties.language.to_owned())
        .creation_date(date)
}
