//! Metering of each function: source of fuel, checks, frames.

use petgraph::algo::kosaraju_scc;
use petgraph::graph::NodeIndex;

use crate::call_graph::call_graph;
use crate::error::Error;
use crate::function_info::FunctionInfo;
use crate::imports::Import;
use crate::module_info::ModuleInfo;
use crate::options::Options;
use crate::row_fuel::{RowFuel, row_fuel};
use crate::stack_checks::{frames, reaches_frame, stack_checks, unchecked_sccs};

/// Metering of a module's functions.
pub(crate) struct MeteringPlan {
    /// One for each function that the module defines.
    pub(crate) functions: Vec<FunctionPlan>,
    /// One for each function that the module defines.
    row_fuel: Vec<RowFuel>,
    imports: Vec<Import>,
}

/// Metering of one function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FunctionPlan {
    pub(crate) fuel_source: FuelSource,
    /// The size of the stack frame in bytes, if the function is recursive.
    pub(crate) frame: Option<u64>,
    /// True if the function checks the remaining stack on entry.
    pub(crate) checks_stack: bool,
    /// True if a function with a frame is reachable from this one, itself included.
    pub(crate) reaches_frame: bool,
    /// True if the function checks the fuel counter on entry. Unnecessary if little
    /// code can run before the next check.
    pub(crate) checks_fuel: bool,
}

impl FunctionPlan {
    /// Returns true if the fuel counter is a parameter and a result.
    pub(crate) fn has_fuel_parameter(self) -> bool {
        matches!(self.fuel_source, FuelSource::Parameter { .. })
    }
}

/// Source of a function's fuel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FuelSource {
    /// None: the function is not changed, and each caller is charged for it.
    Caller {
        /// Fuel that a caller is charged.
        fuel: u64,
    },
    /// The global, loaded on entry and stored on exit.
    Global,
    /// The last parameter, apart from the stack, and the last result.
    Parameter {
        /// The part of the charge at the entry that the caller has paid.
        prepaid: u64,
    },
}

/// Maximum weight of a function, or charge at its entry, that its callers are
/// charged with. A caller is charged for all of it, whichever part then runs.
pub(crate) const PAID_BY_CALLER_MAX: u64 = 64;

/// Maximum number of parameters, and of results, of a function that is given a
/// fuel parameter. A Wasm type may have 1,000.
const FUEL_PARAMETER_ARITY_MAX: usize = 64;

impl MeteringPlan {
    pub(crate) fn of(info: &ModuleInfo, options: Options) -> Result<Self, Error> {
        let graph = call_graph(info);
        // In postorder: the callees of a component come before it.
        let components = kosaraju_scc(&graph);
        let mut frames = frames(info, &graph, &components, options)?;
        let row_fuel = row_fuel(info, &graph, &components);
        if !options.metered {
            frames.fill(None);
        }
        let reaches_frame = reaches_frame(&graph, &components, &frames);
        let call_sites = CallSites::of(info);
        let mut functions: Vec<FunctionPlan> = (info.imports.len()..)
            .zip(&info.bodies)
            .zip(frames.iter().zip(reaches_frame))
            .map(|((function, body), (frame, reaches_frame))| FunctionPlan {
                fuel_source: match options.metered {
                    true => fuel_source(info, &call_sites, function as u32, body),
                    false => FuelSource::Caller { fuel: 0 },
                },
                frame: *frame,
                checks_stack: false,
                reaches_frame,
                checks_fuel: true,
            })
            .collect();
        let has_fuel_parameter = |n: usize| functions[n].has_fuel_parameter();
        let checks = stack_checks(info, &graph, &components, &frames, has_fuel_parameter);
        for (function, checks_stack) in functions.iter_mut().zip(&checks) {
            function.checks_stack = *checks_stack;
        }
        drop_redundant_checks(info, &unchecked_sccs(&graph, &checks), &mut functions);
        Ok(Self {
            functions,
            row_fuel,
            imports: info.imports.clone(),
        })
    }

    /// Returns true if a call of the function leaves the fuel counter alone.
    pub(crate) fn preserves_fuel(&self, function: u32) -> bool {
        let fuel_source = self.function(function).map(|plan| plan.fuel_source);
        matches!(fuel_source, Some(FuelSource::Caller { .. }))
    }

    /// The functions with a fuel parameter, in order of their index.
    pub(crate) fn with_fuel_parameter(&self) -> impl Iterator<Item = (u32, FunctionPlan)> {
        let imports = self.imports.len();
        let defined = (imports as u32..).zip(self.functions.iter().copied());
        defined.filter(|(_, plan)| plan.has_fuel_parameter())
    }

    /// Charges the callers of a function with a fuel parameter for its entry.
    pub(crate) fn prepay_entry(&mut self, function: u32, fuel: u64) {
        if let Some(n) = self.defined(function) {
            self.functions[n].fuel_source = FuelSource::Parameter { prepaid: fuel };
        }
    }

    /// The plan of a function, `None` if it replaces an import.
    pub(crate) fn function(&self, function: u32) -> Option<FunctionPlan> {
        self.defined(function).map(|n| self.functions[n])
    }

    /// Fuel that a caller of the function is charged.
    pub(crate) fn caller_cost(&self, function: u32) -> u64 {
        match self.function(function).map(|plan| plan.fuel_source) {
            None => self.import(function).map_or(0, Import::fuel),
            Some(FuelSource::Caller { fuel } | FuelSource::Parameter { prepaid: fuel }) => fuel,
            Some(FuelSource::Global) => 0,
        }
    }

    /// Returns true if every call of the function checks the fuel counter.
    pub(crate) fn checks_fuel(&self, function: u32) -> bool {
        let plan = self.function(function);
        plan.is_some_and(|plan| {
            plan.checks_fuel && !matches!(plan.fuel_source, FuelSource::Caller { .. })
        })
    }

    /// The import that the function replaces.
    pub(crate) fn import(&self, function: u32) -> Option<Import> {
        self.imports.get(function as usize).copied()
    }

    /// Returns true if a call of the function switches between the fuel of the row
    /// and that of the call.
    pub(crate) fn switches_fuel(&self, function: u32) -> bool {
        self.import(function).is_some_and(Import::switches_fuel)
    }

    /// The metering of the rows of a function.
    pub(crate) fn row_fuel(&self, function: u32) -> RowFuel {
        self.defined(function)
            .map_or(RowFuel::Shared, |n| self.row_fuel[n])
    }

    fn defined(&self, function: u32) -> Option<usize> {
        (function as usize).checked_sub(self.imports.len())
    }
}

/// Kinds of calls that exist of each function that the module defines.
struct CallSites {
    /// True if it is the target of a direct call.
    direct: Vec<bool>,
    /// True if it makes a tail call or is the target of one: caller and callee must
    /// have the same results.
    tail: Vec<bool>,
}

impl CallSites {
    fn of(info: &ModuleInfo) -> Self {
        let mut direct = vec![false; info.bodies.len()];
        let mut tail = vec![false; info.bodies.len()];
        let defined = |function: &u32| (*function as usize).checked_sub(info.imports.len());
        for (n, body) in info.bodies.iter().enumerate() {
            for callee in body.calls.iter().filter_map(defined) {
                direct[callee] = true;
            }
            for callee in body.tail_calls.iter().filter_map(defined) {
                tail[callee] = true;
            }
            tail[n] |= body.has_tail_calls;
        }
        Self { direct, tail }
    }
}

/// The source of fuel of a function in a metered module.
fn fuel_source(
    info: &ModuleInfo,
    call_sites: &CallSites,
    function: u32,
    body: &FunctionInfo,
) -> FuelSource {
    let imports = info.imports.len();
    let n = function as usize - imports;
    let ty = info.function_type(function);
    let calls = !body.indirect_calls.is_empty()
        || body.calls.iter().any(|callee| *callee as usize >= imports);
    let needs_fuel = calls || body.calls_imports || body.loops > 0 || body.has_bulk;
    // A caller through a table does not know the callee's cost.
    if !needs_fuel && !info.is_entry(function) && body.weight <= PAID_BY_CALLER_MAX {
        FuelSource::Caller { fuel: body.weight }
    } else if call_sites.direct[n]
        && !call_sites.tail[n]
        && ty.params().len().max(ty.results().len()) <= FUEL_PARAMETER_ARITY_MAX
    {
        FuelSource::Parameter { prepaid: 0 }
    } else {
        FuelSource::Global
    }
}

/// Maximum weight that runs between two checks of the fuel counter, apart from
/// the code of a single function.
const UNCHECKED_MAX: u64 = 1_024;

/// Removes the check of the fuel counter from small functions that are called
/// directly and are in no cycle of unchecked functions: their callers check the
/// counter that they return.
fn drop_redundant_checks(
    info: &ModuleInfo,
    unchecked_sccs: &[Vec<NodeIndex>],
    functions: &mut [FunctionPlan],
) {
    // Upper bound of what runs in each function and its unchecked callees before
    // the next check.
    let mut weights = vec![0_u64; info.bodies.len()];
    for node in unchecked_sccs.iter().flatten() {
        let Some(body) = info.bodies.get(node.index()) else {
            continue;
        };
        let unchecked = body.calls.iter().filter_map(|callee| {
            let defined = (*callee as usize).checked_sub(info.imports.len())?;
            (!functions[defined].checks_fuel).then(|| weights[defined])
        });
        let weight = unchecked.fold(body.weight, u64::saturating_add);
        let plan = &mut functions[node.index()];
        plan.checks_fuel =
            !plan.has_fuel_parameter() || plan.checks_stack || weight > UNCHECKED_MAX;
        weights[node.index()] = weight;
    }
}
