//! Statements that are parsed, get values, and are executed in parts.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use fusebox::{Description, Session};

use super::commands::shown_columns;
use super::running::{Driven, Framing, Run, parsed};
use super::simple::{placed, session_tag};
use super::{Connection, Failure, Portal, Prepared};
use crate::copy_format::CopyFormat;
use crate::encoding::parameters::ParameterType;
use crate::encoding::rows::ResultColumns;
use crate::encoding::types::PgType;
use crate::execution::Output;
use crate::pg_catalog::{self, CalledFunctions, CatalogUse, LentFunctions, Names};
use crate::protocol::frontend::{Bind, Target};
use crate::protocol::{Format, backend};
use crate::report::{CANCELLED, DUPLICATE_STATEMENT, NOT_SUPPORTED, PROTOCOL_VIOLATION};
use crate::report::{Report, SYNTAX_ERROR, UNDEFINED_PORTAL, UNDEFINED_STATEMENT};
use crate::statement_text::{Command, StatementText};

impl Connection {
    /// Parses a statement, and finds the types of its parameters and columns.
    pub(super) async fn parse(
        &mut self,
        name: String,
        sql: String,
        types: &[u32],
    ) -> Result<(), Failure> {
        if !name.is_empty() && self.statements.contains_key(&name) {
            let message = format!("prepared statement \"{name}\" already exists");
            return Err(Report::error(DUPLICATE_STATEMENT, message).into());
        }
        if name.is_empty() {
            self.statements.remove(&name);
        }
        self.check_kept(name.len() + sql.len())?;
        let mut statements = self.split(sql).await?;
        if statements.len() > 1 {
            let message = "cannot insert multiple commands into a prepared statement";
            return Err(Report::error(SYNTAX_ERROR, message).into());
        }
        let prepared = match statements.pop() {
            None => Prepared::new(None, Vec::new(), None),
            Some(statement) => {
                let command = Command::of(&statement);
                self.check_transaction(&command)?;
                let described = self.described(&statement, &command, types).await;
                let (parameters, columns) =
                    described.map_err(|failure| placed(failure, &statement))?;
                Prepared::new(Some((statement, command)), parameters, columns)
            }
        };
        self.check_kept(name.len() + prepared.bytes)?;
        self.statements.insert(name, Arc::new(prepared));
        backend::parse_complete(self.wire.out());
        Ok(())
    }

    /// Returns the types of a statement's parameters, given those that the client states, and its
    /// columns.
    async fn described(
        &mut self,
        statement: &StatementText,
        command: &Command,
        types: &[u32],
    ) -> Result<(Vec<ParameterType>, Option<Arc<ResultColumns>>), Failure> {
        if let Command::Show(name) = command
            && let Some(columns) = shown_columns(self, name)
        {
            return Ok((Vec::new(), Some(columns)));
        }
        let tag = match command {
            Command::Session(tag) => *tag,
            Command::Show(_) => "SHOW",
            _ => return Ok((Vec::new(), None)),
        };
        if statement.begins_with(&["EXECUTE"]) {
            let message = "expected a statement that is no EXECUTE, found one; send its text";
            return Err(Report::error(NOT_SUPPORTED, message).into());
        }
        let names = self.column_names(statement).await?;
        let (session, sql) = (self.session.clone(), statement.sql.clone());
        let types = types.to_vec();
        let begin = statement.begin;
        let catalog = CatalogUse::of(statement).map(|catalog| (catalog, self.names()));
        let describing = async move {
            match catalog {
                None => of_session(&session, &sql, &types, tag).await,
                Some((CatalogUse::Query, names)) => {
                    of_catalog(&session, &names, &sql, &types).await
                }
                Some((CatalogUse::Functions(called), names)) => {
                    of_both(
                        &session,
                        (&names, &called),
                        (sql.as_str(), begin),
                        &types,
                        tag,
                    )
                    .await
                }
            }
        };
        let (parameters, columns) = self.on_threads(describing).await??;
        let columns = columns.map(|columns| Arc::new(columns.renamed(&names)));
        Ok((parameters, columns))
    }

    /// Gives a statement values for its parameters.
    pub(super) async fn bind(&mut self, bind: Bind) -> Result<(), Failure> {
        let name = &bind.statement;
        let found = self.statements.get(name);
        let prepared = Arc::clone(found.ok_or_else(|| no_statement(name))?);
        let values = bind.values.iter().flatten();
        let values: usize = values.map(bytes::Bytes::len).sum();
        self.check_kept(bind.portal.len() + values)?;
        let expected = prepared.parameters.len();
        if bind.values.len() != expected {
            let message = format!(
                "bind message supplies {} parameters, but prepared statement \"{name}\" requires \
                 {expected}",
                bind.values.len()
            );
            return Err(Report::error(PROTOCOL_VIOLATION, message).into());
        }
        let parameters = prepared.parameters.clone();
        let values = self.decode(parameters, bind.values, bind.formats).await?;
        let portal = Portal {
            prepared,
            values,
            formats: bind.result_formats,
            run: None,
            is_done: false,
        };
        self.portals.insert(bind.portal, portal);
        backend::bind_complete(self.wire.out());
        Ok(())
    }

    /// Describes a statement or a portal.
    pub(super) fn describe(&mut self, target: &Target) -> Result<(), Failure> {
        let (prepared, formats) = match target {
            Target::Statement(name) => {
                let prepared = self
                    .statements
                    .get(name)
                    .ok_or_else(|| no_statement(name))?;
                (prepared, None)
            }
            Target::Portal(name) => {
                let portal = self.portals.get(name).ok_or_else(|| no_portal(name))?;
                (&portal.prepared, Some(&portal.formats))
            }
        };
        let out = self.wire.out();
        if formats.is_none() {
            let types = prepared.parameters.iter().map(|parameter| parameter.oid);
            backend::parameter_description(out, &types.collect::<Vec<_>>());
        }
        match &prepared.columns {
            Some(columns) => {
                let stated = formats.map_or(&[][..], |formats| formats);
                backend::row_description(out, &columns.fields, &columns.formats(stated));
            }
            None => backend::no_data(out),
        }
        Ok(())
    }

    /// Executes a portal, or goes on with it.
    pub(super) async fn execute(&mut self, name: &str, rows_max: usize) -> Result<(), Failure> {
        let portal = self.portals.get_mut(name).ok_or_else(|| no_portal(name))?;
        let prepared = Arc::clone(&portal.prepared);
        let Some((statement, command)) = &prepared.statement else {
            backend::empty_query_response(self.wire.out());
            return Ok(());
        };
        if portal.is_done {
            let tag = if prepared.columns.is_some() {
                "SELECT 0"
            } else {
                session_tag(command)
            };
            backend::command_complete(self.wire.out(), tag);
            return Ok(());
        }
        let suspended = portal.run.take();
        let (values, formats) = (portal.values.clone(), portal.formats.clone());
        let executed = match suspended {
            Some(run) => self.go_on(run, rows_max).await,
            None => {
                self.check_transaction(command)?;
                self.begin(&prepared, statement, command, (values, formats), rows_max)
                    .await
            }
        };
        let run = executed.map_err(|failure| placed(failure, statement))?;
        if let Some(portal) = self.portals.get_mut(name) {
            portal.is_done = run.is_none();
            portal.run = run;
        }
        Ok(())
    }

    /// Starts a portal; returns the statement if it is suspended.
    async fn begin(
        &mut self,
        prepared: &Prepared,
        statement: &StatementText,
        command: &Command,
        (values, formats): (Vec<Option<ScalarValue>>, Vec<Format>),
        rows_max: usize,
    ) -> Result<Option<Run>, Failure> {
        if self.execute_command(command, Framing::Bare).await? {
            return Ok(None);
        }
        match command {
            Command::CopyOut { source, options } => {
                self.copy_out(source, CopyFormat::parse(options)?).await?;
                return Ok(None);
            }
            Command::CopyIn { source, options } => {
                self.copy_in(source, CopyFormat::parse(options)?).await?;
                return Ok(None);
            }
            _ => {}
        }
        let output = Output::Messages {
            described: prepared.columns.clone(),
            formats,
            names: Vec::new(),
        };
        let tag = session_tag(command);
        let planning = self.planning(statement, values);
        let run = self.start(planning, output, tag).await?;
        let run = self.go_on(run, rows_max).await?;
        self.note_effect(statement, tag);
        Ok(run)
    }

    async fn go_on(&mut self, mut run: Run, rows_max: usize) -> Result<Option<Run>, Failure> {
        let driven: Result<Driven, Failure> = self.drive(&mut run, rows_max, Framing::Bare).await;
        self.finish(run, driven).await
    }

    /// Drops a statement or a portal, if there is one.
    pub(super) async fn close(&mut self, target: Target) -> Result<(), Failure> {
        match target {
            Target::Statement(name) => drop(self.statements.remove(&name)),
            Target::Portal(name) => {
                let portal = self.portals.remove(&name);
                if let Some(run) = portal.and_then(|portal| portal.run) {
                    self.abandon(run).await;
                }
            }
        }
        backend::close_complete(self.wire.out());
        Ok(())
    }

    /// Drops all portals.
    pub(super) async fn close_portals(&mut self) {
        let portals = std::mem::take(&mut self.portals);
        for run in portals.into_values().filter_map(|portal| portal.run) {
            self.abandon(run).await;
        }
    }
}

/// Types of parameters and columns of a result.
type Described = (Vec<ParameterType>, Option<ResultColumns>);

/// Describes a statement of the session.
async fn of_session(
    session: &Session,
    sql: &str,
    types: &[u32],
    tag: &str,
) -> Result<Described, Report> {
    let mut statement = parsed(session, sql)?;
    let count = statement.parameters();
    match tag {
        "SELECT" if !sql.trim_start().to_uppercase().starts_with("SUMMARIZE") => {}
        "INSERT" | "UPDATE" | "DELETE" => {}
        // Statements that show something have no effect when they are executed.
        "SELECT" | "SHOW" | "EXPLAIN" => {
            statement.bind(&vec![Some(ScalarValue::Null); count])?;
            let frame = session.execute(statement).await?;
            let columns = ResultColumns::new(frame.schema().as_arrow());
            return Ok((stated(count, types, &[]), Some(columns)));
        }
        _ => return Ok((stated(count, types, &[]), None)),
    }
    statement.bind(&nulls(&stated(count, types, &[]), false)?)?;
    let inferred = session.describe(statement).await;
    let types = match (&inferred, count) {
        (Ok(Description { parameters, .. }), _) => stated(count, types, parameters),
        // Without types of parameters there may be no plan: their texts are literals then.
        (Err(_), 1..) => stated(count, types, &[]),
        (Err(_), 0) => Vec::new(),
    };
    let description = match inferred {
        Ok(description) if count == 0 => description,
        Err(error) if count == 0 => return Err(error.into()),
        _ => {
            let mut statement = parsed(session, sql)?;
            statement.bind(&nulls(&types, true)?)?;
            session.describe(statement).await?
        }
    };
    let columns = (tag == "SELECT").then(|| ResultColumns::new(&description.columns));
    Ok((types, columns))
}

/// Describes a query of PostgreSQL's catalog, whose parameters are texts unless the client states
/// their types.
async fn of_catalog(
    session: &Session,
    names: &Names,
    sql: &str,
    types: &[u32],
) -> Result<Described, Report> {
    let count = parsed(session, sql).map_or(0, |statement| statement.parameters());
    let oids = pg_catalog::parameter_oids(sql, types);
    let types = stated(count.max(oids.len()), &oids, &[]);
    let frame = pg_catalog::plan(session, names, sql, &nulls(&types, true)?).await?;
    let columns = ResultColumns::new(frame.schema().as_arrow());
    Ok((types, Some(columns)))
}

/// Describes a statement of the session that borrows functions of the catalog, or one that the
/// catalog alone plans.
async fn of_both(
    session: &Session,
    (names, called): (&Names, &CalledFunctions),
    (sql, begin): (&str, usize),
    types: &[u32],
    tag: &str,
) -> Result<Described, Report> {
    let lent = LentFunctions::lend(session, names, called, sql).await?;
    let refusal = match of_session(session, lent.sql(), types, tag).await {
        Ok(described) => return Ok(described),
        Err(report) => lent.placed(report, begin),
    };
    drop(lent);
    if !called.is_query() || refusal.code == CANCELLED {
        return Err(refusal);
    }
    let described = of_catalog(session, names, sql, types).await;
    described.map_err(|_| refusal)
}

/// Returns the types of parameters: those that the client states, and else those of their places.
fn stated(count: usize, oids: &[u32], inferred: &[Option<DataType>]) -> Vec<ParameterType> {
    let parameter = |index: usize| {
        let oid = oids.get(index).copied().unwrap_or(0);
        if let Some(known) = PgType::of_oid(oid) {
            return ParameterType {
                oid,
                known: Some(known),
            };
        }
        let known = inferred.get(index).cloned().flatten();
        let known = known.as_ref().map(PgType::of);
        ParameterType {
            oid: known.unwrap_or(PgType::TEXT).oid(),
            known,
        }
    };
    (0..count).map(parameter).collect()
}

/// Returns nulls of the types of parameters; nothing for the unknown ones, or nulls without a type
/// if all are bound.
fn nulls(types: &[ParameterType], binds_all: bool) -> Result<Vec<Option<ScalarValue>>, Report> {
    let null = |(index, parameter): (usize, &ParameterType)| match parameter.known {
        Some(_) => Ok(Some(parameter.decode(index + 1, None, Format::Text)?)),
        None => Ok(binds_all.then_some(ScalarValue::Null)),
    };
    types.iter().enumerate().map(null).collect()
}

fn no_statement(name: &str) -> Report {
    let message = format!("prepared statement \"{name}\" does not exist");
    Report::error(UNDEFINED_STATEMENT, message)
}

fn no_portal(name: &str) -> Report {
    Report::error(
        UNDEFINED_PORTAL,
        format!("portal \"{name}\" does not exist"),
    )
}
