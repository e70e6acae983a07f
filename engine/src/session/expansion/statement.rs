//! Tables, columns and grouping sets of a statement, before it is planned.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::planner::{IdentNormalizer, object_name_to_table_reference};
use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Ident, ObjectName, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableAlias, TableFactor, Visit, Visitor,
};

use super::{Copies, Relation, Size};

/// Counts what a statement expands to. `relations` are those that it names, but for its CTEs.
pub(super) fn expansion(
    statement: &impl Visit,
    relations: HashMap<String, Relation>,
    is_normalized: bool,
) -> Expansion {
    let nodes = relations.values().map(|relation| relation.size.nodes);
    let read_once = nodes.fold(0, u64::saturating_add);
    let mut expansion = Expansion {
        relations,
        is_normalized,
        frames: vec![Frame::default()],
        operands: Vec::new(),
        subquery_width: 1,
        grouping_sets: 0,
        compared: 0,
        written_nodes: read_once,
    };
    let _ = statement.visit(&mut expansion);
    expansion
}

/// A query that is visited.
#[derive(Default)]
struct Frame {
    /// Names of its CTEs, in order.
    names: Vec<String>,
    /// Queries directly in it that were visited: first those of its CTEs.
    queries: usize,
    ctes: HashMap<String, Relation>,
    size: Size,
    /// Number of its columns.
    width: u64,
    /// Names and numbers of columns of the relations of the select that is visited.
    from: Vec<(String, u64)>,
    /// Number of their columns together.
    from_width: u64,
    /// Nodes of the expressions that have an alias, by alias.
    aliases: HashMap<String, u64>,
}

/// Counts of a statement.
pub(super) struct Expansion {
    relations: HashMap<String, Relation>,
    is_normalized: bool,
    frames: Vec<Frame>,
    /// Nodes of the operands of each expression that is visited.
    operands: Vec<Vec<u64>>,
    /// Number of columns of the query that was visited last.
    subquery_width: u64,
    pub(super) grouping_sets: u64,
    /// Comparisons of columns of select lists: the squares of their numbers.
    pub(super) compared: u64,
    /// Nodes of expressions in the text, and in views that are read once.
    written_nodes: u64,
}

impl Expansion {
    /// Returns the size of the whole statement.
    pub(super) fn size(&self) -> Size {
        self.frames
            .first()
            .map(|frame| frame.size)
            .unwrap_or_default()
    }

    /// Returns the nodes of expressions that are not written.
    pub(super) fn copied_nodes(&self) -> u64 {
        self.size().nodes.saturating_sub(self.written_nodes)
    }

    /// Returns the CTE that a name stands for, or else the table or view.
    fn relation(&self, name: &ObjectName) -> Relation {
        let name = object_name_to_table_reference(name.clone(), self.is_normalized);
        let name = name.map(|name| name.to_string()).unwrap_or_default();
        let mut frames = self.frames.iter().rev();
        let cte = frames.find_map(|frame| frame.ctes.get(&name));
        let found = cte.or_else(|| self.relations.get(&name));
        found.copied().unwrap_or(Relation::TABLE)
    }

    fn normalized(&self, name: &Ident) -> String {
        IdentNormalizer::new(self.is_normalized).normalize(name.clone())
    }

    fn add_nodes(&mut self, nodes: u64) {
        if let Some(frame) = self.frames.last_mut() {
            frame.size.nodes = frame.size.nodes.saturating_add(nodes);
        }
    }

    /// Adds the copies of select items for which aliases stand in expressions.
    fn add_aliases(&mut self, expressions: &impl Visit) {
        let mut mentioned = Mentioned(Vec::new());
        let _ = expressions.visit(&mut mentioned);
        let aliases = self.frames.last().map(|frame| &frame.aliases);
        let nodes = mentioned.0.iter().map(|name| {
            let alias = aliases.and_then(|aliases| aliases.get(&self.normalized(name)));
            alias.copied().unwrap_or_default()
        });
        let nodes = nodes.fold(0, u64::saturating_add);
        self.add_nodes(nodes);
    }

    fn group_by(&mut self, expressions: &[Expr]) {
        let sets = expressions.iter().map(|expression| match expression {
            Expr::Cube(sets) => 2_u64.saturating_pow(u32::try_from(sets.len()).unwrap_or(u32::MAX)),
            Expr::Rollup(sets) => sets.len() as u64 + 1,
            Expr::GroupingSets(sets) => sets.len() as u64,
            _ => 1,
        });
        let sets = sets.fold(1_u64, u64::saturating_mul);
        if sets > 1 {
            self.grouping_sets = self.grouping_sets.saturating_add(sets);
            let expressions = expressions.iter().map(|expression| match expression {
                Expr::Cube(sets) | Expr::Rollup(sets) => sets.len() as u64,
                _ => 1,
            });
            self.add_nodes(sets.saturating_mul(expressions.sum()));
        }
    }

    /// Adds a relation of FROM: a join has the columns of those before it again.
    fn add_from(&mut self, name: String, width: u64) {
        if let Some(frame) = self.frames.last_mut() {
            frame.from.push((name, width));
            frame.from_width = frame.from_width.saturating_add(width);
            frame.size.columns = frame.size.columns.saturating_add(frame.from_width);
        }
    }
}

impl Frame {
    /// Returns the number of columns of an item of the select list.
    fn item_width(&self, item: &SelectItem) -> u64 {
        match item {
            SelectItem::Wildcard(_) => self.from_width,
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                let name = last_part(name);
                let mut from = self.from.iter();
                let found = from.find(|(relation, _)| relation.eq_ignore_ascii_case(&name));
                found.map_or(self.from_width, |(_, width)| *width)
            }
            _ => 1,
        }
    }
}

impl Visitor for Expansion {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
        let mut frame = Frame {
            names: ctes.map(|cte| self.normalized(&cte.alias.name)).collect(),
            ..Frame::default()
        };
        if let SetExpr::Values(values) = &*query.body {
            frame.size.tables = 1;
            frame.width = values.rows.first().map_or(0, |row| row.len() as u64);
        }
        self.frames.push(frame);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.add_aliases(&query.order_by);
        let visited = self.frames.pop().unwrap_or_default();
        let width = visited.width.max(1);
        self.subquery_width = width;
        if let Some(outer) = self.frames.last_mut() {
            let size = visited.size;
            match outer.names.get(outer.queries) {
                Some(name) => {
                    outer.ctes.insert(name.clone(), Relation { size, width });
                }
                None => {
                    outer.size.add(size);
                    outer.width = outer.width.max(width);
                }
            }
            outer.queries += 1;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let relation = self.relation(relation);
        if let Some(frame) = self.frames.last_mut() {
            frame.size.add(relation.size);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        let alias =
            |alias: &Option<TableAlias>| alias.as_ref().map(|alias| alias.name.value.clone());
        match factor {
            TableFactor::Table {
                name, alias: to, ..
            } => {
                let width = self.relation(name).width;
                self.add_from(alias(to).unwrap_or_else(|| last_part(name)), width);
            }
            TableFactor::Derived { alias: to, .. } => {
                self.add_from(alias(to).unwrap_or_default(), self.subquery_width);
            }
            TableFactor::NestedJoin { .. } => {}
            _ => self.add_from(String::new(), 1),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        if let GroupByExpr::Expressions(expressions, _) = &select.group_by {
            self.group_by(expressions);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let aliases = select.projection.iter().filter_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } => {
                Some((self.normalized(alias), written_nodes(expr)))
            }
            _ => None,
        });
        let aliases = aliases.collect();
        if let Some(frame) = self.frames.last_mut() {
            frame.aliases = aliases;
        }
        self.add_aliases(&select.having);
        self.add_aliases(&select.qualify);
        self.add_aliases(&select.group_by);
        let Some(frame) = self.frames.last_mut() else {
            return ControlFlow::Continue(());
        };
        let items = select.projection.iter().map(|item| frame.item_width(item));
        let width = items.fold(0, u64::saturating_add);
        let is_constant = frame.from.is_empty();
        frame.size.add(Size {
            tables: is_constant.into(),
            columns: width,
            nodes: 0,
        });
        frame.width = frame.width.max(width);
        frame.from.clear();
        frame.from_width = 0;
        self.compared = self.compared.saturating_add(width.saturating_mul(width));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        self.operands.push(Vec::new());
        self.written_nodes = self.written_nodes.saturating_add(1);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let operands = self.operands.pop().unwrap_or_default();
        let nodes = match expr {
            Expr::Between { .. } => Copies::between(&operands),
            Expr::AllOp { .. } | Expr::AnyOp { .. } => Copies::QUANTIFIED.nodes(&operands),
            Expr::Function(call) => Copies::of_function(&last_part(&call.name)).nodes(&operands),
            _ => Copies::NONE.nodes(&operands),
        };
        match self.operands.last_mut() {
            Some(outer) => outer.push(nodes),
            None => self.add_nodes(nodes),
        }
        ControlFlow::Continue(())
    }
}

/// Columns that expressions name without a table.
struct Mentioned(Vec<Ident>);

impl Visitor for Mentioned {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Identifier(name) = expr {
            self.0.push(name.clone());
        }
        ControlFlow::Continue(())
    }
}

/// Counts the nodes of an expression.
fn written_nodes(expr: &Expr) -> u64 {
    struct Nodes(u64);

    impl Visitor for Nodes {
        type Break = ();

        fn pre_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
            self.0 += 1;
            ControlFlow::Continue(())
        }
    }

    let mut nodes = Nodes(0);
    let _ = expr.visit(&mut nodes);
    nodes.0
}

/// Returns the name of a relation without its schema.
fn last_part(name: &ObjectName) -> String {
    let last = name.0.last().and_then(|part| part.as_ident());
    last.map(|last| last.value.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
