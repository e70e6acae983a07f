//! Bars and lines, as SVG.
//!
//! The plotting crate writes colours as numbers. Each number that is drawn with
//! here stands for one of the page's colours, and is replaced by its name in CSS:
//! so a plot has the colours of the reader's theme.

// Bars beside each other, and behind each other.
mod bars;

// A small plot for each of several things.
mod lines;

use plotters::style::text_anchor::Pos;
use plotters::style::{Color, RGBColor, ShapeStyle, TextStyle};

pub(crate) use bars::{Bar, Bars, Stacks};
pub(crate) use lines::{Curve, Lines};

use crate::table::escaped;

/// Why a plot could not be drawn.
pub(crate) type Undrawn = Box<dyn std::error::Error>;

/// A colour of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paint {
    /// Of text.
    Ink,
    /// Of text that says less.
    Faint,
    /// Of lines behind what is drawn.
    Grid,
    /// Of what should be reached.
    Goal,
    /// Of a series, of which there may be six.
    Series(usize),
}

/// How many series have a colour of their own.
const SERIES: usize = 6;

impl Paint {
    fn all() -> impl Iterator<Item = Self> {
        let others = [Self::Ink, Self::Faint, Self::Grid, Self::Goal];
        others.into_iter().chain((0..SERIES).map(Self::Series))
    }

    /// The number that stands for it.
    fn stand_in(self) -> RGBColor {
        match self {
            Self::Ink => RGBColor(1, 2, 1),
            Self::Faint => RGBColor(1, 2, 2),
            Self::Grid => RGBColor(1, 2, 3),
            Self::Goal => RGBColor(1, 2, 4),
            Self::Series(number) => RGBColor(1, 3, (number % SERIES) as u8),
        }
    }

    /// Its name in the page's CSS.
    fn name(self) -> String {
        match self {
            Self::Ink => "--ink".to_owned(),
            Self::Faint => "--faint".to_owned(),
            Self::Grid => "--grid".to_owned(),
            Self::Goal => "--goal".to_owned(),
            Self::Series(number) => format!("--series-{}", number % SERIES + 1),
        }
    }

    fn filled(self) -> ShapeStyle {
        self.stand_in().filled()
    }

    fn line(self, width: u32) -> ShapeStyle {
        self.stand_in().stroke_width(width)
    }

    /// Text of this colour and size.
    fn text(self, size: f64) -> TextStyle<'static> {
        TextStyle {
            font: ("sans-serif", size).into(),
            color: self.stand_in().to_backend_color(),
            pos: Pos::default(),
        }
    }
}

/// An SVG that fits where it is put, with the page's colours, named by `title`.
fn dressed(svg: &str, (width, height): (u32, u32), title: &str) -> String {
    let end = svg.find('>').map_or(0, |end| end + 1);
    let mut body = svg[end..].to_owned();
    for paint in Paint::all() {
        let RGBColor(red, green, blue) = paint.stand_in();
        let number = format!("#{red:02X}{green:02X}{blue:02X}");
        body = body.replace(&number, &format!("var({})", paint.name()));
    }
    let body = body.replace("font-family=\"sans-serif\"", "font-family=\"inherit\"");
    let title = escaped(title);
    format!(
        "<svg role=\"img\" aria-label=\"{title}\" viewBox=\"0 0 {width} {height}\" \
         style=\"max-width:{width}px\" xmlns=\"http://www.w3.org/2000/svg\">\n<title>{title}</title>{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_colour_has_a_number_and_a_name_of_its_own() {
        let paints: Vec<Paint> = Paint::all().collect();
        for (place, one) in paints.iter().enumerate() {
            for other in &paints[..place] {
                assert_ne!(one.stand_in(), other.stand_in());
                assert_ne!(one.name(), other.name());
            }
        }
    }

    #[test]
    fn a_plot_has_a_title_and_no_colour_but_the_pages() {
        let bare = "<svg width=\"1\" height=\"1\">\n<rect fill=\"#010300\"/>\n</svg>\n";
        let svg = dressed(bare, (100, 50), "a < b");
        assert!(svg.contains("<title>a &lt; b</title>"), "{svg}");
        assert!(svg.contains("<rect fill=\"var(--series-1)\"/>"), "{svg}");
        assert!(!svg.contains('#'), "{svg}");
    }
}
