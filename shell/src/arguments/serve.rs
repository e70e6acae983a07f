//! The subcommand `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Args)]
pub(crate) struct ServeArguments {
    /// File that keeps modules, functions, views and tables; in memory without it.
    pub(crate) catalog: Option<PathBuf>,

    /// Listens for PostgreSQL clients: 127.0.0.1:5432.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) postgres: Option<SocketAddr>,

    /// Listens for HTTP: /healthz, /readyz, /metrics and POST /sql.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) http: Option<SocketAddr>,

    /// Listens for Arrow Flight SQL, that of ADBC and JDBC: 127.0.0.1:50051.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) flight: Option<SocketAddr>,

    /// Reads the configuration from FILE, in TOML. Other options replace parts of it.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Reads users from FILE, one `user:password` in each line.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,

    /// Certificate of the server, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificate: Option<PathBuf>,

    /// Private key of the certificate, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Lets statements read the files below DIR, where relative paths start. Without it, they read
    /// none.
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,

    /// Compiles each module in a process of its own, which may use MB megabytes and a minute.
    #[arg(long, value_name = "MB")]
    pub(crate) compile_memory: Option<u32>,

    /// Level of the log on standard error: error, warn, info, debug, trace or off.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log: String,

    /// Format of the log.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) log_format: LogFormat,

    /// Prints the configuration without passwords, and does not listen.
    #[arg(long)]
    pub(crate) print_config: bool,
}
