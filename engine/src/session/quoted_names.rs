//! Names of relations and columns in statements, and those whose case counts, quoted.
//!
//! With `datafusion.sql_parser.enable_ident_normalization = false`, `SELECT Km` means `"Km"`. The
//! text of a view is read again by sessions without that setting.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, Query, Select,
    SelectItem, SelectItemQualifiedWildcardKind, Statement, TableAlias, TableFactor, VisitMut,
    VisitorMut,
};

/// Quotes the names of relations and columns in a statement whose case would be lost. Functions are
/// found in lower case, whatever the setting.
pub(super) fn quote_names(statement: &mut Statement) {
    edit_names(statement, quote);
}

/// Edits the names of relations and columns in a part of a statement, some of them twice.
pub(super) fn edit_names(part: &mut impl VisitMut, edit: fn(&mut Ident)) {
    // The visitor never breaks.
    let _ = part.visit(&mut Editor { edit });
}

struct Editor {
    edit: fn(&mut Ident),
}

impl VisitorMut for Editor {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &mut Statement) -> ControlFlow<()> {
        match statement {
            Statement::CreateView(view) => {
                self.edit_all(&mut view.name);
                view.columns
                    .iter_mut()
                    .for_each(|c| (self.edit)(&mut c.name));
            }
            Statement::CreateTable(table) => {
                self.edit_all(&mut table.name);
                table
                    .columns
                    .iter_mut()
                    .for_each(|c| (self.edit)(&mut c.name));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<()> {
        self.edit_all(relation);
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        for table in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            self.edit_alias(&mut table.alias);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &mut select.projection {
            match item {
                SelectItem::ExprWithAlias { alias, .. } => (self.edit)(alias),
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    _,
                ) => self.edit_all(name),
                _ => {}
            }
        }
        for join in select.from.iter_mut().flat_map(|from| &mut from.joins) {
            if let Some(columns) = shared_columns(&mut join.join_operator) {
                columns.iter_mut().for_each(|name| self.edit_all(name));
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { alias, .. }
            | TableFactor::Derived { alias, .. }
            | TableFactor::TableFunction { alias, .. }
            | TableFactor::Function { alias, .. }
            | TableFactor::UNNEST { alias, .. }
            | TableFactor::NestedJoin { alias, .. } => {
                alias.iter_mut().for_each(|alias| self.edit_alias(alias));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(name) => (self.edit)(name),
            Expr::CompoundIdentifier(names) => names.iter_mut().for_each(self.edit),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Editor {
    fn edit_alias(&self, alias: &mut TableAlias) {
        (self.edit)(&mut alias.name);
        let columns = alias.columns.iter_mut();
        columns.for_each(|column| (self.edit)(&mut column.name));
    }

    fn edit_all(&self, name: &mut ObjectName) {
        for part in &mut name.0 {
            if let ObjectNamePart::Identifier(part) = part {
                (self.edit)(part);
            }
        }
    }
}

/// Returns the columns of USING.
fn shared_columns(join: &mut JoinOperator) -> Option<&mut Vec<ObjectName>> {
    let (JoinOperator::Join(constraint)
    | JoinOperator::Inner(constraint)
    | JoinOperator::Left(constraint)
    | JoinOperator::LeftOuter(constraint)
    | JoinOperator::Right(constraint)
    | JoinOperator::RightOuter(constraint)
    | JoinOperator::FullOuter(constraint)
    | JoinOperator::Semi(constraint)
    | JoinOperator::LeftSemi(constraint)
    | JoinOperator::RightSemi(constraint)
    | JoinOperator::Anti(constraint)
    | JoinOperator::LeftAnti(constraint)
    | JoinOperator::RightAnti(constraint)) = join
    else {
        return None;
    };
    match constraint {
        JoinConstraint::Using(columns) => Some(columns),
        _ => None,
    }
}

fn quote(name: &mut Ident) {
    let is_lower = name.value == name.value.to_lowercase();
    if name.quote_style.is_none() && !is_lower {
        name.quote_style = Some('"');
    }
}
