//! Relations of the catalog that cannot be planned: their file, or what their query needs, is gone.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session as DataFusionSession, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use fusebox_runtime::Error;

use crate::catalog::{Relation, RelationKind};
use crate::function::external;

/// Relation without columns, so that it is listed.
#[derive(Debug)]
pub(super) struct UnplannedRelation {
    kind: RelationKind,
    sql: String,
    reason: String,
}

impl UnplannedRelation {
    /// Creates the table of a relation that cannot be planned for a reason.
    pub(super) fn new(relation: &Relation, reason: String) -> Self {
        Self {
            kind: relation.kind,
            sql: relation.sql.clone(),
            reason,
        }
    }
}

#[async_trait]
impl TableProvider for UnplannedRelation {
    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::empty())
    }

    fn table_type(&self) -> TableType {
        match self.kind {
            RelationKind::View => TableType::View,
            _ => TableType::Base,
        }
    }

    fn get_table_definition(&self) -> Option<&str> {
        Some(&self.sql)
    }

    async fn scan(
        &self,
        _state: &dyn DataFusionSession,
        _projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Err(external(Error::Catalog(self.reason.clone())))
    }
}
