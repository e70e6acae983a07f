//! The binary interface between Fusebox and its guests: **ABI 1**, functions over
//! columns.
//!
//! This page is the specification. It suffices to write a guest in any language
//! that compiles to WebAssembly, without an SDK. The items below define the same
//! contract as constants and structs, which the engine and the Rust SDK share.
//! Later releases run modules of ABI 1 unchanged: `STABILITY.md`, at the root of the repository,
//! says what may be added to it.
//!
//! # Data that crosses
//!
//! Rows cross in *batches*. A batch is one column per argument in the layout of
//! the [Arrow C Data Interface], as a wasm32 compiler lays the C struct out:
//! pointers have 4 bytes, all numbers are little endian, and an [`ArrowArray`] has
//! 64 bytes. No `ArrowSchema` crosses, since the SQL signature of the function
//! fixes the types. Every address is a byte offset into the guest's own linear
//! memory.
//!
//! # Exports of a module
//!
//! | export | type | meaning |
//! |---|---|---|
//! | `memory` | memory | the linear memory: 32-bit, not shared |
//! | [`fusebox_abi_1`](EXPORT_VERSION) | `() -> ()` | marks a module of ABI 1; never called |
//! | [`fusebox_alloc`](EXPORT_ALLOC) | `(bytes: i32) -> i32` | allocates the argument arena |
//! | [`fusebox_udf_`](EXPORT_FUNCTION_PREFIX)*symbol* | `(args: i32, rows: i32, result: i32) -> i32` | a scalar function |
//! | `fusebox_udaf_…`, `fusebox_udwf_…`, `fusebox_udtf_…` | the same | an [operation](#operations) of an aggregate, window or table function |
//! | [`_initialize`](EXPORT_INITIALIZE) | `() -> ()` | optional: called once, before any other export |
//! | [`fusebox_panic`](EXPORT_PANIC) | global `i32` | optional: the address of a [`Panic`] |
//!
//! Lengths and addresses are unsigned, although Wasm types them `i32`. The prefix
//! keeps a SQL function named `pow` or `malloc` from colliding with the symbol of
//! the C library. A module imports only the [row metering
//! imports](#rows-and-their-fuel), and what the host links into it: WASI preview 1, and some
//! functions of `env` that AssemblyScript and Emscripten import. The list is
//! `engine/linker/src/wasi/imports.txt`.
//! It exports nothing whose name begins with
//! `fusebox:`, since the host adds exports of its own under that prefix. Names that begin with
//! `fusebox_` and are not in the table are reserved for later versions of this page. It may use
//! the features of Wasm 2.0 except `externref`, and also tail calls, extended
//! constant expressions and wide arithmetic.
//!
//! # The argument arena
//!
//! `fusebox_alloc(bytes)` returns the address of at least `bytes` bytes, aligned
//! to [64](ALIGNMENT), into which the host lowers arguments; or 0 if there is no
//! memory, which fails the query. There is **one** arena: each call of
//! `fusebox_alloc` ends the lifetime of the previous arena, so the guest may free
//! that first. The contents of the arena need not be initialised. The host reuses
//! the arena from call to call and asks for another only when it needs a larger
//! one; it may ask for more than it needs. The guest must not write to the arena,
//! except to `result`, and must not read from it after its call has returned.
//!
//! # A call
//!
//! The host lowers a batch into the arena and calls the function with
//!
//! - `args`: the address of one [`ArrowArray`] per argument, contiguous, in the
//!   order of the signature (unspecified if the function has no arguments);
//! - `rows`: the number of rows of the batch, from 1 to 2³¹ - 1;
//! - `result`: the address of 64 bytes, all zero, aligned to 64.
//!
//! The function returns a status:
//!
//! - [0](STATUS_OK): it has written an [`ArrowArray`] of its return type, with
//!   `length = rows`, to `result`;
//! - [1](STATUS_FAILURE): it has written a [`Failure`] to `result`, whose other bytes are reserved
//!   and stay 0;
//! - any other status violates the ABI.
//!
//! The memory that the result refers to belongs to the guest and must stay
//! unchanged until the next call into the instance. The host copies it at once and
//! never calls `release`. A trap fails the query, and the instance is never used
//! again. The error then has the message and the location in the guest's
//! [`Panic`], which is all zero until a panic fills it in. The host reads the
//! address of the `Panic` once, when it instantiates the module.
//!
//! # State
//!
//! A function is immutable, stable or volatile, as its SQL statement declares. In
//! an **immutable or stable** function no state survives a call, whatever the guest
//! does with its memory, globals, tables and segments: before each call, the host
//! resets the instance to the baseline, by restoring what has changed. Where it
//! cannot, it takes a new instance, at some 0.1 ms instead of some microseconds.
//! That is the case if memory grew in the previous call, and if the module has any
//! instruction that changes a table or drops a segment.
//!
//! An immutable function whose rows have fuel of their own may be called once for rows that
//! are equal: the host uses the result of the first for all of them, within one execution
//! of a plan.
//!
//! The baseline is an instance in which nothing has run but the start function,
//! `_initialize`, and `fusebox_alloc`, twice: first for the arena plus about as much
//! as the result will need, then for the arena. So an allocator that reuses freed
//! blocks has free memory at the start of a call and need not grow memory. The
//! sizes asked for depend on nothing but the rows and the arguments of the call.
//! If `fusebox_alloc` returns 0 or traps there, the host asks for what the
//! arguments need and no more, once, in a new instance; it also asks for no more
//! if the rest would be a large part of the memory that the function may have, or
//! some MiB.
//!
//! A **volatile** function may keep state in its instance. Which rows share an
//! instance is unspecified.
//!
//! With `WITH (reset = 'row')`, each row is a call of its own, and no state survives
//! it in any function.
//!
//! The host compares all of the memory with the baseline for every call, at some
//! 12 µs per MiB, so a small shadow stack and small statics make calls cheap.
//!
//! # Rows and their fuel
//!
//! A guest consumes fuel, about one unit per instruction, and is stopped when none
//! is left. A row that the guest begins with `row_begin` has a fuel budget of its
//! own, so that its outcome does not depend on the rest of the batch, and errors
//! name it. The imports are those of module [`fusebox`](IMPORT_MODULE), of exactly
//! these types, all optional:
//!
//! | import | type | effect of a call |
//! |---|---|---|
//! | [`row_begin`](IMPORT_ROW_BEGIN) | `(row: i32) -> ()` | begins a row: code that runs from here consumes the row's `fuel_per_row` |
//! | [`row_end`](IMPORT_ROW_END) | `(bytes: i32) -> ()` | charges the row one unit for every 2 of `bytes`, then ends it |
//! | [`row_pause`](IMPORT_ROW_PAUSE) | `(bytes: i32) -> ()` | charges the row in the same way, then suspends it |
//! | [`row_resume`](IMPORT_ROW_RESUME) | `() -> ()` | resumes the row with the fuel it had left |
//! | [`row_group_begin`](IMPORT_ROW_GROUP_BEGIN) | `(row: i32) -> ()` | begins a row group at that row: consecutive rows that share one budget |
//! | [`metering_mode`](IMPORT_METERING_MODE) | `() -> i32` | returns the metering mode of the call: [0](METERING_PER_ROW) per row, [1](METERING_BOUNDED) bounded, [2](METERING_GROUPED) grouped or [3](METERING_SPECULATABLE) speculatable |
//! | [`has_fuel`](IMPORT_HAS_FUEL) | `() -> i32` | returns 1 if the call has fuel for another row, else 0 |
//! | [`log`](IMPORT_LOG) | `(address: i32, length: i32) -> ()` | passes a message in UTF-8 to the host, for people: the host may cut it, drop it or show it with the function and the row, and nothing of that changes what the guest sees |
//!
//! The host replaces each import by a few instructions, which move fuel between the
//! fuel counters of the call and of the row. They create none, so a guest never
//! consumes more than it was granted, whatever it passes to them. Apart
//! from `log`, they call the host only if a row begins while the call's counter is
//! low; the host then refills the counter unless the query was cancelled.
//!
//! A later version of this page may add imports, and metering modes that only a module with such
//! an import receives.
//!
//! - Rows are begun in ascending order, from 0 to `rows - 1`. Beginning a row that
//!   is not after the previous one, or that the batch does not have, violates the
//!   ABI. Any row may be left out; one with a null argument of a `STRICT` function
//!   should be. If such a row ends a call, by fuel, stack, a trap or a [`Failure`], the host
//!   repeats the call without null rows, unless the function is volatile.
//! - A row takes `fuel_per_row` from the call's counter. What it has left when it
//!   ends returns to the call.
//! - A row without `row_end` ends when the next row or row group begins, or with
//!   the call, and is charged for no bytes.
//! - `row_pause` and `row_resume` come in pairs, within a row. Outside rows,
//!   `row_end` has no effect.
//!
//! **Overhead fuel.** Code that runs outside rows, or while a row is suspended,
//! consumes overhead fuel of the call: reading arguments, appending to results and
//! growing them. The overhead fuel of a call is `fuel_per_call`, plus
//! [`OVERHEAD_FUEL_PER_ROW`] units for each row of the batch, plus one unit for each
//! byte of the lowered arguments (from [`FULL_FUEL_ARGUMENT_BYTES`] on, for every 16
//! bytes), plus the units that `row_end` and `row_pause`
//! charge rows: a guest ends a row of text with the number of bytes of its result.
//! The fuel of the rows comes on top: where a row has begun, the call has at least
//! [`OVERHEAD_FUEL_RESERVE`] units of overhead fuel. A call of `fusebox_alloc` has
//! `fuel_per_call`, plus one unit for every 16 bytes. These amounts are the least that a host
//! grants: a later version may grant more, with another version of its weights.
//!
//! **Outcomes that do not depend on other rows** are the guest's responsibility:
//!
//! - One copy of the code between `row_begin` and `row_end` serves every row: it
//!   stands in a function that the compiler does not inline, unroll or vectorise.
//! - That code keeps no state: no static, no cache, no heap with a history. Its
//!   memory is a scratch buffer that is empty again for each row; for any other
//!   allocation it pauses the row, at a price that does not depend on earlier
//!   allocations.
//! - Bookkeeping stands outside rows: code whose work depends on what earlier rows
//!   have left, such as growing a buffer, consumes none of a row's fuel.
//! - Where the work depends on the alignment of what it reads, as with text, it
//!   reads at an address that does not depend on other rows: it first copies the
//!   text to a fixed address.
//!
//! **Bounded rows.** In each function that calls `row_begin`, the host analyses the
//! code from the first such call to the last call of `row_end`, in the order of the
//! function body. The fuel of a row is statically bounded by the weight of that
//! code if the code
//!
//! - has no loop, no import but `row_end`, no call through a table, no tail call,
//!   and no instruction on memories or tables whose work depends on an operand;
//! - passes only constants to `row_end`, each pushed directly before the call;
//! - calls only functions that satisfy the same conditions, directly and
//!   transitively, without recursion.
//!
//! If this holds for all rows that an exported function can begin,
//! `metering_mode()` is not 0 in its calls, except in a call that the host repeats
//! after a row has trapped, to learn which row it was. The guest then begins no row
//! and processes the batch in the fastest loop it has. The call has the weight of
//! all rows, plus `fuel_per_call`, plus [`BOUNDED_OVERHEAD_FUEL_PER_ROW`] units for
//! each row, so a guest that meters rows should call `metering_mode` first. If the
//! weight of a row exceeds `fuel_per_row`, the function is out of fuel without
//! being called.
//!
//! If that code can neither trap nor have side effects either, rows are
//! **speculatable**, and `metering_mode()` is 3: the guest may also evaluate a row
//! with a null argument, on the unspecified value under the null, and discard the
//! result. This is the case if the code consists of instructions on locals and
//! constants alone, calls nothing but the imports, and divides integers only by
//! constants.
//!
//! **Row groups.** Rows that together consume no more fuel than a single row may
//! consume need not be metered one by one. In a module that imports
//! `row_group_begin`, the host first makes a call that it can repeat with
//! `metering_mode()` equal to 2. In it, rows are begun by `row_group_begin(row)`
//! alone: the group has that row and as many of the following rows as the guest
//! chooses, until it calls `row_end` or begins another group. The rows of a group
//! share [a quarter](ROW_GROUP_FUEL_SHARE) of `fuel_per_row`, which leaves a margin
//! for a row that would consume slightly more by itself, because its text would
//! have another alignment. The guest passes to `row_end` the sum of the bytes that
//! it would pass for each row; or, once for several groups, their sum, at the
//! expense of the last group. If such a call runs out of fuel or traps, the host
//! repeats it with `metering_mode()` equal to 0: then each row is begun by itself,
//! and this second call determines the outcome. Calling `row_group_begin` when
//! `metering_mode()` is not 2 violates the ABI.
//!
//! **Partial calls.** An operation that may return results for fewer rows than it
//! was called with calls `has_fuel()` before it begins a row other than the first,
//! and returns the results of the rows before it if that is 0. `has_fuel()` is 1 if
//! the call has the most that a row may consume, plus [`OVERHEAD_FUEL_RESERVE`]
//! units of overhead fuel: then neither `row_begin` nor the overhead of one row, if
//! that stays within the reserve, stops the guest. In a call whose rows are bounded
//! it is always 1. The host calls again for the remaining rows. In this way a row
//! that has changed state, and so cannot be repeated, never fails because of what
//! the rows before it have consumed.
//!
//! **Without row metering**, all rows and the overhead share one fuel counter of at
//! most `fuel_per_call + rows × fuel_per_row` units, and no error but a [`Failure`]
//! names the row. Whether the counter suffices may depend on the other rows of the
//! batch.
//!
//! # An argument column
//!
//! - `length` is `rows`; or 1 if the argument is **constant** for the batch, and
//!   then row 0 is the value of every row.
//! - `offset` is 0. `null_count` is exact. `dictionary`, `release` and
//!   `private_data` are 0. A guest that passes the array to a library which
//!   requires a `release` sets its own, on a copy of the struct.
//! - `buffers` is the address of `n_buffers` addresses of 4 bytes each. Every
//!   buffer is aligned to 64 and followed by zero bytes up to the next multiple of
//!   64, which may be read. An empty buffer also has a valid, aligned address.
//! - The first buffer is the validity bitmap: bit *i* (least significant bit
//!   first) is 1 if row *i* is not null. It is **absent**, its address 0, exactly
//!   when `null_count` is 0. Bits past `length` are 0.
//! - The contents of the other buffers at a null row are unspecified, except that
//!   offsets and type ids always obey the rules below, and that text is UTF-8 in
//!   every row, as a library such as arrow-rs expects.
//! - `children` is the address of `n_children` addresses of 4 bytes each, of the
//!   [`ArrowArray`]s of the children. All of these rules apply to each child,
//!   except for its length, which the parent determines: a child has exactly the
//!   rows that are in use. If `n_buffers` or `n_children` is 0, `buffers` or
//!   `children` is 0.
//!
//! # A result column
//!
//! The layout is the same, with more freedom for the guest; the host verifies
//! everything it reads:
//!
//! - `length` is `rows`, always. `offset` may be greater than 0, as in the C Data
//!   Interface; it is the number of rows (and bits) to skip in every buffer.
//! - `n_buffers` and `n_children` are those of the type's layout, and `dictionary`
//!   is 0.
//! - The validity bitmap may be absent (address 0): no row is null. Bits past the
//!   end are ignored.
//! - `null_count`, `release` and `private_data` are ignored: the host counts nulls
//!   itself.
//! - Buffers need no alignment and no padding. An empty buffer may have any
//!   address.
//! - Every byte of every buffer lies inside the memory; offsets never decrease and
//!   end inside the data; text is UTF-8 in every row that is not null; decimals
//!   have no more digits than their type.
//! - A child may have an `offset` of its own, and more rows than its parent refers
//!   to. Only those from the first to the last row referred to are read and copied.
//!   Children may share their buffers, and their `ArrowArray`s too.
//! - A child whose field is not nullable has no nulls among these rows, except under
//!   null rows of a struct or of a fixed-size list. The keys and the entries of a
//!   map are never null.
//! - The bytes in use, with those of shared buffers counted at each use, do not
//!   exceed the limit for results. A row without bytes, such as one of type Null,
//!   counts as one byte if it is a row of a child.
//!
//! # Layouts
//!
//! Every type has **one layout**, however the host stores it. A column of views, of
//! large offsets, of dictionary keys or of runs is lowered to the layout of its
//! values, and a result of such a type is lifted from that layout: the types Utf8,
//! LargeUtf8 and Utf8View have the layout of Utf8, the four variable-size lists that
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
//! | `VARCHAR` | Utf8, `u` | offsets: `length + 1` times `i32`, never decreasing, the first at least 0; data: UTF-8, row *i* being `data[offsets[i]..offsets[i + 1]]` |
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
//! Nested types have children too. A host accepts types that are nested to 32 levels, with 1,000
//! types in all; it may accept deeper and larger ones.
//!
//! | Arrow type, format | buffers | children |
//! |---|---|---|
//! | List, `+l` | validity; offsets as of `VARCHAR`, in rows of the child | the elements, row *i* having those from `offsets[i]` to `offsets[i + 1]` |
//! | FixedSizeList, `+w:N` | validity | the elements, row *i* having those from `i * N` to `(i + 1) * N`, null or not |
//! | Struct, `+s` | validity | the fields, in their order, each with as many rows |
//! | Map, `+m` | as List | one struct, of the keys and the values |
//! | Union, `+ud:…` | **no validity**; type ids: 1 byte a row; offsets: `i32`, one a row | the fields, in their order; row *i* is row `offsets[i]` of the field with its type id |
//!
//! - In an argument, offsets begin at 0, and the child has as many rows as the last
//!   offset. In a result they need not begin at 0; of a column without rows, no
//!   offset is read.
//! - The `offset` of a struct also skips rows of its children, that of a fixed-size
//!   list N times as many; the children's own offsets come on top.
//! - Unions are dense, and the offsets into each child increase: no row of a child
//!   is referred to twice, and in an argument, each is referred to once. A union has
//!   no nulls but those of its children: `null_count` is 0. Where the host needs a
//!   null of a union, for a `STRICT` function, it is a null of the first nullable
//!   child.
//!
//! # Operations
//!
//! Every kind of function consists of *operations*: exports of one type,
//! `(args: i32, rows: i32, result: i32) -> i32`, with the arena, the statuses, the
//! layouts and the row metering of a scalar function, which has one operation. They
//! differ in the first argument columns, in whether state survives from one
//! operation to the next in an instance, and in the result.
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
//! **Progress**: the `length` of the result is the number of rows that the call has
//! processed, counted from the first, 1 to `rows`. The host calls again with the
//! remaining rows, numbered from 0 again. A result that is progress alone has no
//! buffers and no children.
//!
//! While state survives, the host does not reset memory between operations, does
//! not repeat an operation, and uses the instance for nothing else. The instance
//! starts at the baseline. An operation that fails or traps ends the query.
//!
//! # Aggregates
//!
//! An aggregate function is the five operations `update`, `merge`, `state`,
//! `finish` and `release_groups`, and `retract` if it can remove rows from a state,
//! as moving frames need.
//!
//! An instance holds the states of many groups, numbered from 0 without gaps. In a
//! new instance every group is in the initial state, and a group stays in it until
//! an operation names the group.
//!
//! - `group` is null for a row that is filtered out, which the operation skips. It
//!   may be constant: all rows are of one group.
//! - An operation of a `STRICT` function also skips rows with a null argument.
//! - The state that `merge` receives was returned by `state` of the same module, by its digest, and
//!   is not null as a whole. The host may have written it to disk in between, or sent it to
//!   another machine; it keeps none longer than a query.
//! - `state` and `finish` do not change states. They may be called for any groups,
//!   in any order, any number of times.
//! - `release_groups` releases the first `rows` groups, of which there may be up to
//!   2³¹ - 1: group *i* becomes group *i* - `rows`. Where dropping a state may take
//!   long, it begins row *i* for group *i*, which has the fuel of a row.
//!
//! # Windows
//!
//! A window function has one or several of three operations.
//!
//! - `next` keeps state from call to call within a partition. The host passes it the
//!   rows of the partition in order, split into calls arbitrarily, in an instance
//!   of its own.
//! - `partition` receives a whole partition in one call. It keeps no state.
//! - `rank` receives, for each set of peer rows, its `start` in the partition,
//!   counted from 0, and its `end`, exclusive. `partition_rows`, a constant, is the
//!   number of rows of the partition. There are no declared arguments. It keeps no
//!   state.
//!
//! # Tables
//!
//! A table function receives the same arguments with every call, all constants.
//! The first one is `columns`, which tells for each column of the table whether the
//! query reads it: the values of a column that it does not read are ignored. `rows`
//! is the maximum number of rows that the host requests with this call. A result of
//! `length` 0 ends the table. State is kept from call to call, in an instance of
//! its own.
//!
//! # The declaration
//!
//! The custom section [`fusebox.functions`](SECTION_FUNCTIONS) holds UTF-8 text: one
//! SQL statement per function, in the grammar of Fusebox's `CREATE FUNCTION` without
//! its `AS` or `FROM` part, each ended by `;`. The host reads it without running
//! the module. It has at most 1 MiB; each name and each symbol is declared once. A
//! `WITH` clause may ask for other limits than the host's defaults, and gets no more
//! than the session allows. Comments are skipped; one that begins with `-- fusebox-sdk` and a
//! version is named by errors. Without the section,
//! the SQL user writes the signature.
//!
//! ```sql
//! CREATE FUNCTION "area"("w" DOUBLE, "h" DOUBLE) RETURNS DOUBLE LANGUAGE WASM IMMUTABLE STRICT;
//! ```
//!
//! The other kinds of functions are declared in the same way:
//!
//! ```sql
//! CREATE AGGREGATE FUNCTION "geomean"("value" DOUBLE) RETURNS DOUBLE STATE ("ln_sum" DOUBLE, "count" BIGINT) LANGUAGE WASM STRICT;
//! CREATE WINDOW FUNCTION "ema"("value" DOUBLE, "alpha" DOUBLE) RETURNS DOUBLE LANGUAGE WASM STRICT;
//! CREATE FUNCTION "series"("start" BIGINT, "stop" BIGINT) RETURNS TABLE ("value" BIGINT) LANGUAGE WASM STRICT;
//! ```
//!
//! `STATE` names the fields of the state's struct. The host reads from the exports
//! which operations a window function has, and whether an aggregate has `retract`.
//!
//! The function's symbol is its name, unless an `EXPORT 'symbol'` clause gives
//! another. For a `STRICT` function, the result of a row with a null argument is
//! null: the guest should not spend time on it, and the host makes it null whatever
//! the guest returned. The values of the other arguments of such a row may be
//! garbage, on which the guest must not trap. If most rows of a batch are such rows,
//! the host may call the guest with the other rows alone.
//!
//! # Constants of a module
//!
//! The custom section `fusebox.grants` holds the constants that a module may read through WASI:
//! what `WITH (seed = …, env = …, data = …)` states, which the host writes into the module. Its
//! numbers are LEB128, texts and bytes follow their length: the version of the section, 1; the
//! seed; the number of variables, then name and value of each; the number of files, then path and
//! bytes of each. A host refuses another version.
//!
//! # A complete guest in C
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
//! Its rows share one fuel counter. To meter each row, the loop becomes
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
//! and these lines precede the function:
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
//! `udf-sdk/c/fusebox.h` has the structs, the imports, an allocator and these loops,
//! and `udf-sdk/zig/fusebox.zig` the same for Zig.
//!
//! [Arrow C Data Interface]: https://arrow.apache.org/docs/format/CDataInterface.html
#![no_std]
#![forbid(unsafe_code)]

// Names of exports and imports, and the constants of the specification.
mod names;

// Structs in guest memory, byte by byte.
mod structs;

pub use names::*;
pub use structs::{ArrowArray, Failure, Panic};
