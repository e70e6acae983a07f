//! Copies to standard output, and from standard input.

use std::io;

use fusebox::Literal;

use super::Prompt;
use super::messages::CONFINED;
use crate::failure::Failure;
use crate::format::Format;

impl Prompt<'_> {
    /// Prints a query in a format.
    pub(super) fn copy_out(
        &mut self,
        query: &str,
        format: Format,
        has_header: bool,
    ) -> Result<(), Failure> {
        let display = &mut self.runner.display;
        let before = (display.format, display.has_header);
        (display.format, display.has_header) = (format, has_header);
        let executed = self.execute(query);
        let display = &mut self.runner.display;
        (display.format, display.has_header) = before;
        executed.map(drop)
    }

    /// Inserts the rows of standard input into a table. They are in a file meanwhile, as a table
    /// is read more than once.
    pub(super) fn copy_in(
        &mut self,
        table: &str,
        format: &str,
        options: &str,
    ) -> Result<(), Failure> {
        if self.runner.is_confined() {
            return self.refuse(CONFINED);
        }
        let script = self.runner.script.as_ref();
        if !self.is_script || script.is_some_and(|script| script.name == "<stdin>") {
            return self.refuse(
                "expected \\copy FROM STDIN in a script: type fusebox CATALOG -c '\\copy t FROM \
                 STDIN' < file.csv\n",
            );
        }
        let mut builder = tempfile::Builder::new();
        let suffix = format!(".{format}");
        let file = builder.prefix("fusebox-").suffix(&suffix).tempfile();
        let mut file = file.map_err(Failure::System)?;
        io::copy(&mut io::stdin().lock(), &mut file).map_err(Failure::System)?;
        let path = file.path().display().to_string();
        let sql = format!("COPY {table} FROM {}{options}", Literal(&path));
        self.execute(&sql).map(drop)
    }
}
