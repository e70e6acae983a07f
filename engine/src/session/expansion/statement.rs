//! Tables, columns and grouping sets of a statement, before it is planned.

// Nodes of written expressions.
mod sizes;

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::planner::{IdentNormalizer, object_name_to_table_reference};
use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Ident, ObjectName, OrderByKind, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableAlias, TableFactor, Value, Visit, Visitor,
    WindowType,
};

use super::{Copies, NODE_BYTES, Relation, Size};
pub(super) use sizes::written_nodes;
use sizes::{constant_nodes, constant_size};

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
        subquery_names: 0,
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
    /// Nodes of the largest item of the select list, for which numbers stand in other clauses.
    largest: u64,
    /// Bytes of the names of its columns.
    column_names: u64,
    /// Bytes of the names of the columns of the relations of the select that is visited.
    from_names: u64,
    /// Names of windows in its calls.
    windows: Vec<String>,
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
    /// Bytes of the names of these columns.
    subquery_names: u64,
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

    /// Adds the copies of select items for which numbers stand.
    fn add_ordinals<'a>(&mut self, expressions: impl Iterator<Item = &'a Expr>) {
        let is_number = |expr: &&Expr| match expr {
            Expr::Value(value) => matches!(value.value, Value::Number(..)),
            _ => false,
        };
        let numbers = expressions.filter(is_number).count() as u64;
        let largest = self.frames.last().map_or(0, |frame| frame.largest);
        self.add_nodes(numbers.saturating_mul(largest.saturating_sub(1)));
    }

    /// Adds the copies of the windows of a select that calls name.
    fn add_windows(&mut self, select: &Select) {
        let named = self.frames.last_mut();
        let called = named.map(|frame| std::mem::take(&mut frame.windows));
        let definitions = select.named_window.iter();
        let sizes = definitions
            .map(|window| (self.normalized(&window.0), written_nodes(window)))
            .collect::<HashMap<_, _>>();
        let called = called.unwrap_or_default();
        let nodes = called.iter().filter_map(|name| sizes.get(name)).copied();
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
    fn add_from(&mut self, name: String, width: u64, names: u64) {
        if let Some(frame) = self.frames.last_mut() {
            frame.from.push((name, width));
            frame.from_width = frame.from_width.saturating_add(width);
            frame.size.columns = frame.size.columns.saturating_add(frame.from_width);
            frame.from_names = frame.from_names.saturating_add(names);
            frame.size.names = frame.size.names.saturating_add(frame.from_names);
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

    /// Returns the bytes of the names of the columns of an item, first those that it has from a
    /// relation. A constant without a name has its text.
    fn item_names(&self, item: &SelectItem) -> [u64; 2] {
        match item {
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => [self.from_names, 0],
            SelectItem::UnnamedExpr(expr) => [0, constant_nodes(expr).saturating_mul(NODE_BYTES)],
            _ => [0, 0],
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
        let order_by = query.order_by.as_ref().map(|order_by| &order_by.kind);
        if let Some(OrderByKind::Expressions(keys)) = order_by {
            self.add_ordinals(keys.iter().map(|key| &key.expr));
        }
        let visited = self.frames.pop().unwrap_or_default();
        let width = visited.width.max(1);
        self.subquery_width = width;
        let names = visited.column_names;
        self.subquery_names = names;
        if let Some(outer) = self.frames.last_mut() {
            let size = visited.size;
            match outer.names.get(outer.queries) {
                Some(name) => {
                    let cte = Relation { size, width, names };
                    outer.ctes.insert(name.clone(), cte);
                }
                None => {
                    outer.size.add(size);
                    outer.width = outer.width.max(width);
                    outer.column_names = outer.column_names.max(names);
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
                let Relation { width, names, .. } = self.relation(name);
                let name = alias(to).unwrap_or_else(|| last_part(name));
                self.add_from(name, width, names);
            }
            TableFactor::Derived { alias: to, .. } => {
                let (width, names) = (self.subquery_width, self.subquery_names);
                self.add_from(alias(to).unwrap_or_default(), width, names);
            }
            TableFactor::NestedJoin { .. } => {}
            _ => self.add_from(String::new(), 1, 0),
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
        let sizes = select.projection.iter().map(written_nodes);
        let largest = sizes.max().unwrap_or_default();
        if let Some(frame) = self.frames.last_mut() {
            frame.aliases = aliases;
            frame.largest = largest;
        }
        self.add_windows(select);
        self.add_aliases(&select.having);
        self.add_aliases(&select.qualify);
        self.add_aliases(&select.group_by);
        if let GroupByExpr::Expressions(keys, _) = &select.group_by {
            self.add_ordinals(keys.iter());
        }
        let Some(frame) = self.frames.last_mut() else {
            return ControlFlow::Continue(());
        };
        let items = select.projection.iter().map(|item| frame.item_width(item));
        let width = items.fold(0, u64::saturating_add);
        let names = select.projection.iter().map(|item| frame.item_names(item));
        let [read, written] = names.fold([0_u64; 2], |[read, written], names| {
            [
                read.saturating_add(names[0]),
                written.saturating_add(names[1]),
            ]
        });
        let is_constant = frame.from.is_empty();
        frame.size.add(Size {
            tables: is_constant.into(),
            columns: width,
            nodes: 0,
            names: read,
        });
        frame.width = frame.width.max(width);
        frame.column_names = frame.column_names.max(read.saturating_add(written));
        frame.from.clear();
        frame.from_width = 0;
        frame.from_names = 0;
        self.compared = self.compared.saturating_add(width.saturating_mul(width));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.operands.push(Vec::new());
        self.written_nodes = self.written_nodes.saturating_add(1 + constant_size(expr));
        if let Expr::Function(call) = expr
            && let Some(WindowType::NamedWindow(name)) = &call.over
        {
            let name = self.normalized(name);
            if let Some(frame) = self.frames.last_mut() {
                frame.windows.push(name);
            }
        }
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
        let nodes = nodes.saturating_add(constant_size(expr));
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

/// Returns the name of a relation without its schema.
fn last_part(name: &ObjectName) -> String {
    let last = name.0.last().and_then(|part| part.as_ident());
    last.map(|last| last.value.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
