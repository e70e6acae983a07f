//! Commands that change settings of the display.

use super::Prompt;
use super::messages::{CONFINED, print_message};
use crate::command::{Command, Switch, formats};

impl Prompt<'_> {
    /// Changes a setting of the display, and prints it.
    pub(super) fn set(&mut self, setting: Command) {
        let is_confined = self.runner.is_confined();
        let has_timing = self.has_timing();
        let display = &mut self.runner.display;
        let state = match setting {
            Command::Timing(switch) => {
                let has_timing = switch.apply(has_timing);
                self.state.has_timing = Some(has_timing);
                let state = if has_timing { "on" } else { "off" };
                format!("times are {state}")
            }
            Command::Expanded(switch) => {
                display.set_expanded(switch);
                format!("expanded display is {}", display.expanded_state())
            }
            Command::Format(Some(format)) => {
                display.format = format;
                return;
            }
            Command::Format(None) => format!("formats: {}", formats()),
            Command::Null(text) => {
                display.null = text;
                return;
            }
            Command::Header(switch) => {
                display.set_header(switch);
                format!("names of columns are {}", display.header_state())
            }
            Command::Rows(rows) => {
                display.rows = rows;
                return;
            }
            Command::Pager(Switch::On | Switch::Toggle) if is_confined => {
                CONFINED.trim_end().to_owned()
            }
            Command::Pager(switch) => {
                display.set_pager(switch);
                format!("pager is {}", display.pager_state())
            }
            _ => display.to_string(),
        };
        print_message(&format!("{state}\n"));
    }
}
