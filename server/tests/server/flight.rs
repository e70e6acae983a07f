//! Clients of Arrow Flight SQL.

mod bounds;
mod hostile;
mod kept;
mod login;
mod metadata;
mod observed;
mod prepared;
mod queries;
mod strangers;

use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::util::display::array_value_to_string;
use arrow_flight::FlightInfo;
use arrow_flight::error::FlightError;
use arrow_flight::sql::client::FlightSqlServiceClient;
use fusebox_server::{Server, ServerConfig};
use futures::StreamExt;
use tokio::runtime::{Builder, Runtime};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use crate::config;

/// Time in which a server answers, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Client with the threads that it needs.
pub(crate) struct Client {
    runtime: Runtime,
    pub(crate) sql: FlightSqlServiceClient<Channel>,
}

/// Result that was fetched.
pub(crate) struct Fetched {
    pub(crate) schema: Schema,
    pub(crate) batches: Vec<RecordBatch>,
}

/// Configuration of a server for everyone on this machine.
pub(crate) fn flight_config() -> ServerConfig {
    let mut config = config();
    config.flight = Some("127.0.0.1:0".parse().unwrap());
    config
}

pub(crate) fn connected() -> (Server, Client) {
    let server = crate::server(flight_config());
    let client = Client::connect(&server);
    (server, client)
}

/// Runs something of a client to its end.
pub(crate) fn block_on<T>(runtime: &Runtime, work: impl Future<Output = T>) -> T {
    let work = async { tokio::time::timeout(PATIENCE, work).await };
    runtime.block_on(work).expect("the server answers")
}

/// Repeats something until it succeeds.
pub(crate) fn eventually(mut is_done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_done() {
        assert!(Instant::now() < end, "it does not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Client {
    pub(crate) fn connect(server: &Server) -> Self {
        Self::connect_with(server, |endpoint| endpoint)
    }

    /// Connects with some settings.
    pub(crate) fn connect_with(server: &Server, set: impl FnOnce(Endpoint) -> Endpoint) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let address = server.flight_address().unwrap();
        let endpoint = set(Endpoint::from_shared(format!("http://{address}")).unwrap());
        let channel = block_on(&runtime, endpoint.connect()).unwrap();
        Self {
            runtime,
            sql: FlightSqlServiceClient::new(channel),
        }
    }

    /// Runs calls of the client.
    pub(crate) fn run<T>(
        &mut self,
        calls: impl AsyncFnOnce(&mut FlightSqlServiceClient<Channel>) -> T,
    ) -> T {
        let Self { runtime, sql } = self;
        block_on(runtime, calls(sql))
    }

    /// Executes a statement as a query, and fetches its rows.
    pub(crate) fn query(&mut self, sql: &str) -> Result<Fetched, Status> {
        self.run(async |client| {
            let info = client.execute(sql.to_owned(), None).await?;
            fetch(client, info).await
        })
        .map_err(Status::from)
    }

    /// Returns the rows of a query as text, divided by `|`.
    pub(crate) fn rows(&mut self, sql: &str) -> Vec<String> {
        self.query(sql).unwrap().texts()
    }

    /// Executes a statement as an update.
    pub(crate) fn update(&mut self, sql: &str) -> Result<i64, Status> {
        let updated = self.run(async |client| client.execute_update(sql.to_owned(), None).await);
        updated.map_err(Status::from)
    }
}

/// Fetches a result, and compares its columns with those that were announced.
pub(crate) async fn fetch(
    client: &mut FlightSqlServiceClient<Channel>,
    info: FlightInfo,
) -> Result<Fetched, FlightError> {
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let schema = info.try_decode_schema()?;
    let mut stream = client.do_get(ticket).await?;
    let mut batches = Vec::new();
    while let Some(batch) = stream.next().await {
        batches.push(batch?);
    }
    assert_eq!(stream.schema().unwrap().as_ref(), &schema);
    for batch in &batches {
        assert_eq!(batch.schema().as_ref(), &schema);
    }
    Ok(Fetched { schema, batches })
}

impl Fetched {
    pub(crate) fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        for batch in &self.batches {
            for row in 0..batch.num_rows() {
                let columns = batch.columns().iter();
                let values = columns.map(|column| array_value_to_string(column, row).unwrap());
                texts.push(values.collect::<Vec<_>>().join("|"));
            }
        }
        texts
    }

    pub(crate) fn count(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

/// Returns the code of PostgreSQL that an error has.
pub(crate) fn sqlstate(status: &Status) -> &str {
    let code = status.metadata().get("sqlstate");
    code.map_or("", |code| code.to_str().unwrap())
}
