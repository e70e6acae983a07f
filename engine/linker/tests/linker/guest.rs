//! Linking and calling guests.

use fusebox_linker::{Error, Linker};
use wasmparser::{Parser, Payload};
use wasmtime::{Caller, Engine, Instance, Module, Store, Val};

/// Links a module with providers, all in the text format.
pub(crate) fn link(main: &str, providers: &[(&str, &str)]) -> Result<Vec<u8>, Error> {
    let main = wat::parse_str(main).unwrap();
    let providers: Vec<_> = providers
        .iter()
        .map(|(name, text)| (*name, wat::parse_str(text).unwrap()))
        .collect();
    let mut linker = Linker::new("main", &main)?;
    for (name, module) in &providers {
        linker = linker.provide(name, module)?;
    }
    linker.link().inspect(|linked| validate(linked))
}

/// Checks that a linked module is one that can be instrumented.
pub(crate) fn validate(module: &[u8]) {
    let mut validator = wasmparser::Validator::new_with_features(fusebox_instrument::FEATURES);
    if let Err(error) = validator.validate_all(module) {
        panic!("{error}");
    }
}

/// An instance of a linked module, with a host that provides `log` alone.
pub(crate) struct Guest {
    store: Store<Vec<Vec<u8>>>,
    instance: Instance,
}

impl Guest {
    pub(crate) fn new(module: &[u8]) -> Self {
        let engine = Engine::default();
        let module = Module::new(&engine, module).unwrap();
        let mut linker = wasmtime::Linker::new(&engine);
        linker
            .func_wrap("fusebox", "log", log)
            .expect("it is defined once");
        let mut store = Store::new(&engine, Vec::new());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        Self { store, instance }
    }

    /// Calls an export. `None` is a trap.
    pub(crate) fn try_call(&mut self, name: &str, arguments: &[Val]) -> Option<Vec<Val>> {
        let function = self.instance.get_func(&mut self.store, name).expect(name);
        let results = function.ty(&self.store).results().len();
        let mut results = vec![Val::I32(0); results];
        let outcome = function.call(&mut self.store, arguments, &mut results);
        outcome.ok().map(|()| results)
    }

    /// Calls an export that returns one integer.
    pub(crate) fn call(&mut self, name: &str, arguments: &[Val]) -> i64 {
        let results = self.try_call(name, arguments).expect(name);
        match results.as_slice() {
            [Val::I32(value)] => i64::from(*value),
            [Val::I64(value)] => *value,
            other => panic!("{name} returned {other:?}"),
        }
    }

    pub(crate) fn global(&mut self, name: &str) -> i64 {
        let global = self.instance.get_global(&mut self.store, name).expect(name);
        global.get(&mut self.store).unwrap_i64()
    }

    pub(crate) fn set_global(&mut self, name: &str, value: i64) {
        let global = self.instance.get_global(&mut self.store, name).expect(name);
        global.set(&mut self.store, Val::I64(value)).unwrap();
    }

    pub(crate) fn memory(&mut self) -> &mut [u8] {
        let memory = self.instance.get_memory(&mut self.store, "memory");
        memory.expect("it has a memory").data_mut(&mut self.store)
    }

    /// The messages so far.
    pub(crate) fn messages(&self) -> Vec<String> {
        let messages = self.store.data().iter();
        messages
            .map(|message| String::from_utf8_lossy(message).into_owned())
            .collect()
    }
}

fn log(mut caller: Caller<'_, Vec<Vec<u8>>>, address: i32, length: i32) {
    let memory = caller.get_export("memory").unwrap().into_memory().unwrap();
    let start = address as u32 as usize;
    let message = memory.data(&caller)[start..][..length as u32 as usize].to_vec();
    caller.data_mut().push(message);
}

/// Names of the exports of a module, and of its imports as `module.name`.
pub(crate) fn surface(module: &[u8]) -> (Vec<String>, Vec<String>) {
    let (mut exports, mut imports) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(module) {
        match payload.unwrap() {
            Payload::ExportSection(section) => {
                let names = section.into_iter().map(|export| export.unwrap().name);
                exports.extend(names.map(str::to_owned));
            }
            Payload::ImportSection(section) => {
                let section = section.into_imports().map(Result::unwrap);
                imports.extend(section.map(|import| format!("{}.{}", import.module, import.name)));
            }
            _ => {}
        }
    }
    (exports, imports)
}

/// Links a module in the text format with the providers of the crate.
pub(crate) fn link_wasi(main: &str) -> Vec<u8> {
    let main = wat::parse_str(main).unwrap();
    let linker = Linker::new("main", &main).unwrap().provide_wasi().unwrap();
    assert_eq!(linker.missing_imports().unwrap(), []);
    let linked = linker.link().unwrap();
    validate(&linked);
    linked
}
