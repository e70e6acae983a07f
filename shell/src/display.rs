//! Settings of the display of results: `\pset`.

use std::env;
use std::fmt;
use std::io::{self, IsTerminal};

use clap::ValueEnum;

use crate::command::Switch;
use crate::format::{Format, NULL, Style};

/// Size of a terminal whose size is unknown.
const WIDTH: usize = 80;
const HEIGHT: usize = 24;

/// Rows of a result that a terminal shows, unless set.
const ROWS: usize = 40;

/// Program that shows a long result page by page, unless `$PAGER` names another.
const PAGER: &str = "less -S";

/// Settings of the display of results.
pub(crate) struct Display {
    pub(crate) format: Format,
    /// Text of nulls.
    pub(crate) null: String,
    /// True if the names of the columns are printed.
    pub(crate) has_header: bool,
    /// Rows of a table that a terminal shows, of which the memory is bounded.
    pub(crate) rows: usize,
    /// Display of tables at a terminal; `None` where results are printed whole.
    pub(crate) expanded: Option<Expanded>,
    /// Columns of the terminal.
    pub(crate) width: usize,
    /// Lines of the terminal.
    pub(crate) height: usize,
    has_pager: bool,
    /// A result was printed before.
    pub(crate) has_printed: bool,
}

/// Display of a table at a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expanded {
    /// One line for each row.
    Off,
    /// One line for each value.
    On,
    /// One line for each value where a table is wider than the terminal.
    Auto,
}

impl Display {
    pub(crate) fn new(format: Format) -> Self {
        Self {
            format,
            null: NULL.to_owned(),
            has_header: true,
            rows: ROWS,
            expanded: None,
            width: WIDTH,
            height: HEIGHT,
            has_pager: false,
            has_printed: false,
        }
    }

    /// From now on, prints the first and last rows of tables fitted to the terminal, if there
    /// is one.
    pub(crate) fn show_on_screen(&mut self) {
        if io::stdout().is_terminal() {
            self.expanded = Some(Expanded::Off);
        }
    }

    /// Sets the size of the terminal.
    pub(crate) fn resize(&mut self, width: u16, height: u16) {
        self.width = width.into();
        // The editor returns the maximum for an unknown height.
        self.height = match height {
            0 | u16::MAX => HEIGHT,
            known => known.into(),
        };
    }

    /// Sets the expanded display.
    pub(crate) fn set_expanded(&mut self, switch: Switch) {
        self.expanded = Some(match (self.expanded, switch) {
            (Some(Expanded::On), Switch::Toggle) | (_, Switch::Off) => Expanded::Off,
            (_, Switch::On | Switch::Toggle) => Expanded::On,
            (_, Switch::Auto) => Expanded::Auto,
        });
    }

    /// Describes the expanded display.
    pub(crate) fn expanded_state(&self) -> &'static str {
        match self.expanded {
            Some(Expanded::On) => "on",
            Some(Expanded::Auto) => "on where a table is too wide",
            Some(Expanded::Off) | None => "off",
        }
    }

    /// Turns the pager on or off.
    pub(crate) fn set_pager(&mut self, switch: Switch) {
        self.has_pager = switch.apply(self.has_pager);
    }

    /// Turns the names of the columns on or off.
    pub(crate) fn set_header(&mut self, switch: Switch) {
        self.has_header = switch.apply(self.has_header);
    }

    /// Describes the names of the columns.
    pub(crate) fn header_state(&self) -> &'static str {
        match self.has_header {
            true => "on",
            false => "off, but in markdown, json and lines",
        }
    }

    /// Returns the style of a result that is printed whole.
    pub(crate) fn style(&self) -> Style<'_> {
        Style {
            null: &self.null,
            has_header: self.has_header,
        }
    }

    /// Describes the pager.
    pub(crate) fn pager_state(&self) -> String {
        match self.has_pager {
            true => format!("on: {}", pager()),
            false => "off".to_owned(),
        }
    }

    /// Returns the command of the pager, if results go to one.
    pub(crate) fn pager(&self) -> Option<String> {
        (self.has_pager && io::stdout().is_terminal()).then(pager)
    }

    /// Returns the format of a result that is printed whole.
    pub(crate) fn whole_format(&self) -> Format {
        match (self.format, self.expanded) {
            (Format::Table, Some(Expanded::On)) => Format::Line,
            (format, _) => format,
        }
    }
}

impl fmt::Display for Display {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = self.format.to_possible_value();
        let format = format.as_ref().map_or("", |value| value.get_name());
        writeln!(f, "format    {format}")?;
        writeln!(f, "null      '{}'", self.null)?;
        writeln!(f, "header    {}", self.header_state())?;
        writeln!(f, "rows      {}", self.rows)?;
        writeln!(f, "expanded  {}", self.expanded_state())?;
        write!(f, "pager     {}", self.pager_state())
    }
}

fn pager() -> String {
    let named = env::var("PAGER").ok();
    let named = named.filter(|command| !command.trim().is_empty());
    named.unwrap_or_else(|| PAGER.to_owned())
}
