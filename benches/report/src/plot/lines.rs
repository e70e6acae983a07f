//! Small multiples of line plots.

use plotters::coord::combinators::IntoLogRange;
use plotters::element::{Circle, PathElement, Text};
use plotters::prelude::{ChartBuilder, DrawingArea, IntoDrawingArea, LineSeries, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Paint, PlotError, finish_svg};
use crate::numbers::{count, time};

/// Width and height of one plot, in pixels, and number of plots in a row.
const EACH: (u32, u32) = (286, 190);
const COLUMNS: usize = 3;

/// Height of the legend, in pixels.
const LEGEND: u32 = 30;

/// Times by number of rows, both on logarithmic axes.
pub(crate) struct Lines {
    pub(crate) title: String,
    pub(crate) series: Vec<String>,
    /// Names, and a curve for each series.
    pub(crate) plots: Vec<(String, Vec<Curve>)>,
}

/// Pairs of rows and nanoseconds.
pub(crate) type Curve = Vec<(f64, f64)>;

type Area<'b> = DrawingArea<SVGBackend<'b>, plotters::coord::Shift>;

impl Lines {
    /// Draws the plots.
    pub(crate) fn svg(&self) -> Result<String, PlotError> {
        let rows = self.plots.len().div_ceil(COLUMNS);
        let size = (EACH.0 * COLUMNS as u32, LEGEND + EACH.1 * rows as u32);
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            let (above, below) = root.split_vertically(LEGEND);
            self.legend(&above)?;
            let areas = below.split_evenly((rows, COLUMNS));
            for (area, (name, curves)) in areas.iter().zip(&self.plots) {
                self.draw(area, name, curves)?;
            }
            root.present()?;
        }
        Ok(finish_svg(&svg, size, &self.title))
    }

    fn draw(&self, area: &Area<'_>, name: &str, curves: &[Curve]) -> Result<(), PlotError> {
        let points = || curves.iter().flatten();
        let [x, y] = [
            range(points().map(|point| point.0)),
            range(points().map(|point| point.1)),
        ];
        let style = Paint::Ink
            .text(15.0)
            .pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(name, (62, 12), style))?;
        let mut builder = ChartBuilder::on(area);
        builder
            .margin_top(24)
            .margin_right(16)
            .x_label_area_size(26)
            .y_label_area_size(60);
        let mut chart = builder.build_cartesian_2d(x.log_scale(), y.log_scale())?;
        chart
            .configure_mesh()
            .x_labels(6)
            .y_labels(4)
            .x_label_formatter(&|rows| count(*rows as u64))
            .y_label_formatter(&|nanos| time(*nanos))
            .label_style(Paint::Faint.text(12.5))
            .axis_style(Paint::Grid.line(1))
            .bold_line_style(Paint::Grid.line(1))
            .light_line_style(plotters::style::TRANSPARENT)
            .draw()?;
        for (number, curve) in curves.iter().enumerate() {
            let paint = Paint::Series(number);
            let line = LineSeries::new(curve.iter().copied(), paint.line(2));
            chart.draw_series(line)?;
            let point = |at: &(f64, f64)| Circle::new(*at, 3, paint.filled());
            chart.draw_series(curve.iter().map(point))?;
        }
        Ok(())
    }

    fn legend(&self, area: &Area<'_>) -> Result<(), PlotError> {
        let mut x = 62;
        for (number, name) in self.series.iter().enumerate() {
            let line = vec![(x, 15), (x + 18, 15)];
            area.draw(&PathElement::new(line, Paint::Series(number).line(3)))?;
            let style = Paint::Ink
                .text(15.0)
                .pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new(name.as_str(), (x + 25, 15), style))?;
            x += 48 + 8 * name.chars().count() as i32;
        }
        Ok(())
    }
}

/// Returns a range around the values, with a margin.
fn range(values: impl Iterator<Item = f64> + Clone) -> std::ops::Range<f64> {
    let least = values.clone().reduce(f64::min).unwrap_or(1.0);
    let most = values.reduce(f64::max).unwrap_or(1.0);
    least / 1.3..most * 1.3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_plot_with_its_curves() {
        let curve = |factor: f64| vec![(1.0, factor), (100.0, 50.0 * factor)];
        let lines = Lines {
            title: "by rows".to_owned(),
            series: vec!["native".to_owned(), "fusebox".to_owned()],
            plots: vec![
                ("add".to_owned(), vec![curve(10.0), curve(20.0)]),
                ("gcd".to_owned(), vec![curve(30.0)]),
            ],
        };
        let svg = lines.svg().unwrap();
        for text in ["add", "gcd", "native", "fusebox"] {
            assert!(svg.contains(&format!("\n{text}\n")), "{text}");
        }
        // A line in the legend, and a line and two points for each curve.
        assert_eq!(svg.matches("var(--series-1)").count(), 1 + 2 * 3);
        assert_eq!(svg.matches("var(--series-2)").count(), 1 + 3);
    }
}
