//! Modules that are recorded.

/// A module, with functions beside those that it declares.
pub(crate) struct Module {
    pub(crate) name: &'static str,
    pub(crate) made_of: &'static str,
    pub(crate) path: &'static str,
    pub(crate) functions: &'static [Function],
}

/// A statement, and types of arguments that the signature leaves open.
pub(crate) type Function = (&'static str, &'static [&'static str]);

pub(crate) const fn declared(
    name: &'static str,
    made_of: &'static str,
    path: &'static str,
) -> Module {
    Module {
        name,
        made_of,
        path,
        functions: &[],
    }
}

pub(crate) const fn plain(
    name: &'static str,
    made_of: &'static str,
    path: &'static str,
    functions: &'static [Function],
) -> Module {
    Module {
        name,
        made_of,
        path,
        functions,
    }
}
