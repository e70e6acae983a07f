//! Functions of the canonical ABI: lifted and lowered ones, and intrinsics.

use std::rc::Rc;

use wasmparser::component_types::ComponentFuncTypeId;
use wasmparser::{CanonicalFunction, CanonicalOption};

use super::StringEncoding;
use super::error::ComponentError;
use super::values::{CoreExport, CoreFunction, Frame, Function, Lift, Lowered, TypeValue, get};

/// Adds a function of the canonical ABI to its index space.
pub(super) fn canonical<'a>(
    frame: &mut Frame<'a>,
    function: &CanonicalFunction,
    ty: Option<ComponentFuncTypeId>,
) -> Result<(), ComponentError> {
    match function {
        CanonicalFunction::Lift {
            core_func_index,
            options,
            ..
        } => {
            let options = Options::of(frame, options)?;
            let lift = Lift {
                function: get(&frame.core_functions, *core_func_index)?,
                ty: ty.ok_or_else(|| ComponentError::internal("a function has no type"))?,
                memory: options.memory,
                realloc: options.realloc,
                post_return: options.post_return,
                encoding: options.encoding,
                is_async: options.is_async,
            };
            frame.functions.push(Function::Lifted(Rc::new(lift)));
        }
        CanonicalFunction::Lower {
            func_index,
            options,
        } => {
            let options = Options::of(frame, options)?;
            let lowered = match get(&frame.functions, *func_index)? {
                Function::Imported(import) if !options.is_async => {
                    CoreFunction::Lowered(Rc::new(Lowered {
                        import,
                        memory: options.memory,
                        realloc: options.realloc,
                    }))
                }
                Function::Imported(import) => missing(&format!("async {}", import.describe())),
                Function::Lifted(_) => missing("a function of another component"),
            };
            frame.core_functions.push(lowered);
        }
        CanonicalFunction::ResourceDrop { resource } => {
            let drop = match get(&frame.types, *resource)? {
                TypeValue::Imported(resource) => CoreFunction::Drop(resource),
                TypeValue::OwnResource | TypeValue::Other => missing("resource.drop"),
            };
            frame.core_functions.push(drop);
        }
        other => frame.core_functions.push(missing(intrinsic(other))),
    }
    Ok(())
}

fn missing<'a>(name: &str) -> CoreFunction<'a> {
    CoreFunction::Missing(name.into())
}

/// Options of a function of the canonical ABI.
#[derive(Default)]
struct Options<'a> {
    memory: Option<CoreExport<'a>>,
    realloc: Option<CoreFunction<'a>>,
    post_return: Option<CoreFunction<'a>>,
    encoding: StringEncoding,
    is_async: bool,
}

impl<'a> Options<'a> {
    fn of(frame: &Frame<'a>, options: &[CanonicalOption]) -> Result<Self, ComponentError> {
        let mut read = Self::default();
        for option in options {
            match option {
                CanonicalOption::UTF8 => read.encoding = StringEncoding::Utf8,
                CanonicalOption::UTF16 => read.encoding = StringEncoding::Utf16,
                CanonicalOption::CompactUTF16 => read.encoding = StringEncoding::Latin1OrUtf16,
                CanonicalOption::Memory(index) => {
                    read.memory = Some(get(&frame.core_memories, *index)?);
                }
                CanonicalOption::Realloc(index) => {
                    read.realloc = Some(get(&frame.core_functions, *index)?);
                }
                CanonicalOption::PostReturn(index) => {
                    read.post_return = Some(get(&frame.core_functions, *index)?);
                }
                CanonicalOption::Async | CanonicalOption::Callback(_) => read.is_async = true,
                CanonicalOption::CoreType(_) | CanonicalOption::Gc => {
                    return Err(ComponentError::internal("an option for garbage collection"));
                }
            }
        }
        Ok(read)
    }
}

/// The name of an intrinsic in the text format.
fn intrinsic(function: &CanonicalFunction) -> &'static str {
    use CanonicalFunction as Function;
    match function {
        Function::Lift { .. } => "lift",
        Function::Lower { .. } => "lower",
        Function::ResourceNew { .. } => "resource.new",
        Function::ResourceDrop { .. } => "resource.drop",
        Function::ResourceRep { .. } => "resource.rep",
        Function::BackpressureInc => "backpressure.inc",
        Function::BackpressureDec => "backpressure.dec",
        Function::TaskReturn { .. } => "task.return",
        Function::TaskCancel => "task.cancel",
        Function::ContextGet { .. } => "context.get",
        Function::ContextSet { .. } => "context.set",
        Function::SubtaskDrop => "subtask.drop",
        Function::SubtaskCancel { .. } => "subtask.cancel",
        Function::StreamNew { .. } => "stream.new",
        Function::StreamRead { .. } => "stream.read",
        Function::StreamWrite { .. } => "stream.write",
        Function::StreamCancelRead { .. } => "stream.cancel-read",
        Function::StreamCancelWrite { .. } => "stream.cancel-write",
        Function::StreamDropReadable { .. } => "stream.drop-readable",
        Function::StreamDropWritable { .. } => "stream.drop-writable",
        Function::FutureNew { .. } => "future.new",
        Function::FutureRead { .. } => "future.read",
        Function::FutureWrite { .. } => "future.write",
        Function::FutureCancelRead { .. } => "future.cancel-read",
        Function::FutureCancelWrite { .. } => "future.cancel-write",
        Function::FutureDropReadable { .. } => "future.drop-readable",
        Function::FutureDropWritable { .. } => "future.drop-writable",
        Function::ErrorContextNew { .. } => "error-context.new",
        Function::ErrorContextDebugMessage { .. } => "error-context.debug-message",
        Function::ErrorContextDrop => "error-context.drop",
        Function::WaitableSetNew => "waitable-set.new",
        Function::WaitableSetWait { .. } => "waitable-set.wait",
        Function::WaitableSetPoll { .. } => "waitable-set.poll",
        Function::WaitableSetDrop => "waitable-set.drop",
        Function::WaitableJoin => "waitable.join",
        Function::ThreadSpawnRef { .. }
        | Function::ThreadSpawnIndirect { .. }
        | Function::ThreadAvailableParallelism
        | Function::ThreadYield { .. }
        | Function::ThreadIndex
        | Function::ThreadNewIndirect { .. }
        | Function::ThreadResumeLater
        | Function::ThreadSuspend { .. }
        | Function::ThreadSuspendThenResume { .. }
        | Function::ThreadYieldThenResume { .. }
        | Function::ThreadSuspendThenPromote { .. }
        | Function::ThreadYieldThenPromote { .. } => "thread intrinsics",
    }
}
