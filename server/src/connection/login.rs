//! Passwords, by SCRAM-SHA-256.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fusebox::PasswordVerifier;

use super::Failure;
use super::wire::Wire;
use crate::execution::on_threads;
use crate::protocol::backend;
use crate::protocol::frontend::Message;
use crate::report::{INVALID_PASSWORD, IO_ERROR, PROTOCOL_VIOLATION, Report};
use crate::scram::{Exchange, MECHANISM, ScramError};
use crate::shared::Shared;
use crate::users::{Login, User};

/// Time before a wrong password is answered.
const WRONG_PASSWORD_TIME: Duration = Duration::from_millis(250);

/// Verifies the password of a user, if the server asks for passwords.
///
/// # Errors
///
/// A fatal report, which is the same for unknown users and wrong passwords.
pub(super) async fn log_in(
    wire: &mut Wire,
    name: &str,
    peer: SocketAddr,
    shared: &Arc<Shared>,
) -> Result<User, Failure> {
    let count = |result| {
        shared
            .metrics
            .logins
            .get_or_create(&[("result", result)])
            .inc();
    };
    let (verifier, user) = match login(name, shared).await? {
        Login::Trusted(user) => {
            count("trusted");
            return Ok(*user);
        }
        Login::Password(verifier, user) => (verifier, user),
    };
    let failed = match exchange(wire, verifier).await {
        Ok(()) => match user {
            Some(user) => {
                count("verified");
                return Ok(*user);
            }
            None => ScramError::WrongPassword,
        },
        Err(LoginFailure::Scram(error)) => error,
        Err(LoginFailure::Other(failure)) => return Err(failure),
    };
    count("failed");
    tracing::warn!(%peer, user = name, error = %failed, "login failed");
    let reason = failed.to_string();
    shared.audit.login_refused(name, peer.ip(), &reason);
    tokio::time::sleep(WRONG_PASSWORD_TIME).await;
    Err(Failure::Report(match failed {
        ScramError::WrongPassword => {
            let message = format!("password authentication failed for user \"{name}\"");
            Report::fatal(INVALID_PASSWORD, message)
        }
        ScramError::Malformed => Report::fatal(PROTOCOL_VIOLATION, reason),
    }))
}

/// Looks a name up, on a thread of queries: the catalog may be a file.
async fn login(name: &str, shared: &Arc<Shared>) -> Result<Login, Report> {
    let (name, users) = (name.to_owned(), Arc::clone(shared));
    let found = on_threads(&shared.threads, async move {
        users.users.login(&name, users.engine.catalog().as_ref())
    });
    found.await?.map_err(|error| {
        // Whoever knocks learns nothing of the file.
        tracing::error!(%error, "cannot read the users of the catalog");
        Report::fatal(IO_ERROR, "the users of the catalog cannot be read")
    })
}

enum LoginFailure {
    Scram(ScramError),
    Other(Failure),
}

impl From<ScramError> for LoginFailure {
    fn from(error: ScramError) -> Self {
        Self::Scram(error)
    }
}

impl From<Failure> for LoginFailure {
    fn from(failure: Failure) -> Self {
        Self::Other(failure)
    }
}

async fn exchange(wire: &mut Wire, verifier: PasswordVerifier) -> Result<(), LoginFailure> {
    backend::authentication_sasl(wire.out(), &[MECHANISM]);
    let initial = answer(wire).await?;
    let first = initial_response(initial).ok_or(ScramError::Malformed)?;
    let (exchange, challenge) = Exchange::begin(verifier, &first)?;
    backend::authentication_sasl_continue(wire.out(), challenge.as_bytes());
    let last = answer(wire).await?;
    let signature = exchange.finish(&last)?;
    backend::authentication_sasl_final(wire.out(), signature.as_bytes());
    Ok(())
}

/// Sends what waits, and reads the client's answer.
async fn answer(wire: &mut Wire) -> Result<Bytes, Failure> {
    wire.flush().await?;
    match wire.message().await? {
        Some(Message::Password(answer)) => Ok(answer),
        Some(Message::Terminate) | None => Err(Failure::Closed),
        Some(_) => {
            let message = "expected a password response, found another message";
            Err(Report::fatal(PROTOCOL_VIOLATION, message).into())
        }
    }
}

/// Reads the chosen mechanism and the first message of SCRAM.
fn initial_response(mut bytes: Bytes) -> Option<Bytes> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    let mechanism = bytes.split_to(end);
    let mut rest = bytes.split_off(1);
    let length = u32::from_be_bytes(*rest.first_chunk()?);
    let first = rest.split_off(4);
    let is_whole = usize::try_from(length).ok()? == first.len();
    (mechanism == MECHANISM.as_bytes() && is_whole).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mechanism_and_length_are_checked() {
        let initial = |bytes: &'static [u8]| initial_response(Bytes::from_static(bytes));
        assert_eq!(
            initial(b"SCRAM-SHA-256\0\0\0\0\x02ab"),
            Some(Bytes::from_static(b"ab"))
        );
        for bytes in [
            &b""[..],
            b"SCRAM-SHA-256",
            b"SCRAM-SHA-256\0",
            b"SCRAM-SHA-256\0\0\0\0\x03ab",
            b"SCRAM-SHA-256\0\xff\xff\xff\xff",
            b"PLAIN\0\0\0\0\x02ab",
        ] {
            assert_eq!(initial(bytes), None);
        }
    }
}
