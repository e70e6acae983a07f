//! Grouped and stacked bars.

use plotters::coord::types::RangedCoordf64;
use plotters::element::{PathElement, Rectangle, Text};
use plotters::prelude::{
    Cartesian2d, ChartBuilder, ChartContext, DrawingArea, IntoDrawingArea, SVGBackend,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Paint, PlotError, finish_svg};

/// Width of a plot and of the margins left and right of the bars, in pixels.
const WIDTH: u32 = 860;
const LEFT: u32 = 210;
const RIGHT: u32 = 70;

/// Heights of a bar, of the gap between categories, of the legend and of the axis,
/// in pixels.
const BAR: u32 = 12;
const GAP: u32 = 10;
const LEGEND: u32 = 30;
const AXIS: u32 = 42;

/// Ratio of the largest to the smallest value above which the axis is logarithmic.
const LINEAR_RATIO_MAX: f64 = 5.0;

/// A value and its confidence interval.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bar {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Bars grouped by category, one for each series.
pub(crate) struct Bars {
    pub(crate) title: String,
    /// Label of the axis.
    pub(crate) axis: String,
    pub(crate) series: Vec<String>,
    /// Names, and a bar for each series.
    pub(crate) categories: Vec<(String, Vec<Option<Bar>>)>,
    /// Values marked by vertical lines.
    pub(crate) goals: Vec<f64>,
    /// Value at which bars begin; `None`: at the left end of the axis.
    pub(crate) base: Option<f64>,
    /// Formats values and axis labels.
    pub(crate) format: fn(f64) -> String,
}

/// A bar for each category, stacked from the shares of the series.
pub(crate) struct StackedBars {
    pub(crate) title: String,
    pub(crate) series: Vec<String>,
    /// Names, texts beside the bars, and the value of each series.
    pub(crate) categories: Vec<(String, String, Vec<f64>)>,
}

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Area<'b> = DrawingArea<SVGBackend<'b>, plotters::coord::Shift>;

/// Scale and range of the axis.
struct Axis {
    is_logarithmic: bool,
    least: f64,
    most: f64,
}

impl Axis {
    fn of(bars: &Bars) -> Self {
        let drawn = bars.categories.iter().flat_map(|(_, bars)| bars).flatten();
        let ends = drawn.flat_map(|bar| [bar.low, bar.value, bar.high]);
        let ends = ends.chain(bars.goals.iter().copied()).chain(bars.base);
        let ends: Vec<f64> = ends.filter(|end| end.is_finite() && *end > 0.0).collect();
        let least = ends.iter().copied().reduce(f64::min).unwrap_or(1.0);
        let most = ends.iter().copied().reduce(f64::max).unwrap_or(1.0);
        let is_logarithmic = most > least * LINEAR_RATIO_MAX;
        let (least, most) = match (is_logarithmic, bars.base) {
            (true, _) => (least / 1.25, most * 1.25),
            (false, Some(_)) => (least - 0.05 * most, most * 1.05),
            (false, None) => (0.0, most * 1.05),
        };
        Self {
            is_logarithmic,
            least,
            most,
        }
    }

    fn place(&self, value: f64) -> f64 {
        match self.is_logarithmic {
            true => value.clamp(self.least, self.most).log2(),
            false => value.clamp(self.least, self.most),
        }
    }

    fn value(&self, place: f64) -> f64 {
        if self.is_logarithmic {
            place.exp2()
        } else {
            place
        }
    }

    /// Returns the maximum number of labels: one for each power of two, or about ten.
    fn labels(&self) -> usize {
        match self.is_logarithmic {
            true => ((self.place(self.most) - self.place(self.least)).floor() as usize + 1).min(12),
            false => 10,
        }
    }
}

impl Bars {
    /// Draws the plot.
    pub(crate) fn svg(&self) -> Result<String, PlotError> {
        let count = self.categories.len();
        let each = BAR * self.series.len() as u32 + GAP;
        let size = (WIDTH, LEGEND + AXIS + each * count as u32);
        let axis = Axis::of(self);
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            let range = axis.place(axis.least)..axis.place(axis.most);
            let mut chart = chart(&root, range, count)?;
            chart
                .configure_mesh()
                .disable_y_mesh()
                .disable_y_axis()
                .x_labels(axis.labels())
                .x_label_formatter(&|place| (self.format)(axis.value(*place)))
                .x_desc(self.axis.as_str())
                .label_style(Paint::Faint.text(14.0))
                .axis_desc_style(Paint::Faint.text(14.0))
                .axis_style(Paint::Grid.line(1))
                .bold_line_style(Paint::Grid.line(1))
                .light_line_style(plotters::style::TRANSPARENT)
                .draw()?;
            for goal in &self.goals {
                let at = axis.place(*goal);
                let line = vec![(at, 0.0), (at, count as f64)];
                chart.draw_series([PathElement::new(line, Paint::Goal.line(2))])?;
            }
            for (row, (name, bars)) in self.categories.iter().enumerate() {
                label(&root, &chart, count, row, name)?;
                for (number, bar) in bars.iter().enumerate() {
                    if let Some(bar) = bar {
                        self.draw(&root, &mut chart, &axis, (row, number), bar)?;
                    }
                }
            }
            legend(&root, &self.series)?;
            root.present()?;
        }
        Ok(finish_svg(&svg, size, &self.title))
    }

    fn draw(
        &self,
        root: &Area<'_>,
        chart: &mut Chart<'_, '_>,
        axis: &Axis,
        (row, number): (usize, usize),
        bar: &Bar,
    ) -> Result<(), PlotError> {
        let count = self.categories.len();
        let each = f64::from(BAR * self.series.len() as u32 + GAP);
        let top = (count - row) as f64 - f64::from(GAP / 2) / each;
        let top = top - f64::from(BAR * number as u32) / each;
        let bottom = top - f64::from(BAR - 2) / each;
        let base = axis.place(self.base.unwrap_or(axis.least));
        let end = axis.place(bar.value);
        let corners = [(base, top), (end, bottom)];
        chart.draw_series([Rectangle::new(corners, Paint::Series(number).filled())])?;
        let middle = (top + bottom) / 2.0;
        if bar.high > bar.low {
            let whisker = [bar.low, bar.high].map(|end| (axis.place(end), middle));
            let line = PathElement::new(whisker.to_vec(), Paint::Ink.line(1));
            chart.draw_series([line])?;
        }
        let right = axis.place(bar.high.max(bar.value)).max(base);
        let (x, y) = chart.backend_coord(&(right, middle));
        let style = Paint::Faint
            .text(12.5)
            .pos(Pos::new(HPos::Left, VPos::Center));
        root.draw(&Text::new((self.format)(bar.value), (x + 6, y), style))?;
        Ok(())
    }
}

impl StackedBars {
    /// Draws the plot.
    pub(crate) fn svg(&self) -> Result<String, PlotError> {
        let count = self.categories.len();
        let size = (WIDTH, LEGEND + AXIS + (BAR + GAP) * count as u32);
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            let mut chart = chart(&root, 0.0..1.0, count)?;
            chart
                .configure_mesh()
                .disable_y_mesh()
                .disable_y_axis()
                .x_labels(10)
                .x_label_formatter(&|part| format!("{:.0} %", part * 100.0))
                .label_style(Paint::Faint.text(14.0))
                .axis_style(Paint::Grid.line(1))
                .bold_line_style(Paint::Grid.line(1))
                .light_line_style(plotters::style::TRANSPARENT)
                .draw()?;
            let margin = f64::from(GAP / 2) / f64::from(BAR + GAP);
            for (row, (name, text, values)) in self.categories.iter().enumerate() {
                label(&root, &chart, count, row, name)?;
                let total: f64 = values.iter().sum();
                let top = (count - row) as f64 - margin;
                let bottom = (count - row) as f64 - 1.0 + margin;
                let mut from = 0.0;
                for (number, value) in values.iter().enumerate() {
                    let to = from + value / total;
                    let corners = [(from, top), (to, bottom)];
                    chart.draw_series([Rectangle::new(corners, Paint::Series(number).filled())])?;
                    from = to;
                }
                let (x, y) = chart.backend_coord(&(1.0, (top + bottom) / 2.0));
                let style = Paint::Faint
                    .text(12.5)
                    .pos(Pos::new(HPos::Left, VPos::Center));
                root.draw(&Text::new(text.as_str(), (x + 6, y), style))?;
            }
            legend(&root, &self.series)?;
            root.present()?;
        }
        Ok(finish_svg(&svg, size, &self.title))
    }
}

fn chart<'a, 'b>(
    root: &'a Area<'b>,
    range: std::ops::Range<f64>,
    categories: usize,
) -> Result<Chart<'a, 'b>, PlotError> {
    let mut builder = ChartBuilder::on(root);
    builder
        .margin_top(LEGEND)
        .margin_right(RIGHT)
        .y_label_area_size(LEFT)
        .x_label_area_size(AXIS);
    Ok(builder.build_cartesian_2d(range, 0.0..categories as f64)?)
}

/// Draws the name of a category to the left of its bars.
fn label(
    root: &Area<'_>,
    chart: &Chart<'_, '_>,
    count: usize,
    row: usize,
    name: &str,
) -> Result<(), PlotError> {
    let middle = (count - row) as f64 - 0.5;
    let (_, y) = chart.backend_coord(&(0.0, middle));
    let style = Paint::Ink
        .text(15.0)
        .pos(Pos::new(HPos::Right, VPos::Center));
    root.draw(&Text::new(name, (LEFT as i32 - 10, y), style))?;
    Ok(())
}

/// Draws the legend above the bars, if there are several series.
fn legend(root: &Area<'_>, series: &[String]) -> Result<(), PlotError> {
    if series.len() < 2 {
        return Ok(());
    }
    let mut x = LEFT as i32;
    for (number, name) in series.iter().enumerate() {
        let square = [(x, 9), (x + 11, 20)];
        root.draw(&Rectangle::new(square, Paint::Series(number).filled()))?;
        let style = Paint::Ink
            .text(15.0)
            .pos(Pos::new(HPos::Left, VPos::Center));
        root.draw(&Text::new(name.as_str(), (x + 17, 15), style))?;
        // An estimate: the font, and with it the text width, depends on the browser.
        x += 40 + 8 * name.chars().count() as i32;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(values: &[f64]) -> Bars {
        let bar = |value: f64| Bar {
            value,
            low: value * 0.9,
            high: value * 1.1,
        };
        let category = |value: &f64| (format!("k{value}"), vec![Some(bar(*value))]);
        Bars {
            title: "ratios".to_owned(),
            axis: "ratio".to_owned(),
            series: vec!["one".to_owned()],
            categories: values.iter().map(category).collect(),
            goals: vec![1.35],
            base: Some(1.0),
            format: |value| format!("{value:.2}"),
        }
    }

    #[test]
    fn bars_have_names_and_values() {
        let svg = bars(&[1.25, 2.0]).svg().unwrap();
        for text in ["k1.25", "k2", "1.25", "2.00", "ratio"] {
            assert!(svg.contains(&format!("\n{text}\n")), "{text}: {svg}");
        }
        assert_eq!(svg.matches("var(--series-1)").count(), 2);
    }

    #[test]
    fn the_axis_is_logarithmic_if_values_differ_much() {
        assert!(Axis::of(&bars(&[1.0, 100.0])).is_logarithmic);
        assert!(!Axis::of(&bars(&[1.0, 2.0])).is_logarithmic);
    }

    #[test]
    fn stacked_bars_show_every_series() {
        let bars = StackedBars {
            title: "parts".to_owned(),
            series: vec!["a".to_owned(), "b".to_owned()],
            categories: vec![("k".to_owned(), "4 ns".to_owned(), vec![1.0, 3.0])],
        };
        let svg = bars.svg().unwrap();
        assert!(svg.contains("4 ns"));
        // One part of the bar and one square of the legend.
        assert_eq!(svg.matches("var(--series-2)").count(), 2);
    }
}
