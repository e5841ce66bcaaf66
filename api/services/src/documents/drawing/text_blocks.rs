//! Text in a given width: wrapped, shrunk, or cut with an ellipsis; it never runs over.

use super::canvas::{Align, Canvas, POINTS, Style};
use super::fonts::Fonts;

const ELLIPSIS: &str = "…";

/// Lines of at most `width` millimetres: broken at blanks and after hyphens and slashes, and within words that are too
/// long for a line. A line broken at a blank keeps it, so that words stay apart for readers of the text.
pub fn wrap(fonts: &Fonts, text: &str, style: Style, width: f32) -> Vec<String> {
    text.lines().flat_map(|paragraph| wrap_paragraph(fonts, paragraph, style, width)).collect()
}

fn wrap_paragraph(fonts: &Fonts, text: &str, style: Style, width: f32) -> Vec<String> {
    let run = fonts.run(text.trim(), style.weight);
    let room = width * POINTS / style.size;
    let characters: Vec<char> = run.text.chars().collect();
    let advance = |index: usize| run.glyphs.get(index).map_or(0.0, |glyph| glyph.x_advance);
    let (mut lines, mut start, mut breakable, mut filled) = (Vec::new(), 0, 0, 0.0);
    let mut index = 0;
    while index < characters.len() {
        let character = characters[index];
        filled += advance(index);
        if character == ' ' {
            breakable = index + 1;
        } else if filled > room && index > start {
            let end = if breakable > start { breakable } else { index };
            lines.push(characters[start..end].iter().collect::<String>());
            start = end;
            filled = (start..=index).map(advance).sum();
        }
        if matches!(character, '-' | '/' | '–' | '—') {
            breakable = index + 1;
        }
        index += 1;
    }
    if start < characters.len() {
        lines.push(characters[start..].iter().collect());
    }
    lines
}

/// The text cut to `width` millimetres, with an ellipsis where it was.
pub fn cut(fonts: &Fonts, text: &str, style: Style, width: f32) -> String {
    let room = width * POINTS / style.size;
    let run = fonts.run(text, style.weight);
    if run.width <= room {
        return run.text;
    }
    let room = room - fonts.run(ELLIPSIS, style.weight).width;
    let mut filled = 0.0;
    let fitting = run.glyphs.iter().take_while(|glyph| {
        filled += glyph.x_advance;
        filled <= room
    });
    let kept: String = run.text.chars().take(fitting.count()).collect();
    format!("{}{ELLIPSIS}", kept.trim_end())
}

/// The size, down to `smallest` points, at which the text fits on a line of `width` millimetres.
pub fn shrink(fonts: &Fonts, text: &str, style: Style, width: f32, smallest: f32) -> Style {
    let natural = fonts.run(text, style.weight).width * style.size / POINTS;
    if natural <= width { style } else { style.sized((style.size * width / natural).max(smallest)) }
}

/// At most `most` lines of `width` millimetres, the last one cut where there were more.
pub fn wrap_at_most(fonts: &Fonts, text: &str, style: Style, width: f32, most: usize) -> Vec<String> {
    let mut lines = wrap(fonts, text, style, width);
    if lines.len() > most {
        let rest: String = lines.drain(most.saturating_sub(1)..).collect();
        lines.push(cut(fonts, &rest, style, width));
    }
    lines
}

impl Canvas {
    /// One line within `width` millimetres: shrunk down to two thirds, then cut.
    pub fn fitted(&mut self, x: f32, baseline: f32, width: f32, text: &str, style: Style, align: Align) {
        let style = shrink(self.fonts, text, style, width, style.size * 2.0 / 3.0);
        let text = cut(self.fonts, text, style, width);
        self.text(x, baseline, &text, style, align);
    }

    /// Lines below each other from the first one's baseline; gives the next line's baseline.
    pub fn lines(&mut self, x: f32, baseline: f32, leading: f32, lines: &[String], style: Style) -> f32 {
        let mut y = baseline;
        for line in lines {
            self.text(x, y, line, style, Align::Left);
            y += leading;
        }
        y
    }
}

#[cfg(test)]
mod tests {
    use super::super::canvas::INK;
    use super::super::fonts::{self, Weight};
    use super::*;

    const STYLE: Style = Style::new(9.0, Weight::Regular, INK);

    #[test]
    fn nothing_runs_over_and_nothing_is_lost() {
        let fonts = fonts::load().unwrap();
        let word = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft";
        for text in [word, "a b c", "", "web-hosting/pro-plan and more", &format!("x {word}{word} y"), "WWW WWW"] {
            for width in [5.0, 20.0, 61.5, 200.0] {
                let lines = wrap(fonts, text, STYLE, width);
                assert_eq!(lines.concat(), text.trim());
                for line in &lines {
                    let filled = fonts.run(line.trim_end(), STYLE.weight).width * STYLE.size / POINTS;
                    assert!(filled <= width + 0.01, "{line} is {filled} wide");
                }
                let short = cut(fonts, text, STYLE, width);
                assert!(fonts.run(&short, STYLE.weight).width * STYLE.size / POINTS <= width + 0.01);
            }
        }
    }

    #[test]
    fn lines_beyond_the_last_are_cut() {
        let fonts = fonts::load().unwrap();
        let lines = wrap_at_most(fonts, &"word ".repeat(50), STYLE, 30.0, 2);
        assert!(lines.len() == 2 && lines[1].ends_with('…'), "{lines:?}");
    }
}
