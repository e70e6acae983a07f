//! What the user asks for on the command line.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::failure::Failure;
use crate::format::Format;

/// SQL with functions compiled to WebAssembly.
///
/// Runs the statements of every -c and -f in the order given, or else those on
/// standard input; at a terminal, asks for them. The first error ends a script
/// with exit status 1.
#[derive(Parser)]
#[command(name = "fusebox", version, args_conflicts_with_subcommands = true)]
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

    #[command(subcommand)]
    pub(crate) task: Option<Task>,
}

/// What else there is to do than to run statements.
#[derive(Subcommand)]
pub(crate) enum Task {
    /// Measures what the functions of a module cost.
    ///
    /// Calls each function that the module declares as DataFusion does, on one
    /// thread, with columns that are made up. `fixed cost` is that of a call
    /// whatever its rows; the four steps are parts of a call's time, and the rest
    /// is the host's. An aggregate is run from no state to the answers of groups
    /// of eight rows, a window function over one partition, a table function for
    /// one table.
    Bench(BenchArguments),
}

#[derive(Args)]
pub(crate) struct BenchArguments {
    /// The module, which carries its declarations.
    pub(crate) module: PathBuf,

    /// Measures this function, whatever its arguments; may be given again.
    #[arg(long, value_name = "NAME")]
    pub(crate) function: Vec<String>,

    /// The most rows of a call; DataFusion's own batches have 8192.
    #[arg(long, value_name = "N", default_value = "8192", value_parser = rows)]
    pub(crate) rows: usize,

    /// How long each function is measured, and profiled.
    #[arg(long, value_name = "S", default_value = "1", value_parser = seconds)]
    seconds: Duration,

    /// How many of a hundred values are null.
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) nulls: u8,

    /// The bytes of a text, on average; a list has a quarter as many elements.
    #[arg(long, value_name = "N", default_value = "16", value_parser = length)]
    pub(crate) length: usize,

    /// The range of numbers.
    #[arg(long, value_name = "LOW..HIGH", default_value = "1..90", value_parser = numbers, allow_hyphen_values = true)]
    pub(crate) numbers: Numbers,

    /// Calls functions with the rows of a query instead of what is made up.
    #[arg(long, value_name = "SQL", conflicts_with_all = ["nulls", "length", "numbers"])]
    pub(crate) data: Option<String>,

    /// Lists the guest's hottest functions too, and writes a profile to FILE for
    /// https://profiler.firefox.com.
    #[arg(long, value_name = "FILE")]
    pub(crate) profile: Option<PathBuf>,

    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// The lowest number and the highest.
#[derive(Clone, Copy)]
pub(crate) struct Numbers(pub(crate) (i64, i64));

impl BenchArguments {
    /// How long each function is measured.
    pub(crate) fn time(&self) -> Duration {
        self.seconds
    }
}

/// The most rows, and the most bytes of a text. Columns are made in memory.
const ROWS_MAX: usize = 1 << 24;
const LENGTH_MAX: usize = 1 << 20;

fn rows(text: &str) -> Result<usize, String> {
    within(text, 1, ROWS_MAX)
}

fn length(text: &str) -> Result<usize, String> {
    within(text, 0, LENGTH_MAX)
}

fn within(text: &str, min: usize, max: usize) -> Result<usize, String> {
    let number = text.parse().ok();
    let number = number.filter(|number| (min..=max).contains(number));
    number.ok_or_else(|| format!("it is no number from {min} to {max}"))
}

fn seconds(text: &str) -> Result<Duration, String> {
    const SECONDS_MAX: f64 = 3_600.0;
    let seconds: Option<f64> = text.parse().ok();
    let seconds = seconds.filter(|seconds| *seconds > 0.0 && *seconds <= SECONDS_MAX);
    let seconds = seconds.ok_or_else(|| format!("it is no number from 0 to {SECONDS_MAX}"))?;
    Ok(Duration::from_secs_f64(seconds))
}

fn numbers(text: &str) -> Result<Numbers, String> {
    let bounds = text.split_once("..").and_then(|(low, high)| {
        let bounds = (low.parse().ok()?, high.parse().ok()?);
        (bounds.0 <= bounds.1).then_some(bounds)
    });
    let bounds = bounds.ok_or("it is no range of whole numbers, like 1..90")?;
    Ok(Numbers(bounds))
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
