//! The last statement again, and files of statements.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fusebox::statement::may_have_password;

use super::messages::{CONFINED, print_message};
#[cfg(unix)]
use super::type_ahead::TypeAhead;
use super::{Flow, Prompt, programs};
use crate::arguments::ScriptSource;
use crate::command::Switch;
use crate::failure::Failure;
use crate::result::Captured;
use crate::runner::Script;
use crate::text::is_variable;

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
        // Editors keep copies of what they edit.
        let last = self.state.last.clone();
        let last = last.filter(|last| !may_have_password(last));
        let last = last.unwrap_or_default();
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

    /// Returns a path that starts at the folder of the script, or else of the shell.
    pub(super) fn beside_script(&self, file: &Path) -> PathBuf {
        let script = self.runner.script.as_ref();
        let folder = script.and_then(|script| Path::new(&script.name).parent());
        folder.map_or_else(|| file.to_owned(), |folder| folder.join(file))
    }

    /// Executes the last statement again, and sets variables to the values of its only row: their
    /// names are those of the columns after `prefix`. A null forgets a variable.
    pub(super) fn capture(&mut self, prefix: &str) -> Result<(), Failure> {
        let Some(sql) = self.state.last.clone() else {
            print_message("there is no statement yet\n");
            return Ok(());
        };
        self.runner.captured = Some(Captured::default());
        let executed = self.execute(&sql);
        let captured = self.runner.captured.take().unwrap_or_default();
        if !executed? {
            return Ok(());
        }
        let [values] = &captured.rows[..] else {
            let found = captured.count;
            return self.refuse(&format!("expected one row for \\gset, found {found}\n"));
        };
        let names = captured.names.iter().map(|name| format!("{prefix}{name}"));
        let names: Vec<String> = names.collect();
        if let Some(name) = names.iter().find(|name| !is_variable(name)) {
            return self.refuse(&format!(
                "expected a column named by letters and digits, found {name}: write AS name\n"
            ));
        }
        for (name, value) in names.into_iter().zip(values) {
            self.state.variables.set(name, value.clone());
        }
        Ok(())
    }

    /// Executes the last statement every `pause`, until it fails or Ctrl-C is pressed.
    pub(super) fn watch(&mut self, pause: Duration) -> Result<(), Failure> {
        let Some(sql) = self.state.last.clone() else {
            print_message("there is no statement yet\n");
            return Ok(());
        };
        // Between the results, too.
        #[cfg(unix)]
        let _type_ahead = (!self.is_script).then(TypeAhead::keep);
        while self.execute(&sql)? && self.runner.pause(pause) {}
        Ok(())
    }
}
