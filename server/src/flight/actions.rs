//! Actions: prepared statements, cancellation, the end of a session, and modules by their bytes.

use std::sync::Arc;

use arrow_flight::sql::{
    ActionCancelQueryRequest, ActionCancelQueryResult, ActionClosePreparedStatementRequest,
    ActionCreatePreparedStatementRequest, Any, ProstMessageExt, TicketStatementQuery,
};
use arrow_flight::{
    Action, ActionType, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightInfo,
};
use bytes::Bytes;
use prost::{DecodeError, Message};

use super::Caller;
use super::running::{Running, audit};
use crate::report::{LIMIT_EXCEEDED, NOT_SUPPORTED, PROTOCOL_VIOLATION, Report};

/// Message of `CloseSessionResult`, which the crate lacks: its field `status` is 1, closed.
const SESSION_CLOSED: &[u8] = &[8, 1];

/// Maximum length of the name of a module in bytes.
const NAME_BYTES_MAX: usize = 1_000;

/// Maximum size of the information about a statement to cancel in bytes: a list of short endpoints
/// takes many times its size when it is read.
const INFO_BYTES_MAX: usize = 1 << 20;

/// Actions with their descriptions.
const ACTIONS: [(&str, &str); 7] = [
    (
        "CreatePreparedStatement",
        "Prepares a statement. Request: ActionCreatePreparedStatementRequest. \
         Response: ActionCreatePreparedStatementResult.",
    ),
    (
        "ClosePreparedStatement",
        "Forgets a prepared statement. Request: ActionClosePreparedStatementRequest.",
    ),
    (
        "CancelFlightInfo",
        "Cancels the statement of a ticket. Request: CancelFlightInfoRequest. \
         Response: CancelFlightInfoResult.",
    ),
    (
        "CancelQuery",
        "Cancels the statement of a ticket. Request: ActionCancelQueryRequest. \
         Response: ActionCancelQueryResult.",
    ),
    (
        "CloseSession",
        "Ends the session. Request: CloseSessionRequest. Response: CloseSessionResult.",
    ),
    (
        "fusebox.create_module",
        "Creates a module. Request: its name, a zero byte, and its bytes.",
    ),
    (
        "fusebox.replace_module",
        "Replaces or creates a module. Request: its name, a zero byte, and its bytes.",
    ),
];

/// Returns the actions of the server.
pub(super) fn types() -> impl Iterator<Item = ActionType> {
    ACTIONS.into_iter().map(|(name, description)| ActionType {
        r#type: name.to_owned(),
        description: description.to_owned(),
    })
}

impl Caller {
    /// Executes an action; returns the body of its result if it has one.
    ///
    /// # Errors
    ///
    /// A report for an unknown or malformed action, and of one that fails.
    pub(super) async fn act(self, action: Action) -> Result<Option<Bytes>, Report> {
        let Action { r#type, body } = action;
        Ok(match r#type.as_str() {
            "CreatePreparedStatement" => {
                let request: ActionCreatePreparedStatementRequest = unpacked(&body)?;
                let result = self.prepare(request).await?;
                Some(result.as_any().encode_to_vec().into())
            }
            "ClosePreparedStatement" => {
                let request: ActionClosePreparedStatementRequest = unpacked(&body)?;
                let handle = request.prepared_statement_handle;
                self.session.kept().deallocate(&handle);
                None
            }
            "CancelFlightInfo" => {
                check_info(&body)?;
                let request = CancelFlightInfoRequest::decode(body).map_err(malformed)?;
                let status = self.cancelled(request.info.as_ref());
                let result = CancelFlightInfoResult::new(status);
                Some(result.encode_to_vec().into())
            }
            "CancelQuery" => {
                let request: ActionCancelQueryRequest = unpacked(&body)?;
                check_info(&request.info)?;
                let info = FlightInfo::decode(request.info).map_err(malformed)?;
                // The numbers of both results are the same.
                let result = self.cancelled(Some(&info)) as i32;
                let result = ActionCancelQueryResult { result };
                Some(result.as_any().encode_to_vec().into())
            }
            "CloseSession" => {
                self.close();
                Some(Bytes::from_static(SESSION_CLOSED))
            }
            "fusebox.create_module" => self.put_module(body, false).await?,
            "fusebox.replace_module" => self.put_module(body, true).await?,
            other => {
                let other: String = other.chars().take(100).collect();
                let message = format!("expected an action of ListActions, found `{other}`");
                return Err(Report::error(NOT_SUPPORTED, message));
            }
        })
    }

    /// Cancels the statements whose tickets an information has.
    fn cancelled(&self, info: Option<&FlightInfo>) -> CancelStatus {
        let endpoints = info.map_or(&[][..], |info| &info.endpoint[..]);
        let tickets = endpoints
            .iter()
            .filter_map(|endpoint| endpoint.ticket.as_ref());
        let mut is_any = false;
        for ticket in tickets {
            let Ok(query) = unpacked::<TicketStatementQuery>(&ticket.ticket) else {
                continue;
            };
            let (waiting, is_found) = self.session.kept().cancel(&query.statement_handle);
            if let Some(mut running) = waiting.and_then(|waiting| waiting.running) {
                running.fail(&Report::cancelled());
            }
            is_any |= is_found;
        }
        match is_any {
            true => CancelStatus::Cancelled,
            false => CancelStatus::NotCancellable,
        }
    }

    fn close(&self) {
        let mut shared = self.connection.session();
        let is_shared = shared
            .as_ref()
            .is_some_and(|shared| Arc::ptr_eq(shared, &self.session));
        if is_shared {
            *shared = None;
        }
        drop(shared);
        self.connection.door.sessions.close(&self.session);
    }

    /// Creates or replaces a module, as a statement.
    async fn put_module(&self, body: Bytes, replaces: bool) -> Result<Option<Bytes>, Report> {
        let (name, module) = module_of(&body)?;
        drop(body);
        let tag = match replaces {
            true => "CREATE OR REPLACE MODULE",
            false => "CREATE MODULE",
        };
        audit(&self.session.user, tag, || format!("{tag} {name}"));
        let session = self.session.session.clone();
        let putting = async move {
            match replaces {
                true => session.replace_module(&name, module).await?,
                false => session.create_module(&name, module).await?,
            }
            Ok::<_, Report>(session.context().read_empty()?)
        };
        let running = Running::start_plan(self, Box::pin(putting), tag)?;
        running.run_to_end().await?;
        Ok(None)
    }
}

/// Refuses information that is too large to be read.
fn check_info(info: &Bytes) -> Result<(), Report> {
    let found = info.len();
    if found <= INFO_BYTES_MAX {
        return Ok(());
    }
    let message = format!(
        "expected information of at most {INFO_BYTES_MAX} bytes, found {found}; send the endpoints \
         alone"
    );
    Err(Report::error(LIMIT_EXCEEDED, message))
}

/// Divides the body of an action into the name and the bytes of a module.
///
/// # Errors
///
/// A report if there is no name.
pub(super) fn module_of(body: &Bytes) -> Result<(String, Vec<u8>), Report> {
    let searched = &body[..body.len().min(NAME_BYTES_MAX + 1)];
    let name = searched.iter().position(|byte| *byte == 0);
    let name = name.filter(|length| *length > 0);
    let text = name.and_then(|length| Some((length, std::str::from_utf8(&body[..length]).ok()?)));
    let Some((length, name)) = text else {
        let message = "expected the name of a module in UTF-8, a zero byte and the bytes of the \
                       module, found others";
        return Err(Report::error(PROTOCOL_VIOLATION, message));
    };
    Ok((name.to_owned(), body[length + 1..].to_vec()))
}

/// Reads a message of a type that it states.
///
/// # Errors
///
/// A report for other bytes, and for another type.
pub(super) fn unpacked<M: ProstMessageExt>(bytes: &Bytes) -> Result<M, Report> {
    let any = Any::decode(bytes.clone()).map_err(malformed)?;
    if !any.is::<M>() {
        let expected = M::type_url().rsplit('.').next().unwrap_or_default();
        let message = format!("expected a message {expected}, found another");
        return Err(Report::error(PROTOCOL_VIOLATION, message));
    }
    M::decode(any.value).map_err(malformed)
}

pub(super) fn malformed(error: DecodeError) -> Report {
    let message = format!("expected a message of Flight SQL, found other bytes: {error}");
    Report::error(PROTOCOL_VIOLATION, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn modules_have_a_name() {
        let module = |body: &'static [u8]| module_of(&Bytes::from_static(body));
        let expected = ("geo".to_owned(), b"\0asm".to_vec());
        assert_eq!(module(b"geo\0\0asm").unwrap(), expected);
        assert_eq!(module(b"geo\0").unwrap().1, b"");
        for other in [&b""[..], b"\0asm", b"geo", b"\xff\0asm"] {
            assert!(module(other).is_err(), "{other:?}");
        }
        let long = [&[b'a'; NAME_BYTES_MAX + 1][..], b"\0"].concat();
        assert!(module_of(&long.into()).is_err());
    }

    #[test]
    fn information_has_a_maximum_size() {
        let of_size = |bytes: usize| check_info(&vec![0_u8; bytes].into());
        assert!(of_size(INFO_BYTES_MAX).is_ok());
        let error = of_size(INFO_BYTES_MAX + 1).unwrap_err();
        assert_eq!(error.code, LIMIT_EXCEEDED);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_read_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let bytes = Bytes::from(bytes);
            let _ = unpacked::<ActionCreatePreparedStatementRequest>(&bytes);
            let _ = unpacked::<TicketStatementQuery>(&bytes);
            if let Ok((name, module)) = module_of(&bytes) {
                prop_assert_eq!(name.len() + 1 + module.len(), bytes.len());
            }
        }
    }
}
