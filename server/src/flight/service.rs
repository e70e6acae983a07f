//! Calls of Flight: each is read to its command, and answered by the session of its caller.

use std::sync::Arc;

use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::{
    Any, Command, CommandStatementQuery, CommandStatementUpdate, DoPutPreparedStatementResult,
    DoPutUpdateResult, ProstMessageExt,
};
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightEndpoint, FlightInfo,
    HandshakeRequest, PollInfo, PutResult, Result as ActionResult, SchemaResult, Ticket,
};
use bytes::Bytes;
use datafusion::arrow::datatypes::SchemaRef;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use prost::Message;
use tonic::{Request, Response, Status, Streaming};

use super::actions::{malformed, types};
use super::login::Handshake;
use super::metadata::Listing;
use super::prepared::schema_bytes;
use super::results::{DataStream, no_columns, of_batch};
use super::statements::{ResultInfo, check_transaction};
use super::status::status;
use super::{Admitted, Caller, Connection};
use crate::report::{LIMIT_EXCEEDED, NOT_SUPPORTED, PROTOCOL_VIOLATION, Report};

/// Maximum size of a command without a statement in bytes: a list of short texts takes many times
/// its size when it is read.
const COMMAND_BYTES_MAX: usize = 64 << 10;

/// Stream of answers.
type Answers<T> = BoxStream<'static, Result<T, Status>>;

/// Calls of a connection.
pub(super) struct Calls(pub(super) Arc<Connection>);

impl Calls {
    /// Returns the caller of an admitted call.
    fn caller<T>(&self, request: &Request<T>) -> Result<Caller, Report> {
        let admitted = request.extensions().get::<Admitted>();
        let Admitted { session, place } = admitted.cloned().ok_or_else(Report::panicked)?;
        Ok(Caller {
            connection: Arc::clone(&self.0),
            session,
            place,
        })
    }
}

impl Caller {
    async fn info(&self, descriptor: &FlightDescriptor) -> Result<FlightInfo, Report> {
        let announced = match Listing::of(command(&descriptor.cmd)?) {
            Ok(listing) => ResultInfo {
                schema: listing.schema(self),
                ticket: descriptor.cmd.clone(),
                records: -1,
            },
            Err(other) => match *other {
                Command::CommandStatementQuery(command) => self.query(command).await?,
                Command::CommandPreparedStatementQuery(command) => {
                    let handle = command.prepared_statement_handle;
                    self.query_prepared(&handle).await?
                }
                other => return Err(not_supported(&other)),
            },
        };
        let mut info = FlightInfo::new()
            .with_endpoint(FlightEndpoint::new().with_ticket(Ticket::new(announced.ticket)))
            .with_total_records(announced.records);
        info.schema = schema_bytes(&announced.schema)?;
        Ok(info)
    }

    async fn columns(&self, descriptor: &FlightDescriptor) -> Result<SchemaRef, Report> {
        match Listing::of(command(&descriptor.cmd)?) {
            Ok(listing) => Ok(listing.schema(self)),
            Err(other) => match *other {
                Command::CommandStatementQuery(command) => {
                    check_transaction(command.transaction_id.as_ref())?;
                    let tagged = self.tagged(command.query).await?;
                    let (_, columns) = self.described(&tagged).await?;
                    Ok(columns.unwrap_or_else(no_columns))
                }
                Command::CommandPreparedStatementQuery(command) => {
                    self.prepared_columns(&command.prepared_statement_handle)
                }
                other => Err(not_supported(&other)),
            },
        }
    }

    async fn rows(self, ticket: &Ticket) -> Result<DataStream, Report> {
        match Listing::of(command(&ticket.ticket)?) {
            Ok(listing) => of_batch(&self.listed(listing).await?),
            Err(other) => match *other {
                Command::TicketStatementQuery(query) => self.fetched(&query.statement_handle),
                Command::CommandPreparedStatementQuery(command) => {
                    let handle = command.prepared_statement_handle;
                    self.rows_of_prepared(&handle).await
                }
                other => Err(not_supported(&other)),
            },
        }
    }

    async fn put(&self, mut stream: Streaming<FlightData>) -> Result<Bytes, Report> {
        let first = stream.message().await.map_err(|status| {
            let message = format!("expected a command: {}", status.message());
            Report::error(PROTOCOL_VIOLATION, message)
        })?;
        let stated = first.and_then(|mut first| Some((first.flight_descriptor.take()?, first)));
        let Some((descriptor, first)) = stated else {
            let message = "expected a command in the first message, found none";
            return Err(Report::error(PROTOCOL_VIOLATION, message));
        };
        let record_count = match command(&descriptor.cmd)? {
            Command::CommandStatementUpdate(command) => self.update(command).await?,
            Command::CommandPreparedStatementUpdate(command) => {
                let handle = command.prepared_statement_handle;
                self.update_prepared(&handle, first, stream).await?
            }
            Command::CommandPreparedStatementQuery(command) => {
                let handle = command.prepared_statement_handle;
                let handle = self.bind(&handle, first, stream).await?;
                let result = DoPutPreparedStatementResult {
                    prepared_statement_handle: Some(handle),
                };
                return Ok(result.encode_to_vec().into());
            }
            other => return Err(not_supported(&other)),
        };
        Ok(DoPutUpdateResult { record_count }.encode_to_vec().into())
    }
}

#[tonic::async_trait]
impl FlightService for Calls {
    type HandshakeStream = Handshake;
    type ListFlightsStream = Answers<FlightInfo>;
    type DoGetStream = DataStream;
    type DoPutStream = Answers<PutResult>;
    type DoExchangeStream = DataStream;
    type DoActionStream = Answers<ActionResult>;
    type ListActionsStream = Answers<ActionType>;

    async fn handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Handshake>, Status> {
        self.0.handshake(request).await.map_err(refused)
    }

    async fn get_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let caller = self.caller(&request).map_err(refused)?;
        let descriptor = request.into_inner();
        let info = caller.info(&descriptor).await.map_err(refused)?;
        Ok(Response::new(info.with_descriptor(descriptor)))
    }

    async fn get_schema(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<SchemaResult>, Status> {
        let caller = self.caller(&request).map_err(refused)?;
        let columns = caller.columns(request.get_ref()).await;
        let schema = columns.and_then(|columns| schema_bytes(&columns));
        let schema = schema.map_err(refused)?;
        Ok(Response::new(SchemaResult { schema }))
    }

    async fn do_get(&self, request: Request<Ticket>) -> Result<Response<DataStream>, Status> {
        let caller = self.caller(&request).map_err(refused)?;
        let rows = caller.rows(request.get_ref()).await;
        rows.map(Response::new).map_err(refused)
    }

    async fn do_put(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Answers<PutResult>>, Status> {
        let caller = self.caller(&request).map_err(refused)?;
        let app_metadata = caller.put(request.into_inner()).await.map_err(refused)?;
        let answers = stream::iter([Ok(PutResult { app_metadata })]);
        Ok(Response::new(answers.boxed()))
    }

    async fn do_action(
        &self,
        request: Request<Action>,
    ) -> Result<Response<Answers<ActionResult>>, Status> {
        let caller = self.caller(&request).map_err(refused)?;
        let body = caller.act(request.into_inner()).await.map_err(refused)?;
        let answers = body.map(|body| Ok(ActionResult { body }));
        Ok(Response::new(stream::iter(answers).boxed()))
    }

    async fn list_actions(
        &self,
        _request: Request<Empty>,
    ) -> Result<Response<Answers<ActionType>>, Status> {
        Ok(Response::new(stream::iter(types().map(Ok)).boxed()))
    }

    async fn list_flights(
        &self,
        _request: Request<Criteria>,
    ) -> Result<Response<Answers<FlightInfo>>, Status> {
        Err(unknown("ListFlights"))
    }

    async fn poll_flight_info(
        &self,
        _request: Request<FlightDescriptor>,
    ) -> Result<Response<PollInfo>, Status> {
        Err(unknown("PollFlightInfo"))
    }

    async fn do_exchange(
        &self,
        _request: Request<Streaming<FlightData>>,
    ) -> Result<Response<DataStream>, Status> {
        Err(unknown("DoExchange"))
    }
}

fn refused(report: Report) -> Status {
    status(&report)
}

fn unknown(call: &str) -> Status {
    let message = format!("expected a call of Flight SQL, found {call}");
    status(&Report::error(NOT_SUPPORTED, message))
}

fn not_supported(command: &Command) -> Report {
    let name = command.type_url().rsplit('.').next().unwrap_or_default();
    let name: String = name.chars().take(100).collect();
    let message = format!("expected a command that this call supports, found `{name}`");
    Report::error(NOT_SUPPORTED, message)
}

/// Reads a command.
fn command(bytes: &Bytes) -> Result<Command, Report> {
    let any = Any::decode(bytes.clone()).map_err(malformed)?;
    let statements = [
        CommandStatementQuery::type_url(),
        CommandStatementUpdate::type_url(),
    ];
    let found = any.value.len();
    if found > COMMAND_BYTES_MAX && !statements.contains(&any.type_url.as_str()) {
        let message =
            format!("expected a command of at most {COMMAND_BYTES_MAX} bytes, found {found}");
        return Err(Report::error(LIMIT_EXCEEDED, message));
    }
    Command::try_from(any).map_err(|error| {
        let message = format!("expected a command of Flight SQL, found other bytes: {error}");
        Report::error(PROTOCOL_VIOLATION, message)
    })
}

#[cfg(test)]
mod tests {
    use arrow_flight::sql::CommandGetSqlInfo;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn long_lists_are_not_read() {
        let asked = |info: usize| {
            let info = vec![7; info];
            command(&CommandGetSqlInfo { info }.as_any().encode_to_vec().into())
        };
        assert!(asked(60_000).is_ok());
        assert_eq!(asked(70_000).unwrap_err().code, LIMIT_EXCEEDED);
        let query = "x".repeat(1 << 20);
        let sent = CommandStatementUpdate {
            query,
            transaction_id: None,
        };
        assert!(command(&sent.as_any().encode_to_vec().into()).is_ok());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_read_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let _ = command(&Bytes::from(bytes));
        }

        #[test]
        fn changed_commands_are_read_or_refused(
            query: String,
            index in any::<prop::sample::Index>(),
            byte: u8,
        ) {
            let sent = CommandStatementQuery { query, transaction_id: None };
            let mut bytes = sent.as_any().encode_to_vec();
            prop_assert_eq!(
                command(&bytes.clone().into()).unwrap(),
                Command::CommandStatementQuery(sent)
            );
            let index = index.index(bytes.len());
            bytes[index] = byte;
            let _ = command(&bytes.into());
        }
    }
}
