//! The counters that the instrumentation has put into a guest.

use fusebox_abi::{BOOK_FUEL_PER_ROW, EXPORT_PANIC};
use fusebox_instrument::{
    EXPORT_BEGIN, EXPORT_FUEL, EXPORT_GRANTED, EXPORT_MODE, EXPORT_ROW, EXPORT_STACK, MODE_REFUSED,
    MODE_ROW, MODE_SPENT, Rows,
};

use super::guard::Guard;
use super::{Budget, Stop};
use crate::error::Breach;
use crate::marshal::GuestAddr;
use crate::marshal::lift::panic;

type Store = wasmtime::Store<Guard>;

/// Fuel, stack and rows of an instance.
pub(super) struct Meter {
    begin: wasmtime::TypedFunc<(i64, i64, i64, i64, u32, u32), ()>,
    fuel: wasmtime::Global,
    stack: wasmtime::Global,
    granted: wasmtime::Global,
    mode: wasmtime::Global,
    row: wasmtime::Global,
    /// Where the guest leaves what it says before it traps.
    panic: Option<GuestAddr>,
}

/// How the fuel of a call is handed out.
#[derive(Clone, Copy, Debug)]
struct Grant {
    book: u64,
    row: u64,
    rows: u64,
    /// How many rows there are to announce.
    count: u32,
    bounded: bool,
}

/// The most fuel that a tank ever gets: some decades' worth. The guest takes
/// from it without looking at every step, so there is room below zero, and sums
/// of a few do not overflow.
const FUEL_MAX: u64 = 1 << 60;

/// Bytes of memory that a unit of fuel pays for, where the host asks the guest
/// to make room for it.
const BYTES_PER_FUEL: u64 = 16;

impl Grant {
    /// For a call that is about no rows, but makes room for so many bytes.
    fn for_bytes(budget: Budget, bytes: u64) -> Self {
        Self {
            book: budget.fuel_per_call.saturating_add(bytes / BYTES_PER_FUEL),
            row: 0,
            rows: 0,
            count: 0,
            bounded: false,
        }
    }

    fn for_rows(budget: Budget, rows: Rows, count: u32) -> Self {
        let all = |fuel_per_row| {
            let budget = Budget {
                fuel_per_row,
                ..budget
            };
            budget.fuel_of(count)
        };
        let book = match rows {
            Rows::Shared => budget.fuel_of(count).min(budget.fuel_shared()),
            Rows::Announced => all(BOOK_FUEL_PER_ROW),
            Rows::Bounded(fuel) => all(fuel.saturating_add(BOOK_FUEL_PER_ROW)),
        };
        Self {
            book,
            row: budget.fuel_per_row,
            rows: budget.fuel_granted(),
            count,
            bounded: matches!(rows, Rows::Bounded(_)),
        }
    }
}

impl Meter {
    pub(super) fn of(instance: wasmtime::Instance, store: &mut Store) -> Self {
        let begin = instance.get_typed_func(&mut *store, EXPORT_BEGIN);
        let begin = begin.expect("the instrumentation exports what begins a call");
        let mut counter = |name| {
            let counter = instance.get_global(&mut *store, name);
            counter.expect("the instrumentation exports its counters")
        };
        let [fuel, stack, granted, mode, row] = [
            EXPORT_FUEL,
            EXPORT_STACK,
            EXPORT_GRANTED,
            EXPORT_MODE,
            EXPORT_ROW,
        ]
        .map(&mut counter);
        let panic = instance.get_global(&mut *store, EXPORT_PANIC);
        let panic = panic.and_then(|address| address.get(&mut *store).i32());
        Self {
            begin,
            fuel,
            stack,
            granted,
            mode,
            row,
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

    /// Fills the tanks for a call that is about `count` rows.
    pub(super) fn begin_rows(
        &self,
        store: &mut Store,
        budget: Budget,
        rows: Rows,
        count: u32,
    ) -> Result<(), Stop> {
        match rows {
            Rows::Bounded(fuel) if fuel > budget.fuel_per_row => Err(Stop::Fuel { row: Some(0) }),
            _ => self.begin(store, budget, Grant::for_rows(budget, rows, count)),
        }
    }

    fn begin(&self, store: &mut Store, budget: Budget, grant: Grant) -> Result<(), Stop> {
        let fuel = |fuel: u64| fuel.min(FUEL_MAX) as i64;
        let parameters = (
            fuel(grant.book),
            fuel(budget.stack_bytes_max),
            fuel(grant.row),
            fuel(grant.rows),
            grant.count,
            grant.bounded.into(),
        );
        store.data_mut().take_denied();
        let begun = self.begin.call(store, parameters);
        begun.map_err(|error| Stop::Instantiate(format!("{error:#}")))
    }

    /// What the rows of a call have burnt, if it ended well.
    pub(super) fn burnt(&self, store: &mut Store, budget: Budget, rows: Rows) -> u64 {
        let (granted, left) = match rows {
            Rows::Shared => (budget.fuel_shared(), self.fuel),
            Rows::Announced | Rows::Bounded(_) => (budget.fuel_granted(), self.granted),
        };
        let left = left.get(store).i64().unwrap_or_default();
        granted.saturating_sub(u64::try_from(left).unwrap_or_default())
    }

    /// How a call ended: what is spent counts before what the guest made of it.
    pub(super) fn verdict<T>(
        &self,
        store: &mut Store,
        memory: Option<wasmtime::Memory>,
        ended: wasmtime::Result<T>,
    ) -> Result<T, Stop> {
        let is_spent = |store: &mut Store, counter: wasmtime::Global| {
            matches!(counter.get(store), wasmtime::Val::I64(..0))
        };
        let fuel_is_spent = is_spent(store, self.fuel);
        let error = match ended {
            Ok(value) if !fuel_is_spent => return Ok(value),
            ended => ended.err(),
        };
        let mode = self.mode.get(&mut *store).i32();
        let row = self.row.get(&mut *store).i32();
        let row = row.and_then(|row| u64::try_from(row).ok());
        let row = row.filter(|_| mode == Some(MODE_ROW));
        if fuel_is_spent {
            return Err(Stop::Fuel { row });
        }
        if is_spent(store, self.stack) {
            return Err(Stop::Stack { row });
        }
        match mode {
            Some(MODE_SPENT) => return Err(Stop::Spent),
            Some(MODE_REFUSED) => {
                let row = self.row.get(&mut *store).i32().unwrap_or_default();
                return Err(Breach::Row { row: row as u32 }.into());
            }
            _ => {}
        }
        let denied = store.data_mut().take_denied();
        let said = memory
            .zip(self.panic)
            .and_then(|(memory, address)| panic(address, memory.data(&*store)));
        let error = error.expect("what ended well has returned");
        Err(super::stop::running(&error, row, said, denied))
    }
}
