//! What is drawn on which page, and what it means: collected first, for page counts are known last.

use krilla::geom::{Path, PathBuilder, Point, Rect, Transform};
use krilla::tagging::Identifier;

use super::fonts::{Fonts, Run, Weight};
use super::{PAGE_HEIGHT, PAGE_WIDTH};

/// Points in a millimetre.
pub const POINTS: f32 = 72.0 / 25.4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

pub const BLACK: Colour = Colour(0, 0, 0);
pub const INK: Colour = Colour(0x1b, 0x20, 0x2b);
pub const GREY: Colour = Colour(0x5c, 0x65, 0x73);
pub const HAIRLINE: Colour = Colour(0xd3, 0xd7, 0xde);
pub const TINT: Colour = Colour(0xf2, 0xf4, 0xf7);
pub const WARNING: Colour = Colour(0xb4, 0x23, 0x18);
/// Points of the watermark's type, and of a long one's length.
const WATERMARK_SIZE: f32 = 170.0;
const WATERMARK_WIDTH: f32 = 640.0;
const WATERMARK: Colour = Colour(0xe9, 0xec, 0xf1);
const WHITE: Colour = Colour(0xff, 0xff, 0xff);

/// How text looks: points, weight, colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Style {
    pub size: f32,
    pub weight: Weight,
    pub colour: Colour,
}

impl Style {
    pub const fn new(size: f32, weight: Weight, colour: Colour) -> Self {
        Self { size, weight, colour }
    }

    pub const fn sized(self, size: f32) -> Self {
        Self { size, ..self }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// What a part of the document is, for those who can't see it.
#[derive(Debug, Clone)]
pub enum Role {
    Heading(u16, String),
    Paragraph,
    Table,
    TableHead,
    TableBody,
    Row,
    ColumnHead,
    RowHead,
    Cell,
    Section,
    /// With its description and where it is: page, left, top, right, bottom.
    Figure(String, usize, [f32; 4]),
}

pub enum Shape {
    Text { run: Run, at: Point, style: Style, angle: f32 },
    Fill(Path, Colour),
    Stroke(Path, Colour, f32),
}

pub struct Mark {
    pub shape: Shape,
    /// The part it belongs to; `None` for decoration.
    pub part: Option<usize>,
}

pub struct Part {
    pub role: Role,
    pub parts: Vec<usize>,
    pub content: Vec<Identifier>,
}

/// The pages. Lengths are millimetres from the top left, except for points of type and of lines.
pub struct Canvas {
    pub fonts: &'static Fonts,
    pub(super) pages: Vec<Vec<Mark>>,
    /// The page that is drawn on.
    page: usize,
    pub(super) parts: Vec<Part>,
    pub(super) roots: Vec<usize>,
    open: Vec<usize>,
    watermark: Option<&'static str>,
}

impl Canvas {
    pub fn new(fonts: &'static Fonts, watermark: Option<&'static str>) -> Self {
        let (pages, parts, roots, open) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut canvas = Self { fonts, pages, page: 0, parts, roots, open, watermark };
        canvas.add_page();
        canvas
    }

    pub fn add_page(&mut self) {
        self.pages.push(Vec::new());
        self.page = self.pages.len() - 1;
        if let Some(word) = self.watermark {
            let run = self.fonts.run(word, Weight::Bold);
            let size = (WATERMARK_WIDTH / run.width.max(1.0)).min(WATERMARK_SIZE);
            let style = Style::new(size, Weight::Bold, WATERMARK);
            // Centred on the upper part, which every page shows.
            let half = run.width * style.size / 2.0;
            let (x, y) = (PAGE_WIDTH / 2.0 * POINTS - half, PAGE_HEIGHT / 2.0 * POINTS + style.size * 0.36);
            self.put_decoration(Shape::Text { run, at: Point::from_xy(x, y), style, angle: -52.0 });
        }
    }

    pub const fn page(&self) -> usize {
        self.page
    }

    pub fn pages(&self) -> usize {
        self.pages.len()
    }

    /// Goes back to draw on an earlier page.
    pub fn turn_to(&mut self, page: usize) {
        self.page = page.min(self.pages.len() - 1);
    }

    /// What `draw` draws is this part of the document.
    pub fn part<T>(&mut self, role: Role, draw: impl FnOnce(&mut Self) -> T) -> T {
        self.begin(role);
        let drawn = draw(self);
        self.end();
        drawn
    }

    pub fn begin(&mut self, role: Role) {
        let index = self.parts.len();
        self.parts.push(Part { role, parts: Vec::new(), content: Vec::new() });
        match self.open.last().and_then(|open| self.parts.get_mut(*open)) {
            Some(parent) => parent.parts.push(index),
            None => self.roots.push(index),
        }
        self.open.push(index);
    }

    pub fn end(&mut self) {
        self.open.pop();
    }

    /// What `draw` draws repeats or adorns.
    pub fn decoration(&mut self, draw: impl FnOnce(&mut Self)) {
        let open = self.suspend();
        draw(self);
        self.resume(open);
    }

    /// From here on decoration, until [`Self::resume`] is given what this gave.
    pub fn suspend(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.open)
    }

    pub fn resume(&mut self, open: Vec<usize>) {
        self.open = open;
    }

    /// Width in millimetres.
    pub fn width(&self, text: &str, style: Style) -> f32 {
        self.fonts.run(text, style.weight).width * style.size / POINTS
    }

    /// One line of text, `x` being its left or right end.
    pub fn text(&mut self, x: f32, baseline: f32, text: &str, style: Style, align: Align) {
        if text.trim().is_empty() {
            return;
        }
        let run = self.fonts.run(text, style.weight);
        let width = run.width * style.size;
        let x = x * POINTS - if align == Align::Right { width } else { 0.0 };
        let at = Point::from_xy(x, baseline * POINTS);
        self.put(Shape::Text { run, at, style, angle: 0.0 });
    }

    pub fn rectangle(&mut self, x: f32, y: f32, width: f32, height: f32, colour: Colour) {
        self.rectangles([[x, y, width, height]], colour);
    }

    /// One shape of many rectangles, each left, top, width and height.
    pub fn rectangles(&mut self, all: impl IntoIterator<Item = [f32; 4]>, colour: Colour) {
        let mut builder = PathBuilder::new();
        for [x, y, width, height] in all {
            if let Some(rect) = Rect::from_xywh(x * POINTS, y * POINTS, width * POINTS, height * POINTS) {
                builder.push_rect(rect);
            }
        }
        if let Some(path) = builder.finish() {
            self.put(Shape::Fill(path, colour));
        }
    }

    pub fn white_rectangle(&mut self, x: f32, y: f32, width: f32, height: f32) {
        self.rectangle(x, y, width, height, WHITE);
    }

    pub fn white_rectangles(&mut self, all: impl IntoIterator<Item = [f32; 4]>) {
        self.rectangles(all, WHITE);
    }

    /// A line through points, `thickness` in points. Always decoration.
    pub fn line(&mut self, points: &[[f32; 2]], thickness: f32, colour: Colour) {
        let mut builder = PathBuilder::new();
        for (index, [x, y]) in points.iter().enumerate() {
            if index == 0 { builder.move_to(x * POINTS, y * POINTS) } else { builder.line_to(x * POINTS, y * POINTS) }
        }
        if let Some(path) = builder.finish() {
            self.put_decoration(Shape::Stroke(path, colour, thickness));
        }
    }

    pub fn horizontal(&mut self, x: f32, to: f32, y: f32, thickness: f32, colour: Colour) {
        self.line(&[[x, y], [to, y]], thickness, colour);
    }

    /// An outline as `build` draws it, in millimetres from `x`, `y`, turned by `angle` degrees. Always decoration.
    pub fn outline(&mut self, origin: [f32; 2], angle: f32, thickness: f32, build: impl FnOnce(&mut PathBuilder)) {
        let mut builder = PathBuilder::new();
        build(&mut builder);
        let (sin, cos) = angle.to_radians().sin_cos();
        let (scaled_sin, scaled_cos) = (sin * POINTS, cos * POINTS);
        let transform = Transform::from_row(
            scaled_cos,
            scaled_sin,
            -scaled_sin,
            scaled_cos,
            origin[0] * POINTS,
            origin[1] * POINTS,
        );
        if let Some(path) = builder.finish().and_then(|path| path.transform(transform)) {
            self.put_decoration(Shape::Stroke(path, BLACK, thickness));
        }
    }

    fn put(&mut self, shape: Shape) {
        let part = self.open.last().copied();
        self.pages[self.page].push(Mark { shape, part });
    }

    fn put_decoration(&mut self, shape: Shape) {
        self.pages[self.page].push(Mark { shape, part: None });
    }
}
