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
pub const EXPORT_FORGET_PREFIX: &str = "fusebox_udaf_forget_";

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

/// The import `(row: i32) -> ()` that announces a row, which begins.
pub const IMPORT_ROW: &str = "row";

/// The import `(bytes: i32) -> ()` that settles a row.
pub const IMPORT_SETTLE: &str = "settle";

/// The import `(bytes: i32) -> ()` that interrupts a row.
pub const IMPORT_PAUSE: &str = "pause";

/// The import `() -> ()` that goes on with the row that was interrupted.
pub const IMPORT_RESUME: &str = "resume";

/// The import `(row: i32) -> ()` that announces some rows, which share what one
/// may burn.
pub const IMPORT_TOGETHER: &str = "together";

/// The import `() -> i32` that says how rows are announced.
pub const IMPORT_BOUNDED: &str = "bounded";

/// What `bounded()` says of rows each of which has to be announced.
pub const UNBOUNDED: u32 = 0;

/// What it says of rows that are bounded.
pub const BOUNDED: u32 = 1;

/// What it says of rows of which some are announced at once.
pub const TOGETHER: u32 = 2;

/// What part of `fuel_per_row` rows share that are announced at once.
pub const TOGETHER_SHARE: u64 = 4;

/// What it says of rows that are bounded and harmless.
pub const HARMLESS: u32 = 3;

/// The import `() -> i32` that says whether the call has fuel for another row:
/// 1 if so, else 0.
pub const IMPORT_MORE: &str = "more";

/// The fuel that a call must have, beside that of a row, for [`more`](IMPORT_MORE)
/// to be 1: what is left of it after the row is for the book.
pub const MORE_BOOK_FUEL: u64 = 64 << 10;

/// The fuel that each row adds to what a call may burn outside its rows.
pub const BOOK_FUEL_PER_ROW: u64 = 128;

/// The same where rows are bounded and none is announced.
pub const BOUNDED_BOOK_FUEL_PER_ROW: u64 = 64;

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
