//! The last statement again, and files of statements.

use std::path::Path;
use std::time::Duration;

use super::messages::{CONFINED, print_message};
use super::{Flow, Prompt, programs};
use crate::arguments::ScriptSource;
use crate::command::Switch;
use crate::failure::Failure;
use crate::runner::Script;

impl Prompt<'_> {
    /// Executes the last statement again, with its result to a file or expanded.
    pub(super) fn again(&mut self, file: Option<&Path>, is_expanded: bool) -> Result<(), Failure> {
        let Some(sql) = self.state.last.clone() else {
            print_message("there is no statement yet\n");
            return Ok(());
        };
        let expanded = self.runner.display.expanded;
        if is_expanded {
            self.runner.display.set_expanded(Switch::On);
        }
        let executed = match file {
            Some(_) => match self.runner.swap_output(file) {
                Ok(before) => {
                    let executed = self.execute(&sql);
                    self.runner.restore_output(before);
                    executed
                }
                Err(failure) => self.report(failure).map(|()| false),
            },
            None => self.execute(&sql),
        };
        self.runner.display.expanded = expanded;
        executed.map(drop)
    }

    /// Edits a file, or the last statement, and executes what was saved.
    pub(super) fn edit(&mut self, file: Option<&Path>, depth: usize) -> Result<Flow, Failure> {
        if self.runner.is_confined() {
            return self.refuse(CONFINED).map(|()| Flow::Continue);
        }
        let last = self.state.last.clone().unwrap_or_default();
        match programs::edit(file, &last) {
            Ok(Some(text)) => return self.input(&text, depth),
            Ok(None) => print_message("nothing was changed\n"),
            Err(failure) => self.report(failure)?,
        }
        Ok(Flow::Continue)
    }

    /// Executes a file, which others read `depth` deep; an error of reading it is reported.
    pub(super) fn include(&mut self, file: &Path, depth: usize) -> Result<Flow, Failure> {
        if self.runner.is_confined() {
            return self.refuse(CONFINED).map(|()| Flow::Continue);
        }
        let source = ScriptSource::File(file.to_owned());
        let name = source.name();
        match source.read() {
            Ok(text) => {
                let script = name.map(|name| Script { name, lines: 0 });
                let before = std::mem::replace(&mut self.runner.script, script);
                let flow = self.input(&text, depth);
                self.runner.script = before;
                flow
            }
            Err(failure) => self.report(failure).map(|()| Flow::Continue),
        }
    }

    /// Executes the last statement every `pause`, until it fails or Ctrl-C is pressed.
    pub(super) fn watch(&mut self, pause: Duration) -> Result<(), Failure> {
        let Some(sql) = self.state.last.clone() else {
            print_message("there is no statement yet\n");
            return Ok(());
        };
        while self.execute(&sql)? && self.runner.pause(pause) {}
        Ok(())
    }
}
