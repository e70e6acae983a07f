//! Command-line arguments.

// The subcommands `bench` and `serve`.
mod bench;
mod serve;

// Values of arguments.
mod values;

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::failure::Failure;
use crate::format::Format;
use crate::kept::{Kept, base_folder};
use crate::language::Language;
use crate::versions::VERSIONS;
pub(crate) use bench::BenchArguments;
pub(crate) use serve::{LogFormat, ServeArguments};
use values::variable;

/// SQL with functions compiled to WebAssembly.
///
/// Runs the statements of all -c and -f options in the order given. Without them,
/// reads statements from standard input, interactively if it is a terminal. A
/// script ends at the first error, with exit status 1.
///
/// Modules, functions, views and external tables are kept in CATALOG. Without it, an
/// interactive shell keeps them in the user's own catalog, and a script forgets them.
#[derive(Parser)]
#[command(
    name = "fusebox",
    version = env!("FUSEBOX_VERSION"),
    long_version = VERSIONS.as_str(),
    args_conflicts_with_subcommands = true
)]
pub(crate) struct ShellArguments {
    /// File that keeps modules, functions, views and external tables. One that does not exist
    /// is created if its name ends in .db, .db3, .sqlite, .sqlite3 or .fusebox. Several shells
    /// may share it.
    pub(crate) catalog: Option<PathBuf>,

    /// Forgets all definitions at the exit, in an interactive shell too.
    #[arg(long, conflicts_with = "catalog")]
    memory: bool,

    /// Runs one or more SQL statements, separated by `;`.
    #[arg(short, long, value_name = "SQL", allow_hyphen_values = true)]
    command: Vec<String>,

    /// Runs the statements in FILE; `-` is standard input.
    #[arg(short, long, value_name = "FILE")]
    file: Vec<PathBuf>,

    /// Opens the prompt after the statements of -c and -f.
    #[arg(short, long)]
    pub(crate) interactive: bool,

    /// Skips ~/.config/fusebox/fuseboxrc, which the prompt executes first.
    #[arg(short = 'X', long)]
    no_rc: bool,

    /// Confines SQL to the files below DIR, where relative paths start. Without it,
    /// SQL reads and writes what its user may.
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,

    /// Compiles each module in a process of its own, which may use MB megabytes and a
    /// minute: for scripts of others.
    #[arg(long, value_name = "MB")]
    pub(crate) compile_memory: Option<u32>,

    /// Output format. Lists, structs and maps are JSON within the others.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,

    /// Writes results to FILE, which is replaced, in the format of its ending unless another
    /// is given. Parquet and Arrow files have one result.
    #[arg(
        long,
        value_name = "FILE",
        required_if_eq_any = [("format", "parquet"), ("format", "arrow")]
    )]
    pub(crate) output: Option<PathBuf>,

    /// Leaves out the names of columns in tables, CSV, TSV and HTML.
    #[arg(long)]
    pub(crate) no_header: bool,

    /// Sets a variable, as `\set NAME VALUE`: `:NAME`, `:'NAME'` and `:"NAME"` in statements.
    #[arg(short = 'v', long, value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) variable: Vec<(String, String)>,

    /// Prints each statement before its result.
    #[arg(short, long)]
    pub(crate) echo: bool,

    #[command(subcommand)]
    pub(crate) task: Option<Task>,
}

/// Limits of what statements may use.
#[derive(Default)]
pub(crate) struct Confinement {
    /// Directory of the files; those of the user if there is none.
    pub(crate) root: Option<PathBuf>,
    /// Megabytes of a compile helper; none to compile in this process.
    pub(crate) compile_memory: Option<u32>,
}

impl ShellArguments {
    /// Returns the file that keeps definitions.
    pub(crate) fn kept(&self, is_interactive: bool) -> Kept {
        match &self.catalog {
            Some(catalog) => Kept::in_file(catalog.clone()),
            None if is_interactive && !self.memory => Kept::in_own_catalog(),
            None => Kept::default(),
        }
    }

    /// Returns the file that the prompt executes first, if there is one.
    pub(crate) fn rc_file(&self) -> Option<PathBuf> {
        let file = base_folder("XDG_CONFIG_HOME", ".config")?.join("fusebox/fuseboxrc");
        (!self.no_rc && file.is_file()).then_some(file)
    }

    /// Returns the limits of what statements may use.
    pub(crate) fn confinement(&self) -> Confinement {
        Confinement {
            root: self.root.clone(),
            compile_memory: self.compile_memory,
        }
    }
}

/// Subcommands.
#[derive(Subcommand)]
pub(crate) enum Task {
    /// Measures the functions of a module.
    ///
    /// Calls each function that the module declares as DataFusion calls it, on one
    /// thread, with generated columns. `fixed cost` is the part of a call's time that
    /// does not depend on its rows. `lower`, `guest`, `lift` and `reset` are shares
    /// of a call's time; the remainder is spent elsewhere in the host. A run of an
    /// aggregate goes from new accumulators to the results of groups of eight rows,
    /// a run of a window function over one partition, a run of a table function
    /// returns one table.
    Bench(BenchArguments),

    /// Creates a project of functions in a new folder.
    New {
        /// Folder, whose last part is the name: lower-case letters, digits and `_`.
        folder: PathBuf,

        /// Language of the functions.
        #[arg(long, value_enum, default_value = "rust")]
        lang: Language,

        /// Folder of the SDK for Rust; the release of this version unless given.
        #[arg(long, value_name = "DIR")]
        sdk: Option<PathBuf>,
    },

    /// Builds a project, checks its module, and prints the SQL that creates its functions.
    ///
    /// Writes `functions.wasm` into the folder, with the declarations of `functions.sql` if there
    /// is such a file.
    Build {
        /// Folder of the project.
        #[arg(default_value = ".")]
        folder: PathBuf,

        /// Builds again whenever a source changes.
        #[arg(long)]
        watch: bool,
    },

    /// Builds a project, and executes SQL with its functions.
    Try {
        /// Statements, as `SELECT squared(7)`.
        sql: String,

        /// Folder of the project.
        #[arg(long, value_name = "DIR", default_value = ".")]
        project: PathBuf,
    },

    /// Describes a module, and prints the SQL that creates its functions.
    ///
    /// Exports, imports and declarations, with what would be refused and why, as comments of
    /// SQL.
    Inspect {
        /// Module or component, in the binary or the text format.
        module: PathBuf,
    },

    /// Writes declarations of functions into a module.
    ///
    /// The file of SQL has statements CREATE FUNCTION without AS and FROM. Each is checked, so
    /// that IMPORT FUNCTIONS FROM MODULE then creates all of them.
    Annotate {
        /// Module in the binary or the text format.
        module: PathBuf,

        /// File of statements CREATE FUNCTION.
        functions: PathBuf,

        /// Writes the module to FILE, instead of the one that it was read from.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },

    /// Compares this program with a release: answers, fuel and failures, bit by bit.
    ///
    /// DIR has modules, stored definitions, rows and a catalog, as a release recorded them:
    /// `fixtures/0.1.0` of the repository. Prints a line for each function, `ok` or `FAILED` with
    /// what was expected, what was found, and what it means. The status is 1 if a line differs, and
    /// if this program cannot reproduce the release.
    Conform {
        /// Folder of fixtures.
        #[arg(value_name = "DIR")]
        folder: PathBuf,

        /// Compares the functions of this module alone; can be repeated.
        #[arg(long, value_name = "NAME")]
        module: Vec<String>,
    },

    /// Serves clients of PostgreSQL and of Flight SQL, and HTTP.
    ///
    /// Connections share the functions, views and tables of CATALOG, and each has a session of its
    /// own. Everyone on this machine is trusted unless there are users; addresses that others reach
    /// need users. SIGTERM stops the server: statements that run may end before.
    Serve(Box<ServeArguments>),

    /// Prints the completions of a shell: bash, zsh, fish and others.
    ///
    /// For bash: fusebox completions bash > ~/.local/share/bash-completion/completions/fusebox
    Completions { shell: clap_complete::Shell },

    /// Prints the manual page, for `man -l`.
    Man {
        /// Writes the pages of all subcommands into DIR, instead of printing one.
        #[arg(short, long, value_name = "DIR")]
        output: Option<PathBuf>,
    },

    /// Compiles one module; started by the engine.
    #[command(hide = true)]
    CompileHelper {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// Lowest and highest number.
#[derive(Clone, Copy)]
pub(crate) struct Numbers(pub(crate) (i64, i64));

/// Mark at the start of files of some editors, which is no part of their text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Source of statements.
pub(crate) enum ScriptSource {
    /// Argument of `-c`.
    Command(String),
    /// Argument of `-f`.
    File(PathBuf),
    /// `-f -`, or no option and standard input that is not a terminal.
    StandardInput,
}

impl ShellArguments {
    /// Prints the completions of a shell.
    pub(crate) fn print_completions(shell: clap_complete::Shell) -> io::Result<()> {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut Self::command(), "fusebox", &mut text);
        io::stdout().write_all(&text)
    }

    /// Writes the manual pages of the shell and of its subcommands into a folder.
    ///
    /// # Errors
    ///
    /// [`Failure::Write`] if the folder cannot be written.
    pub(crate) fn write_manuals(folder: &Path) -> Result<(), Failure> {
        clap_mangen::generate_to(Self::command(), folder).map_err(|source| Failure::Write {
            name: folder.display().to_string(),
            source,
        })
    }

    /// Prints the manual page of the shell.
    pub(crate) fn print_manual() -> io::Result<()> {
        let mut text = Vec::new();
        clap_mangen::Man::new(Self::command()).render(&mut text)?;
        io::stdout().write_all(&text)
    }

    /// Parses the command line. Returns the arguments, and all `-c` and `-f` in the
    /// order given.
    pub(crate) fn from_command_line() -> Result<(Self, Vec<ScriptSource>), clap::Error> {
        let matches = Self::command().try_get_matches()?;
        let arguments = Self::from_arg_matches(&matches)?;
        let sources = arguments.sources(&matches);
        Ok((arguments, sources))
    }

    fn sources(&self, matches: &ArgMatches) -> Vec<ScriptSource> {
        let positions = |name| matches.indices_of(name).into_iter().flatten();
        let commands = self.command.iter().cloned().map(ScriptSource::Command);
        let files = self.file.iter().map(|file| match file.as_os_str() == "-" {
            true => ScriptSource::StandardInput,
            false => ScriptSource::File(file.clone()),
        });
        let mut sources: Vec<(usize, ScriptSource)> = positions("command")
            .zip(commands)
            .chain(positions("file").zip(files))
            .collect();
        sources.sort_by_key(|(position, _)| *position);
        sources.into_iter().map(|(_, source)| source).collect()
    }
}

impl ScriptSource {
    /// Returns the name that errors state; `None` for a statement of the command line.
    pub(crate) fn name(&self) -> Option<String> {
        match self {
            Self::Command(_) => None,
            Self::File(path) => Some(path.display().to_string()),
            Self::StandardInput => Some("<stdin>".to_owned()),
        }
    }

    /// Reads the statements.
    ///
    /// # Errors
    ///
    /// [`Failure::Read`] if the file cannot be read or is not UTF-8.
    pub(crate) fn read(self) -> Result<String, Failure> {
        let (text, name) = match self {
            Self::Command(text) => return Ok(text),
            Self::File(path) => (fs::read_to_string(&path), format!("`{}`", path.display())),
            Self::StandardInput => (
                io::read_to_string(io::stdin().lock()),
                "standard input".to_owned(),
            ),
        };
        let mut text = text.map_err(|source| Failure::Read { name, source })?;
        if text.starts_with(BYTE_ORDER_MARK) {
            text.remove(0);
        }
        Ok(text)
    }
}
