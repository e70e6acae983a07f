//! The names of exports and imports, and the numbers that the specification
//! mentions. [The crate's page](crate) says what each is for.

/// The export whose name says that a module speaks this version.
pub const EXPORT_VERSION: &str = "fusebox_abi_1";

/// What every version's export begins with, so that a module of a version that
/// the host does not know is told apart from one that speaks none.
pub const EXPORT_VERSION_PREFIX: &str = "fusebox_abi_";

/// The export that lends the host its arena.
pub const EXPORT_ALLOC: &str = "fusebox_alloc";

/// What the export of a column function begins with; its symbol follows.
pub const EXPORT_FUNCTION_PREFIX: &str = "fusebox_udf_";

/// What the export begins with that takes rows into the states of an aggregate;
/// its symbol follows.
pub const EXPORT_UPDATE_PREFIX: &str = "fusebox_udaf_update_";

/// What the export begins with that takes states into those of an aggregate.
pub const EXPORT_MERGE_PREFIX: &str = "fusebox_udaf_merge_";

/// What the export begins with that takes rows out of the states of an
/// aggregate. It is optional.
pub const EXPORT_RETRACT_PREFIX: &str = "fusebox_udaf_retract_";

/// What the export begins with that answers with states of an aggregate.
pub const EXPORT_STATE_PREFIX: &str = "fusebox_udaf_state_";

/// What the export begins with that answers with results of an aggregate.
pub const EXPORT_FINISH_PREFIX: &str = "fusebox_udaf_finish_";

/// What the export begins with that forgets the first groups of an aggregate.
pub const EXPORT_RELEASE_GROUPS_PREFIX: &str = "fusebox_udaf_release_groups_";

/// What the export begins with of a window function that goes on from row to
/// row.
pub const EXPORT_NEXT_PREFIX: &str = "fusebox_udwf_next_";

/// What the export begins with of a window function over whole partitions.
pub const EXPORT_PARTITION_PREFIX: &str = "fusebox_udwf_partition_";

/// What the export begins with of a window function over sets of peers.
pub const EXPORT_RANK_PREFIX: &str = "fusebox_udwf_rank_";

/// What the export of a table function begins with.
pub const EXPORT_TABLE_PREFIX: &str = "fusebox_udtf_";

/// The export that is called once after instantiation, where it exists, as in
/// a WASI reactor.
pub const EXPORT_INITIALIZE: &str = "_initialize";

/// The export of the linear memory.
pub const EXPORT_MEMORY: &str = "memory";

/// The custom section that holds the DDL of the module's functions.
pub const SECTION_FUNCTIONS: &str = "fusebox.functions";

/// The export of a global of type `i32`: the address of a [`Panic`](crate::Panic).
pub const EXPORT_PANIC: &str = "fusebox_panic";

/// The module of every import that is granted.
pub const IMPORT_MODULE: &str = "fusebox";

/// Import `(row: i32) -> ()`: begins the metering of a row.
pub const IMPORT_ROW_BEGIN: &str = "row_begin";

/// Import `(bytes: i32) -> ()`: ends the row and charges it for `bytes` bytes of
/// result.
pub const IMPORT_ROW_END: &str = "row_end";

/// Import `(bytes: i32) -> ()`: suspends the row and charges it for `bytes` bytes.
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

/// Overhead fuel, in units, that a call must have left beside the fuel of a row for
/// [`has_fuel`](IMPORT_HAS_FUEL) to return 1.
pub const OVERHEAD_FUEL_RESERVE: u64 = 64 << 10;

/// Overhead fuel, in units, that each row of a batch adds to its call.
pub const OVERHEAD_FUEL_PER_ROW: u64 = 128;

/// Overhead fuel, in units, that each row adds where rows are statically bounded.
pub const BOUNDED_OVERHEAD_FUEL_PER_ROW: u64 = 64;

/// The alignment, in bytes, of the arena and of every buffer that the host
/// lowers, and the multiple to which their zero padding extends.
pub const ALIGNMENT: usize = 64;

/// The status of a call that has written its result.
pub const STATUS_OK: u32 = 0;

/// The status of a call that has written a [`Failure`](crate::Failure).
pub const STATUS_FAILURE: u32 = 1;

/// The most bytes of a failure's or panic's message that the host reads; what
/// follows is cut off.
pub const FAILURE_MESSAGE_BYTES_MAX: u32 = 4096;
