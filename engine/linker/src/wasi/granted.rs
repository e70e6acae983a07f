//! The provider of preview 1 that serves constants.
//!
//! Environment and files are passive data segments, which `memory.init` copies to the guest. Folders
//! are files as well: their content is the list of their entries, as `fd_readdir` returns it. The
//! descriptor 3 is the root folder; up to [`OPEN_MAX`] others are open at once.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::grants::{Grants, GrantsError};
use super::{COMMON, translated};
use crate::quoted::quoted_bytes;

/// Number of files and folders that are open at once, the root folder included.
const OPEN_MAX: usize = 17;

/// The first descriptor of a file or folder: the root folder's.
const ROOT: usize = 3;

/// File or folder.
struct Node {
    /// Name in its folder; empty for the root folder.
    name: String,
    /// Number of the folder that it is in; 0 for the root folder.
    parent: usize,
    bytes: Vec<u8>,
    /// File type of WASI: 3 is a folder, 4 a file.
    kind: u8,
}

impl Grants {
    /// Returns the provider of WASI preview 1 that serves these constants.
    ///
    /// # Errors
    ///
    /// Those of [`check`](Self::check).
    pub fn provider(&self) -> Result<Vec<u8>, GrantsError> {
        self.check()?;
        let mut text = COMMON.to_owned();
        let seed = self.seed;
        let _ = writeln!(
            text,
            "(global $seed (export \"fusebox:seed\") (mut i64) (i64.const {seed}))"
        );
        self.environment(&mut text);
        let nodes = nodes(&self.files);
        node_functions(&nodes, &mut text);
        slot_functions(&mut text);
        text += include_str!("granted.wat");
        text += ")";
        Ok(translated(&text))
    }

    /// Writes the functions of the environment.
    fn environment(&self, text: &mut String) {
        let mut bytes = Vec::new();
        let mut pointers = String::new();
        for (number, (name, value)) in self.variables.iter().enumerate() {
            let _ = writeln!(
                pointers,
                "(i32.store offset={} (local.get $pointers)
                   (i32.add (local.get $bytes) (i32.const {})))",
                4 * number,
                bytes.len()
            );
            bytes.extend_from_slice(format!("{name}={value}\0").as_bytes());
        }
        let _ = writeln!(
            text,
            "(data $environment {data})
             (func (export \"environ_sizes_get\") (param $count i32) (param $size i32) (result i32)
               (i32.store (local.get $count) (i32.const {count}))
               (i32.store (local.get $size) (i32.const {size}))
               (i32.const 0))
             (func (export \"environ_get\") (param $pointers i32) (param $bytes i32) (result i32)
               (memory.init $environment (local.get $bytes) (i32.const 0) (i32.const {size}))
               {pointers}
               (i32.const 0))",
            data = quoted_bytes(&bytes),
            count = self.variables.len(),
            size = bytes.len(),
        );
    }
}

/// Returns the folders and files, the root folder first. Paths do not begin with a slash.
fn nodes(files: &BTreeMap<String, Vec<u8>>) -> Vec<Node> {
    let mut paths: BTreeMap<&str, Option<&[u8]>> = BTreeMap::from([("", None)]);
    for (path, bytes) in files {
        let path = path.trim_start_matches('/');
        for (end, _) in path.match_indices('/') {
            paths.insert(&path[..end], None);
        }
        paths.insert(path, Some(bytes));
    }
    let number_of: BTreeMap<&str, usize> = (0..).zip(paths.keys()).map(|(n, p)| (*p, n)).collect();
    let nodes = paths.iter().map(|(path, bytes)| Node {
        name: split(path).1.to_owned(),
        parent: number_of[split(path).0],
        kind: if bytes.is_some() { 4 } else { 3 },
        bytes: match bytes {
            Some(bytes) => bytes.to_vec(),
            None => entries(path, &paths, &number_of),
        },
    });
    nodes.collect()
}

/// Splits a path into that of its folder and its name.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Returns the entries of a folder: place of the next (8 bytes), number of the node (8), length of
/// the name (4), type (1, padded to 4), name.
fn entries(
    folder: &str,
    paths: &BTreeMap<&str, Option<&[u8]>>,
    number_of: &BTreeMap<&str, usize>,
) -> Vec<u8> {
    let mut entries = Vec::new();
    for (path, bytes) in paths {
        let (parent, name) = split(path);
        if parent != folder || name.is_empty() {
            continue;
        }
        let next = entries.len() + 24 + name.len();
        entries.extend_from_slice(&(next as u64).to_le_bytes());
        entries.extend_from_slice(&(number_of[path] as u64).to_le_bytes());
        entries.extend_from_slice(&(name.len() as u32).to_le_bytes());
        let kind = if bytes.is_some() { 4u32 } else { 3 };
        entries.extend_from_slice(&kind.to_le_bytes());
        entries.extend_from_slice(name.as_bytes());
    }
    entries
}

/// Writes the functions that know the nodes: content, size, type, folder, and the entries of a
/// folder.
fn node_functions(nodes: &[Node], text: &mut String) {
    let (mut copies, mut sizes, mut kinds, mut parents, mut children) = (
        String::new(),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
    );
    for (number, node) in nodes.iter().enumerate() {
        let (size, parent, length) = (node.bytes.len(), node.parent, node.name.len());
        let _ = writeln!(text, "(data $node{number} {})", quoted_bytes(&node.bytes));
        let is_node = format!("(if (i32.eq (local.get $node) (i32.const {number})) (then");
        let _ = writeln!(
            copies,
            "{is_node} (memory.init $node{number} (local.get $to) (local.get $from)
               (local.get $length)) (return)))"
        );
        let _ = writeln!(sizes, "{is_node} (return (i32.const {size}))))");
        let _ = writeln!(kinds, "{is_node} (return (i32.const {}))))", node.kind);
        let _ = writeln!(parents, "{is_node} (return (i32.const {parent}))))");
        if number == 0 {
            continue;
        }
        let _ = writeln!(
            children,
            "(if (i32.and (i32.eq (local.get $node) (i32.const {parent}))
                 (i32.eq (local.get $length) (i32.const {length}))) (then
               (if {} (then (return (i32.const {number}))))))",
            is_name(node.name.as_bytes())
        );
    }
    let _ = writeln!(
        text,
        "(func $copy (param $node i32) (param $to i32) (param $from i32) (param $length i32)
           {copies} unreachable)
         (func $size (param $node i32) (result i32) {sizes} unreachable)
         (func $kind (param $node i32) (result i32) {kinds} unreachable)
         (func $parent (param $node i32) (result i32) {parents} unreachable)
         ;; Returns the node of a name in a folder, or -1.
         (func $child (param $node i32) (param $name i32) (param $length i32) (result i32)
           {children} (i32.const -1))"
    );
}

/// Returns an expression that is 1 if the bytes at `$name`, of the same length, are these: words of
/// eight bytes, and then single ones, until one differs.
fn is_name(name: &[u8]) -> String {
    let mut differs = String::new();
    let words = name.chunks_exact(8);
    let rest = words.remainder();
    for (number, word) in words.enumerate() {
        let word = i64::from_le_bytes(word.try_into().unwrap_or_default());
        let _ = writeln!(
            differs,
            "(br_if $differs (i64.ne (i64.load offset={} align=1 (local.get $name))
               (i64.const {word})))",
            8 * number
        );
    }
    for (number, byte) in rest.iter().enumerate() {
        let _ = writeln!(
            differs,
            "(br_if $differs (i32.ne (i32.load8_u offset={} (local.get $name)) (i32.const {byte})))",
            name.len() - rest.len() + number
        );
    }
    format!(
        "(block $equal (result i32) (block $differs {differs} (br $equal (i32.const 1))) (i32.const 0))"
    )
}

/// Writes the open descriptors: their nodes, of which -1 is none, and their positions.
fn slot_functions(text: &mut String) {
    let (mut nodes, mut places, mut opens, mut seeks, mut frees) = (
        String::new(),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
    );
    for fd in ROOT..ROOT + OPEN_MAX {
        // The root folder is node 0.
        let node = if fd == ROOT { 0 } else { -1 };
        let _ = writeln!(
            text,
            "(global $open{fd} (mut i32) (i32.const {node}))
             (global $place{fd} (mut i64) (i64.const 0))"
        );
        let is_fd = format!("(if (i32.eq (local.get $fd) (i32.const {fd})) (then");
        let _ = writeln!(nodes, "{is_fd} (return (global.get $open{fd}))))");
        let _ = writeln!(places, "{is_fd} (return (global.get $place{fd}))))");
        let _ = writeln!(
            opens,
            "{is_fd} (global.set $open{fd} (local.get $node))
               (global.set $place{fd} (i64.const 0)) (return)))"
        );
        let _ = writeln!(
            seeks,
            "{is_fd} (global.set $place{fd} (local.get $place)) (return)))"
        );
        let _ = writeln!(
            frees,
            "(if (i32.lt_s (global.get $open{fd}) (i32.const 0)) (then (return (i32.const {fd}))))"
        );
    }
    let _ = writeln!(
        text,
        ";; Returns the node of a descriptor, or -1 if it is none of a file or folder.
         (func $node_of (param $fd i32) (result i32) {nodes} (i32.const -1))
         (func $place_of (param $fd i32) (result i64) {places} (i64.const 0))
         ;; Opens a node as a descriptor, at its beginning; closes it with -1.
         (func $set_node (param $fd i32) (param $node i32) {opens})
         (func $set_place (param $fd i32) (param $place i64) {seeks})
         ;; Returns a descriptor that is not open, or -1.
         (func $free (result i32) {frees} (i32.const -1))"
    );
}
