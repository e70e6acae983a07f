//! Instantiation of a component without running it.
//!
//! The index spaces of each component that is instantiated are filled in the order of its
//! definitions, as in "Component Definitions" of the component model. What is left are the
//! instances of core modules with their arguments, in order, and the exports.
//!
//! A component of a kilobyte can instantiate its parts 2^n times: all work is counted.

use std::collections::HashMap;
use std::rc::Rc;

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentImport, ComponentInstance,
    ComponentOuterAliasKind, ComponentTypeRef, Export, ExternalKind, Instance, TypeBounds,
};

use super::canonical::canonical;
use super::definitions::{Definition, Definitions};
use super::error::ComponentError;
use super::values::{
    Closure, ComponentInstanceValue, CoreInstance, CoreItem, Exports, Frame, Function, Imported,
    TypeValue, Value, get,
};
use super::{CORE_INSTANCES_MAX, DEFINITIONS_MAX, DEPTH_MAX};
use crate::linker::BYTES_MAX;

/// An instance of a core module.
pub(super) struct CoreInstantiation<'a> {
    /// Number of the module.
    pub(super) module: usize,
    /// Instances that serve the imports, by the module name of these.
    pub(super) arguments: HashMap<&'a str, CoreInstance<'a>>,
}

/// An instantiated component.
pub(super) struct Instantiated<'a> {
    /// The instances of core modules, in order.
    pub(super) core: Vec<CoreInstantiation<'a>>,
    /// The exports of the outermost component, in order.
    pub(super) exports: Vec<(&'a str, Value<'a>)>,
}

/// Instantiates the outermost component.
pub(super) fn instantiate<'a>(
    definitions: &Definitions<'a>,
) -> Result<Instantiated<'a>, ComponentError> {
    let mut instantiation = Instantiation {
        definitions,
        frames: Vec::new(),
        core: Vec::new(),
        count: 0,
        bytes: 0,
    };
    let outermost = Closure {
        component: 0,
        parent: None,
    };
    let exports = instantiation.component(outermost, None, 0)?;
    Ok(Instantiated {
        core: instantiation.core,
        exports,
    })
}

struct Instantiation<'d, 'a> {
    definitions: &'d Definitions<'a>,
    frames: Vec<Frame<'a>>,
    core: Vec<CoreInstantiation<'a>>,
    /// Definitions, arguments and exports so far.
    count: usize,
    /// Size of the modules of all core instances so far, in bytes.
    bytes: usize,
}

impl<'a> Instantiation<'_, 'a> {
    /// Instantiates a component, the outermost one without arguments.
    fn component(
        &mut self,
        closure: Closure,
        arguments: Option<&Exports<'a>>,
        depth: usize,
    ) -> Result<Vec<(&'a str, Value<'a>)>, ComponentError> {
        if depth >= DEPTH_MAX {
            return Err(ComponentError::TooDeep {
                depth_max: DEPTH_MAX,
            });
        }
        let number = self.frames.len();
        self.frames.push(Frame {
            parent: closure.parent,
            ..Frame::default()
        });
        let definitions = self.definitions;
        let component = definitions.components.get(closure.component);
        let component = component.ok_or_else(|| ComponentError::internal("no component"))?;
        let mut exports = Vec::new();
        for definition in component {
            self.count(1)?;
            match definition {
                Definition::CoreModule(module) => self.frames[number].modules.push(*module),
                Definition::CoreInstance(instance) => self.core_instance(number, instance)?,
                Definition::Component(component) => self.frames[number].components.push(Closure {
                    component: *component,
                    parent: Some(number),
                }),
                Definition::Instance(instance) => {
                    let instance = self.instance(number, instance, depth)?;
                    self.frames[number].instances.push(instance);
                }
                Definition::Alias(alias) => self.alias(number, alias)?,
                Definition::Type(is_resource) => {
                    self.frames[number].types.push(match is_resource {
                        true => TypeValue::OwnResource,
                        false => TypeValue::Other,
                    })
                }
                Definition::Canonical(function, ty) => {
                    canonical(&mut self.frames[number], function, *ty)?;
                }
                Definition::Import(import) => {
                    let value = self.import(number, import, arguments)?;
                    self.push(number, value);
                }
                Definition::Export(export) => {
                    let value = self.item(number, export.kind, export.index)?;
                    self.push(number, value.clone());
                    exports.push((export.name.name, value));
                }
            }
        }
        Ok(exports)
    }

    /// Counts work, and refuses too much of it.
    fn count(&mut self, definitions: usize) -> Result<(), ComponentError> {
        self.count = self.count.saturating_add(definitions);
        match self.count <= DEFINITIONS_MAX {
            true => Ok(()),
            false => Err(ComponentError::TooManyDefinitions {
                definitions_max: DEFINITIONS_MAX,
            }),
        }
    }

    /// Adds an item to its index space.
    fn push(&mut self, number: usize, value: Value<'a>) {
        let frame = &mut self.frames[number];
        match value {
            Value::Module(module) => frame.modules.push(module),
            Value::Component(closure) => frame.components.push(closure),
            Value::Instance(instance) => frame.instances.push(instance),
            Value::Function(function) => frame.functions.push(function),
            Value::Type(ty) => frame.types.push(ty),
        }
    }

    /// The item of an index.
    fn item(
        &self,
        number: usize,
        kind: ComponentExternalKind,
        index: u32,
    ) -> Result<Value<'a>, ComponentError> {
        let frame = &self.frames[number];
        Ok(match kind {
            ComponentExternalKind::Module => Value::Module(get(&frame.modules, index)?),
            ComponentExternalKind::Func => Value::Function(get(&frame.functions, index)?),
            ComponentExternalKind::Type => Value::Type(get(&frame.types, index)?),
            ComponentExternalKind::Instance => Value::Instance(get(&frame.instances, index)?),
            ComponentExternalKind::Component => Value::Component(get(&frame.components, index)?),
            ComponentExternalKind::Value => {
                return Err(ComponentError::internal("a component has values"));
            }
        })
    }

    fn core_instance(
        &mut self,
        number: usize,
        instance: &Instance<'a>,
    ) -> Result<(), ComponentError> {
        let instance = match instance {
            Instance::Instantiate { module_index, args } => {
                self.count(args.len())?;
                if self.core.len() >= CORE_INSTANCES_MAX {
                    return Err(ComponentError::TooManyInstances {
                        instances_max: CORE_INSTANCES_MAX,
                    });
                }
                let frame = &self.frames[number];
                let mut arguments = HashMap::new();
                for argument in args {
                    let instance = get(&frame.core_instances, argument.index)?;
                    arguments.insert(argument.name, instance);
                }
                let module = get(&frame.modules, *module_index)?;
                let bytes = self.definitions.modules.get(module);
                self.bytes += bytes.map_or(0, |bytes| bytes.len());
                if self.bytes > BYTES_MAX {
                    return Err(ComponentError::InstancesTooLarge {
                        bytes_max: BYTES_MAX,
                    });
                }
                self.core.push(CoreInstantiation { module, arguments });
                CoreInstance::Module(self.core.len() - 1)
            }
            Instance::FromExports(exports) => {
                self.count(exports.len())?;
                let mut items = HashMap::new();
                for export in exports {
                    items.insert(export.name, core_item(&self.frames[number], export)?);
                }
                CoreInstance::Items(Rc::new(items))
            }
        };
        self.frames[number].core_instances.push(instance);
        Ok(())
    }

    fn instance(
        &mut self,
        number: usize,
        instance: &ComponentInstance<'a>,
        depth: usize,
    ) -> Result<ComponentInstanceValue<'a>, ComponentError> {
        let mut items = HashMap::new();
        match instance {
            ComponentInstance::Instantiate {
                component_index,
                args,
            } => {
                self.count(args.len())?;
                let mut arguments = HashMap::new();
                for argument in args {
                    let value = self.item(number, argument.kind, argument.index)?;
                    arguments.insert(argument.name, value);
                }
                let closure = get(&self.frames[number].components, *component_index)?;
                let exports = self.component(closure, Some(&arguments), depth + 1)?;
                items.extend(exports);
            }
            ComponentInstance::FromExports(exports) => {
                self.count(exports.len())?;
                for export in exports {
                    let value = self.item(number, export.kind, export.index)?;
                    items.insert(export.name.name, value);
                }
            }
        }
        Ok(ComponentInstanceValue::Exports(Rc::new(items)))
    }

    fn alias(&mut self, number: usize, alias: &ComponentAlias<'a>) -> Result<(), ComponentError> {
        match alias {
            ComponentAlias::InstanceExport {
                kind,
                instance_index,
                name,
            } => {
                let instance = get(&self.frames[number].instances, *instance_index)?;
                let value = match instance {
                    ComponentInstanceValue::Exports(exports) => exports.get(name).cloned(),
                    ComponentInstanceValue::Imported(interface) => {
                        Some(imported(Imported { interface, name }, *kind)?)
                    }
                };
                let value = value.ok_or_else(|| ComponentError::internal("no such export"))?;
                self.push(number, value);
            }
            ComponentAlias::CoreInstanceExport {
                kind,
                instance_index,
                name,
            } => {
                let frame = &mut self.frames[number];
                let instance = get(&frame.core_instances, *instance_index)?;
                let missing = || ComponentError::internal("no such core export");
                if let ExternalKind::Func | ExternalKind::FuncExact = kind {
                    let function = instance.function(name).ok_or_else(missing)?;
                    frame.core_functions.push(function);
                    return Ok(());
                }
                let item = instance.other(name).ok_or_else(missing)?;
                match kind {
                    ExternalKind::Table => frame.core_tables.push(item),
                    ExternalKind::Memory => frame.core_memories.push(item),
                    ExternalKind::Global => frame.core_globals.push(item),
                    _ => frame.core_tags.push(item),
                }
            }
            ComponentAlias::Outer { kind, count, index } => {
                let mut outer = number;
                for _ in 0..*count {
                    let parent = self.frames[outer].parent;
                    outer = parent.ok_or_else(|| ComponentError::internal("no outer component"))?;
                }
                let frame = &self.frames[outer];
                let value = match kind {
                    ComponentOuterAliasKind::CoreModule => {
                        Value::Module(get(&frame.modules, *index)?)
                    }
                    // Core types have no use here.
                    ComponentOuterAliasKind::CoreType => return Ok(()),
                    ComponentOuterAliasKind::Type => Value::Type(get(&frame.types, *index)?),
                    ComponentOuterAliasKind::Component => {
                        Value::Component(get(&frame.components, *index)?)
                    }
                };
                self.push(number, value);
            }
        }
        Ok(())
    }

    fn import(
        &self,
        number: usize,
        import: &ComponentImport<'a>,
        arguments: Option<&Exports<'a>>,
    ) -> Result<Value<'a>, ComponentError> {
        let name = import.name.name;
        if let Some(arguments) = arguments {
            // A type that is equal to another may be left out.
            let found = arguments.get(name).cloned();
            if let (None, ComponentTypeRef::Type(TypeBounds::Eq(index))) = (&found, import.ty) {
                return Ok(Value::Type(get(&self.frames[number].types, index)?));
            }
            return found.ok_or_else(|| ComponentError::internal("an argument is missing"));
        }
        if let ComponentTypeRef::Type(TypeBounds::Eq(index)) = import.ty {
            return Ok(Value::Type(get(&self.frames[number].types, index)?));
        }
        let interface = "";
        imported(Imported { interface, name }, import.ty.kind())
    }
}

/// An item that the outermost component imports.
fn imported(
    import: Imported<'_>,
    kind: ComponentExternalKind,
) -> Result<Value<'_>, ComponentError> {
    let code = |kind| ComponentError::ImportsCode {
        kind,
        name: import.describe(),
    };
    match kind {
        ComponentExternalKind::Func => Ok(Value::Function(Function::Imported(import))),
        ComponentExternalKind::Type => Ok(Value::Type(TypeValue::Imported(import))),
        ComponentExternalKind::Instance => Ok(Value::Instance(ComponentInstanceValue::Imported(
            import.name,
        ))),
        ComponentExternalKind::Module => Err(code("core module")),
        ComponentExternalKind::Component => Err(code("component")),
        ComponentExternalKind::Value => Err(code("value")),
    }
}

fn core_item<'a>(frame: &Frame<'a>, export: &Export<'a>) -> Result<CoreItem<'a>, ComponentError> {
    let (kind, index) = (export.kind, export.index);
    Ok(match kind {
        ExternalKind::Func | ExternalKind::FuncExact => {
            CoreItem::Function(get(&frame.core_functions, index)?)
        }
        ExternalKind::Table => CoreItem::Other(get(&frame.core_tables, index)?),
        ExternalKind::Memory => CoreItem::Other(get(&frame.core_memories, index)?),
        ExternalKind::Global => CoreItem::Other(get(&frame.core_globals, index)?),
        ExternalKind::Tag => CoreItem::Other(get(&frame.core_tags, index)?),
    })
}
