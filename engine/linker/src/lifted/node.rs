//! Columns and their parts, with their places in memory.

use super::column::{ColumnField, ColumnType};
use super::unsupported::UnsupportedFunction;
use super::{DEPTH_MAX, TYPES_MAX};
use crate::component::{Layout, WitType};

/// A column, or a part of one.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Number among all of the driver: part of the names of its globals and functions.
    pub(super) id: usize,
    /// Group of columns with the same number of rows: a result, or the elements of its lists.
    pub(super) group: usize,
    /// Name of the column.
    pub(super) name: String,
    /// The part in messages: `argument `a[].x``.
    pub(super) place: String,
    /// Type in WIT, without the option around it.
    pub(super) ty: WitType,
    pub(super) kind: Kind,
    /// True for an option.
    pub(super) is_option: bool,
    /// Layout in memory, with the option.
    pub(super) layout: Layout,
    /// Offset of the value of an option, or 0.
    pub(super) value_offset: u32,
    /// Number of lists and structs around it.
    pub(super) depth: usize,
}

/// Kind of a column.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Bool,
    Number,
    Char,
    Text,
    Bytes,
    /// Names of the cases.
    Enum(Vec<String>),
    List(Box<Node>),
    /// Fields, with their offsets in memory.
    Struct(Vec<(u32, Node)>),
}

/// Part of a function, without its type.
struct Part {
    /// Parameter or result.
    root: String,
    /// Path from there: `[].x`.
    path: String,
    name: String,
    group: usize,
    depth: usize,
}

impl Part {
    fn place(&self) -> String {
        match (self.root.is_empty(), self.path.is_empty()) {
            (true, true) => "the result".to_owned(),
            (true, false) => format!("`result{}`", self.path),
            (false, _) => format!("argument `{}{}`", self.root, self.path),
        }
    }

    fn child(&self, step: &str, name: &str, group: usize) -> Self {
        Self {
            root: self.root.clone(),
            path: format!("{}{step}", self.path),
            name: name.to_owned(),
            group,
            depth: self.depth + 1,
        }
    }
}

/// Numbers the nodes of a function.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    count: usize,
    groups: usize,
}

impl Nodes {
    /// Returns the column of a parameter.
    pub(super) fn argument(
        &mut self,
        name: &str,
        ty: &WitType,
    ) -> Result<Node, UnsupportedFunction> {
        self.root(name, name, ty)
    }

    /// Returns the column of a result, which may be a `result` without its value.
    pub(super) fn result(&mut self, ty: &WitType) -> Result<Node, UnsupportedFunction> {
        match ty {
            WitType::Result { ok, .. } => {
                self.root("", "result", ok.as_deref().unwrap_or(&WitType::Bool))
            }
            ty => self.root("", "result", ty),
        }
    }

    /// Returns the number of nodes.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Returns the number of groups.
    pub(super) fn groups(&self) -> usize {
        self.groups
    }

    fn root(&mut self, root: &str, name: &str, ty: &WitType) -> Result<Node, UnsupportedFunction> {
        // Those of arguments are not used.
        self.groups = 1;
        let part = Part {
            root: root.to_owned(),
            path: String::new(),
            name: name.to_owned(),
            group: 0,
            depth: 0,
        };
        self.node(ty, &part)
    }

    fn node(&mut self, ty: &WitType, part: &Part) -> Result<Node, UnsupportedFunction> {
        let place = part.place();
        if part.depth >= DEPTH_MAX {
            return Err(UnsupportedFunction::DeepType {
                depth_max: DEPTH_MAX,
                place,
            });
        }
        let id = self.count;
        self.count += 1;
        if self.count > TYPES_MAX {
            return Err(UnsupportedFunction::TooManyTypes {
                types_max: TYPES_MAX,
            });
        }
        let (value, is_option) = match ty {
            WitType::Option(value) => (&**value, true),
            ty => (ty, false),
        };
        Ok(Node {
            id,
            group: part.group,
            name: part.name.clone(),
            kind: self.kind(value, part, &place)?,
            place,
            ty: value.clone(),
            is_option,
            layout: ty.layout(),
            value_offset: if is_option { ty.value_offset() } else { 0 },
            depth: part.depth,
        })
    }

    fn kind(
        &mut self,
        ty: &WitType,
        part: &Part,
        place: &str,
    ) -> Result<Kind, UnsupportedFunction> {
        let refused = |ty, hint| UnsupportedFunction::Type {
            ty,
            place: place.to_owned(),
            hint,
        };
        Ok(match ty {
            WitType::Bool => Kind::Bool,
            WitType::Char => Kind::Char,
            WitType::String => Kind::Text,
            WitType::List(element) if **element == WitType::U8 => Kind::Bytes,
            WitType::List(element) => {
                let group = self.groups;
                self.groups += 1;
                let child = part.child("[]", "item", group);
                Kind::List(Box::new(self.node(element, &child)?))
            }
            WitType::Record(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, ty)| (format!(".{name}"), name.clone(), ty));
                self.fields(fields.collect(), part)?
            }
            WitType::Tuple(types) => {
                let fields = types.iter().enumerate();
                let fields = fields.map(|(n, ty)| (format!(".{n}"), format!("f{n}"), ty));
                self.fields(fields.collect(), part)?
            }
            WitType::Enum(names) => Kind::Enum(names.clone()),
            WitType::Option(_) => {
                return Err(refused("an option of an option", "use one option"));
            }
            WitType::Result { .. } => {
                return Err(refused("a result", "return a result of the whole"));
            }
            WitType::Flags(_) => return Err(refused("flags", "use a record of bools")),
            WitType::Variant(_) => return Err(refused("a variant", "use a record of options")),
            _ => Kind::Number,
        })
    }

    fn fields(
        &mut self,
        fields: Vec<(String, String, &WitType)>,
        part: &Part,
    ) -> Result<Kind, UnsupportedFunction> {
        let (_, offsets) = Layout::sequence(fields.iter().map(|(.., ty)| ty.layout()));
        let mut nodes = Vec::new();
        for ((step, name, ty), offset) in fields.into_iter().zip(offsets) {
            let child = part.child(&step, &name, part.group);
            nodes.push((offset, self.node(ty, &child)?));
        }
        Ok(Kind::Struct(nodes))
    }
}

impl Node {
    /// Moves the numbers of the node and those in it behind those of other functions.
    pub(super) fn renumber(&mut self, nodes: usize, groups: usize) {
        self.id += nodes;
        self.group += groups;
        match &mut self.kind {
            Kind::List(child) => child.renumber(nodes, groups),
            Kind::Struct(fields) => {
                for (_, field) in fields {
                    field.renumber(nodes, groups);
                }
            }
            _ => {}
        }
    }

    /// Returns the column as the caller sees it.
    pub(super) fn field(&self) -> ColumnField {
        ColumnField {
            name: self.name.clone(),
            ty: self.column_type(),
            nullable: self.is_option,
        }
    }

    fn column_type(&self) -> ColumnType {
        match &self.kind {
            Kind::Bool => ColumnType::Boolean,
            Kind::Char | Kind::Text | Kind::Enum(_) => ColumnType::Utf8,
            Kind::Bytes => ColumnType::Binary,
            Kind::List(child) => ColumnType::List(Box::new(child.field())),
            Kind::Struct(fields) => {
                ColumnType::Struct(fields.iter().map(|(_, field)| field.field()).collect())
            }
            Kind::Number => match self.ty {
                WitType::S8 => ColumnType::Int8,
                WitType::S16 => ColumnType::Int16,
                WitType::U16 => ColumnType::UInt16,
                WitType::S32 => ColumnType::Int32,
                WitType::U32 => ColumnType::UInt32,
                WitType::S64 => ColumnType::Int64,
                WitType::U64 => ColumnType::UInt64,
                WitType::F32 => ColumnType::Float32,
                WitType::F64 => ColumnType::Float64,
                _ => ColumnType::UInt8,
            },
        }
    }

    /// Returns the columns in it.
    pub(super) fn children(&self) -> Vec<&Self> {
        match &self.kind {
            Kind::List(child) => vec![child],
            Kind::Struct(fields) => fields.iter().map(|(_, field)| field).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns it and all columns in it, each before those in it.
    pub(super) fn all(&self) -> Vec<&Self> {
        let mut all = vec![self];
        for child in self.children() {
            all.extend(child.all());
        }
        all
    }

    /// Returns true if the column has bytes beside its offsets.
    pub(super) fn has_data(&self) -> bool {
        matches!(
            self.kind,
            Kind::Text | Kind::Char | Kind::Bytes | Kind::Enum(_)
        )
    }

    /// Size of a number in memory and in a column, in bytes.
    pub(super) fn number_size(&self) -> u32 {
        self.ty.layout().size
    }
}
