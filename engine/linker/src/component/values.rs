//! Values of index spaces while a component is instantiated.

use std::collections::HashMap;
use std::rc::Rc;

use wasmparser::component_types::ComponentFuncTypeId;

use super::StringEncoding;
use super::error::ComponentError;

/// An export of an instance of a core module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct CoreExport<'a> {
    /// Number of the instance, in the order of instantiation.
    pub(super) instance: usize,
    pub(super) name: &'a str,
}

/// An import of the outermost component: a function, a type or an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Imported<'a> {
    /// Name of the imported instance; empty for an import beside all instances.
    pub(super) interface: &'a str,
    pub(super) name: &'a str,
}

impl Imported<'_> {
    /// The name in messages.
    pub(super) fn describe(&self) -> String {
        match self.interface {
            "" => self.name.to_owned(),
            interface => format!("{interface}#{}", self.name),
        }
    }
}

/// A core function.
#[derive(Clone, Debug)]
pub(super) enum CoreFunction<'a> {
    Export(CoreExport<'a>),
    /// An import, lowered.
    Lowered(Rc<Lowered<'a>>),
    /// The function that drops a handle to an imported resource.
    Drop(Imported<'a>),
    /// A function that is not provided, by the name for messages.
    Missing(Rc<str>),
}

/// An import, lowered to a core function.
#[derive(Debug)]
pub(super) struct Lowered<'a> {
    pub(super) import: Imported<'a>,
    /// The memory that holds what is not passed directly.
    pub(super) memory: Option<CoreExport<'a>>,
    /// The allocator of results in that memory.
    pub(super) realloc: Option<CoreFunction<'a>>,
}

/// An item that a core instance exports.
#[derive(Clone, Debug)]
pub(super) enum CoreItem<'a> {
    Function(CoreFunction<'a>),
    /// A table, a memory, a global or a tag.
    Other(CoreExport<'a>),
}

/// A core instance.
#[derive(Clone)]
pub(super) enum CoreInstance<'a> {
    /// An instance of a module, by its number.
    Module(usize),
    /// A list of items.
    Items(Rc<HashMap<&'a str, CoreItem<'a>>>),
}

impl<'a> CoreInstance<'a> {
    /// The function of a name.
    pub(super) fn function(&self, name: &'a str) -> Option<CoreFunction<'a>> {
        match self {
            Self::Module(instance) => Some(CoreFunction::Export(CoreExport {
                instance: *instance,
                name,
            })),
            Self::Items(items) => match items.get(name)? {
                CoreItem::Function(function) => Some(function.clone()),
                CoreItem::Other(_) => None,
            },
        }
    }

    /// The table, memory or global of a name.
    pub(super) fn other(&self, name: &'a str) -> Option<CoreExport<'a>> {
        match self {
            Self::Module(instance) => Some(CoreExport {
                instance: *instance,
                name,
            }),
            Self::Items(items) => match items.get(name)? {
                CoreItem::Other(export) => Some(*export),
                CoreItem::Function(_) => None,
            },
        }
    }
}

/// A core function, lifted to a function of the component.
#[derive(Debug)]
pub(super) struct Lift<'a> {
    pub(super) function: CoreFunction<'a>,
    pub(super) ty: ComponentFuncTypeId,
    pub(super) memory: Option<CoreExport<'a>>,
    pub(super) realloc: Option<CoreFunction<'a>>,
    pub(super) post_return: Option<CoreFunction<'a>>,
    pub(super) encoding: StringEncoding,
    pub(super) is_async: bool,
}

/// A function of a component.
#[derive(Clone)]
pub(super) enum Function<'a> {
    Lifted(Rc<Lift<'a>>),
    Imported(Imported<'a>),
}

/// A type, as far as intrinsics need it.
#[derive(Clone, Copy)]
pub(super) enum TypeValue<'a> {
    /// A resource that the component defines.
    OwnResource,
    Imported(Imported<'a>),
    Other,
}

/// A component that can be instantiated.
#[derive(Clone, Copy)]
pub(super) struct Closure {
    /// Number of the component.
    pub(super) component: usize,
    /// Number of the frame to which its outer aliases refer.
    pub(super) parent: Option<usize>,
}

/// Exports of a component's instance.
pub(super) type Exports<'a> = HashMap<&'a str, Value<'a>>;

/// A component's instance.
#[derive(Clone)]
pub(super) enum ComponentInstanceValue<'a> {
    Exports(Rc<Exports<'a>>),
    /// An import of this name.
    Imported(&'a str),
}

/// An item of a component.
#[derive(Clone)]
pub(super) enum Value<'a> {
    Module(usize),
    Component(Closure),
    Instance(ComponentInstanceValue<'a>),
    Function(Function<'a>),
    Type(TypeValue<'a>),
}

/// Index spaces of a component that is being instantiated.
#[derive(Default)]
pub(super) struct Frame<'a> {
    pub(super) parent: Option<usize>,
    pub(super) modules: Vec<usize>,
    pub(super) core_instances: Vec<CoreInstance<'a>>,
    pub(super) core_functions: Vec<CoreFunction<'a>>,
    pub(super) core_tables: Vec<CoreExport<'a>>,
    pub(super) core_memories: Vec<CoreExport<'a>>,
    pub(super) core_globals: Vec<CoreExport<'a>>,
    pub(super) core_tags: Vec<CoreExport<'a>>,
    pub(super) components: Vec<Closure>,
    pub(super) instances: Vec<ComponentInstanceValue<'a>>,
    pub(super) functions: Vec<Function<'a>>,
    pub(super) types: Vec<TypeValue<'a>>,
}

/// An item of an index space.
pub(super) fn get<T: Clone>(space: &[T], index: u32) -> Result<T, ComponentError> {
    let item = space.get(index as usize).cloned();
    item.ok_or_else(|| ComponentError::internal("an index of a component is out of range"))
}
