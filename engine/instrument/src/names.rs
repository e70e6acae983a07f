//! Names of exports and sections of an instrumented module.

/// Exported global `i64`: the remaining fuel, of the row while one is running,
/// else of the call. Below zero means exhausted.
pub const EXPORT_FUEL: &str = "fusebox:fuel";

/// Exported global `i64`: the remaining stack, in bytes. Below zero means
/// exhausted.
pub const EXPORT_STACK: &str = "fusebox:stack";

/// Exported global `i64`: the remaining fuel of the call while a row burns its
/// own, 0 outside rows. Below zero means that the call could not pay for another
/// row.
pub const EXPORT_CALL_FUEL: &str = "fusebox:call_fuel";

/// Exported global `i32`: the lowest row that may begin next, which is one more
/// than the row that began last; or [`NEXT_ROW_INVALID`].
pub const EXPORT_NEXT_ROW: &str = "fusebox:next_row";

/// Value of [`EXPORT_NEXT_ROW`] after a trap for a row that began twice, a row
/// outside the batch, or a row group that the metering mode does not permit.
pub const NEXT_ROW_INVALID: i32 = i32::MIN;

/// Exported table of host functions: [`HOST_REFILL`], and [`HOST_LOG`] if the module imports
/// `log`. Elements are null at first.
pub const EXPORT_HOST: &str = "fusebox:host";

/// Index in [`EXPORT_HOST`] of a function `(next_row: i32) -> i64`.
///
/// It is called at the beginning of a row if the call has no more fuel, apart
/// from the row's, than the reserve for overhead fuel. The parameter is the value
/// of [`EXPORT_NEXT_ROW`] before the row, an upper bound of the number of rows
/// that have burnt fuel of their own. The result is added to the fuel of the call;
/// the function may trap instead. If the element is null, nothing is added.
pub const HOST_REFILL: u64 = 0;

/// Index in [`EXPORT_HOST`] of a function `(address: i32, length: i32)`.
///
/// It is called where the guest calls the import `log`, with the place of a message that
/// may lie outside of the memory. If the element is null, the message is dropped.
pub const HOST_LOG: u64 = 1;

/// Exported function
/// `(fuel: i64, stack: i64, fuel_per_row: i64, rows: i32, metering_mode: i32)`
/// that the host calls before each call into the guest.
///
/// It sets the fuel of the call, the stack in bytes, the part of that fuel that a
/// row may burn, the number of rows of the batch, and the result of the import
/// `metering_mode`.
pub const EXPORT_CALL_BEGIN: &str = "fusebox:call_begin";

/// Exported function: the start function of the original module, if it has one.
/// The host calls it after instantiation; as a start function it would run before
/// the host can set the counters.
pub const EXPORT_START: &str = "fusebox:start";

/// Exported shared memory of one page, in a module instrumented with
/// [`Options::polled`](crate::Options::polled): its first eight bytes are the least fuel
/// with which the guest goes on, zero at first. Where fuel is checked, the guest traps if it
/// has less: with fuel left, if the host made the number the largest `i64`.
///
/// It is the second memory of the module, and no instruction of the original module can
/// address it.
pub const EXPORT_CANCEL: &str = "fusebox:cancel";

/// Prefix of the exported mutable globals of the original module; a number,
/// counted from 0, follows.
pub const EXPORT_GLOBAL_PREFIX: &str = "fusebox:global:";

/// Prefix of every export that the instrumentation adds. A module with an export
/// of this prefix is refused.
pub const EXPORT_PREFIX: &str = "fusebox:";

/// Custom section of every instrumented module: [`WEIGHTS_VERSION`](crate::WEIGHTS_VERSION) as a `u32`, little
/// endian. It makes the digest of the module depend on the version. A section of this
/// name in the original module is dropped.
pub const SECTION_INSTRUMENTED: &str = "fusebox.instrumented";
