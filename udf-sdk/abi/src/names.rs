//! Names of exports and imports, and constants of the specification, which is
//! [the page of the crate](crate).

/// Version of the ABI.
pub const ABI_VERSION: u32 = 1;

/// Export that marks a module of this ABI version.
pub const EXPORT_VERSION: &str = "fusebox_abi_1";

/// Prefix of the version export of every ABI version. It tells a module of an
/// unknown version apart from a module of none.
pub const EXPORT_VERSION_PREFIX: &str = "fusebox_abi_";

/// Export that allocates the argument arena.
pub const EXPORT_ALLOC: &str = "fusebox_alloc";

/// Prefix of the export of a scalar function; its symbol follows.
pub const EXPORT_FUNCTION_PREFIX: &str = "fusebox_udf_";

/// Prefix of the export that adds rows to the states of an aggregate; its symbol
/// follows.
pub const EXPORT_UPDATE_PREFIX: &str = "fusebox_udaf_update_";

/// Prefix of the export that merges states into those of an aggregate.
pub const EXPORT_MERGE_PREFIX: &str = "fusebox_udaf_merge_";

/// Prefix of the optional export that removes rows from the states of an
/// aggregate.
pub const EXPORT_RETRACT_PREFIX: &str = "fusebox_udaf_retract_";

/// Prefix of the export that returns states of an aggregate.
pub const EXPORT_STATE_PREFIX: &str = "fusebox_udaf_state_";

/// Prefix of the export that returns results of an aggregate.
pub const EXPORT_FINISH_PREFIX: &str = "fusebox_udaf_finish_";

/// Prefix of the export that releases the first groups of an aggregate.
pub const EXPORT_RELEASE_GROUPS_PREFIX: &str = "fusebox_udaf_release_groups_";

/// Prefix of the export of a window function that keeps state from row to row.
pub const EXPORT_NEXT_PREFIX: &str = "fusebox_udwf_next_";

/// Prefix of the export of a window function over whole partitions.
pub const EXPORT_PARTITION_PREFIX: &str = "fusebox_udwf_partition_";

/// Prefix of the export of a window function over sets of peer rows.
pub const EXPORT_RANK_PREFIX: &str = "fusebox_udwf_rank_";

/// Prefix of the export of a table function.
pub const EXPORT_TABLE_PREFIX: &str = "fusebox_udtf_";

/// Optional export that is called once after instantiation, as in a WASI
/// reactor.
pub const EXPORT_INITIALIZE: &str = "_initialize";

/// Export of the linear memory.
pub const EXPORT_MEMORY: &str = "memory";

/// Custom section that holds the DDL of the module's functions.
pub const SECTION_FUNCTIONS: &str = "fusebox.functions";

/// Export of a global of type `i32`: the address of a [`Panic`](crate::Panic).
pub const EXPORT_PANIC: &str = "fusebox_panic";

/// Module name of every import that the host provides.
pub const IMPORT_MODULE: &str = "fusebox";

/// Import `(row: i32) -> ()`: begins the metering of a row.
pub const IMPORT_ROW_BEGIN: &str = "row_begin";

/// Import `(bytes: i32) -> ()`: charges the row for `bytes` bytes of result and
/// ends it.
pub const IMPORT_ROW_END: &str = "row_end";

/// Import `(bytes: i32) -> ()`: charges the row for `bytes` bytes and suspends it.
pub const IMPORT_ROW_PAUSE: &str = "row_pause";

/// Import `() -> ()`: resumes the suspended row.
pub const IMPORT_ROW_RESUME: &str = "row_resume";

/// Import `(row: i32) -> ()`: begins a group of rows that share one fuel budget.
pub const IMPORT_ROW_GROUP_BEGIN: &str = "row_group_begin";

/// Import `() -> i32`: returns the metering mode of the call's rows.
pub const IMPORT_METERING_MODE: &str = "metering_mode";

/// Metering mode: the guest begins and ends every row.
pub const METERING_PER_ROW: u32 = 0;

/// Metering mode: the fuel of every row is statically bounded; no row is begun.
pub const METERING_BOUNDED: u32 = 1;

/// Metering mode: rows are begun in groups that share a part of one row's fuel.
pub const METERING_GROUPED: u32 = 2;

/// Divisor of `fuel_per_row` that gives the fuel of a row group.
pub const ROW_GROUP_FUEL_SHARE: u64 = 4;

/// Metering mode: as [`METERING_BOUNDED`], and a row neither traps nor has side
/// effects, so that it may be evaluated on the values under a null.
pub const METERING_SPECULATABLE: u32 = 3;

/// Import `() -> i32`: returns 1 if the call has fuel for another row, else 0.
pub const IMPORT_HAS_FUEL: &str = "has_fuel";

/// Import `(address: i32, length: i32) -> ()`: passes a message in UTF-8 to the host, for
/// people.
pub const IMPORT_LOG: &str = "log";

/// Overhead fuel, in units, that a call must have left beside the fuel of a row for
/// [`has_fuel`](IMPORT_HAS_FUEL) to return 1.
pub const OVERHEAD_FUEL_RESERVE: u64 = 64 << 10;

/// Overhead fuel, in units, that each row of a batch adds to its call.
pub const OVERHEAD_FUEL_PER_ROW: u64 = 128;

/// Bytes of the lowered arguments of a call that add one unit of overhead fuel each.
/// Each 16 bytes beyond them add one more.
pub const FULL_FUEL_ARGUMENT_BYTES: u64 = 2 << 20;

/// Overhead fuel, in units, that each row adds where rows are statically bounded.
pub const BOUNDED_OVERHEAD_FUEL_PER_ROW: u64 = 64;

/// Alignment, in bytes, of the arena and of every buffer that the host lowers,
/// and the multiple to which their zero padding extends.
pub const ALIGNMENT: usize = 64;

/// Status of a call that has written its result.
pub const STATUS_OK: u32 = 0;

/// Status of a call that has written a [`Failure`](crate::Failure).
pub const STATUS_FAILURE: u32 = 1;

/// Maximum length, in bytes, of the message of a failure or panic. The host
/// truncates longer messages.
pub const FAILURE_MESSAGE_BYTES_MAX: u32 = 4096;
