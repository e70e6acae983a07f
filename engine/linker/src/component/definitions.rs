//! Definitions of a component and of those nested in it, in the order of the bytes.

use fusebox_instrument::{FEATURES, check_arities};
use wasmparser::component_types::ComponentFuncTypeId;
use wasmparser::types::Types;
use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentExport, ComponentImport, ComponentInstance,
    ComponentType, Instance, Parser, Payload, ValidPayload, Validator, WasmFeatures,
};

use super::DEPTH_MAX;
use super::error::ComponentError;

/// Features of components. Those that the instantiation refuses by name are permitted here.
const COMPONENT_FEATURES: WasmFeatures = FEATURES
    .union(WasmFeatures::COMPONENT_MODEL)
    .union(WasmFeatures::CM_ASYNC)
    .union(WasmFeatures::CM_ASYNC_STACKFUL)
    .union(WasmFeatures::CM_MORE_ASYNC_BUILTINS)
    .union(WasmFeatures::CM_ERROR_CONTEXT);

/// A definition, which adds an index to an index space of its component.
pub(super) enum Definition<'a> {
    /// A core module, by its number.
    CoreModule(usize),
    CoreInstance(Instance<'a>),
    /// A nested component, by its number.
    Component(usize),
    Instance(ComponentInstance<'a>),
    Alias(ComponentAlias<'a>),
    /// A type, and true if it is a resource.
    Type(bool),
    /// A function that lifts or lowers another, or an intrinsic. A lifted one has a type.
    Canonical(CanonicalFunction, Option<ComponentFuncTypeId>),
    /// An import, with its type if it is a function.
    Import(ComponentImport<'a>),
    Export(ComponentExport<'a>),
}

/// A valid component, taken apart. The bodies of functions have not been validated.
pub(super) struct Definitions<'a> {
    /// The definitions of each component, that of the outermost first.
    pub(super) components: Vec<Vec<Definition<'a>>>,
    /// The core modules.
    pub(super) modules: Vec<&'a [u8]>,
    /// The types that definitions name.
    pub(super) types: Types,
}

impl<'a> Definitions<'a> {
    /// Validates a component and takes it apart.
    pub(super) fn of(bytes: &'a [u8]) -> Result<Self, ComponentError> {
        if !Parser::is_component(bytes) {
            let found = match bytes {
                _ if Parser::is_core_wasm(bytes) => "a core module",
                [] => "no bytes",
                _ => "bytes that are no Wasm",
            };
            return Err(ComponentError::NotAComponent { found });
        }
        let mut reader = Reader {
            bytes,
            validator: Validator::new_with_features(COMPONENT_FEATURES),
            components: Vec::new(),
            modules: Vec::new(),
            open: Vec::new(),
            is_in_module: false,
        };
        let mut types = None;
        for payload in Parser::new(0).parse_all(bytes) {
            types = reader.payload(payload?)?.or(types);
        }
        Ok(Self {
            components: reader.components,
            modules: reader.modules,
            types: types.ok_or_else(|| ComponentError::internal("a component has no end"))?,
        })
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    validator: Validator,
    components: Vec<Vec<Definition<'a>>>,
    modules: Vec<&'a [u8]>,
    /// Numbers of the components that are being read, the innermost last.
    open: Vec<usize>,
    is_in_module: bool,
}

impl<'a> Reader<'a> {
    /// Reads a part. Returns the types at the end of a component or a module.
    fn payload(&mut self, payload: Payload<'a>) -> Result<Option<Types>, ComponentError> {
        match &payload {
            Payload::Version { .. } if !self.is_in_module => {
                if self.open.len() >= DEPTH_MAX {
                    return Err(ComponentError::TooDeep {
                        depth_max: DEPTH_MAX,
                    });
                }
                self.open.push(self.components.len());
                self.components.push(Vec::new());
            }
            Payload::ModuleSection {
                unchecked_range, ..
            } => {
                let module = self.bytes.get(unchecked_range.clone()).unwrap_or_default();
                let reason = |reason| ComponentError::Refused {
                    module: self.modules.len(),
                    reason,
                };
                check_arities(module).map_err(reason)?;
            }
            _ => {}
        }
        // Linking validates the bodies of the modules that are instantiated.
        let types = match self.validator.payload(&payload)? {
            ValidPayload::End(types) => Some(types),
            _ => None,
        };
        match payload {
            Payload::End(_) if self.is_in_module => self.is_in_module = false,
            Payload::End(_) => {
                self.open.pop();
            }
            _ if self.is_in_module => {}
            payload => self.section(payload)?,
        }
        Ok(types)
    }

    fn section(&mut self, payload: Payload<'a>) -> Result<(), ComponentError> {
        match payload {
            Payload::ModuleSection {
                unchecked_range, ..
            } => {
                self.is_in_module = true;
                self.define(Definition::CoreModule(self.modules.len()))?;
                let module = self.bytes.get(unchecked_range).unwrap_or_default();
                self.modules.push(module);
            }
            Payload::ComponentSection { .. } => {
                self.define(Definition::Component(self.components.len()))?;
            }
            Payload::InstanceSection(section) => {
                for instance in section {
                    self.define(Definition::CoreInstance(instance?))?;
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    self.define(Definition::Instance(instance?))?;
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    self.define(Definition::Alias(alias?))?;
                }
            }
            Payload::ComponentTypeSection(section) => {
                for ty in section {
                    let is_resource = matches!(ty?, ComponentType::Resource { .. });
                    self.define(Definition::Type(is_resource))?;
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section {
                    let function = function?;
                    let ty = self.lifted_type(&function)?;
                    self.define(Definition::Canonical(function, ty))?;
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    self.define(Definition::Import(import?))?;
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    self.define(Definition::Export(export?))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn define(&mut self, definition: Definition<'a>) -> Result<(), ComponentError> {
        let component = self.open.last().copied();
        let component = component.and_then(|number| self.components.get_mut(number));
        let component = component.ok_or_else(|| ComponentError::internal("a stray definition"))?;
        component.push(definition);
        Ok(())
    }

    /// The type of a function that is lifted. Its section has been validated, so that the
    /// type is known.
    fn lifted_type(
        &self,
        function: &CanonicalFunction,
    ) -> Result<Option<ComponentFuncTypeId>, ComponentError> {
        let CanonicalFunction::Lift { type_index, .. } = function else {
            return Ok(None);
        };
        let types = self.validator.types(0);
        let types = types.ok_or_else(|| ComponentError::internal("a component has no types"))?;
        let ty = types.component_any_type_at(*type_index);
        match ty {
            wasmparser::component_types::ComponentAnyTypeId::Func(ty) => Ok(Some(ty)),
            _ => Err(ComponentError::internal("a lifted function has no type")),
        }
    }
}
