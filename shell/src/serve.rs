//! `fusebox serve`: a server for clients of PostgreSQL, Flight SQL and HTTP.

use std::io;
use std::sync::Arc;

use fusebox::{CompileHelper, Engine};
use fusebox_catalog::SqliteCatalog;
use fusebox_server::{Server, ServerConfig, TlsConfig, log_to_stderr};
use tokio::runtime::Builder;

use crate::arguments::{LogFormat, ServeArguments};
use crate::failure::Failure;

/// Serves until SIGTERM or Ctrl-C, and lets statements end.
///
/// # Errors
///
/// [`Failure::Refused`] for a refused configuration and an address that is taken.
pub(crate) fn run(arguments: &ServeArguments) -> Result<(), Failure> {
    let config = config(arguments).map_err(refused)?;
    if arguments.print_config {
        print!("{}", config.to_toml());
        return Ok(());
    }
    config.check().map_err(refused)?;
    log_to_stderr(&arguments.log, arguments.log_format == LogFormat::Json)
        .map_err(Failure::Refused)?;
    // Before the server is reachable: no signal from then on ends the process at once.
    let waiting = Builder::new_current_thread().enable_all().build();
    let waiting = waiting.map_err(Failure::System)?;
    let signals = {
        let _context = waiting.enter();
        Signals::new().map_err(Failure::System)?
    };
    let server = Server::start(config, engine(arguments)?).map_err(refused)?;
    waiting.block_on(signals.next());
    server.stop();
    Ok(())
}

fn refused(error: impl ToString) -> Failure {
    Failure::Refused(error.to_string())
}

/// Reads the configuration, and replaces parts of it by options.
fn config(arguments: &ServeArguments) -> Result<ServerConfig, fusebox_server::ConfigError> {
    let mut config = match &arguments.config {
        Some(path) => ServerConfig::read(path)?,
        None => ServerConfig::default(),
    };
    config.postgres = arguments.postgres.or(config.postgres);
    config.http = arguments.http.or(config.http);
    config.flight = arguments.flight.or(config.flight);
    if let (Some(certificate), Some(key)) = (&arguments.tls_certificate, &arguments.tls_key) {
        config.tls = Some(TlsConfig {
            certificate: certificate.clone(),
            key: key.clone(),
        });
    }
    if let Some(root) = &arguments.root {
        config.root = Some(root.clone());
    }
    if let Some(path) = &arguments.password_file {
        config.add_passwords(path)?;
    }
    Ok(config)
}

/// Makes the engine, with the privileges of strangers: those of users are in the configuration.
fn engine(arguments: &ServeArguments) -> Result<Engine, Failure> {
    let mut builder = Engine::builder();
    if let Some(path) = &arguments.catalog {
        let catalog = SqliteCatalog::open(path).map_err(Failure::Catalog)?;
        builder = builder.catalog(Arc::new(catalog));
    }
    if let Some(megabytes) = arguments.compile_memory {
        let program = std::env::current_exe().map_err(Failure::System)?;
        let mut helper = CompileHelper::new(program, ["compile-helper".into()]);
        helper.memory_bytes_max = u64::from(megabytes) * 1_000_000;
        builder = builder.compile_helper(helper);
    }
    Ok(builder.build()?)
}

/// Requests to stop.
#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Requests to stop.
#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn new() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(mut self) {
        self.0.recv().await;
    }
}
