//! What the user asks for on the command line.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser};

use crate::failure::Failure;
use crate::format::Format;

/// SQL with functions compiled to WebAssembly.
///
/// Runs the statements of every -c and -f in the order given, or else those on
/// standard input; at a terminal, asks for them. The first error ends a script
/// with exit status 1.
#[derive(Parser)]
#[command(name = "fusebox", version)]
pub(crate) struct Arguments {
    /// A durable catalog of modules and functions; not available yet.
    pub(crate) catalog: Option<PathBuf>,

    /// Runs SQL: one statement, or several with `;` between them.
    #[arg(short, long, value_name = "SQL", allow_hyphen_values = true)]
    command: Vec<String>,

    /// Runs the statements in FILE; `-` is standard input.
    #[arg(short, long, value_name = "FILE")]
    file: Vec<PathBuf>,

    /// How results are printed. Nulls: `NULL` in tables, nothing in CSV.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,

    /// Prints each statement before its result.
    #[arg(short, long)]
    pub(crate) echo: bool,
}

/// Where statements come from.
pub(crate) enum Source {
    /// The text after `-c`.
    Command(String),
    /// The file after `-f`.
    File(PathBuf),
    /// `-f -`, or nothing at all when it is not a terminal.
    StandardInput,
}

impl Arguments {
    /// The arguments, and every `-c` and `-f` in the order given.
    pub(crate) fn from_command_line() -> Result<(Self, Vec<Source>), clap::Error> {
        let matches = Self::command().try_get_matches()?;
        let arguments = Self::from_arg_matches(&matches)?;
        let sources = arguments.sources(&matches);
        Ok((arguments, sources))
    }

    fn sources(&self, matches: &ArgMatches) -> Vec<Source> {
        let places = |name| matches.indices_of(name).into_iter().flatten();
        let commands = self.command.iter().cloned().map(Source::Command);
        let files = self.file.iter().map(|file| match file.as_os_str() == "-" {
            true => Source::StandardInput,
            false => Source::File(file.clone()),
        });
        let mut sources: Vec<(usize, Source)> = places("command")
            .zip(commands)
            .chain(places("file").zip(files))
            .collect();
        sources.sort_by_key(|(place, _)| *place);
        sources.into_iter().map(|(_, source)| source).collect()
    }
}

impl Source {
    /// The statements themselves.
    ///
    /// # Errors
    ///
    /// [`Failure::Read`] if there is no such file or it is not UTF-8.
    pub(crate) fn read(self) -> Result<String, Failure> {
        let (text, name) = match self {
            Self::Command(text) => return Ok(text),
            Self::File(path) => (fs::read_to_string(&path), format!("`{}`", path.display())),
            Self::StandardInput => (
                io::read_to_string(io::stdin().lock()),
                "standard input".to_owned(),
            ),
        };
        text.map_err(|source| Failure::Read { name, source })
    }
}
