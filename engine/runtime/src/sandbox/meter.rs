//! Fuel, stack and row counters of an instrumented instance.

use fusebox_abi::{
    BOUNDED_OVERHEAD_FUEL_PER_ROW, EXPORT_PANIC, FULL_FUEL_ARGUMENT_BYTES, METERING_BOUNDED,
    METERING_GROUPED, METERING_PER_ROW, METERING_SPECULATABLE, OVERHEAD_FUEL_PER_ROW,
};
use fusebox_instrument::{
    EXPORT_CALL_BEGIN, EXPORT_CALL_FUEL, EXPORT_FUEL, EXPORT_NEXT_ROW, EXPORT_STACK,
    NEXT_ROW_INVALID, RowFuel,
};
use fusebox_marshal::lift::lift_panic;
use fusebox_marshal::{AbiViolation, GuestAddr};

use super::budget::{Budget, RowMetering};
use super::call_error::CallError;
use super::store_limiter::StoreLimiter;

type Store = wasmtime::Store<StoreLimiter>;

/// Counters of an instance.
pub(super) struct Meter {
    begin: wasmtime::TypedFunc<(i64, i64, i64, u32, u32), ()>,
    fuel: wasmtime::Global,
    stack: wasmtime::Global,
    rest: wasmtime::Global,
    next_row: wasmtime::Global,
    /// Address of the panic message that the guest leaves before it traps.
    panic: Option<GuestAddr>,
}

/// Fuel of one call.
#[derive(Clone, Copy, Debug)]
struct Grant {
    fuel: u64,
    /// Maximum of one row.
    fuel_per_row: u64,
    /// Fuel added where a row begins and fuel is low.
    refill: u64,
    /// Rows of the call.
    rows: u32,
    /// Metering mode that the guest sees.
    mode: u32,
}

/// Maximum of a fuel counter: some decades' worth. Instrumented code subtracts before
/// it checks, so there is headroom below zero, and sums of a few do not overflow.
const FUEL_MAX: u64 = 1 << 60;

/// Epoch ticks that never elapse.
const NEVER: u64 = 1 << 60;

/// Bytes of an arena per unit of fuel that its allocation is granted, and of large arguments
/// per unit of overhead fuel.
const BYTES_PER_FUEL: u64 = 16;

/// Returns the overhead fuel for `bytes` of lowered arguments.
fn argument_fuel(bytes: u64) -> u64 {
    let full = bytes.min(FULL_FUEL_ARGUMENT_BYTES);
    full + (bytes - full) / BYTES_PER_FUEL
}

impl Grant {
    /// Grants fuel for the allocation of an arena of `bytes` bytes.
    fn for_bytes(budget: Budget, bytes: u64) -> Self {
        Self {
            fuel: budget.fuel_per_call.saturating_add(bytes / BYTES_PER_FUEL),
            fuel_per_row: 0,
            refill: 0,
            rows: 0,
            mode: METERING_PER_ROW,
        }
    }

    /// Grants what is left for an initialisation that has burnt `burnt` units.
    fn for_init(budget: Budget, burnt: u64) -> Self {
        Self {
            fuel: budget.fuel_init.saturating_sub(burnt).min(FUEL_MAX),
            ..Self::for_bytes(budget, 0)
        }
    }

    fn for_rows(budget: Budget, kind: RowFuel, rows: u32, bytes: u64) -> Self {
        let kind = match (budget.metering, kind) {
            (RowMetering::PerRow, RowFuel::Bounded { .. }) => RowFuel::PerRow { grouped: false },
            (_, kind) => kind,
        };
        let call = budget.fuel_per_call;
        let all = |fuel: u64| fuel.saturating_mul(rows.into()).saturating_add(call);
        let fuel = match kind {
            RowFuel::Shared => budget.fuel_of(rows).min(budget.fuel_shared()),
            RowFuel::PerRow { .. } => call
                .saturating_add(argument_fuel(bytes))
                .saturating_add(budget.fuel_metered(rows, OVERHEAD_FUEL_PER_ROW)),
            RowFuel::Bounded { fuel, .. } => {
                all(fuel.saturating_add(BOUNDED_OVERHEAD_FUEL_PER_ROW))
            }
        };
        let (fuel_per_row, mode) = match kind {
            // A guest that begins the row all the same has the fuel of its bound.
            RowFuel::Bounded { fuel, speculatable } => (
                fuel,
                if speculatable {
                    METERING_SPECULATABLE
                } else {
                    METERING_BOUNDED
                },
            ),
            RowFuel::PerRow { grouped: true } if budget.metering == RowMetering::Grouped => (
                budget.fuel_per_group().unwrap_or_default(),
                METERING_GROUPED,
            ),
            RowFuel::Shared | RowFuel::PerRow { .. } => (budget.fuel_per_row, METERING_PER_ROW),
        };
        // The call must be able to pay for the row that begins.
        let fuel_per_row = fuel_per_row.min(FUEL_MAX / 2);
        Self {
            fuel: fuel.min(FUEL_MAX),
            fuel_per_row,
            refill: super::budget::refill(fuel_per_row),
            rows,
            mode,
        }
    }
}

/// Returns true if a call that ran out of fuel had less than its rows may burn each, so
/// that fewer rows might have enough.
pub(super) fn might_fit_with_fewer(kind: RowFuel, budget: Budget, rows: u32) -> bool {
    let has_less = match kind {
        RowFuel::Shared => budget.fuel_shared() < budget.fuel_of(rows),
        RowFuel::PerRow { .. } | RowFuel::Bounded { .. } => true,
    };
    has_less && rows > 1
}

/// Returns true if a call that has `burnt` so much has fuel for twice as many rows that
/// burn a little more each.
pub(super) fn is_light(budget: Budget, kind: RowFuel, rows: u32, bytes: u64, burnt: u64) -> bool {
    // Calls of metered rows are refilled.
    if kind != RowFuel::Shared {
        return true;
    }
    let (rows, bytes) = (rows.saturating_mul(2), bytes.saturating_mul(2));
    let grant = Grant::for_rows(budget, kind, rows, bytes);
    let wanted = burnt.saturating_mul(2).saturating_add(burnt / 4);
    wanted <= grant.fuel
}

impl Meter {
    pub(super) fn of(instance: wasmtime::Instance, store: &mut Store) -> Self {
        let begin = instance.get_typed_func(&mut *store, EXPORT_CALL_BEGIN);
        let begin = begin.expect("the instrumentation exports the function that begins a call");
        let mut counter = |name| {
            let counter = instance.get_global(&mut *store, name);
            counter.expect("the instrumentation exports its counters")
        };
        let [fuel, stack, rest, next_row] =
            [EXPORT_FUEL, EXPORT_STACK, EXPORT_CALL_FUEL, EXPORT_NEXT_ROW].map(&mut counter);
        let panic = instance.get_global(&mut *store, EXPORT_PANIC);
        let panic = panic.and_then(|address| address.get(&mut *store).i32());
        Self {
            begin,
            fuel,
            stack,
            rest,
            next_row,
            panic: panic.map(|address| GuestAddr(address as u32)),
        }
    }

    /// Sets the counters for the allocation of an arena of `bytes` bytes.
    pub(super) fn begin_bytes(
        &self,
        store: &mut Store,
        budget: Budget,
        bytes: u64,
    ) -> Result<(), CallError> {
        self.begin(store, budget, Grant::for_bytes(budget, bytes))
    }

    /// Runs one function of an instance's initialisation, of which `burnt` units of fuel
    /// are burnt, and adds what it burns.
    pub(super) fn initialize(
        &self,
        store: &mut Store,
        budget: Budget,
        burnt: &mut u64,
        guest: impl FnOnce(&mut Store) -> Result<wasmtime::Result<()>, CallError>,
    ) -> Result<(), CallError> {
        let grant = Grant::for_init(budget, *burnt);
        self.begin(store, budget, grant)?;
        let ended = guest(store)?;
        self.verdict(store, None, ended)
            .map_err(|error| match error {
                CallError::Fuel { .. } => CallError::InitFuel,
                error => error,
            })?;
        let left = self.fuel.get(&mut *store).i64().unwrap_or_default();
        *burnt += grant.fuel.saturating_sub(left.unsigned_abs());
        Ok(())
    }

    /// Sets the counters for a call with `count` rows and `bytes` of lowered arguments.
    pub(super) fn begin_rows(
        &self,
        store: &mut Store,
        budget: Budget,
        rows: RowFuel,
        count: u32,
        bytes: u64,
    ) -> Result<(), CallError> {
        match rows {
            RowFuel::Bounded { fuel, .. } if fuel > budget.fuel_per_row => {
                Err(CallError::Fuel { row: Some(0) })
            }
            _ => self.begin(store, budget, Grant::for_rows(budget, rows, count, bytes)),
        }
    }

    fn begin(&self, store: &mut Store, budget: Budget, grant: Grant) -> Result<(), CallError> {
        let fuel = |fuel: u64| fuel.min(FUEL_MAX) as i64;
        let parameters = (
            fuel(grant.fuel),
            fuel(budget.stack_bytes_max),
            fuel(grant.fuel_per_row),
            grant.rows,
            grant.mode,
        );
        store.data_mut().begin(grant.refill, grant.fuel_per_row);
        // The profiler samples neither this function nor the time before.
        let is_sampled = store.data().is_sampled;
        if is_sampled {
            store.set_epoch_deadline(NEVER);
        }
        let begun = self.begin.call(&mut *store, parameters);
        if is_sampled {
            store.set_epoch_deadline(1);
        }
        begun.map_err(|error| CallError::Instantiate(format!("{error:#}")))
    }

    /// Returns the fuel burnt by a call that returned.
    pub(super) fn burnt(
        &self,
        store: &mut Store,
        budget: Budget,
        kind: RowFuel,
        rows: u32,
        bytes: u64,
    ) -> u64 {
        let left = self.fuel.get(&mut *store).i64().unwrap_or_default();
        let left = u64::try_from(left).unwrap_or_default();
        let granted = Grant::for_rows(budget, kind, rows, bytes).fuel;
        let refilled = store.data().refilled();
        granted.saturating_add(refilled).saturating_sub(left)
    }

    /// Classifies the end of a call: an exhausted counter takes precedence over a trap.
    pub(super) fn verdict<T>(
        &self,
        store: &mut Store,
        memory: Option<wasmtime::Memory>,
        ended: wasmtime::Result<T>,
    ) -> Result<T, CallError> {
        if store.data().was_cancelled() {
            return Err(CallError::Cancelled);
        }
        let is_spent = |store: &mut Store, counter: wasmtime::Global| {
            matches!(counter.get(store), wasmtime::Val::I64(..0))
        };
        let fuel_is_spent = is_spent(store, self.fuel);
        let error = match ended {
            Ok(value) if !fuel_is_spent => return Ok(value),
            ended => ended.err(),
        };
        let rest = self.rest.get(&mut *store).i64().unwrap_or_default();
        let next_row = self.next_row.get(&mut *store).i32();
        let row = match next_row {
            Some(NEXT_ROW_INVALID) => return Err(AbiViolation::AnnouncedRow.into()),
            Some(next_row) if rest > 0 => u64::try_from(next_row).ok(),
            _ => None,
        };
        let row = row.and_then(|next_row| next_row.checked_sub(1));
        if fuel_is_spent {
            return Err(CallError::Fuel { row });
        }
        if rest < 0 {
            return Err(CallError::Fuel { row: None });
        }
        if is_spent(store, self.stack) {
            return Err(CallError::Stack { row });
        }
        let denied = store.data().was_denied();
        let message = memory
            .zip(self.panic)
            .and_then(|(memory, address)| lift_panic(address, memory.data(&*store)));
        let error = error.expect("a call that returned is handled above");
        Err(super::call_error::running(&error, row, message, denied))
    }
}
