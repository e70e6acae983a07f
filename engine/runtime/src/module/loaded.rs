//! Loaded modules: bytes, digest, inspection and declarations, made once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use fusebox_definition::statement::{Declarations, FuseboxStatement, StatementSplitter};
use fusebox_definition::{Definition, Digest, Limits, ModuleError, ModuleSource, Subject};
use fusebox_instrument::WEIGHTS_VERSION;
use fusebox_linker::component::Component;
use fusebox_linker::wasi::Grants;

use super::component::{ComponentFunctions, Flattened, SetKey, flatten};
use super::decode::decode;
use super::inspect::Inspection;
use super::linking::link_wasi;
use super::validate::Bodies;
use crate::error::Error;
use crate::sandbox::DriverTraits;

/// Recursion limit of the parser, as sqlparser's default.
const RECURSION_LIMIT: usize = 50;

/// Module whose bytes were validated, hashed and inspected.
///
/// Made once where bytes come in, and shared as an [`Arc`] from there on.
pub struct LoadedModule {
    /// Binary format; with drivers, that of the component.
    bytes: Arc<[u8]>,
    /// The module linked to what it imports; the same bytes if it imports nothing else than
    /// row metering.
    code: Arc<[u8]>,
    /// Drivers to link to the code whenever it is compiled. A linked module that is kept would be a
    /// copy of the component for each set.
    drivers: Option<(Arc<ComponentFunctions>, SetKey)>,
    /// Digest of the bytes; with drivers, that of the linked module, by which its compiled code is
    /// found.
    digest: Digest,
    /// True if the module is linked to the deterministic WASI.
    is_linked: bool,
    /// Traits of its driver.
    driver: DriverTraits,
    inspection: Inspection,
    declarations: Declarations,
    /// The functions of a component.
    component: Option<Arc<ComponentFunctions>>,
    /// The component with the drivers of a set of functions, once one of them was used.
    driven: Mutex<BTreeMap<SetKey, Arc<Self>>>,
}

impl LoadedModule {
    /// Loads a module from its binary or text format, of at most `bytes_max` bytes.
    ///
    /// # Errors
    ///
    /// [`ModuleError`] if it is too large, not a valid module, or its declarations do not
    /// parse.
    pub fn new(bytes: &[u8], bytes_max: u64) -> Result<Arc<Self>, ModuleError> {
        let bytes: Arc<[u8]> = Arc::from(&*decode(bytes, bytes_max)?);
        let digest = Digest::of(&bytes);
        match Component::is_component(&bytes) {
            true => Self::of_component(bytes, digest),
            false => Self::of_core(bytes, digest, Bodies::Now).map(Arc::new),
        }
    }

    /// Loads a module in the binary format that was loaded before, as one of a catalog: the bodies
    /// of its functions are validated when they are compiled, which a cache can spare. The caller
    /// checks that `digest` is that of the bytes.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new), but not of the bodies of functions.
    pub fn stored(bytes: &[u8], digest: Digest) -> Result<Arc<Self>, ModuleError> {
        match Component::is_component(bytes) {
            true => Self::of_component(Arc::from(bytes), digest),
            false => Self::of_core(Arc::from(bytes), digest, Bodies::Later).map(Arc::new),
        }
    }

    /// Loads a module that was linked to a driver, whose size is bounded by that of its parts.
    pub(super) fn driven(linked: &[u8], driver: DriverTraits) -> Result<Arc<Self>, ModuleError> {
        let module = Self::of_core(Arc::from(linked), Digest::of(linked), Bodies::Later)?;
        Ok(Arc::new(Self { driver, ..module }))
    }

    /// Returns a component with the drivers of a set of its functions.
    ///
    /// The first time, the code is linked, for the compilation that follows.
    ///
    /// # Errors
    ///
    /// Those of [`ComponentFunctions::link`].
    pub(super) fn driven_set(
        &self,
        component: &Arc<ComponentFunctions>,
        set: SetKey,
    ) -> Result<Arc<Self>, ModuleError> {
        // Held while it is linked: who waits for it wants the same, as a rule.
        let mut driven = self.driven.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = driven.get(&set) {
            return Ok(Arc::clone(module));
        }
        let (linked, has_clock) = component.link(&self.code, set)?;
        let driver = DriverTraits {
            has_clock,
            is_free_of_memory: false,
        };
        let module = Self::driven(&linked, driver)?;
        let kept = Self {
            bytes: Arc::clone(&self.bytes),
            code: Arc::clone(&self.code),
            drivers: Some((Arc::clone(component), set)),
            digest: module.digest,
            is_linked: module.is_linked,
            driver,
            inspection: module.inspection.clone(),
            declarations: Declarations::default(),
            component: None,
            driven: Mutex::default(),
        };
        driven.insert(set, Arc::new(kept));
        Ok(module)
    }

    fn of_core(bytes: Arc<[u8]>, digest: Digest, bodies: Bodies) -> Result<Self, ModuleError> {
        let inspection = Inspection::of(&bytes, bodies)?;
        let (code, inspection, is_linked) = match inspection.imports_others() {
            false => (Arc::clone(&bytes), inspection, false),
            true => {
                let code = link_wasi(&bytes)?;
                let inspection = Inspection::of(&code, Bodies::Later)?;
                (Arc::from(code), inspection, true)
            }
        };
        let declarations = Declarations::parse(inspection.declarations())?;
        Ok(Self {
            digest,
            bytes,
            code,
            drivers: None,
            is_linked,
            driver: DriverTraits::default(),
            inspection,
            declarations,
            component: None,
            driven: Mutex::default(),
        })
    }

    /// Loads the module again with constants that it may read through WASI preview 1, in place of
    /// those that it has. They are part of its bytes from then on.
    ///
    /// # Errors
    ///
    /// [`ModuleError::Grants`] if the constants are invalid or nothing reads them, and
    /// [`ModuleError::TooLarge`] if the module then has more than `bytes_max` bytes.
    pub fn with_grants(&self, grants: &Grants, bytes_max: u64) -> Result<Arc<Self>, ModuleError> {
        if !self.is_linked {
            let what = match self.component {
                Some(_) => "a component",
                None => "one without these imports",
            };
            return Err(ModuleError::Grants(format!(
                "expected a core module that imports from `wasi_snapshot_preview1`, found {what}: \
                 leave seed, env and data out"
            )));
        }
        let bytes = grants.added_to(&self.bytes);
        let bytes = bytes.map_err(|error| ModuleError::Grants(error.to_string()))?;
        Self::new(&bytes, bytes_max)
    }

    /// Loads a component, which declares its functions by their types in WIT.
    fn of_component(bytes: Arc<[u8]>, digest: Digest) -> Result<Arc<Self>, ModuleError> {
        let Flattened { code, functions } = flatten(&bytes)?;
        Ok(Arc::new(Self {
            digest,
            bytes,
            inspection: Inspection::of(&code, Bodies::Later)?,
            code: Arc::from(code),
            drivers: None,
            // Its functions tell themselves what they read.
            is_linked: false,
            driver: DriverTraits::default(),
            declarations: Declarations::parse(&functions.declarations())?,
            component: Some(Arc::new(functions)),
            driven: Mutex::default(),
        }))
    }

    /// Returns the binary format.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// Returns the module that is compiled: with what it imports, and its drivers, linked into it.
    ///
    /// # Errors
    ///
    /// Those of [`ComponentFunctions::link`].
    pub(crate) fn code(&self) -> Result<Cow<'_, [u8]>, ModuleError> {
        match &self.drivers {
            None => Ok(Cow::Borrowed(&self.code)),
            Some((component, set)) => {
                let (linked, _) = component.link(&self.code, *set)?;
                Ok(Cow::Owned(linked))
            }
        }
    }

    /// Returns true if the module imports from WASI.
    pub(crate) fn is_linked(&self) -> bool {
        self.is_linked
    }

    /// Returns what it has of its driver.
    pub(crate) fn driver(&self) -> DriverTraits {
        self.driver
    }

    /// Returns the digest of the binary format.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the functions that the module declares.
    pub fn declarations(&self) -> &Declarations {
        &self.declarations
    }

    /// Returns the symbols of the functions that the module exports, sorted.
    pub fn symbols(&self) -> Vec<String> {
        match &self.component {
            Some(component) => component.symbols(),
            None => self.inspection.symbols(),
        }
    }

    /// Returns the functions of a component; `None` for a core module.
    pub(super) fn component(&self) -> Option<&Arc<ComponentFunctions>> {
        self.component.as_ref()
    }

    /// Defines a function of this module by a statement `CREATE FUNCTION` without a source,
    /// completed by the module's declaration. Limits are those of
    /// [`Limits::of_kind`] unless the statement states others.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`] and [`Error::Refused`] as for the statement in SQL.
    pub fn define(&self, statement: &str) -> Result<Definition, Error> {
        let mut statements = StatementSplitter::new(statement, "generic", RECURSION_LIMIT);
        let parsed = match (
            statements.next().transpose()?,
            statements.next().transpose()?,
        ) {
            (Some(tokens), None) => tokens.parse()?,
            _ => None,
        };
        let Some(FuseboxStatement::CreateFunction(create)) = parsed else {
            let message = "expected one statement CREATE FUNCTION";
            return Err(Error::Syntax(message.to_owned()));
        };
        let subject = || Subject::Function(create.name.clone());
        if let Some(options) = &create.options {
            let checked = options.refuse_grants();
            checked.map_err(|reason| Error::refused(subject(), reason))?;
        }
        let completed = create.complete(
            &self.declarations,
            Limits::of_kind,
            Limits::MAX,
            self.digest,
            ModuleSource::Base64,
            WEIGHTS_VERSION,
        );
        completed.map_err(|reason| Error::refused(subject(), reason))
    }

    pub(crate) fn inspection(&self) -> &Inspection {
        &self.inspection
    }
}

impl fmt::Debug for LoadedModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedModule")
            .field("digest", &self.digest)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// Number of functions, of which 15 fill a set.
    const FUNCTIONS: usize = 40;

    /// Writes a component whose functions have 17 types each.
    fn component() -> String {
        let core = " i64".repeat(16);
        let wit: String = (0..16).map(|n| format!(" (param \"a{n}\" s64)")).collect();
        let mut text = format!(
            r#"(component (core module $m
                 (func (export "f") (param{core}) (result i64) (local.get 0)))
               (core instance $m (instantiate $m))"#
        );
        for n in 0..FUNCTIONS {
            let _ = write!(
                text,
                r#"(func $f{n:02}{wit} (result s64) (canon lift (core func $m "f")))
                   (export "f{n:02}" (func $f{n:02}))"#
            );
        }
        text + ")"
    }

    #[test]
    fn sets_of_a_component_keep_no_code_of_their_own() {
        let module = LoadedModule::new(component().as_bytes(), 1 << 20).unwrap();
        let functions = module.component().unwrap();
        for options in ["", "WITH (reset = 'row')"] {
            for n in 0..FUNCTIONS {
                let statement = format!("CREATE FUNCTION f{n:02} LANGUAGE WASM {options}");
                let definition = module.define(&statement).unwrap();
                let set = functions.set(&definition).unwrap();
                let driven = module.driven_set(functions, set).unwrap();
                let export = format!("fusebox_udf_f{n:02}");
                assert!(driven.inspection().exports(&export), "{export}");
            }
        }
        let kept = module.driven.lock().unwrap();
        assert_eq!(kept.len(), 2 * FUNCTIONS.div_ceil(15));
        for driven in kept.values() {
            assert!(Arc::ptr_eq(&driven.bytes, &module.bytes));
            assert!(Arc::ptr_eq(&driven.code, &module.code));
            assert!(!driven.is_linked());
            // What is linked again is what was inspected.
            let code = driven.code().unwrap();
            assert_eq!(Digest::of(&code), driven.digest());
        }
    }
}
