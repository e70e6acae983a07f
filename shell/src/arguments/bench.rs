//! The subcommand `bench`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::Numbers;
use super::values::{length, numbers, rows, seconds};
use crate::format::Format;

#[derive(Args)]
pub(crate) struct BenchArguments {
    /// Module with declarations of its functions.
    pub(crate) module: PathBuf,

    /// Measures only this function, in all its overloads; can be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) function: Vec<String>,

    /// Sets options of the functions, as `fuel_per_row = 5000000, memory = '128MB'`.
    #[arg(long, value_name = "OPTIONS")]
    pub(crate) with: Option<String>,

    /// Maximum rows of a call; batches of DataFusion have 8192.
    #[arg(long, value_name = "N", default_value = "8192", value_parser = rows)]
    pub(crate) rows: usize,

    /// Time to measure each function, and to profile it, in seconds.
    #[arg(long, value_name = "S", default_value = "1", value_parser = seconds)]
    seconds: Duration,

    /// Percentage of nulls.
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) nulls: u8,

    /// Mean length of texts in bytes; lists have a quarter as many items.
    #[arg(long, value_name = "N", default_value = "16", value_parser = length)]
    pub(crate) length: usize,

    /// Range of numbers.
    #[arg(long, value_name = "LOW..HIGH", default_value = "1..90", value_parser = numbers, allow_hyphen_values = true)]
    pub(crate) numbers: Numbers,

    /// Calls functions with the rows of a query instead of generated columns.
    #[arg(long, value_name = "SQL", conflicts_with_all = ["nulls", "length", "numbers"])]
    pub(crate) data: Option<String>,

    /// Also measures scalar functions in a query in which equal rows are asked once.
    #[arg(long)]
    pub(crate) reuse: bool,

    /// Lists the hottest guest functions, and writes a profile to FILE for
    /// https://profiler.firefox.com.
    #[arg(long, value_name = "FILE")]
    pub(crate) profile: Option<PathBuf>,

    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

impl BenchArguments {
    /// Returns the time to measure each function.
    pub(crate) fn time(&self) -> Duration {
        self.seconds
    }
}
