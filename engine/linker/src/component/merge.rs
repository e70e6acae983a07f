//! The core instances of a component, linked to one module.

use std::collections::HashMap;

use wasm_encoder::{
    EntityType, ExportKind, ExportSection, ImportSection, MemoryType, Module, TypeSection,
};
use wasmparser::FuncType;

use super::connect::{Connections, MISSING, Target, encoded, instance_name, realloc_type};
use super::definitions::Definitions;
use super::error::ComponentError;
use super::instantiate::Instantiated;
use super::read_types::{Signature, TypeReader};
use super::shim::Shims;
use super::surface::{Surface, with_imports};
use super::unsupported::Unsupported;
use super::values::{ComponentInstanceValue, CoreFunction, Function, Lift, Value};
use super::wit_type::core_type;
use super::{Component, LiftedFunction, LiftedName, NAME_BYTES_MAX};
use crate::linker::{AmbientInputs, Linker};

/// Name of the exported memory.
const MEMORY: &str = "memory";

/// Bytes of modules that are searched for the ambient inputs of functions, one by one: those of
/// the component for each function. Beyond, the inputs of all functions are those of each.
const SEARCHED_BYTES_MAX: usize = 1 << 30;

/// Links the core instances of a component.
pub(super) fn merge<'a>(
    definitions: &Definitions<'a>,
    instantiated: &Instantiated<'a>,
) -> Result<Component, ComponentError> {
    let core = &instantiated.core;
    let mut surfaces = Vec::new();
    surfaces.resize_with(definitions.modules.len(), Surface::default);
    let mut is_read = vec![false; surfaces.len()];
    for instantiation in core {
        let number = instantiation.module;
        if !std::mem::replace(&mut is_read[number], true) {
            surfaces[number] = Surface::of(definitions.modules[number])?;
        }
    }
    let shims = Shims::of(core, &surfaces)?;
    let mut connections = Connections::new(core, &surfaces, &shims)?;
    let (lifted, refused) = lifted(definitions, instantiated)?;
    if lifted.is_empty() {
        return Err(ComponentError::NoFunctions { functions: refused });
    }
    let memories = lifted.iter().filter_map(|lifted| lifted.lift.memory);
    let memory = connections.choose_memory(&memories.collect::<Vec<_>>())?;
    let mut main = Main::default();
    if let Some(memory) = memory {
        main.memory(&instance_name(memory.instance), memory.name);
    }
    let mut functions = Vec::new();
    for lifted in lifted {
        functions.push(main.function(lifted, &mut connections)?);
    }
    let mut parts = Vec::new();
    for (instance, instantiation) in core.iter().enumerate() {
        if !shims.replaced.contains(&instance) {
            let names = connections.imports(instance)?;
            let module = definitions.modules[instantiation.module];
            let module = with_imports(module, &names, !shims.fillers.contains(&instance))?;
            parts.push((instance, module));
        }
    }
    let module = link(&main.finish(), &parts, &connections, &mut functions)?;
    Ok(Component {
        module,
        functions,
        refused,
    })
}

/// A function that can be called.
struct Lifted<'v, 'a> {
    name: LiftedName,
    lift: &'v Lift<'a>,
    signature: Signature,
}

/// Functions that cannot be called, and the reasons.
type Refused = Vec<(LiftedName, Unsupported)>;

/// The exported functions that can be called, and the others.
fn lifted<'v, 'a>(
    definitions: &Definitions<'a>,
    instantiated: &'v Instantiated<'a>,
) -> Result<(Vec<Lifted<'v, 'a>>, Refused), ComponentError> {
    let mut types = TypeReader::new(&definitions.types);
    let (mut lifted, mut refused) = (Vec::new(), Vec::new());
    for (name, function) in exported(instantiated)? {
        let Function::Lifted(lift) = function else {
            refused.push((name, Unsupported::Imported));
            continue;
        };
        let signature = match lift.is_async {
            true => Err(Unsupported::Async),
            false => types.function(lift.ty)?,
        };
        match signature {
            Ok(signature) => lifted.push(Lifted {
                name,
                lift,
                signature,
            }),
            Err(reason) => refused.push((name, reason)),
        }
    }
    Ok((lifted, refused))
}

/// The exported functions, and those of exported instances.
type Exported<'v, 'a> = Vec<(LiftedName, &'v Function<'a>)>;

fn exported<'v, 'a>(
    instantiated: &'v Instantiated<'a>,
) -> Result<Exported<'v, 'a>, ComponentError> {
    let mut functions = Vec::new();
    let mut name_bytes = 0;
    let mut add = |interface: Option<&str>, name: &str, function| {
        name_bytes += interface.map_or(0, str::len) + name.len();
        if name_bytes > NAME_BYTES_MAX {
            return Err(ComponentError::NamesTooLong {
                bytes_max: NAME_BYTES_MAX,
            });
        }
        let name = LiftedName {
            interface: interface.map(str::to_owned),
            name: name.to_owned(),
        };
        functions.push((name, function));
        Ok(())
    };
    for (name, value) in &instantiated.exports {
        match value {
            Value::Function(function) => add(None, name, function)?,
            Value::Instance(ComponentInstanceValue::Exports(exports)) => {
                let mut exports: Vec<_> = exports.iter().collect();
                exports.sort_unstable_by_key(|(name, _)| **name);
                for (function_name, value) in exports {
                    if let Value::Function(function) = value {
                        add(Some(name), function_name, function)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(functions)
}

/// The main module, which exports parts of the core instances.
#[derive(Default)]
struct Main {
    types: TypeSection,
    imports: ImportSection,
    exports: ExportSection,
    /// Names of exported allocators.
    reallocs: HashMap<Target, String>,
    functions: u32,
}

impl Main {
    /// Exports the memory.
    fn memory(&mut self, module: &str, name: &str) {
        let ty = MemoryType {
            minimum: 0,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        };
        self.imports.import(module, name, ty);
        self.exports.export(MEMORY, ExportKind::Memory, 0);
    }

    /// Exports what a call of a lifted function needs.
    fn function<'a>(
        &mut self,
        lifted: Lifted<'_, 'a>,
        connections: &mut Connections<'_, 'a>,
    ) -> Result<LiftedFunction, ComponentError> {
        let Lifted {
            name,
            lift,
            signature: (parameters, result),
        } = lifted;
        let (flat, results) = core_type(&parameters, result.as_ref());
        let ty = FuncType::new(flat, results.iter().copied());
        let core_export = format!("lift:{name}");
        let target = connections.target(&lift.function, &ty);
        self.export(&core_export, &target, &ty)?;
        let post_return = match &lift.post_return {
            None => None,
            Some(function) => {
                let export = format!("post_return:{name}");
                let ty = FuncType::new(results, []);
                let target = connections.target(function, &ty);
                self.export(&export, &target, &ty)?;
                Some(export)
            }
        };
        let realloc = match &lift.realloc {
            None => None,
            Some(function) => Some(self.realloc(function, connections)?),
        };
        Ok(LiftedFunction {
            name,
            parameters,
            result,
            core_export,
            memory: lift.memory.map(|_| MEMORY.to_owned()),
            realloc,
            post_return,
            encoding: lift.encoding,
            ambient_inputs: AmbientInputs::default(),
        })
    }

    /// Exports an allocator, each once.
    fn realloc<'a>(
        &mut self,
        function: &CoreFunction<'a>,
        connections: &mut Connections<'_, 'a>,
    ) -> Result<String, ComponentError> {
        let target = connections.target(function, &realloc_type());
        if let Some(known) = self.reallocs.get(&target) {
            return Ok(known.clone());
        }
        let name = match self.reallocs.len() {
            0 => "cabi_realloc".to_owned(),
            number => format!("cabi_realloc:{number}"),
        };
        self.export(&name, &target, &realloc_type())?;
        self.reallocs.insert(target, name.clone());
        Ok(name)
    }

    fn export(&mut self, name: &str, target: &Target, ty: &FuncType) -> Result<(), ComponentError> {
        self.types.ty().func_type(&encoded(ty)?);
        let (module, field) = target;
        let ty = EntityType::Function(self.functions);
        self.imports.import(module, field, ty);
        self.exports.export(name, ExportKind::Func, self.functions);
        self.functions += 1;
        Ok(())
    }

    fn finish(&self) -> Vec<u8> {
        let mut module = Module::new();
        module.section(&self.types);
        module.section(&self.imports);
        module.section(&self.exports);
        module.finish()
    }
}

/// Links the main module with the core instances and WASI, and completes the functions.
fn link(
    main: &[u8],
    parts: &[(usize, Vec<u8>)],
    connections: &Connections<'_, '_>,
    functions: &mut [LiftedFunction],
) -> Result<Vec<u8>, ComponentError> {
    let providers = connections.providers()?;
    let mut linker = Linker::new("component", main)?.keep_order();
    for (instance, module) in parts {
        let name = instance_name(*instance);
        let place = format!("core instance {instance}");
        linker = linker.provide_part(&name, place, module, false)?;
    }
    linker = linker.provide_wasi()?;
    for (name, module) in &providers {
        linker = linker.provide_part(name, format!("provider `{name}`"), module, true)?;
    }
    let missing = linker.missing_imports()?;
    if !missing.is_empty() {
        let mut names: Vec<_> = missing
            .into_iter()
            .map(|import| match import.module.as_str() {
                MISSING => import.name,
                module => format!("{module}#{}", import.name),
            })
            .collect();
        names.sort();
        names.dedup();
        return Err(ComponentError::MissingImports { names });
    }
    let groups: Vec<Vec<&str>> = functions.iter().map(exports).collect();
    let bytes: usize = parts.iter().map(|(_, module)| module.len()).sum();
    let groups = match groups.len().saturating_mul(bytes) <= SEARCHED_BYTES_MAX {
        true => groups,
        false => vec![groups.concat()],
    };
    let groups: Vec<&[&str]> = groups.iter().map(Vec::as_slice).collect();
    let inputs = linker.ambient_inputs_of(&groups)?;
    for (function, inputs) in functions.iter_mut().zip(inputs.iter().cycle()) {
        function.ambient_inputs = *inputs;
    }
    Ok(linker.link()?)
}

/// The exports that a call of a function may call.
fn exports(function: &LiftedFunction) -> Vec<&str> {
    let optional = [&function.realloc, &function.post_return];
    let optional = optional.into_iter().flatten().map(String::as_str);
    std::iter::once(function.core_export.as_str())
        .chain(optional)
        .collect()
}
