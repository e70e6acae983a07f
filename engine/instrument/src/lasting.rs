//! What outlives a call: whatever a guest can change in its instance.
//!
//! Memory is the host's to read and write. The guest's mutable globals are
//! exported, so that the host can give each the value that it had. Tables and
//! dropped segments it cannot give back: code that changes those is looked for,
//! and compilers hardly ever make any.

use wasmparser::{Operator, Parser, Payload};

use crate::Error;

/// What of an instance changes apart from its memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lasting {
    /// The mutable globals, if that is all.
    pub(crate) globals: Option<Vec<u32>>,
}

/// How many mutable globals are exported. Compilers make a few.
const GLOBALS_MAX: usize = 1_000;

impl Lasting {
    /// Looks through a valid module that imports nothing but functions.
    pub(crate) fn of(module: &[u8]) -> Result<Self, Error> {
        let mut globals = Vec::new();
        let mut is_memory_and_globals = true;
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::GlobalSection(section) => {
                    for (global, index) in section.into_iter().zip(0..) {
                        if global?.ty.mutable {
                            globals.push(index);
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    for operator in body.get_operators_reader()? {
                        is_memory_and_globals &= !changes_more(&operator?);
                    }
                }
                _ => {}
            }
        }
        is_memory_and_globals &= globals.len() <= GLOBALS_MAX;
        Ok(Self {
            globals: is_memory_and_globals.then_some(globals),
        })
    }

    /// The globals to export.
    pub(crate) fn exported(&self) -> &[u32] {
        self.globals.as_deref().unwrap_or_default()
    }
}

/// Whether an instruction changes a table or drops a segment.
fn changes_more(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::TableSet { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
            | Operator::ElemDrop { .. }
            | Operator::DataDrop { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globals(fields: &str) -> Option<Vec<u32>> {
        let module = wat::parse_str(format!("(module {fields})")).unwrap();
        Lasting::of(&module).unwrap().globals
    }

    #[test]
    fn mutable_globals_are_exported_and_no_others() {
        assert_eq!(globals(""), Some(vec![]));
        let three = "(global (mut i32) (i32.const 1)) (global i64 (i64.const 2))
                     (global (mut funcref) (ref.null func))";
        assert_eq!(globals(three), Some(vec![0, 2]));
    }

    #[test]
    fn whoever_changes_tables_or_drops_segments_is_found() {
        let around = |code: &str| {
            format!(
                "(memory 1) (table 4 funcref) (elem $e func $f) (data $d \"x\")
                 (func $f {code})"
            )
        };
        for code in [
            "(table.set (i32.const 0) (ref.null func))",
            "(drop (table.grow (ref.null func) (i32.const 1)))",
            "(table.fill (i32.const 0) (ref.null func) (i32.const 1))",
            "(table.copy (i32.const 0) (i32.const 1) (i32.const 1))",
            "(table.init $e (i32.const 0) (i32.const 0) (i32.const 1))",
            "(elem.drop $e)",
            "(block (loop (data.drop $d)))",
        ] {
            assert_eq!(globals(&around(code)), None, "{code}");
        }
        let harmless = "(memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))
                        (drop (memory.grow (i32.const 1)))
                        (drop (table.get (i32.const 0))) (drop (table.size))";
        assert_eq!(globals(&around(harmless)), Some(vec![]));
    }

    #[test]
    fn too_many_globals_are_not_exported() {
        let global = "(global (mut i32) (i32.const 0))";
        assert_eq!(
            globals(&global.repeat(GLOBALS_MAX)).map(|g| g.len()),
            Some(GLOBALS_MAX)
        );
        assert_eq!(globals(&global.repeat(GLOBALS_MAX + 1)), None);
    }
}
