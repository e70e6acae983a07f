//! Plots as SVG.
//!
//! The plotting crate writes colours as numbers. Every plot is drawn with
//! placeholder colours, which are then replaced by CSS variables of the page, so
//! that plots follow the light or dark theme.

// Grouped and stacked bars.
mod bars;

// Small multiples of line plots.
mod lines;

use plotters::style::text_anchor::Pos;
use plotters::style::{Color, RGBColor, ShapeStyle, TextStyle};

pub(crate) use bars::{Bar, Bars, StackedBars};
pub(crate) use lines::{Curve, Lines};

use crate::table::escaped;

/// Error of the plotting crate.
pub(crate) type PlotError = Box<dyn std::error::Error>;

/// A colour of the page's theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paint {
    /// Text.
    Ink,
    /// Secondary text.
    Faint,
    /// Grid and axes.
    Grid,
    /// Goal lines.
    Goal,
    /// A series. Colours repeat after [`SERIES`].
    Series(usize),
}

/// Number of series with distinct colours.
const SERIES: usize = 6;

impl Paint {
    fn all() -> impl Iterator<Item = Self> {
        let others = [Self::Ink, Self::Faint, Self::Grid, Self::Goal];
        others.into_iter().chain((0..SERIES).map(Self::Series))
    }

    /// Returns the placeholder colour.
    fn placeholder(self) -> RGBColor {
        match self {
            Self::Ink => RGBColor(1, 2, 1),
            Self::Faint => RGBColor(1, 2, 2),
            Self::Grid => RGBColor(1, 2, 3),
            Self::Goal => RGBColor(1, 2, 4),
            Self::Series(number) => RGBColor(1, 3, (number % SERIES) as u8),
        }
    }

    /// Returns the CSS variable.
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
        self.placeholder().filled()
    }

    fn line(self, width: u32) -> ShapeStyle {
        self.placeholder().stroke_width(width)
    }

    /// Returns a text style of this colour and size.
    fn text(self, size: f64) -> TextStyle<'static> {
        TextStyle {
            font: ("sans-serif", size).into(),
            color: self.placeholder().to_backend_color(),
            pos: Pos::default(),
        }
    }
}

/// Makes an SVG scalable and accessible: sets view box, title and theme colours.
fn finish_svg(svg: &str, (width, height): (u32, u32), title: &str) -> String {
    let end = svg.find('>').map_or(0, |end| end + 1);
    let mut body = svg[end..].to_owned();
    for paint in Paint::all() {
        let RGBColor(red, green, blue) = paint.placeholder();
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
    fn colours_have_distinct_placeholders_and_variables() {
        let paints: Vec<Paint> = Paint::all().collect();
        for (place, one) in paints.iter().enumerate() {
            for other in &paints[..place] {
                assert_ne!(one.placeholder(), other.placeholder());
                assert_ne!(one.name(), other.name());
            }
        }
    }

    #[test]
    fn a_plot_has_a_title_and_only_theme_colours() {
        let bare = "<svg width=\"1\" height=\"1\">\n<rect fill=\"#010300\"/>\n</svg>\n";
        let svg = finish_svg(bare, (100, 50), "a < b");
        assert!(svg.contains("<title>a &lt; b</title>"), "{svg}");
        assert!(svg.contains("<rect fill=\"var(--series-1)\"/>"), "{svg}");
        assert!(!svg.contains('#'), "{svg}");
    }
}
