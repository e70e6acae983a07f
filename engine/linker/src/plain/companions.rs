//! Exports beside a plain function: allocators, and what belongs to a convention.

use std::collections::BTreeMap;

use wasmparser::{FuncType, ValType};

use super::convention::TextConvention;
use crate::quoted::quoted;

/// Types of the functions that a module exports, by name.
pub type Exports<'a> = BTreeMap<&'a str, &'a FuncType>;

/// Functions of a module that its driver calls beside the plain function.
#[derive(Clone, Debug, Default)]
pub(super) struct Companions {
    /// Allocates memory for arguments and results.
    pub(super) allocator: Option<Companion>,
    /// Frees results.
    pub(super) release: Option<Companion>,
    /// `__pin` of AssemblyScript.
    pub(super) pin: Option<Companion>,
    /// `__unpin` of AssemblyScript.
    pub(super) unpin: Option<Companion>,
    /// `__setArgumentsLength` of AssemblyScript.
    pub(super) set_arguments: Option<Companion>,
    /// `cabi_post_…` of a component.
    pub(super) post: Option<Companion>,
}

/// Exported function that a driver calls.
#[derive(Clone, Debug)]
pub(super) struct Companion {
    pub(super) name: String,
    pub(super) parameters: usize,
    returns: bool,
}

/// Allocators, in the order in which they are looked for, with the function that has to be
/// there too if the module has numbers alone: a function may have such a name by chance.
const ALLOCATORS: [(&str, &str); 5] = [
    ("malloc", "free"),
    ("__new", "__pin"),
    ("cabi_realloc", "cabi_realloc"),
    ("alloc", "dealloc"),
    ("allocate", "deallocate"),
];

/// Functions that free a result, of `(address)`, `(address, length)` or
/// `(address, length, alignment)`.
const RELEASES: [&str; 3] = ["free", "dealloc", "deallocate"];

impl Companions {
    /// Finds the functions that a driver calls for the function `name`.
    pub(super) fn of(exports: &Exports<'_>, name: &str, text: Option<TextConvention>) -> Self {
        let find = |name: &str, parameters: usize, returns: bool| {
            let results = &[ValType::I32][..usize::from(returns)];
            let ty = exports.get(name)?;
            let fits = ty.params() == vec![ValType::I32; parameters] && ty.results() == results;
            fits.then(|| Companion {
                name: name.to_owned(),
                parameters,
                returns,
            })
        };
        let allocator = |name: &str| match name {
            "malloc" => find(name, 1, true),
            "__new" => find(name, 2, true),
            "cabi_realloc" => find(name, 4, true),
            // Of Rust, with an alignment.
            _ => find(name, 1, true).or_else(|| find(name, 2, true)),
        };
        let any = || {
            ALLOCATORS.iter().find_map(|(name, other)| {
                let is_meant = text.is_some() || exports.contains_key(other);
                allocator(name).filter(|_| is_meant)
            })
        };
        let release = |name: &&str| (1..=3).find_map(|count| find(name, count, false));
        let mut found = Self::default();
        match text {
            Some(TextConvention::AssemblyScript) => {
                found.allocator = allocator("__new");
                found.set_arguments = find("__setArgumentsLength", 1, false);
            }
            Some(TextConvention::Canonical) => {
                found.allocator = allocator("cabi_realloc");
                found.post = find(&format!("cabi_post_{name}"), 1, false);
            }
            Some(_) => {
                found.allocator = any();
                found.release = RELEASES.iter().find_map(release);
            }
            None => found.allocator = any(),
        }
        if found
            .allocator
            .as_ref()
            .is_some_and(|found| found.name == "__new")
        {
            found.pin = find("__pin", 1, true);
            found.unpin = find("__unpin", 1, false);
        }
        found
    }

    /// Returns all of them, with the names by which the driver calls them.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, &Companion)> {
        let all = [
            ("$allocator", &self.allocator),
            ("$release", &self.release),
            ("$pin", &self.pin),
            ("$unpin", &self.unpin),
            ("$set_arguments", &self.set_arguments),
            ("$post", &self.post),
        ];
        all.into_iter()
            .filter_map(|(name, companion)| Some((name, companion.as_ref()?)))
    }
}

impl Companion {
    /// Imports the function into a driver, from `module`.
    pub(super) fn import(&self, name: &str, module: &str) -> String {
        let result = if self.returns { "(result i32)" } else { "" };
        format!(
            "(import \"{module}\" {} (func {name} (param{}) {result}))\n",
            quoted(&self.name),
            " i32".repeat(self.parameters),
        )
    }

    /// Calls an allocator for so many bytes; an object of AssemblyScript has a class.
    pub(super) fn allocate(&self, bytes: &str, class: u32) -> String {
        let arguments = match (self.name.as_str(), self.parameters) {
            ("cabi_realloc", _) => {
                format!("(i32.const 0) (i32.const 0) (i32.const {CABI_ALIGNMENT}) {bytes}")
            }
            ("__new", _) => format!("{bytes} (i32.const {class})"),
            (_, 1) => bytes.to_owned(),
            _ => format!("{bytes} (i32.const {ALIGNMENT})"),
        };
        format!("(call $allocator {arguments})")
    }

    /// Frees a block of so many bytes.
    pub(super) fn free(&self, at: &str, bytes: &str) -> String {
        let arguments = match self.parameters {
            1 => at.to_owned(),
            2 => format!("{at} {bytes}"),
            _ => format!("{at} {bytes} (i32.const 1)"),
        };
        format!("(call $release {arguments})\n")
    }
}

/// Alignment of text and bytes in a component.
const CABI_ALIGNMENT: u32 = 1;

/// Alignment that is asked of an allocator that takes one.
const ALIGNMENT: u32 = 16;
