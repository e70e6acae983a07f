//! Commands that are refused.

use super::Prompt;
use super::messages::print_message;
use crate::failure::Failure;

impl Prompt<'_> {
    /// Prints why a command is not executed; in a script, that is an error of its line.
    pub(super) fn refuse(&self, message: &str) -> Result<(), Failure> {
        if !self.is_script {
            print_message(message);
            return Ok(());
        }
        let place = self.place().map(|place| format!("{place}: "));
        let place = place.unwrap_or_default();
        Err(Failure::Refused(format!("{place}{}", message.trim_end())))
    }

    /// Returns file and line of the command that a script executes.
    pub(super) fn place(&self) -> Option<String> {
        let script = self.runner.script.as_ref()?;
        Some(format!("{}:{}", script.name, script.lines + 1))
    }
}
