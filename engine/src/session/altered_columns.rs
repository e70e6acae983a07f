//! Columns of a table after ALTER TABLE: their fields, defaults and keys, the query of their values,
//! and the statement that creates the table.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::{Constraint, Constraints, TableReference};
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{DdlStatement, Expr as PlanExpr, LogicalPlan};
use fusebox_definition::{Identifier, SqlType, canonical_type};
use fusebox_runtime::{Error, Result};
use sqlparser::ast::{ColumnDef, ColumnOption, CreateTable, DataType, Expr, Ident, Statement};

use super::alter_operations::Operation;
use super::altered_statement::{create_table, drop_stated, ident, rename_stated, stated_column};
use super::query;
use super::relation_text::{parsed, statement_sql};
use super::select_lists::name_of;

/// Table with other columns than before.
pub(super) struct AlteredTable {
    columns: Vec<AlteredColumn>,
    /// Names of the columns of each key, and true for a primary key.
    keys: Vec<(bool, Vec<String>)>,
    /// Columns of the table before that are dropped, renamed, or of another type.
    changed: BTreeSet<String>,
    /// Statement that creates the table, if there is one that states its columns.
    statement: Option<CreateTable>,
    /// True if a column has a default that only the statement states.
    needs_statement: bool,
    /// True if the values of a key may be others.
    changes_keys: bool,
    folds: bool,
    table: String,
}

struct AlteredColumn {
    field: Field,
    default: Option<PlanExpr>,
    /// The default as SQL, if this statement states it.
    stated_default: Option<String>,
    /// Value of a row, as SQL over the table before.
    value: String,
}

impl AlteredTable {
    /// Describes a table, whose statement is `sql`, as it is.
    pub(super) fn new(
        table: &Arc<dyn TableProvider>,
        shown: String,
        sql: Option<&str>,
        folds: bool,
    ) -> Self {
        let schema = table.schema();
        let columns = schema.fields().iter().map(|field| AlteredColumn {
            field: field.as_ref().clone(),
            default: table.get_column_default(field.name()).cloned(),
            stated_default: None,
            value: Identifier(field.name()).to_string(),
        });
        Self {
            columns: columns.collect(),
            keys: Vec::new(),
            changed: BTreeSet::new(),
            statement: sql.and_then(create_table),
            needs_statement: false,
            changes_keys: false,
            folds,
            table: shown,
        }
    }

    /// Sets the keys, as indices of columns.
    #[must_use]
    pub(super) fn with_keys(mut self, constraints: Option<&Constraints>) -> Self {
        let constraints = constraints.into_iter().flat_map(|all| all.iter());
        let keys = constraints.map(|constraint| {
            let (is_primary, indices) = match constraint {
                Constraint::PrimaryKey(indices) => (true, indices),
                Constraint::Unique(indices) => (false, indices),
            };
            let columns = indices.iter().filter_map(|index| self.columns.get(*index));
            let names = columns.map(|column| column.field.name().clone());
            (is_primary, names.collect())
        });
        self.keys = keys.collect();
        self
    }

    /// Applies an operation.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`] if a column is missing or there already; those of planning a type or a
    /// default.
    pub(super) async fn apply(&mut self, operation: Operation, state: &SessionState) -> Result<()> {
        match operation {
            Operation::RenameColumn { from, to } => self.rename(&from, &to),
            Operation::AddColumn {
                column,
                if_not_exists,
            } => self.add(*column, if_not_exists, state).await,
            Operation::DropColumn { name, if_exists } => self.drop(&name, if_exists),
            Operation::SetType {
                name,
                data_type,
                using,
            } => self.set_type(&name, data_type, using, state).await,
            // The name of a table is no part of its columns.
            Operation::RenameTable(_) => Ok(()),
        }
    }

    fn position(&self, name: &str) -> Option<usize> {
        let mut columns = self.columns.iter();
        columns.position(|column| column.field.name() == name)
    }

    fn find(&self, name: &str) -> Result<usize> {
        self.position(name).ok_or_else(|| {
            Error::Syntax(format!(
                "expected a column of the table `{}`, found `{name}`, which it has not",
                self.table
            ))
        })
    }

    fn rename(&mut self, from: &Ident, to: &Ident) -> Result<()> {
        let (from, to) = (name_of(from, self.folds), name_of(to, self.folds));
        let index = self.find(&from)?;
        if self.position(&to).is_some() {
            return Err(self.exists(&to));
        }
        let column = &mut self.columns[index];
        column.field.set_name(&to);
        self.note_change(&from);
        for name in self.keys.iter_mut().flat_map(|(_, names)| names) {
            if *name == from {
                name.clone_from(&to);
            }
        }
        if let Some(statement) = &mut self.statement {
            rename_stated(statement, &from, &to);
        }
        Ok(())
    }

    async fn add(
        &mut self,
        column: ColumnDef,
        if_not_exists: bool,
        state: &SessionState,
    ) -> Result<()> {
        let name = name_of(&column.name, self.folds);
        if self.position(&name).is_some() {
            return match if_not_exists {
                true => Ok(()),
                false => Err(self.exists(&name)),
            };
        }
        let mut default = None;
        for stated in &column.options {
            match &stated.option {
                ColumnOption::Default(expr) => default = Some(statement_sql(expr)),
                ColumnOption::Null | ColumnOption::NotNull => {}
                other => {
                    return Err(Error::Syntax(format!(
                        "expected DEFAULT, NULL or NOT NULL of a column that is added, found \
                         {other}: create the table again with it"
                    )));
                }
            }
        }
        let (field, planned) = planned_column(&column, &name, state).await?;
        let value = default.as_deref().unwrap_or("NULL");
        let value = format!("CAST(({value}) AS {})", column.data_type);
        self.needs_statement |= planned.is_some();
        self.columns.push(AlteredColumn {
            field,
            default: planned,
            stated_default: default,
            value,
        });
        if let Some(statement) = &mut self.statement {
            statement.columns.push(ColumnDef {
                name: ident(&name),
                ..column
            });
        }
        Ok(())
    }

    fn drop(&mut self, name: &Ident, if_exists: bool) -> Result<()> {
        let name = name_of(name, self.folds);
        if self.position(&name).is_none() && if_exists {
            return Ok(());
        }
        let index = self.find(&name)?;
        self.columns.remove(index);
        if self.columns.is_empty() {
            return Err(Error::Syntax(format!(
                "expected a column that is left, found `{name}` alone: drop the table `{}`",
                self.table
            )));
        }
        self.note_change(&name);
        self.keys.retain(|(_, names)| !names.contains(&name));
        if let Some(statement) = &mut self.statement {
            drop_stated(statement, &name);
        }
        Ok(())
    }

    async fn set_type(
        &mut self,
        name: &Ident,
        data_type: DataType,
        using: Option<Box<Expr>>,
        state: &SessionState,
    ) -> Result<()> {
        let name = name_of(name, self.folds);
        let index = self.find(&name)?;
        let stated = ColumnDef {
            name: ident(&name),
            data_type: data_type.clone(),
            options: Vec::new(),
        };
        let (field, _) = planned_column(&stated, &name, state).await?;
        let column = &mut self.columns[index];
        column.field.set_data_type(field.data_type().clone());
        let value = using.map_or_else(
            || column.value.clone(),
            |using| statement_sql(using.as_ref()),
        );
        column.value = format!("CAST(({value}) AS {data_type})");
        self.note_change(&name);
        self.changes_keys |= self.keys.iter().any(|(_, names)| names.contains(&name));
        if let Some(statement) = &mut self.statement
            && let Some(column) = stated_column(statement, &name)
        {
            column.data_type = data_type;
        }
        Ok(())
    }

    fn exists(&self, name: &str) -> Error {
        Error::Syntax(format!(
            "expected a new name of a column of the table `{}`, found `{name}`, which it has",
            self.table
        ))
    }

    /// Notes a change of a column of the table before; one that was added is none of these.
    fn note_change(&mut self, name: &str) {
        self.changed.insert(name.to_owned());
    }

    /// Returns the columns of a table of a schema that are as they were.
    pub(super) fn unchanged(&self, before: &Schema) -> SchemaRef {
        let fields = before.fields().iter();
        let fields = fields.filter(|field| !self.changed.contains(field.name()));
        let fields: Vec<_> = fields.cloned().collect();
        Arc::new(Schema::new_with_metadata(fields, before.metadata().clone()))
    }

    /// Returns true if a column that was there is dropped, renamed, or of another type.
    pub(super) fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Returns true if the values of a key may be others.
    pub(super) fn changes_keys(&self) -> bool {
        self.changes_keys
    }

    /// Returns the schema, with the metadata of the one before.
    pub(super) fn schema(&self, before: &Schema) -> SchemaRef {
        let fields: Vec<Field> = self.columns.iter().map(|c| c.field.clone()).collect();
        Arc::new(Schema::new_with_metadata(fields, before.metadata().clone()))
    }

    /// Returns the defaults, by column.
    pub(super) fn defaults(&self) -> HashMap<String, PlanExpr> {
        let columns = self.columns.iter();
        let defaults = columns.filter_map(|column| {
            let default = column.default.clone()?;
            Some((column.field.name().clone(), default))
        });
        defaults.collect()
    }

    /// Returns the keys, as indices of columns.
    pub(super) fn constraints(&self) -> Constraints {
        let keys = self.keys.iter().map(|(is_primary, names)| {
            let indices = names.iter().filter_map(|name| self.position(name));
            match is_primary {
                true => Constraint::PrimaryKey(indices.collect()),
                false => Constraint::Unique(indices.collect()),
            }
        });
        Constraints::new_unverified(keys.collect())
    }

    /// Returns the query of the values, over the table of a name.
    pub(super) fn query(&self, name: &TableReference) -> String {
        let values = self.columns.iter().map(|column| {
            let name = Identifier(column.field.name());
            format!("{} AS {name}", column.value)
        });
        let values: Vec<_> = values.collect();
        let name = name.to_quoted_string();
        format!("SELECT {} FROM {name}", values.join(", "))
    }

    /// Returns the statement that creates the table. That of a table of a query states no columns,
    /// unless a column has a default.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`] if SQL has no name of the type of a column.
    pub(super) fn create_statement(&self, sql: &str) -> Result<String> {
        if let Some(statement) = &self.statement {
            return Ok(statement_sql(&Statement::CreateTable(statement.clone())));
        }
        let Some(begin) = sql.strip_suffix(" ()").filter(|_| self.needs_statement) else {
            return Ok(sql.to_owned());
        };
        self.stated(begin)
    }

    /// Returns a statement with all columns, that begins with `begin`.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`] if SQL has no name of the type of a column.
    pub(super) fn stated(&self, begin: &str) -> Result<String> {
        let columns = self.columns.iter().map(|column| {
            let field = &column.field;
            let name = Identifier(field.name());
            let data_type = canonical_type(field.data_type().clone());
            let data_type = SqlType(&data_type).to_string();
            if data_type.contains("ARROW(") {
                return Err(Error::Syntax(format!(
                    "expected columns whose types have names in SQL beside a DEFAULT, found \
                     {name} of the type {data_type}: create the table again"
                )));
            }
            let null = if field.is_nullable() { "" } else { " NOT NULL" };
            let default = match (&column.default, &column.stated_default) {
                (Some(_), Some(sql)) => format!(" DEFAULT CAST(({sql}) AS {data_type})"),
                (Some(_), None) => {
                    return Err(Error::Syntax(format!(
                        "expected a default that a statement states, found that of {name}: create \
                         the table again"
                    )));
                }
                (None, _) => String::new(),
            };
            Ok(format!("{name} {data_type}{null}{default}"))
        });
        let mut columns = columns.collect::<Result<Vec<_>>>()?;
        columns.extend(self.keys.iter().map(|(is_primary, names)| {
            let kind = if *is_primary { "PRIMARY KEY" } else { "UNIQUE" };
            let names = names.iter().map(|name| Identifier(name).to_string());
            format!("{kind} ({})", names.collect::<Vec<_>>().join(", "))
        }));
        Ok(format!("{begin} ({})", columns.join(", ")))
    }
}

/// Plans a column; returns its field and its default.
async fn planned_column(
    column: &ColumnDef,
    name: &str,
    state: &SessionState,
) -> Result<(Field, Option<PlanExpr>)> {
    let column = ColumnDef {
        name: ident(name),
        ..column.clone()
    };
    let statement = parsed(&format!("CREATE TABLE fusebox_altered ({column})"))?;
    let plan = state.statement_to_plan(statement).await.map_err(query)?;
    let LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(create)) = plan else {
        return Err(Error::Internal("a column was not planned".to_owned()));
    };
    let field = create.input.schema().field(0).as_ref().clone();
    let mut defaults = create.column_defaults.into_iter();
    Ok((field, defaults.next().map(|(_, default)| default)))
}
