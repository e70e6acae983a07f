//! Input of the prompt, or of a file: commands, and statements between them.

use datafusion::sql::sqlparser::dialect::Dialect;

use super::messages::{print_message, print_summary};
#[cfg(unix)]
use super::type_ahead::TypeAhead;
use super::{Flow, Prompt, ends_statement};
use crate::command::Command;
use crate::failure::Failure;
use crate::open::{Open, OpenKind};
use crate::session::dialect;
use crate::text::{is_complete, split_statements};

impl Prompt<'_> {
    /// Executes input of the prompt or of a file: commands have lines of their own. After Ctrl-C
    /// the rest is left out.
    pub(super) fn input(&mut self, text: &str, depth: usize) -> Result<Flow, Failure> {
        let mut sql = String::new();
        let mut lines = text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            if sql.is_empty() {
                self.set_line(number);
            }
            let flow = self.line(line, number, &mut sql, depth)?;
            if self.is_cancelled {
                let is_left_out = lines.any(|(_, line)| !line.trim().is_empty());
                self.is_left_out |= is_left_out || !sql.trim().is_empty();
                return Ok(Flow::Continue);
            }
            if let Flow::Quit = flow {
                return Ok(Flow::Quit);
            }
        }
        let dialect = dialect(self.runner.session());
        if depth == 0 && !self.is_script && is_open(&sql, dialect.as_ref()) {
            // A command was typed within it: it goes on at the next prompt.
            self.open = sql;
            return Ok(Flow::Continue);
        }
        self.statements(&sql)?;
        Ok(Flow::Continue)
    }

    /// Notes the line of a script that is executed.
    fn set_line(&mut self, number: usize) {
        if let Some(script) = &mut self.runner.script {
            script.lines = number;
        }
    }

    /// Adds a line to the statement `sql` above it, or executes both.
    fn line(
        &mut self,
        line: &str,
        number: usize,
        sql: &mut String,
        depth: usize,
    ) -> Result<Flow, Failure> {
        let dialect = dialect(self.runner.session());
        let dialect = dialect.as_ref();
        if let Some(command) = self.parsed(line, dialect)
            && self.is_command(line, sql, dialect)
        {
            return self.command_line(command, number, sql, depth);
        }
        // A statement begins at its first line, which errors count from.
        if sql.is_empty() && line.trim().is_empty() {
            return Ok(Flow::Continue);
        }
        sql.push_str(line);
        sql.push('\n');
        if !line.contains('\\') || Command::trailing(sql, dialect).is_none() {
            return Ok(Flow::Continue);
        }
        let text = self.state.variables.interpolate(sql, dialect);
        let Some((statement, command)) = Command::trailing(&text, dialect) else {
            return Ok(Flow::Continue);
        };
        self.remember(statement, dialect)?;
        sql.clear();
        if self.is_cancelled {
            self.is_left_out = true;
            return Ok(Flow::Continue);
        }
        self.command(command, depth)
    }

    /// Executes a command on a line of its own. Of the text above it, complete statements are
    /// executed before. One that is open is executed by a command that does so; it goes on after
    /// all others, and is forgotten by one that leaves.
    fn command_line(
        &mut self,
        command: Command,
        number: usize,
        sql: &mut String,
        depth: usize,
    ) -> Result<Flow, Failure> {
        let dialect = dialect(self.runner.session());
        let dialect = dialect.as_ref();
        let text = std::mem::take(sql);
        match is_open(&text, dialect) {
            false => self.statements(&text)?,
            true if command.runs_statement() => {
                let text = self.state.variables.interpolate(&text, dialect);
                self.remember(&text, dialect)?;
            }
            true => {
                let (complete, open) = last_statement(&text, dialect);
                self.statements(complete)?;
                open.trim_start().clone_into(sql);
            }
        }
        if self.is_cancelled {
            self.is_left_out = true;
            return Ok(Flow::Continue);
        }
        let script = self.runner.script.as_ref();
        let began = script.map_or(number, |script| script.lines);
        self.set_line(number);
        let flow = self.command(command, depth);
        if !sql.is_empty() {
            self.set_line(began);
        }
        flow
    }

    /// Parses a line as a command, with the values of variables in its arguments. A command of the
    /// system keeps its colons.
    fn parsed(&self, line: &str, dialect: &dyn Dialect) -> Option<Command> {
        match Command::parse(line)? {
            command @ Command::System(_) => Some(command),
            _ => Command::parse(&self.state.variables.interpolate(line, dialect)),
        }
    }

    /// Returns true if a line is a command, after the text of a statement: only what cannot be a
    /// part of that. A line in a string is one at the prompt alone, where it has to be left.
    fn is_command(&self, line: &str, sql: &str, dialect: &dyn Dialect) -> bool {
        let is_quoted = || {
            let open = Open::at_end(sql, dialect).map(|open| open.kind);
            let is_text = matches!(
                open,
                Some(OpenKind::String | OpenKind::Name | OpenKind::Comment)
            );
            self.is_script && is_text
        };
        let ends = || match self.is_script {
            true => line.trim_start().starts_with('\\'),
            false => ends_statement(line),
        };
        !is_open(sql, dialect) || ends() && !is_quoted()
    }

    /// Keeps the last statement of a text for a command that executes it, and executes those before
    /// it.
    fn remember(&mut self, text: &str, dialect: &dyn Dialect) -> Result<(), Failure> {
        let (before, last) = last_statement(text, dialect);
        if !before.trim().is_empty() {
            self.execute(before)?;
        }
        self.state.last = Some(last.trim().to_owned());
        Ok(())
    }

    /// Executes statements, and reports an error.
    pub(super) fn statements(&mut self, sql: &str) -> Result<(), Failure> {
        if sql.trim().is_empty() {
            return Ok(());
        }
        let dialect = dialect(self.runner.session());
        let sql = self
            .state
            .variables
            .interpolate(sql.trim_end(), dialect.as_ref());
        self.execute(&sql)?;
        self.state.last = Some(sql.trim().to_owned());
        Ok(())
    }

    /// Executes statements; false if one failed, which is reported. At the prompt, those after it
    /// are executed all the same, unless it was cancelled.
    pub(super) fn execute(&mut self, sql: &str) -> Result<bool, Failure> {
        self.runner.clear_interrupt();
        let (is_script, has_timing) = (self.is_script, self.has_timing());
        let after = |summary| {
            if !is_script || has_timing {
                print_summary(&summary, has_timing);
            }
        };
        if is_script {
            let executed = match self.runner.has_echo {
                true => self.runner.run_echoed(sql, after),
                false => self.runner.run(sql, after),
            };
            return executed.map(|()| true);
        }
        #[cfg(unix)]
        let _type_ahead = TypeAhead::keep();
        let mut has_failed = false;
        let mut is_transaction = false;
        let Self {
            runner,
            state,
            is_left_out,
            ..
        } = self;
        let executed = runner.run_each(sql, after, |failure, rest| {
            has_failed = true;
            state.last_error = Some(failure.verbose());
            match failure {
                Failure::BrokenPipe => Err(failure),
                Failure::Cancelled => {
                    *is_left_out |= !rest.trim().is_empty();
                    Err(failure)
                }
                failure => {
                    failure.report();
                    let executed = &sql[..sql.len() - rest.len()];
                    // What was to be undone is not done.
                    is_transaction = begins_transaction(executed) && !rest.trim().is_empty();
                    match is_transaction {
                        true => Err(failure),
                        false => Ok(()),
                    }
                }
            }
        });
        match executed {
            Err(Failure::Cancelled) => {
                self.is_cancelled = true;
                Failure::Cancelled.report();
            }
            Err(_) if is_transaction => {
                print_message("the statements after it were not executed\n");
            }
            executed => executed?,
        }
        Ok(!has_failed)
    }
}

/// Returns true if the last statement of a text begins a transaction.
fn begins_transaction(text: &str) -> bool {
    let text = text.trim_end().trim_end_matches(';');
    let last = text.rsplit(';').next().unwrap_or(text).to_uppercase();
    let mut words = last.split_whitespace();
    match words.next() {
        Some("BEGIN") => true,
        Some("START") => words.next() == Some("TRANSACTION"),
        _ => false,
    }
}

/// Divides a text before its last statement.
fn last_statement<'a>(text: &'a str, dialect: &dyn Dialect) -> (&'a str, &'a str) {
    let last = split_statements(text, dialect).pop().unwrap_or_default();
    let begin = last.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    text.split_at_checked(begin).unwrap_or((text, ""))
}

/// Returns true if a text ends within a statement.
fn is_open(sql: &str, dialect: &dyn Dialect) -> bool {
    !sql.trim().is_empty() && !is_complete(sql, dialect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_begin_with_their_statements() {
        for text in [
            "begin;",
            "SELECT 1; BEGIN TRANSACTION ;",
            "\n start transaction;\n",
        ] {
            assert!(begins_transaction(text), "{text}");
        }
        for text in ["BEGIN; SELECT 1;", "START;", "SELECT 'BEGIN';", ""] {
            assert!(!begins_transaction(text), "{text}");
        }
    }
}
