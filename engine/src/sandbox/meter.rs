//! The counters that the instrumentation has put into a guest.

use fusebox_abi::{
    BOUNDED_OVERHEAD_FUEL_PER_ROW, EXPORT_PANIC, METERING_BOUNDED, METERING_GROUPED,
    METERING_PER_ROW, METERING_SPECULATABLE, OVERHEAD_FUEL_PER_ROW,
};
use fusebox_instrument::{
    EXPORT_BEGIN, EXPORT_FUEL, EXPORT_NEXT_ROW, EXPORT_REFILL, EXPORT_REST, EXPORT_STACK,
    ROW_REFUSED, Rows,
};
use fusebox_marshal::GuestAddr;
use fusebox_marshal::lift::panic;

use super::budget::Announced;
use super::guard::Guard;
use super::{Budget, Stop};
use crate::error::Breach;

type Store = wasmtime::Store<Guard>;

/// Fuel, stack and rows of an instance.
pub(super) struct Meter {
    begin: wasmtime::TypedFunc<(i64, i64, i64, u32, u32), ()>,
    fuel: wasmtime::Global,
    stack: wasmtime::Global,
    rest: wasmtime::Global,
    next_row: wasmtime::Global,
    /// Where the guest leaves what it says before it traps.
    panic: Option<GuestAddr>,
}

/// What a call gets.
#[derive(Clone, Copy, Debug)]
struct Grant {
    fuel: u64,
    /// How much of it a row may burn.
    fuel_per_row: u64,
    /// What comes to it where a row begins and it is low.
    refill: u64,
    /// How many rows there are to announce.
    rows: u32,
    bounds: u32,
}

/// The most fuel that a tank ever gets: some decades' worth. The guest takes
/// from it without looking at every step, so there is room below zero, and sums
/// of a few do not overflow.
const FUEL_MAX: u64 = 1 << 60;

/// So many ticks of a sampler do not come.
const NEVER: u64 = 1 << 60;

/// Bytes of memory that a unit of fuel pays for, where the host asks the guest
/// to make room for it.
const BYTES_PER_FUEL: u64 = 16;

impl Grant {
    /// For a call that is about no rows, but makes room for so many bytes.
    fn for_bytes(budget: Budget, bytes: u64) -> Self {
        Self {
            fuel: budget.fuel_per_call.saturating_add(bytes / BYTES_PER_FUEL),
            fuel_per_row: 0,
            refill: 0,
            rows: 0,
            bounds: METERING_PER_ROW,
        }
    }

    fn for_rows(budget: Budget, kind: Rows, rows: u32, bytes: u64) -> Self {
        let kind = match (budget.announced, kind) {
            (Announced::Each, Rows::Bounded { .. }) => Rows::Announced { together: false },
            (_, kind) => kind,
        };
        let call = budget.fuel_per_call;
        let all = |fuel: u64| fuel.saturating_mul(rows.into()).saturating_add(call);
        let fuel = match kind {
            Rows::Shared => budget.fuel_of(rows).min(budget.fuel_shared()),
            Rows::Announced { .. } => call
                .saturating_add(bytes)
                .saturating_add(budget.fuel_announced(rows, OVERHEAD_FUEL_PER_ROW)),
            Rows::Bounded { fuel, .. } => all(fuel.saturating_add(BOUNDED_OVERHEAD_FUEL_PER_ROW)),
        };
        let (fuel_per_row, bounds) = match kind {
            // As much as a row can need, should the guest announce it anyway.
            Rows::Bounded { fuel, is_harmless } => (
                fuel,
                if is_harmless {
                    METERING_SPECULATABLE
                } else {
                    METERING_BOUNDED
                },
            ),
            Rows::Announced { together: true } if budget.announced == Announced::Together => {
                (budget.fuel_together().unwrap_or_default(), METERING_GROUPED)
            }
            Rows::Shared | Rows::Announced { .. } => (budget.fuel_per_row, METERING_PER_ROW),
        };
        Self {
            fuel,
            fuel_per_row,
            refill: super::budget::refill(fuel_per_row.min(FUEL_MAX)),
            rows,
            bounds,
        }
    }
}

/// Whether a call for `rows` rows that has burnt so much would have ended well
/// for twice as many, if they burn a little more.
pub(super) fn is_light(budget: Budget, kind: Rows, rows: u32, bytes: u64, burnt: u64) -> bool {
    // Others get more where it is low.
    if kind != Rows::Shared {
        return true;
    }
    let (rows, bytes) = (rows.saturating_mul(2), bytes.saturating_mul(2));
    let grant = Grant::for_rows(budget, kind, rows, bytes);
    let wanted = burnt.saturating_mul(2).saturating_add(burnt / 4);
    wanted <= grant.fuel
}

/// Has the host refill the tank of an instance's calls.
pub(super) fn install_refill(
    instance: wasmtime::Instance,
    store: &mut Store,
) -> wasmtime::Result<()> {
    let refills = instance.get_table(&mut *store, EXPORT_REFILL);
    let refills = refills.expect("the instrumentation exports the place of what refills the tank");
    let refill =
        |mut caller: wasmtime::Caller<'_, Guard>, rows: u32| caller.data_mut().refill(rows);
    let refill = wasmtime::Func::wrap(&mut *store, refill);
    refills.set(store, 0, refill.into())
}

impl Meter {
    pub(super) fn of(instance: wasmtime::Instance, store: &mut Store) -> Self {
        let begin = instance.get_typed_func(&mut *store, EXPORT_BEGIN);
        let begin = begin.expect("the instrumentation exports what begins a call");
        let mut counter = |name| {
            let counter = instance.get_global(&mut *store, name);
            counter.expect("the instrumentation exports its counters")
        };
        let [fuel, stack, rest, next_row] =
            [EXPORT_FUEL, EXPORT_STACK, EXPORT_REST, EXPORT_NEXT_ROW].map(&mut counter);
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

    /// Fills the tanks for a call that is about no rows, but makes room for so
    /// many bytes.
    pub(super) fn begin_bytes(
        &self,
        store: &mut Store,
        budget: Budget,
        bytes: u64,
    ) -> Result<(), Stop> {
        self.begin(store, budget, Grant::for_bytes(budget, bytes))
    }

    /// Fills the tank for a call that is about `count` rows with arguments of so
    /// many bytes, which a guest may copy once.
    pub(super) fn begin_rows(
        &self,
        store: &mut Store,
        budget: Budget,
        rows: Rows,
        count: u32,
        bytes: u64,
    ) -> Result<(), Stop> {
        match rows {
            Rows::Bounded { fuel, .. } if fuel > budget.fuel_per_row => {
                Err(Stop::Fuel { row: Some(0) })
            }
            _ => self.begin(store, budget, Grant::for_rows(budget, rows, count, bytes)),
        }
    }

    fn begin(&self, store: &mut Store, budget: Budget, grant: Grant) -> Result<(), Stop> {
        let fuel = |fuel: u64| fuel.min(FUEL_MAX) as i64;
        let parameters = (
            fuel(grant.fuel),
            fuel(budget.stack_bytes_max),
            fuel(grant.fuel_per_row),
            grant.rows,
            grant.bounds,
        );
        let fuel_per_row = grant.fuel_per_row.min(FUEL_MAX);
        store.data_mut().begin(grant.refill, fuel_per_row);
        // What is ours is not looked at, nor what happened before.
        let is_watched = store.data().is_watched;
        if is_watched {
            store.set_epoch_deadline(NEVER);
        }
        let begun = self.begin.call(&mut *store, parameters);
        if is_watched {
            store.set_epoch_deadline(1);
        }
        begun.map_err(|error| Stop::Instantiate(format!("{error:#}")))
    }

    /// What a call has burnt that ended well.
    pub(super) fn burnt(
        &self,
        store: &mut Store,
        budget: Budget,
        kind: Rows,
        rows: u32,
        bytes: u64,
    ) -> u64 {
        let left = self.fuel.get(&mut *store).i64().unwrap_or_default();
        let left = u64::try_from(left).unwrap_or_default();
        let granted = Grant::for_rows(budget, kind, rows, bytes).fuel;
        let refilled = store.data().refilled();
        granted.saturating_add(refilled).saturating_sub(left)
    }

    /// How a call ended: what is spent counts before what the guest made of it.
    pub(super) fn verdict<T>(
        &self,
        store: &mut Store,
        memory: Option<wasmtime::Memory>,
        ended: wasmtime::Result<T>,
    ) -> Result<T, Stop> {
        if store.data().was_cancelled() {
            return Err(Stop::Cancelled);
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
            Some(ROW_REFUSED) => return Err(Breach::Row.into()),
            Some(next_row) if rest > 0 => u64::try_from(next_row).ok(),
            _ => None,
        };
        let row = row.and_then(|next_row| next_row.checked_sub(1));
        if fuel_is_spent {
            return Err(Stop::Fuel { row });
        }
        if rest < 0 {
            return Err(Stop::Fuel { row: None });
        }
        if is_spent(store, self.stack) {
            return Err(Stop::Stack { row });
        }
        let denied = store.data().was_denied();
        let said = memory
            .zip(self.panic)
            .and_then(|(memory, address)| panic(address, memory.data(&*store)));
        let error = error.expect("what ended well has returned");
        Err(super::stop::running(&error, row, said, denied))
    }
}
