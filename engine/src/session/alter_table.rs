//! `ALTER TABLE`: tables in memory and of the catalog are made again with other columns, in one
//! change; tables and views get other names.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result as DfResult, TableReference};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::{MemTable, provider_as_source, source_as_provider};
use datafusion::execution::context::SessionState;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::{
    CreateMemoryTable, DdlStatement, EmptyRelation, LogicalPlan, LogicalPlanBuilder, TableType,
};
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::planner::object_name_to_table_reference;
use fusebox_definition::{StatementError, Subject};
use fusebox_runtime::{Error, Result};
use sqlparser::ast::AlterTable;

use super::alter_operations::{Operation, operations};
use super::altered_columns::AlteredTable;
use super::calls::{check_calls, check_readable};
use super::contents::{Changes, Contents};
use super::declared_keys::declared_constraints;
use super::dependent_views::DependentViews;
use super::equal_names::plan_statement;
use super::expansion::{check_expansion, check_planned};
use super::relation_text::parsed;
use super::relations::resolved;
use super::rewriting::rewrite_statement;
use super::row_changes::{load, lock_unchanged};
use super::transaction::Applied;
use super::{Session, query};
use crate::catalog::{CatalogChange, Relation, RelationKind, TableRows};
use crate::memory_tables::table_of_rows;
use crate::native_stack::{Planning, check_plan};
use crate::stored_table::{StoredTable, chunks_of, collect_rows};
use crate::table_keys::TableKeys;

/// Relation that a statement alters.
pub(super) struct Target {
    pub(super) name: TableReference,
    /// Qualified name.
    pub(super) qualified: String,
    pub(super) subject: Subject,
    pub(super) provider: Arc<dyn TableProvider>,
    /// The relation as a catalog has it, and true if that is the session's own.
    pub(super) relation: Option<(Relation, bool)>,
}

/// Rows of an altered table, charged as long as the reservation lives.
struct AlteredRows {
    batches: Vec<RecordBatch>,
    _reservation: MemoryReservation,
}

impl Session {
    /// Alters a table; `None` if it was changed meanwhile.
    pub(super) async fn alter_table(
        &self,
        statement: &DfStatement,
        alter: &AlterTable,
        state: &SessionState,
    ) -> Result<Option<DataFrame>> {
        let operations = operations(alter)?;
        self.register_relations(statement, state).await?;
        let contents = self.contents()?;
        let Some(target) = self.altered_target(alter, &contents, state).await? else {
            return self.no_result().map(Some);
        };
        let applied = match &operations[..] {
            [Operation::RenameTable(to)] => {
                self.rename_relation(&target, to, &contents, state).await?
            }
            _ => {
                self.alter_columns(&target, operations, &contents, state)
                    .await?
            }
        };
        match applied {
            Applied::Done => self.no_result().map(Some),
            Applied::Conflict => Ok(None),
        }
    }

    /// Finds the relation of a statement; `None` if IF EXISTS skips it.
    async fn altered_target(
        &self,
        alter: &AlterTable,
        contents: &Contents,
        state: &SessionState,
    ) -> Result<Option<Target>> {
        let options = state.config_options();
        let folds = options.sql_parser.enable_ident_normalization;
        let name = object_name_to_table_reference(alter.name.clone(), folds).map_err(query)?;
        let exists = self.context.table_exist(name.clone()).map_err(query)?;
        if !exists && alter.if_exists {
            return Ok(None);
        }
        let provider = self.context.table_provider(name.clone()).await;
        let provider = provider.map_err(query)?;
        let qualified = resolved(&name, &options.catalog);
        let own = contents.temporary.relation(&qualified);
        let own = own.map(|relation| (relation.clone(), true));
        let shared = || contents.shared.relation(&qualified).cloned();
        let shown = self.short_name(&name);
        Ok(Some(Target {
            subject: match provider.table_type() {
                TableType::View => Subject::View(shown),
                _ => Subject::Table(shown),
            },
            relation: own.or_else(|| shared().map(|relation| (relation, false))),
            name,
            qualified,
            provider,
        }))
    }

    /// Changes the columns of a table.
    async fn alter_columns(
        &self,
        target: &Target,
        operations: Vec<Operation>,
        contents: &Contents,
        state: &SessionState,
    ) -> Result<Applied> {
        let is_stored = target.provider.is::<StoredTable>();
        if !is_stored && !target.provider.is::<MemTable>() {
            let reason = StatementError::NotAltered;
            return Err(Error::refused(target.subject.clone(), reason));
        }
        let altered = self.altered(target, operations, state).await?;
        let before = target.provider.schema();
        let schema = altered.schema(&before);
        let views = target.views(contents, state);
        let empty = |schema| -> DfResult<Arc<dyn TableProvider>> {
            Ok(Arc::new(MemTable::try_new(schema, vec![Vec::new()])?))
        };
        let mut trials = vec![empty(Arc::clone(&schema)).map_err(query)?];
        if altered.has_changed() {
            trials.push(empty(altered.unchanged(&before)).map_err(query)?);
        }
        self.check_views(&target.subject, &target.qualified, &views, trials, state)
            .await?;
        let loaded = load(&target.provider, &self.memory_pool()).await;
        let (version, batches) = loaded.map_err(query)?;
        // The rows of this version are alive until they are replaced.
        let _before = batches.clone();
        let rows = self.altered_rows(target, &altered, batches, state).await?;
        let applied = match is_stored {
            true if version != contents.shared.version() => return Ok(Applied::Conflict),
            true => self.put_altered(target, &altered, rows, contents).await?,
            false => {
                self.replace_altered(target, &altered, rows, version, contents)
                    .await?
            }
        };
        if let Applied::Done = applied {
            self.prepared.outdate(&target.provider).map_err(query)?;
            self.replan_views(&views, &self.contents()?).await?;
        }
        Ok(applied)
    }

    /// Applies operations to the description of a table.
    async fn altered(
        &self,
        target: &Target,
        operations: Vec<Operation>,
        state: &SessionState,
    ) -> Result<AlteredTable> {
        let folds = state.config_options().sql_parser.enable_ident_normalization;
        let sql = target.relation.as_ref().map(|(relation, _)| &*relation.sql);
        let shown = self.short_name(&target.name);
        let constraints = match sql.map(parsed) {
            Some(statement) if target.provider.is::<StoredTable>() => {
                Some(declared_constraints(&statement?, &target.provider.schema()))
            }
            _ => target.provider.constraints().cloned(),
        };
        let altered = AlteredTable::new(&target.provider, shown, sql, folds);
        let mut altered = altered.with_keys(constraints.as_ref());
        for operation in operations {
            altered.apply(operation, state).await?;
        }
        Ok(altered)
    }

    /// Computes the rows of an altered table from those before.
    async fn altered_rows(
        &self,
        target: &Target,
        altered: &AlteredTable,
        before: Vec<RecordBatch>,
        state: &SessionState,
    ) -> Result<AlteredRows> {
        let mut state = state.clone();
        // Rows stay in their order.
        let options = state.config_mut().options_mut();
        options.execution.target_partitions = 1;
        let mut statement = parsed(&altered.query(&target.name))?;
        check_calls(&statement, &state)?;
        check_readable(&statement, &self.contents()?)?;
        check_expansion(&statement, &state).await?;
        rewrite_statement(&mut statement, &state)?;
        let plan = Planning::new(u32::MAX, plan_statement(statement, &state)).await?;
        check_planned(&plan)?;
        check_plan(&plan)?;
        let plan = self.guard(plan)?;
        self.bind_called(&plan, None).await?;
        let plan = over(plan, &target.provider, before).map_err(query)?;
        let stream = DataFrame::new(state, plan).execute_stream().await;
        let pool = self.memory_pool();
        let collected = collect_rows(stream.map_err(query)?, &pool).await;
        let (batches, reservation) = collected.map_err(query)?;
        let schema = altered.schema(&target.provider.schema());
        let constraints = altered.constraints();
        let keys = TableKeys::new(self.short_name(&target.name), Some(&constraints));
        let batches = batches.into_iter().map(|batch| {
            keys.check_nulls(&schema, &batch)?;
            let columns = batch.columns().to_vec();
            Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
        });
        let batches = batches.collect::<DfResult<Vec<_>>>().map_err(query)?;
        if altered.changes_keys() {
            keys.check_types(&schema)?;
            let checked = keys.of_added(&schema, &batches, &pool).await;
            checked.map(drop).map_err(query)?;
        }
        Ok(AlteredRows {
            batches,
            _reservation: reservation,
        })
    }

    /// Puts an altered table into the catalog.
    async fn put_altered(
        &self,
        target: &Target,
        altered: &AlteredTable,
        rows: AlteredRows,
        contents: &Contents,
    ) -> Result<Applied> {
        let Some((relation, false)) = &target.relation else {
            return Err(Error::Internal(
                "the table is not in the catalog".to_owned(),
            ));
        };
        let schema = altered.schema(&target.provider.schema());
        let chunks = chunks_of(&schema, rows.batches).await.map_err(query)?;
        let mut put = relation.clone().with_rows(TableRows::new(schema, chunks));
        put.sql = altered.create_statement(&relation.sql)?;
        let changes = vec![CatalogChange::PutRelation(put)];
        self.apply_relations(target, changes, contents)
    }

    /// Applies changes of the catalog within its limits, and removes what this session has
    /// registered of it.
    pub(super) fn apply_relations(
        &self,
        target: &Target,
        shared: Vec<CatalogChange>,
        contents: &Contents,
    ) -> Result<Applied> {
        let after = contents.shared.with(shared.clone());
        let checked = self.loader.options.catalog.check(&contents.shared, &after);
        checked.map_err(|reason| Error::refused(target.subject.clone(), reason))?;
        let changes = Changes {
            shared,
            ..Changes::default()
        };
        let applied = self.apply(contents, changes)?;
        if let Applied::Done = applied {
            self.deregister_stale(&self.contents()?.shared)?;
        }
        Ok(applied)
    }

    /// Replaces a table in memory by the altered one, if it still has so many rows.
    async fn replace_altered(
        &self,
        target: &Target,
        altered: &AlteredTable,
        rows: AlteredRows,
        count: u64,
        contents: &Contents,
    ) -> Result<Applied> {
        let schema = altered.schema(&target.provider.schema());
        let shown = self.short_name(&target.name);
        let checked = self
            .memory_tables
            .check_replaced(&shown, &target.provider, &rows.batches);
        checked.map_err(query)?;
        let constraints = altered.constraints();
        let defaults = altered.defaults();
        let mut changes = Changes::default();
        let change = own_change(target, altered)?;
        changes.temporary.extend(change);
        let created = LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(CreateMemoryTable {
            name: target.name.clone(),
            constraints: constraints.clone(),
            input: Arc::new(empty_relation(&schema).map_err(query)?),
            if_not_exists: false,
            or_replace: true,
            column_defaults: defaults.clone().into_iter().collect(),
            temporary: false,
        }));
        let plan = self.kept_functions().in_definition(created);
        let plan = plan.map_err(query)?;
        let LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(kept)) = &plan else {
            return Err(Error::Internal("a table is no table".to_owned()));
        };
        let defaults = kept.column_defaults.iter().cloned().collect();
        let reserved = self.reserve_relation(&plan);
        let reserved = reserved.map_err(|reason| Error::refused(target.subject.clone(), reason))?;
        let table = MemTable::try_new(schema, vec![rows.batches]).map_err(query)?;
        let table = table.with_constraints(constraints);
        let table = Arc::new(table.with_column_defaults(defaults));
        let locked = lock_unchanged(&target.provider, count).await;
        let Some(_locked) = locked.map_err(query)? else {
            return Ok(Applied::Conflict);
        };
        if let Applied::Conflict = self.apply(contents, changes)? {
            return Ok(Applied::Conflict);
        }
        let name = || target.name.clone();
        self.context.deregister_table(name()).map_err(query)?;
        let registered = self.context.register_table(name(), table);
        registered.map_err(query)?;
        if let Some(reserved) = reserved {
            self.watch_relation(reserved, None).await;
        }
        Ok(Applied::Done)
    }
}

impl Target {
    /// Returns the views that need the relation.
    pub(super) fn views(&self, contents: &Contents, state: &SessionState) -> DependentViews {
        let is_own = self.relation.as_ref().is_some_and(|(_, is_own)| *is_own);
        DependentViews::over(&self.qualified, is_own, contents, state)
    }
}

/// Returns the change of what the session's own catalog has of a table: its statement, if it has
/// defaults.
fn own_change(target: &Target, altered: &AlteredTable) -> Result<Option<CatalogChange>> {
    if let Some((relation, true)) = &target.relation {
        let mut relation = relation.clone();
        relation.sql = altered.create_statement(&relation.sql)?;
        return Ok(Some(CatalogChange::PutRelation(relation)));
    }
    if altered.defaults().is_empty() {
        return Ok(None);
    }
    // Of types without a name in SQL, the default is known as it was planned.
    let begin = format!("CREATE TABLE {}", target.name.to_quoted_string());
    let sql = altered.stated(&begin).ok();
    Ok(sql.map(|sql| {
        let name = target.qualified.clone();
        let relation = Relation::new(name, RelationKind::ColumnDefaults, sql);
        CatalogChange::PutRelation(relation)
    }))
}

/// Plans no rows.
fn empty_relation(schema: &SchemaRef) -> DfResult<LogicalPlan> {
    let schema = Arc::new(DFSchema::try_from(Arc::clone(schema))?);
    Ok(LogicalPlan::EmptyRelation(EmptyRelation {
        produce_one_row: false,
        schema,
    }))
}

/// Returns a plan with other rows of a table.
fn over(
    plan: LogicalPlan,
    table: &Arc<dyn TableProvider>,
    rows: Vec<RecordBatch>,
) -> DfResult<LogicalPlan> {
    let rows = table_of_rows(table.schema(), rows)?;
    let rows = provider_as_source(Arc::new(rows));
    let plan = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::TableScan(scan) => {
            let provider = source_as_provider(&scan.source)?;
            if Arc::as_ptr(&provider).cast::<()>() != Arc::as_ptr(table).cast::<()>() {
                return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
            }
            let scan = LogicalPlanBuilder::scan(scan.table_name, Arc::clone(&rows), None)?;
            Ok(Transformed::yes(scan.build()?))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(plan.data)
}
