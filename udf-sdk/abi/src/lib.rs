//! The border between Fusebox and a guest: **ABI 1**, functions of columns.
//!
//! This page is the specification. It is enough to write a guest in any
//! language that compiles to WebAssembly, without an SDK; the items below are
//! the same contract as constants and structs, shared by the engine and the
//! Rust SDK. ABI 1 may still change until the first tagged release.
//!
//! # What crosses
//!
//! Rows cross in *batches*. A batch is one column per argument in the layout
//! of the [Arrow C Data Interface], exactly as a wasm32 compiler lays the C
//! struct out: pointers are 4 bytes, everything is little endian, and
//! [`ArrowArray`] is 64 bytes. No `ArrowSchema` crosses, since the types are
//! fixed by the function's SQL signature. Every address is a byte offset into
//! the guest's own linear memory.
//!
//! # What a module exports
//!
//! | export | type | meaning |
//! |---|---|---|
//! | `memory` | memory | the linear memory: 32-bit, not shared |
//! | [`fusebox_abi_1`](EXPORT_VERSION) | `() -> ()` | says that the module speaks ABI 1; never called |
//! | [`fusebox_alloc`](EXPORT_ALLOC) | `(bytes: i32) -> i32` | lends the host its arena |
//! | [`fusebox_udf_`](EXPORT_FUNCTION_PREFIX)*symbol* | `(args: i32, rows: i32, result: i32) -> i32` | one function |
//! | `fusebox_udaf_…`, `fusebox_udwf_…`, `fusebox_udtf_…` | the same | an [operation](#operations) of an aggregate, window or table function |
//! | [`_initialize`](EXPORT_INITIALIZE) | `() -> ()` | optional: called once, before anything else |
//! | [`fusebox_panic`](EXPORT_PANIC) | global `i32` | optional: the address of a [`Panic`] |
//!
//! Lengths and addresses are unsigned, whatever Wasm's `i32` suggests. The
//! prefix keeps a SQL function named `pow` or `malloc` from colliding with the
//! C library's symbol. A module imports nothing but what [tells rows
//! apart](#rows-and-their-fuel), and exports nothing whose name begins with
//! `fusebox:`, which is where the host puts its own. It may use what is in Wasm
//! 2.0, but for `externref`; and tail calls, extended constant expressions and
//! wide arithmetic.
//!
//! # The arena
//!
//! `fusebox_alloc(bytes)` returns the address of at least `bytes` bytes,
//! aligned to [64](ALIGNMENT), in which the host will place what it lowers; or
//! 0 when there is no memory, which fails the query. There is **one** arena:
//! the next call of `fusebox_alloc` ends the life of the one before, so the
//! guest may free it first. Its contents need not be initialised. The host
//! reuses the arena from call to call and asks again only when it needs a
//! larger one; it may ask for more than it needs. The guest must not write to
//! it, apart from `result`, and must not read anything there once its call has
//! returned.
//!
//! # A call
//!
//! The host lowers a batch into the arena and calls the function with
//!
//! - `args`: the address of one [`ArrowArray`] per argument, side by side, in
//!   the order of the signature (meaningless where there is no argument);
//! - `rows`: how many rows the batch has, from 1 to 2³¹ - 1;
//! - `result`: the address of 64 bytes, all zero, aligned to 64.
//!
//! The function returns a status:
//!
//! - [0](STATUS_OK): it has written an [`ArrowArray`] of its return type, with
//!   `length = rows`, to `result`;
//! - [1](STATUS_FAILURE): it has written a [`Failure`] to `result`;
//! - anything else breaks the contract.
//!
//! What the result points to belongs to the guest and must stay as it is until
//! the next call into the instance; the host copies it out at once and calls
//! no `release`. A trap fails the query, and the instance is never used again.
//! The error has the message and the place that the guest has left in its
//! [`Panic`], all zero until then. The address of the `Panic` is read once,
//! when the module is instantiated.
//!
//! # State
//!
//! A function is immutable, stable or volatile, as its SQL statement says. In
//! an **immutable or stable** function nothing survives a call, whatever the
//! guest does with its memory, globals, tables and segments. Before each call
//! the host puts back what it finds changed. Where that cannot be done, it
//! takes a new instance, which takes a tenth of a millisecond rather than some
//! microseconds: where memory has grown in the call before, and where the
//! module has any instruction that changes a table or drops a segment.
//!
//! A call then finds an instance in which nothing ran but the start function,
//! `_initialize`, and `fusebox_alloc`, twice: for the arena and about as much
//! as the result will need, and then for the arena. An allocator that hands out
//! again what it got back has free memory then, and need not make memory grow.
//! How much is asked for depends on the rows and the arguments of the call and
//! on nothing else. From a guest that refuses or fails, the host asks what the
//! arguments need and no more, once, in a new instance; so it does where that
//! would be much of the memory that the function may have, or some MiB.
//!
//! A **volatile** function may keep what it likes within its instance. Which
//! rows share one is not said.
//!
//! With `WITH (reset = 'row')`, each row is a call, and nothing survives it in
//! any function.
//!
//! All memory is looked at for every call, at some 12 µs for a MiB, so a small
//! shadow stack and small statics make calls cheap.
//!
//! # Rows and their fuel
//!
//! What a guest runs burns fuel, about one unit per instruction, and without
//! any left it is stopped. A row that the guest announces burns fuel of its
//! own, so that its verdict does not depend on its batch, and errors name it.
//! The imports are those of module [`fusebox`](IMPORT_MODULE), of exactly these
//! types, all optional:
//!
//! | import | type | what a call does |
//! |---|---|---|
//! | [`row_begin`](IMPORT_ROW_BEGIN) | `(row: i32) -> ()` | begins a row: what runs now burns its `fuel_per_row` |
//! | [`row_end`](IMPORT_ROW_END) | `(bytes: i32) -> ()` | ends the row, which first pays a unit for every 2 of `bytes` |
//! | [`row_pause`](IMPORT_ROW_PAUSE) | `(bytes: i32) -> ()` | interrupts the row, which first pays in the same way |
//! | [`row_resume`](IMPORT_ROW_RESUME) | `() -> ()` | goes on with the row and the fuel it had left |
//! | [`row_group_begin`](IMPORT_ROW_GROUP_BEGIN) | `(row: i32) -> ()` | begins some rows from that one on, which share what one may burn |
//! | [`metering_mode`](IMPORT_METERING_MODE) | `() -> i32` | tells how rows are announced: [0](METERING_PER_ROW), [1](METERING_BOUNDED), [2](METERING_GROUPED) or [3](METERING_SPECULATABLE) |
//! | [`has_fuel`](IMPORT_HAS_FUEL) | `() -> i32` | tells whether the call has fuel for another row: 1 if so, else 0 |
//!
//! The host puts a few instructions in the place of each import, which move fuel
//! between the tanks of the call and of the row. They make none, so a guest burns
//! no more than it was granted, whatever it says. Only where a row begins and the
//! call's tank is low is the host called, which fills it up as long as somebody
//! waits for the answer.
//!
//! - Rows are announced in rising order, from 0 to `rows - 1`. A row that was
//!   passed, or that the batch has not, breaks the contract. Any row may be left
//!   out; one with a null argument of a `STRICT` function should be.
//! - A row takes `fuel_per_row` out of the call's tank. What it leaves of it goes
//!   back to the call.
//! - A row that is not settled ends with the next announcement, or with the
//!   call, and pays nothing.
//! - `row_pause` and `row_resume` come in pairs, in a row. Outside rows, `row_end` ends
//!   nothing.
//!
//! **The book.** What runs outside rows, or while one is interrupted, is paid
//! by the call: reading arguments, appending and growing results. For that a
//! call has `fuel_per_call`, [`OVERHEAD_FUEL_PER_ROW`] units for each row of the
//! batch, one for each byte of the lowered arguments, and what rows pay: a
//! guest settles a row of text with the bytes of its result. On top comes what
//! the rows burn: the call has at least [`OVERHEAD_FUEL_RESERVE`] units where a row has
//! begun. A call of `fusebox_alloc` has `fuel_per_call`, and a unit for every 16
//! bytes.
//!
//! **Verdicts that do not depend on other rows** are up to the guest:
//!
//! - One copy of the code between `row_begin` and `row_end` serves every row: in a
//!   function that compilers do not inline, unroll or vectorise.
//! - That code keeps no state: no static, no cache, no heap with a history. Its
//!   memory is a piece that is empty again for each row; for all other, it
//!   pauses at a price that does not depend on what was allocated before.
//! - The book is kept outside: code whose work depends on how much the rows
//!   before have left, such as a buffer that grows, burns none of the row's
//!   fuel.
//! - It reads at addresses that do not depend on other rows, where their
//!   alignment has a say in the work: a text is first copied to one place.
//!
//! **Bounded rows.** In each function that calls `row_begin`, the host reads the code
//! from the first such call to the last of `row_end`, as it stands there. A row
//! burns no more than that code weighs, if the code
//!
//! - holds no loop, no import but `row_end`, no call through a table, no tail
//!   call, and no instruction on memories or tables whose work depends on an
//!   operand;
//! - settles constants, each pushed just before;
//! - calls only functions that hold none of these, and call only such
//!   functions, not in circles.
//!
//! Where this holds for all rows that an exported function can come to announce,
//! `metering_mode()` is not 0 in its calls, except in one that is made again since a
//! row has trapped, so that it is known which. The guest then announces none and
//! runs them in whatever loop is fastest. The call has what all rows weigh,
//! `fuel_per_call`, and [`BOUNDED_OVERHEAD_FUEL_PER_ROW`] units for each row, so that
//! a guest which announces rows should ask `metering_mode` first. Where a row weighs
//! more than `fuel_per_row`, the function is out of fuel without being called.
//!
//! Where that code can neither trap nor leave anything behind, rows are **harmless**
//! besides, and `metering_mode()` is 3: what a row does may be done for a row that is null
//! as well, on whatever stands there, and its answer passed over. That is so
//! where the code is made of instructions on locals and constants alone, calls
//! nothing but the imports, and divides whole numbers only by constants.
//!
//! **Rows together.** Some rows that have burnt no more than one of them may, all
//! together, need not be told apart. In a module that imports `row_group_begin`, the
//! host first makes a call that it can make again with `metering_mode()` at 2, in which
//! rows are announced by `row_group_begin(row)` alone: for that row and as many of the
//! next as the guest likes, until it settles them or announces others. They share
//! a quarter of `fuel_per_row`, so that it does not matter if one of them would
//! burn a little more by itself: its text may lie elsewhere then. A guest
//! settles them with what it would settle each with, or some such groups with the
//! sum, at the expense of the last. If such a call runs out of fuel or traps, the
//! host makes it again, and `metering_mode()` is 0: then each row is announced, and the
//! verdict is that of this second call. Where `metering_mode()` is not 2, calling
//! `row_group_begin` breaks the contract.
//!
//! **More.** Where an operation may answer for fewer rows than it was called
//! with, it asks `has_fuel()` before it announces a row, other than the first, and
//! answers for the rows before where that is 0. It is 1 where the call has as
//! much as a row may burn, and [`OVERHEAD_FUEL_RESERVE`] units for the book on top: then
//! `row_begin` does not stop the guest, and neither does the book, if it is closed for
//! that. In a call whose rows are bounded it is always 1. The host calls again
//! for the rest. That is how a row which has changed the state, and cannot be
//! asked again, does not fail for what the rows before it have burnt.
//!
//! **Without announcements**, rows share one tank with the book, of
//! `fuel_per_call + rows × fuel_per_row` units at most, and no error but a
//! [`Failure`] names the row. Whether the tank suffices may depend on what else
//! is in the batch.
//!
//! # An argument column
//!
//! - `length` is `rows`; or 1 where the argument is **constant** for the batch,
//!   and then row 0 stands for every row.
//! - `offset` is 0. `null_count` is exact. `dictionary`, `release` and
//!   `private_data` are 0. A guest that hands the array to a library which
//!   insists on a `release` fills in one of its own, on a copy.
//! - `buffers` is the address of `n_buffers` addresses of 4 bytes each. Every
//!   buffer is aligned to 64 and followed by zero bytes up to the next multiple
//!   of 64, which may be read. A buffer without content still has a valid,
//!   aligned address.
//! - The first buffer is the validity bitmap: bit *i* (least significant bit
//!   first) is 1 where row *i* is not null. It is **absent**, its address 0,
//!   exactly when `null_count` is 0. Bits past `length` are 0.
//! - What stands in the other buffers at a null row is unspecified, but for
//!   offsets and type ids, which always obey the rules below, and for text,
//!   which is UTF-8 in every row, as a library such as arrow-rs expects.
//! - `children` is the address of `n_children` addresses of 4 bytes each, of
//!   the children's own [`ArrowArray`]s. To each of them, all of this applies,
//!   but for the length, which the parent decides: a child has the rows that
//!   are in use and no others. Where `n_buffers` or `n_children` is 0, the
//!   address of their addresses is 0.
//!
//! # A result column
//!
//! The same layout, with more freedom and no trust:
//!
//! - `length` is `rows`, always. `offset` may be more than 0, as in the C Data
//!   Interface; it counts rows (and bits) to skip in every buffer.
//! - `n_buffers` and `n_children` are what the type's layout says, and
//!   `dictionary` is 0.
//! - The validity bitmap may be absent (address 0): no row is null. Bits past
//!   the end are ignored.
//! - `null_count`, `release` and `private_data` are ignored: nulls are
//!   recounted.
//! - Buffers need no alignment and no padding. One whose length is zero may
//!   have any address.
//! - Every byte of every buffer lies inside the memory; offsets never fall and
//!   end inside the data; text is UTF-8 in every row that is not null; decimals
//!   have no more digits than their type says.
//! - A child may have an `offset` of its own, and more rows than its parent
//!   refers to. Only those from the first to the last that is referred to are
//!   looked at and copied. Children may share their buffers, and headers too.
//! - A child whose field is not nullable has no nulls among them, but for rows
//!   of a struct or of a list of a fixed size that are null themselves. The keys
//!   and the entries of a map are never null.
//! - The bytes in use, those of shared buffers as often as they are used, are
//!   no more than the result may have. A row without bytes, such as one of type
//!   Null, counts as one where it is that of a child.
//!
//! # Layouts
//!
//! Every type has **one layout**, however the host stores it. A column of views,
//! of large offsets, of dictionary codes or of runs is lowered to the layout of
//! its values, and a result of such a type is lifted from that: the types Utf8,
//! LargeUtf8 and Utf8View have the layout of Utf8, the four variable lists that
//! of List, Dictionary and RunEndEncoded that of their values, wherever they are
//! nested.
//!
//! | SQL type | Arrow type, format | buffers after the validity bitmap |
//! |---|---|---|
//! | `BOOLEAN` | Boolean, `b` | values: one bit a row, least significant bit first |
//! | `TINYINT`, `TINYINT UNSIGNED` | Int8 `c`, UInt8 `C` | values: 1 byte a row |
//! | `SMALLINT`, `SMALLINT UNSIGNED` | Int16 `s`, UInt16 `S` | values: 2 bytes a row |
//! | `INT`, `INT UNSIGNED` | Int32 `i`, UInt32 `I` | values: 4 bytes a row |
//! | `BIGINT`, `BIGINT UNSIGNED` | Int64 `l`, UInt64 `L` | values: 8 bytes a row |
//! | `FLOAT`, `DOUBLE` | Float32 `f`, Float64 `g` | values: 4 or 8 bytes a row |
//! | `VARCHAR` | Utf8, `u` | offsets: `length + 1` times `i32`, never falling, the first at least 0; data: UTF-8, row *i* being `data[offsets[i]..offsets[i + 1]]` |
//! | `BYTEA` | Binary, `z` | as `VARCHAR`, any bytes |
//!
//! | Arrow type, format | buffers after the validity bitmap |
//! |---|---|
//! | Null, `n` | no buffers, not even validity; every row is null |
//! | Float16, `e` | values: 2 bytes a row |
//! | Decimal32, 64, 128, 256, `d:…` | values: 4, 8, 16 or 32 bytes a row, two's complement |
//! | Date32, `tdD`; Date64, `tdm` | values: 4 or 8 bytes a row |
//! | Time32, `tts`, `ttm`; Time64, `ttu`, `ttn` | values: 4 or 8 bytes a row |
//! | Timestamp, `ts…:…`; Duration, `tD…` | values: 8 bytes a row |
//! | Interval: `tiM`, `tiD`, `tin` | values: 4, 8 or 16 bytes a row |
//! | FixedSizeBinary, `w:N` | values: N bytes a row |
//!
//! Nested types have children besides. Their types are nested to 32 levels, with
//! 1,024 types in all, at most.
//!
//! | Arrow type, format | buffers | children |
//! |---|---|---|
//! | List, `+l` | validity; offsets as of `VARCHAR`, in rows of the child | the elements, row *i* having those from `offsets[i]` to `offsets[i + 1]` |
//! | FixedSizeList, `+w:N` | validity | the elements, row *i* having those from `i * N` to `(i + 1) * N`, null or not |
//! | Struct, `+s` | validity | the fields, in their order, each with as many rows |
//! | Map, `+m` | as List | one struct, of the keys and the values |
//! | Union, `+ud:…` | **no validity**; type ids: 1 byte a row; offsets: `i32`, one a row | the fields, in their order; row *i* is row `offsets[i]` of the one that has its type id |
//!
//! - In an argument, offsets begin at 0, and the child has as many rows as the
//!   last one says. Elsewhere they need not begin there; of a column without
//!   rows, none is read.
//! - The `offset` of a struct skips rows of its children too, that of a list of
//!   a fixed size N times as many; children's own offsets come on top.
//! - Unions are dense, and the offsets into each child rise: no row of a child
//!   is referred to twice, and in an argument, each is once. A union has no
//!   nulls but those of its children: `null_count` is 0. Where a function that
//!   is `STRICT` must have a null, it is one of the first nullable child.
//!
//! # Operations
//!
//! Every kind of function is made of *operations*: exports of one type,
//! `(args: i32, rows: i32, result: i32) -> i32`, with the arena, the statuses, the
//! layouts and the rows of a column function, which is the operation of a scalar
//! function. What differs is which columns come first, whether state survives
//! from one operation to the next in an instance, and what the result is.
//!
//! | export | argument columns | result |
//! |---|---|---|
//! | [`fusebox_udaf_update_`](EXPORT_UPDATE_PREFIX)*symbol* | `group` (`INT UNSIGNED`), then the declared arguments | progress |
//! | [`fusebox_udaf_merge_`](EXPORT_MERGE_PREFIX)*symbol* | `group` (`INT UNSIGNED`), then one `STRUCT`: the state | progress |
//! | [`fusebox_udaf_retract_`](EXPORT_RETRACT_PREFIX)*symbol*, optional | as for update | progress |
//! | [`fusebox_udaf_state_`](EXPORT_STATE_PREFIX)*symbol* | `group` (`INT UNSIGNED`) | the state, a `STRUCT`, with progress |
//! | [`fusebox_udaf_finish_`](EXPORT_FINISH_PREFIX)*symbol* | `group` (`INT UNSIGNED`) | the declared result, with progress |
//! | [`fusebox_udaf_release_groups_`](EXPORT_RELEASE_GROUPS_PREFIX)*symbol* | none; `rows` is a number of groups | only a status |
//! | [`fusebox_udwf_next_`](EXPORT_NEXT_PREFIX)*symbol* | the declared arguments | the declared result, with progress |
//! | [`fusebox_udwf_partition_`](EXPORT_PARTITION_PREFIX)*symbol* | the declared arguments | the declared result, of `rows` rows |
//! | [`fusebox_udwf_rank_`](EXPORT_RANK_PREFIX)*symbol* | `start`, `end`, `partition_rows` (`BIGINT UNSIGNED`) | the declared result, with progress |
//! | [`fusebox_udtf_`](EXPORT_TABLE_PREFIX)*symbol* | `columns` (`BOOLEAN[]`), then the declared arguments | a `STRUCT` of the table's columns, of 0 to `rows` rows |
//!
//! **Progress**: the result's `length` is how many of the call's rows were done,
//! from the first on, 1 to `rows`. The host calls again with the rest, whose
//! rows have numbers from 0 again. A result that is nothing but progress has no
//! buffers and no children.
//!
//! Where state survives, the host does not put memory back between operations,
//! does not repeat one, and uses the instance for nothing else. It starts as good
//! as new. An operation that fails or traps ends the query.
//!
//! # Aggregates
//!
//! An aggregate function is the five operations `update`, `merge`, `state`,
//! `finish` and `release_groups`, and `retract` if it can take rows back, as in moving
//! frames.
//!
//! An instance holds the states of many groups, numbered from 0 without gaps. A
//! group that no operation has named is in the initial state, and so are all in
//! a new instance.
//!
//! - `group` is null where a row is filtered out: nothing is done for it. It may
//!   be constant: all rows are of one group.
//! - Of a `STRICT` function, nothing is done for rows with a null argument either.
//! - The state that `merge` gets is one that `state` has answered, of the same
//!   module, and not null as a whole. The host may have had it on disk.
//! - `state` and `finish` leave states as they are. They may be asked for any
//!   groups, in any order, again and again.
//! - `release_groups` forgets the first `rows` groups, of which there may be up to
//!   2³¹ - 1: group *i* becomes group *i* - `rows`. It announces no rows.
//!
//! # Windows
//!
//! A window function is one of three operations, or several.
//!
//! - `next` keeps state from call to call within a partition. The host gives it
//!   the partition's rows in order, cut as it likes, in an instance of its own.
//! - `partition` gets a whole partition in one call. It keeps nothing.
//! - `rank` gets, for each set of rows that are peers, where it starts in the
//!   partition, from 0, and where it ends: before row `end`. `partition_rows`, a
//!   constant, is how many rows the partition has. There are no declared
//!   arguments. It keeps nothing.
//!
//! # Tables
//!
//! A table function gets the same arguments with every call, all constants.
//! First comes `columns`, for each column of the table whether it is wanted:
//! what stands in one that is not is ignored. `rows` is how many rows are wanted
//! now, at most. A result of `length` 0 says that there are no more. State is
//! kept from call to call, in an instance of its own.
//!
//! # The declaration
//!
//! The custom section [`fusebox.functions`](SECTION_FUNCTIONS) holds UTF-8
//! text: one SQL statement per function, in the grammar of Fusebox's
//! `CREATE FUNCTION` without its `AS` or `FROM` part, each ended by `;`. It is
//! read without running anything, and has at most 256 KiB; each name and each
//! symbol is declared once. A `WITH` clause may lower the host's limits, not
//! raise them. Without the section, the SQL user states the signature.
//!
//! ```sql
//! CREATE FUNCTION "area"("w" DOUBLE, "h" DOUBLE) RETURNS DOUBLE LANGUAGE WASM IMMUTABLE STRICT;
//! ```
//!
//! Other kinds are declared in the same way:
//!
//! ```sql
//! CREATE AGGREGATE FUNCTION "geomean"("value" DOUBLE) RETURNS DOUBLE STATE ("ln_sum" DOUBLE, "count" BIGINT) LANGUAGE WASM STRICT;
//! CREATE WINDOW FUNCTION "ema"("value" DOUBLE, "alpha" DOUBLE) RETURNS DOUBLE LANGUAGE WASM STRICT;
//! CREATE FUNCTION "series"("start" BIGINT, "stop" BIGINT) RETURNS TABLE ("value" BIGINT) LANGUAGE WASM STRICT;
//! ```
//!
//! `STATE` names the fields of the state's struct. Which operations a window
//! function has, and whether an aggregate can take rows back, is read from the
//! exports.
//!
//! The function's symbol is its name, unless an `EXPORT 'symbol'` clause says
//! another. For a `STRICT` function, a row with a null argument has a null
//! result: the guest should not spend time on it, and the host makes it null
//! whatever the guest answered. Where the row's other arguments are then
//! garbage, the guest must not trap on them. Where most rows are such, the host
//! may call the guest for the others alone.
//!
//! # A guest in C, whole
//!
//! ```c
//! #include <stdint.h>
//! #include <stdlib.h>
//!
//! struct ArrowArray {
//!   int64_t length, null_count, offset, n_buffers, n_children;
//!   const void **buffers;
//!   struct ArrowArray **children, *dictionary;
//!   void (*release)(struct ArrowArray *);
//!   void *private_data;
//! };
//! _Static_assert(sizeof(struct ArrowArray) == 64, "wasm32");
//!
//! __attribute__((export_name("fusebox_abi_1"))) void abi(void) {}
//!
//! __attribute__((export_name("fusebox_alloc"))) void *arena(uint32_t bytes) {
//!   static void *last;
//!   free(last);
//!   return last = aligned_alloc(64, (bytes + 63) & ~63u);
//! }
//!
//! // CREATE FUNCTION area(w DOUBLE, h DOUBLE) RETURNS DOUBLE LANGUAGE WASM STRICT …
//! __attribute__((export_name("fusebox_udf_area")))
//! uint32_t area(const struct ArrowArray *args, uint32_t rows, struct ArrowArray *result) {
//!   static const void *buffers[2];
//!   static double *values;
//!   free(values);
//!   values = malloc(rows * sizeof *values);
//!   const double *w = args[0].buffers[1], *h = args[1].buffers[1];
//!   for (uint32_t i = 0; i < rows; i++)
//!     values[i] = w[args[0].length == 1 ? 0 : i] * h[args[1].length == 1 ? 0 : i];
//!   buffers[0] = 0;
//!   buffers[1] = values;
//!   result->length = rows;
//!   result->n_buffers = 2;
//!   result->buffers = buffers;
//!   return 0;
//! }
//! ```
//!
//! Its rows share a tank. To announce them, the loop becomes
//!
//! ```c
//!   if (metering_mode())
//!     for (uint32_t i = 0; i < rows; i++)
//!       values[i] = w[args[0].length == 1 ? 0 : i] * h[args[1].length == 1 ? 0 : i];
//!   else
//!     for (uint32_t i = 0; i < rows; i++)
//!       values[i] = one(i, w[args[0].length == 1 ? 0 : i], h[args[1].length == 1 ? 0 : i]);
//! ```
//!
//! and before the function stands
//!
//! ```c
//! #define FUSEBOX(name) __attribute__((import_module("fusebox"), import_name(name)))
//! FUSEBOX("row_begin") void row_begin(uint32_t row);
//! FUSEBOX("row_end") void row_end(uint32_t bytes);
//! FUSEBOX("metering_mode") uint32_t metering_mode(void);
//!
//! __attribute__((noinline)) static double one(uint32_t i, double w, double h) {
//!   row_begin(i);
//!   double area = w * h;
//!   row_end(0); // the bytes of a text or binary result
//!   return area;
//! }
//! ```
//!
//! [Arrow C Data Interface]: https://arrow.apache.org/docs/format/CDataInterface.html
#![no_std]
#![forbid(unsafe_code)]

// What host and guest call things, and the numbers that both go by.
mod names;

// What stands in guest memory, byte by byte.
mod structs;

pub use names::*;
pub use structs::{ArrowArray, Failure, Panic};
