//! Names, passwords and tokens.
//!
//! A client logs in by `Handshake`, with a password of basic authentication in the header or in
//! the first message, and gets a token for further calls. Where everyone is trusted, calls without
//! a token have the session of their connection.

use std::sync::Arc;
use std::time::Duration;

use arrow_flight::{BasicAuth, HandshakeRequest, HandshakeResponse};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use fusebox::PasswordVerifier;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, ORIGIN};
use prost::Message;
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status, Streaming};

use super::Connection;
use super::sessions::FlightSession;
use crate::execution::on_threads;
use crate::report::{ADMIN_SHUTDOWN, INVALID_AUTHORIZATION, INVALID_PASSWORD, IO_ERROR, Report};
use crate::shared::{Phase, Shared};
use crate::users::{Login, User};

/// Base64 with padding or without: clients in Go leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Time before the answer to a wrong password.
const FAILED_DELAY: Duration = Duration::from_millis(250);

/// Name of a user without one, where everyone is trusted.
const EVERYONE: &str = "everyone";

/// Answer to a login.
pub(super) type Handshake = BoxStream<'static, Result<HandshakeResponse, Status>>;

impl Connection {
    /// Returns the session of a call.
    ///
    /// # Errors
    ///
    /// A report for a wrong token, of a call that a browser makes where everyone is trusted, if too
    /// many connections use the session, and while the server stops.
    pub(super) async fn authorized(
        self: &Arc<Self>,
        headers: &HeaderMap,
    ) -> Result<Arc<FlightSession>, Report> {
        self.check_phase()?;
        self.check_private()?;
        let refuse = |message: &str| Err(Report::error(INVALID_AUTHORIZATION, message));
        let session = match headers.get(AUTHORIZATION) {
            Some(value) => {
                let token = value.to_str().ok().and_then(|value| value.split_once(' '));
                let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
                let Some((_, token)) = token else {
                    return refuse("expected a token, found other credentials; call Handshake");
                };
                match self.door.sessions.find(token.trim()) {
                    Some(session) => session,
                    None => {
                        return refuse(
                            "expected a token of a session, found one that is unknown or has \
                             expired; log in again",
                        );
                    }
                }
            }
            None => self.shared_session(headers).await?,
        };
        session.join(&self.open)?;
        self.note_session(&session);
        Ok(session)
    }

    /// Returns the session of calls without a token.
    async fn shared_session(
        self: &Arc<Self>,
        headers: &HeaderMap,
    ) -> Result<Arc<FlightSession>, Report> {
        if headers.contains_key(ORIGIN) {
            return Err(page());
        }
        let known = self.session().clone();
        if let Some(session) = known {
            return Ok(session);
        }
        let login = Arc::clone(&self.login).lock_owned().await;
        // Another call may have been faster.
        let known = self.session().clone();
        if let Some(session) = known {
            return Ok(session);
        }
        let connection = Arc::clone(self);
        // As that of a name, it goes on if the client takes its call back.
        let opening = tokio::spawn(async move {
            let _login = login;
            let Login::Trusted(everyone) = connection.login(String::new()).await? else {
                let message =
                    "expected a token, found none; call Handshake with a name and a password";
                return Err(Report::error(INVALID_AUTHORIZATION, message));
            };
            let opened = connection.open_session(&everyone, EVERYONE.to_owned())?;
            let mut session = connection.session();
            Ok(Arc::clone(session.get_or_insert(opened)))
        });
        opening.await.map_err(|_| Report::panicked())?
    }

    fn open_session(&self, user: &User, name: String) -> Result<Arc<FlightSession>, Report> {
        self.door.sessions.open(user, name, &self.open)
    }

    /// Looks a name up, on a thread of queries: the catalog may be a file.
    async fn login(&self, name: String) -> Result<Login, Report> {
        let shared = Arc::clone(&self.door.shared);
        let found = on_threads(&self.door.shared.threads, async move {
            shared.users.login(&name, shared.engine.catalog().as_ref())
        });
        found.await?.map_err(|error| {
            // Whoever knocks learns nothing of the file.
            tracing::error!(%error, "cannot read the users of the catalog");
            Report::error(IO_ERROR, "the users of the catalog cannot be read")
        })
    }

    fn check_phase(&self) -> Result<(), Report> {
        match *self.door.shared.phase.borrow() {
            Phase::Running => Ok(()),
            _ => {
                let message = "expected a server that runs, found one that stops";
                Err(Report::error(ADMIN_SHUTDOWN, message))
            }
        }
    }

    /// Refuses passwords and tokens that others could read.
    fn check_private(&self) -> Result<(), Report> {
        if self.is_private {
            return Ok(());
        }
        let message = "expected TLS for passwords and tokens, found none; state [tls]";
        Err(Report::error(INVALID_AUTHORIZATION, message))
    }

    /// Logs a client in; answers with a token.
    ///
    /// # Errors
    ///
    /// A report for a wrong password, and if there are too many sessions.
    pub(super) async fn handshake(
        self: &Arc<Self>,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Handshake>, Report> {
        self.check_phase()?;
        self.check_private()?;
        let login = Arc::clone(&self.login).lock_owned().await;
        let is_page = request.metadata().contains_key(ORIGIN.as_str());
        let header = request.metadata().get(AUTHORIZATION.as_str());
        let header = header.and_then(|value| value.to_str().ok()).and_then(basic);
        let stated = match header {
            Some(stated) => Some(stated),
            None => payload(request.into_inner()).await,
        };
        let connection = Arc::clone(self);
        // It goes on if the client takes its call back, which could try others meanwhile.
        let logging_in = tokio::spawn(async move {
            let _login = login;
            connection.logged_in(stated, is_page).await
        });
        let session = logging_in.await.map_err(|_| Report::panicked())??;
        self.note_session(&session);
        let user = session.user.clone();
        let token = self.door.sessions.keep(session);
        tracing::info!(peer = %self.address, user, "logged in for Flight SQL");
        let answer = HandshakeResponse {
            protocol_version: 0,
            payload: token.clone().into_bytes().into(),
        };
        let mut response = Response::new(stream::iter([Ok(answer)]).boxed());
        if let Ok(value) = MetadataValue::try_from(format!("Bearer {token}")) {
            response.metadata_mut().insert("authorization", value);
        }
        Ok(response)
    }

    /// Opens the session of a name and a password.
    async fn logged_in(
        &self,
        stated: Option<(String, String)>,
        is_page: bool,
    ) -> Result<Arc<FlightSession>, Report> {
        let name = stated.as_ref().map(|(name, _)| name.clone());
        let (verifier, user) = match self.login(name.unwrap_or_default()).await? {
            Login::Trusted(_) if is_page => return Err(page()),
            Login::Trusted(everyone) => return self.open_session(&everyone, EVERYONE.to_owned()),
            Login::Password(verifier, user) => (verifier, user),
        };
        let Some((name, password)) = stated else {
            let message = "expected a name and a password, found none";
            return Err(Report::error(INVALID_AUTHORIZATION, message));
        };
        let is_password = self.is_password(verifier, password).await;
        let shared = &self.door.shared;
        match user.filter(|_| is_password) {
            Some(user) => {
                count_login(shared, "verified");
                self.open_session(&user, name)
            }
            None => {
                count_login(shared, "failed");
                let reason = "wrong password";
                shared.audit.login_refused(&name, self.address.ip(), reason);
                tracing::warn!(peer = %self.address, user = name, "login failed");
                tokio::time::sleep(FAILED_DELAY).await;
                let message = format!("password authentication failed for user \"{name}\"");
                Err(Report::error(INVALID_PASSWORD, message))
            }
        }
    }

    /// Checks a password: some thousand rounds of a hash.
    async fn is_password(&self, verifier: PasswordVerifier, password: String) -> bool {
        let checks = Arc::clone(&self.door.shared.password_checks);
        let permit = checks.acquire_owned().await;
        let verifying = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            verifier.is_password(&password)
        });
        verifying.await.unwrap_or(false)
    }
}

/// Refuses what a browser sends for a page: no password tells it from its user.
fn page() -> Report {
    let message = "expected a request that is no page's, found one; state users";
    Report::error(INVALID_AUTHORIZATION, message)
}

fn count_login(shared: &Shared, result: &'static str) {
    let logins = &shared.metrics.logins;
    logins.get_or_create(&[("result", result)]).inc();
}

/// Reads the header of basic authentication.
fn basic(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_once(' ')?;
    let decoded = BASE64.decode(encoded.trim()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (name, password) = decoded.split_once(':')?;
    let is_basic = scheme.eq_ignore_ascii_case("basic");
    is_basic.then(|| (name.to_owned(), password.to_owned()))
}

/// Reads name and password of the first message.
async fn payload(mut requests: Streaming<HandshakeRequest>) -> Option<(String, String)> {
    let request = requests.message().await.ok().flatten()?;
    let stated = BasicAuth::decode(request.payload).ok()?;
    (!stated.username.is_empty()).then_some((stated.username, stated.password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_read_from_the_header() {
        let ada = Some(("ada".to_owned(), "a:b".to_owned()));
        assert_eq!(basic("Basic YWRhOmE6Yg=="), ada);
        assert_eq!(basic("basic  YWRhOmE6Yg=="), ada);
        assert_eq!(basic("Basic YWRhOmE6Yg"), ada);
        for other in [
            "Bearer YWRhOmE6Yg==",
            "Basic YWRh",
            "Basic ???",
            "Basic",
            "",
        ] {
            assert_eq!(basic(other), None, "{other}");
        }
    }
}
