//! State of an instance that survives a call.
//!
//! The host can restore linear memory. It can restore mutable globals too, because
//! they are exported. It cannot restore tables and dropped segments; code that
//! changes those is detected, and compilers rarely emit it.

use wasmparser::{Operator, Parser, Payload};

use crate::error::Error;

/// Mutable state of an instance, apart from its memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct MutableState {
    /// The indices of the mutable globals, `None` if there is other mutable state.
    pub(crate) globals: Option<Vec<u32>>,
}

/// Maximum number of mutable globals that are exported. Compilers emit a few.
const GLOBALS_MAX: usize = 1_000;

impl MutableState {
    /// Scans a valid module that imports functions only.
    pub(crate) fn of(module: &[u8]) -> Result<Self, Error> {
        let mut globals = Vec::new();
        let mut is_restorable = true;
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
                        is_restorable &= !changes_tables_or_segments(&operator?);
                    }
                }
                _ => {}
            }
        }
        is_restorable &= globals.len() <= GLOBALS_MAX;
        Ok(Self {
            globals: is_restorable.then_some(globals),
        })
    }

    /// The globals to export.
    pub(crate) fn exported(&self) -> &[u32] {
        self.globals.as_deref().unwrap_or_default()
    }
}

/// Returns true if an instruction changes a table or drops a segment.
fn changes_tables_or_segments(operator: &Operator<'_>) -> bool {
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
        MutableState::of(&module).unwrap().globals
    }

    #[test]
    fn only_mutable_globals_are_exported() {
        assert_eq!(globals(""), Some(vec![]));
        let three = "(global (mut i32) (i32.const 1)) (global i64 (i64.const 2))
                     (global (mut funcref) (ref.null func))";
        assert_eq!(globals(three), Some(vec![0, 2]));
    }

    #[test]
    fn code_that_changes_tables_or_drops_segments_is_detected() {
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
        let unaffected = "(memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))
                        (drop (memory.grow (i32.const 1)))
                        (drop (table.get (i32.const 0))) (drop (table.size))";
        assert_eq!(globals(&around(unaffected)), Some(vec![]));
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
