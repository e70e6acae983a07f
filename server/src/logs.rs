//! Events of the server on standard error.

use std::io;

use tracing_subscriber::filter::LevelFilter;

/// Writes events of a level (`error`, `warn`, `info`, `debug`, `trace` or `off`) and the graver ones
/// to standard error, as lines of text or of JSON. Has no effect if the process has a subscriber.
///
/// # Errors
///
/// A message for an unknown level.
pub fn log_to_stderr(level: &str, is_json: bool) -> Result<(), String> {
    let level: LevelFilter = level.parse().map_err(|_| {
        format!("expected the level error, warn, info, debug, trace or off, found {level}")
    })?;
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr);
    // A process has one subscriber.
    let _ = match is_json {
        true => subscriber.json().try_init(),
        false => subscriber.with_ansi(false).try_init(),
    };
    Ok(())
}
