//! The first messages of a connection: TLS, parameters, and requests to cancel.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use fusebox::Session;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsAcceptor;

use super::login::log_in;
use super::wire::Wire;
use super::{Connection, Failure};
use crate::admission::Admission;
use crate::execution::on_threads;
use crate::protocol::frontend::Startup;
use crate::protocol::{TransactionStatus, backend};
use crate::report::{ADMIN_SHUTDOWN, PROTOCOL_VIOLATION, Report, TOO_MANY_CONNECTIONS};
use crate::settings::ClientSettings;
use crate::shared::{Cancellable, Phase, Shared};
use crate::tls::MaybeTls;

/// First byte of a client that begins with TLS.
const TLS_HANDSHAKE: u8 = 0x16;

/// Requests for encryption before the first message.
const REQUESTS_MAX: usize = 3;

/// Starts a connection; `None` if it was a request to cancel, or has ended.
pub(super) async fn start(
    stream: TcpStream,
    peer: SocketAddr,
    shared: &Arc<Shared>,
) -> Option<Connection> {
    // Rows are sent in large writes: waiting for more has no use.
    let _ = stream.set_nodelay(true);
    let mut first = [0];
    let is_direct = stream.peek(&mut first).await.ok()? > 0 && first[0] == TLS_HANDSHAKE;
    let mut wire = match (is_direct, &shared.postgres_tls) {
        (true, Some(acceptor)) => {
            let wire = encrypted(stream, acceptor, peer, shared).await?;
            // Without a request, only the protocol's name tells it from others over TLS.
            wire.is_postgres().then_some(wire)?
        }
        (true, None) => return None,
        (false, _) => new_wire(MaybeTls::Plain(stream), shared),
    };
    for _ in 0..REQUESTS_MAX {
        match wire.startup().await {
            Ok(Some(Startup::Tls)) if !wire.is_tls() => {
                let acceptor = shared.postgres_tls.as_ref();
                let answer = if acceptor.is_some() { b"S" } else { b"N" };
                wire.write(answer).await.ok()?;
                wire.flush().await.ok()?;
                if let Some(acceptor) = acceptor {
                    // Bytes that were sent before the handshake are not the client's own.
                    let MaybeTls::Plain(stream) = wire.into_stream()? else {
                        return None;
                    };
                    wire = encrypted(stream, acceptor, peer, shared).await?;
                }
            }
            Ok(Some(Startup::Gss | Startup::Tls)) => {
                wire.write(b"N").await.ok()?;
                wire.flush().await.ok()?;
            }
            Ok(Some(Startup::Cancel { process, key })) => {
                shared.cancellations.cancel(process, key, peer);
                return None;
            }
            Ok(Some(Startup::Start { minor, parameters })) => {
                if minor > 0 || parameters.iter().any(|(name, _)| name.starts_with("_pq_.")) {
                    let names = parameters.iter().map(|(name, _)| name.as_str());
                    let unknown: Vec<_> = names.filter(|name| name.starts_with("_pq_.")).collect();
                    backend::negotiate_protocol_version(wire.out(), 0, &unknown);
                }
                return begin(wire, peer, shared, parameters).await;
            }
            Ok(None) => return None,
            Err(error) => {
                tracing::info!(%peer, %error, "refused a first message");
                wire.refuse(&error.into()).await;
                return None;
            }
        }
    }
    let message = "expected parameters, found more requests for encryption";
    wire.refuse(&Report::fatal(PROTOCOL_VIOLATION, message))
        .await;
    None
}

fn new_wire(stream: MaybeTls, shared: &Shared) -> Wire {
    Wire::new(stream, shared.config.write_timeout())
}

async fn encrypted(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    peer: SocketAddr,
    shared: &Shared,
) -> Option<Wire> {
    match acceptor.accept(stream).await {
        Ok(stream) => Some(new_wire(MaybeTls::Tls(Box::new(stream)), shared)),
        Err(error) => {
            tracing::info!(%peer, %error, "TLS failed");
            None
        }
    }
}

/// Logs a client in, and opens its session.
async fn begin(
    mut wire: Wire,
    peer: SocketAddr,
    shared: &Arc<Shared>,
    parameters: Vec<(String, String)>,
) -> Option<Connection> {
    if *shared.phase.borrow() > Phase::Running {
        let message = "the database system is shutting down";
        wire.refuse(&Report::fatal(ADMIN_SHUTDOWN, message)).await;
        return None;
    }
    match open(&mut wire, peer, shared, &parameters).await {
        Ok(opened) => Some(Connection {
            wire,
            shared: Arc::clone(shared),
            session: opened.session,
            admission: opened.admission,
            user: opened.user,
            database: opened.database,
            settings: opened.settings,
            cancellable: opened.cancellable,
            status: TransactionStatus::Idle,
            has_changed: false,
            statements: HashMap::new(),
            portals: HashMap::new(),
            leftover: None,
            _permit: opened.permit,
        }),
        Err(Failure::Report(report)) => {
            tracing::info!(%peer, report.message, "refused a connection");
            wire.refuse(&report).await;
            None
        }
        Err(Failure::Closed) => None,
    }
}

/// Session of a client that has logged in.
struct Opened {
    session: Session,
    admission: Arc<Admission>,
    user: String,
    database: String,
    settings: ClientSettings,
    cancellable: Cancellable,
    permit: OwnedSemaphorePermit,
}

async fn open(
    wire: &mut Wire,
    peer: SocketAddr,
    shared: &Arc<Shared>,
    parameters: &[(String, String)],
) -> Result<Opened, Failure> {
    let parameter = |name: &str| {
        let found = parameters.iter().find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    };
    let Some(user) = parameter("user") else {
        let message = "no PostgreSQL user name specified in startup packet";
        return Err(Report::fatal("28000", message).into());
    };
    let verified = log_in(wire, user, peer, shared).await?;
    let permit = Arc::clone(&shared.sessions).try_acquire_owned();
    let permit = permit.map_err(|_| {
        shared.metrics.refused.inc();
        Report::fatal(TOO_MANY_CONNECTIONS, "sorry, too many clients already")
    })?;
    let (session, admission) = Admission::open(shared, &verified, user)?;
    let mut settings = ClientSettings::default();
    settings.fix("session_authorization", user);
    if verified.is_superuser {
        settings.fix("is_superuser", "on");
    }
    let options = parameter("options").map(stated_options).unwrap_or_default();
    let stated = parameters.iter().filter(|(name, _)| {
        let is_other = ["user", "database", "options", "replication"].contains(&name.as_str());
        !is_other && !name.starts_with("_pq_.")
    });
    for (name, value) in stated.cloned().chain(options) {
        let set = set(shared, &session, &mut settings, &name, &value).await;
        set.map_err(|report| Report::fatal(report.code, report.message))?;
    }
    // The zone that clients are told of has its effect: `now()` and `timestamptz` have one.
    let config = session.context().copied_config();
    if config.options().execution.time_zone.is_none() {
        set(shared, &session, &mut settings, "TimeZone", "UTC").await?;
    }
    let cancellable = Cancellable::new(shared, &session);
    wire.allow(shared.config.message_bytes_max());
    let out = wire.out();
    backend::authentication_ok(out);
    for (name, value) in settings.reported() {
        backend::parameter_status(out, name, value);
    }
    backend::backend_key_data(out, cancellable.process, cancellable.key);
    backend::ready_for_query(out, TransactionStatus::Idle);
    wire.flush().await?;
    Ok(Opened {
        session,
        admission,
        user: user.to_owned(),
        database: parameter("database").unwrap_or(user).to_owned(),
        settings,
        cancellable,
        permit,
    })
}

/// Sets a setting that the client has stated at its start.
async fn set(
    shared: &Shared,
    session: &Session,
    settings: &mut ClientSettings,
    name: &str,
    value: &str,
) -> Result<(), Report> {
    let change = settings.change(name, Some(value))?;
    let sql = match &change {
        Some(change) => change.sql.clone(),
        None => Some(format!("SET {name} = '{}'", value.replace('\'', "''"))),
    };
    if let Some(sql) = sql {
        let session = session.clone();
        let executed = on_threads(&shared.threads, async move { session.sql(&sql).await });
        executed.await?.map_err(Report::from)?;
    }
    if let Some(change) = change {
        settings.apply(change);
    }
    Ok(())
}

/// Reads settings of the parameter `options`: `-c name=value` and `--name=value`, where a backslash
/// escapes a blank.
fn stated_options(options: &str) -> Vec<(String, String)> {
    let mut words = vec![String::new()];
    let mut characters = options.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => words
                .last_mut()
                .into_iter()
                .for_each(|word| word.extend(characters.next())),
            ' ' => words.push(String::new()),
            other => words
                .last_mut()
                .into_iter()
                .for_each(|word| word.push(other)),
        }
    }
    let settings = words.iter().filter_map(|word| {
        let word = word
            .strip_prefix("--")
            .or(word.strip_prefix("-c"))
            .unwrap_or(word);
        let (name, value) = word.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    settings.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_settings() {
        let options = stated_options("-c a=1 -cb=x\\ y  --c.d=2 -e");
        let expected = [("a", "1"), ("b", "x y"), ("c.d", "2")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(options, expected);
    }
}
