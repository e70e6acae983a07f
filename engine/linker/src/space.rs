//! Index spaces of a module.

use std::ops::{Index, IndexMut};

use wasmparser::ExternalKind;

/// An index space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    Function,
    Table,
    Memory,
    Global,
    Element,
    Data,
}

impl Space {
    pub(crate) const ALL: [Self; 6] = [
        Self::Function,
        Self::Table,
        Self::Memory,
        Self::Global,
        Self::Element,
        Self::Data,
    ];

    /// The index space of an export, if modules with permitted features have it.
    pub(crate) fn of(kind: ExternalKind) -> Option<Self> {
        match kind {
            ExternalKind::Func => Some(Self::Function),
            ExternalKind::Table => Some(Self::Table),
            ExternalKind::Memory => Some(Self::Memory),
            ExternalKind::Global => Some(Self::Global),
            ExternalKind::Tag | ExternalKind::FuncExact => None,
        }
    }
}

/// A value for each index space.
#[derive(Clone, Debug, Default)]
pub(crate) struct PerSpace<T>([T; Space::ALL.len()]);

impl<T> Index<Space> for PerSpace<T> {
    type Output = T;

    fn index(&self, space: Space) -> &T {
        &self.0[space as usize]
    }
}

impl<T> IndexMut<Space> for PerSpace<T> {
    fn index_mut(&mut self, space: Space) -> &mut T {
        &mut self.0[space as usize]
    }
}
