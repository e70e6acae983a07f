//! Imports of WASI preview 2, and the functions that serve them.

use std::collections::HashSet;
use std::sync::LazyLock;

use wasmparser::{ExternalKind, Parser, Payload};

use super::values::Imported;
use crate::wasi;

/// The versions of interfaces that are provided: all releases of 0.2 are compatible.
const VERSION_PREFIX: &str = "0.2.";

/// The namespace of the interfaces.
const PACKAGE_PREFIX: &str = "wasi:";

/// Resources that nothing creates, since there are no files, terminals, connections or failed
/// streams. A call with a handle to one, which cannot be valid, traps.
const NEVER_CREATED: [&str; 10] = [
    "descriptor",
    "directory-entry-stream",
    "error",
    "incoming-datagram-stream",
    "outgoing-datagram-stream",
    "resolve-address-stream",
    "tcp-socket",
    "terminal-input",
    "terminal-output",
    "udp-socket",
];

/// Functions whose only parameter is a handle to `wasi:io/error`.
const OF_ERRORS: [&str; 2] = [
    "wasi/filesystem/types#filesystem-error-code",
    "wasi/sockets/network#network-error-code",
];

/// Provision of an import.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// The export of this name in [`wasi::preview2`].
    Export(String),
    /// Any call is one with a handle that is not valid.
    Trap,
    Missing,
}

/// Finds the function that serves a lowered import.
pub(super) fn function(import: &Imported<'_>) -> Service {
    let Some(interface) = interface(import) else {
        return Service::Missing;
    };
    let export = format!("wasi/{interface}#{}", import.name);
    if EXPORTS.contains(&export) {
        return Service::Export(export);
    }
    let method = import.name.strip_prefix("[method]");
    let resource = method.and_then(|method| method.split_once('.'));
    let is_never_called = match resource {
        Some((resource, _)) => NEVER_CREATED.contains(&resource),
        None => OF_ERRORS.contains(&export.as_str()),
    };
    match is_never_called {
        true => Service::Trap,
        false => Service::Missing,
    }
}

/// Finds the function that drops a handle to an imported resource. Interfaces pass on the
/// resources of others under the same names.
pub(super) fn drop(resource: &Imported<'_>) -> Service {
    if interface(resource).is_none() {
        return Service::Missing;
    }
    let export = format!("[resource-drop]{}", resource.name);
    if EXPORTS.contains(&export) {
        return Service::Export(export);
    }
    match NEVER_CREATED.contains(&resource.name) {
        true => Service::Trap,
        false => Service::Missing,
    }
}

/// The name of a WASI interface without its package's namespace and its version: `io/poll`.
fn interface<'a>(import: &Imported<'a>) -> Option<&'a str> {
    let (interface, version) = import.interface.split_once('@')?;
    let interface = interface.strip_prefix(PACKAGE_PREFIX)?;
    version.starts_with(VERSION_PREFIX).then_some(interface)
}

/// Names of the functions that are provided.
static EXPORTS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let mut exports = HashSet::new();
    for payload in Parser::new(0).parse_all(wasi::preview2()) {
        if let Ok(Payload::ExportSection(section)) = payload {
            let functions = section.into_iter().map_while(Result::ok);
            let functions = functions.filter(|export| export.kind == ExternalKind::Func);
            exports.extend(functions.map(|export| export.name.to_owned()));
        }
    }
    exports
});
