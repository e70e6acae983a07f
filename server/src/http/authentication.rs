//! Names and passwords of requests, and requests that a browser sends for a page of others.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::header::{AUTHORIZATION, HOST, ORIGIN};
use hyper::{HeaderMap, StatusCode};

use super::Peer;
use crate::execution::on_threads;
use crate::shared::Shared;
use crate::users::{Login, User};

/// Time before the answer to a wrong password.
const FAILED_DELAY: Duration = Duration::from_millis(250);

/// Status of a refused request, with the reason.
pub(super) type RefusedStatus = (StatusCode, &'static str);

/// Returns the user of a request.
///
/// # Errors
///
/// A refusal of a wrong password, of a password that others could read, and of a request of a page
/// where everyone is trusted.
pub(super) async fn authenticate(
    headers: &HeaderMap,
    peer: Peer,
    shared: &Arc<Shared>,
) -> Result<(User, String), RefusedStatus> {
    let given = basic(headers);
    let name = given.as_ref().map(|(name, _)| name.clone());
    // A request without a name is one of everyone, if they are trusted.
    let (verifier, user) = match login(name.unwrap_or_default(), shared).await? {
        Login::Trusted(user) => {
            check_page(headers)?;
            return Ok((*user, "everyone".to_owned()));
        }
        Login::Password(verifier, user) => (verifier, user),
    };
    if !peer.is_private {
        let message = "expected TLS for passwords, found none; state [tls]\n";
        return Err((StatusCode::FORBIDDEN, message));
    }
    let unauthorized = (StatusCode::UNAUTHORIZED, "expected a name and a password\n");
    let (name, password) = given.ok_or(unauthorized)?;
    let permit = Arc::clone(&shared.password_checks).acquire_owned().await;
    let verifying = tokio::task::spawn_blocking(move || {
        // Held to the end, also if the client leaves meanwhile.
        let _permit = permit;
        verifier.is_password(&password)
    });
    let is_password = verifying.await.unwrap_or(false);
    let count = |result| {
        shared
            .metrics
            .logins
            .get_or_create(&[("result", result)])
            .inc()
    };
    match user.filter(|_| is_password) {
        Some(user) => {
            count("verified");
            Ok((*user, name))
        }
        None => {
            count("failed");
            let peer_address = peer.address.ip();
            shared
                .audit
                .login_refused(&name, peer_address, "wrong password");
            tokio::time::sleep(FAILED_DELAY).await;
            tracing::warn!(peer = %peer.address, user = name, "login failed");
            Err((
                StatusCode::UNAUTHORIZED,
                "expected another name or password\n",
            ))
        }
    }
}

/// Looks a name up, on a thread of queries: the catalog may be a file.
async fn login(name: String, shared: &Arc<Shared>) -> Result<Login, RefusedStatus> {
    let users = Arc::clone(shared);
    let found = on_threads(&shared.threads, async move {
        users.users.login(&name, users.engine.catalog().as_ref())
    });
    match found.await {
        Ok(Ok(login)) => Ok(login),
        _ => {
            let message = "the users of the catalog cannot be read\n";
            Err((StatusCode::INTERNAL_SERVER_ERROR, message))
        }
    }
}

/// Reads the header of basic authentication.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    let decoded = BASE64.decode(encoded.trim()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (name, password) = decoded.split_once(':')?;
    let is_basic = scheme.eq_ignore_ascii_case("basic");
    is_basic.then(|| (name.to_owned(), password.to_owned()))
}

/// Refuses what a browser sends for a page: no password tells it from its user.
fn check_page(headers: &HeaderMap) -> Result<(), RefusedStatus> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    match headers.contains_key(ORIGIN) || !host.is_some_and(is_loopback) {
        true => {
            let message = "expected a request that is no page's to a loopback address, found \
                           another; state users\n";
            Err((StatusCode::FORBIDDEN, message))
        }
        false => Ok(()),
    }
}

/// Returns true for a host, with or without a port, that names this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or(host),
    };
    let address = name.parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_read_from_the_header() {
        let mut headers = HeaderMap::new();
        assert_eq!(basic(&headers), None);
        let mut read = |value: &str| {
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            basic(&headers)
        };
        let ada = Some(("ada".to_owned(), "a:b".to_owned()));
        assert_eq!(read("Basic YWRhOmE6Yg=="), ada);
        assert_eq!(read("basic  YWRhOmE6Yg=="), ada);
        for other in ["Bearer YWRhOmE6Yg==", "Basic YWRh", "Basic ???", "Basic"] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn hosts_of_this_machine_are_known() {
        for host in [
            "localhost:8080",
            "127.0.0.1",
            "127.0.0.1:80",
            "[::1]:80",
            "LOCALHOST",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "example.com",
            "localhost.example.com",
            "10.0.0.1:80",
            "",
            "[::2]",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
