//! ABI 1 of Fusebox for Zig: SQL functions over columns, made of functions of one row.
//!
//! `export fn` is enough for plain functions over numbers. The rustdoc of `udf-sdk/abi` is the
//! specification of all else:
//!
//!     const fusebox = @import("fusebox");
//!     comptime { _ = fusebox.Scalar("area", area); }
//!     fn area(width: f64, height: f64) f64 { return width * height; }
const std = @import("std");

/// A column, as in the Arrow C Data Interface on wasm32.
pub const ArrowArray = extern struct {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: [*]const ?*const anyopaque,
    children: ?[*]*ArrowArray,
    dictionary: ?*ArrowArray,
    release: usize,
    private_data: ?*anyopaque,
};

/// A failure, written in place of a result.
pub const Failure = extern struct { row: i64, message: [*]const u8, message_len: u32 };

comptime {
    std.debug.assert(@sizeOf(ArrowArray) == 64);
    std.debug.assert(@sizeOf(Failure) == 16);
}

/// Imports of the host, all optional.
pub const host = struct {
    pub extern "fusebox" fn row_begin(row: u32) void;
    pub extern "fusebox" fn row_end(bytes: u32) void;
    pub extern "fusebox" fn row_pause(bytes: u32) void;
    pub extern "fusebox" fn row_resume() void;
    pub extern "fusebox" fn row_group_begin(row: u32) void;
    pub extern "fusebox" fn metering_mode() u32;
    pub extern "fusebox" fn has_fuel() u32;
    pub extern "fusebox" fn log(message: [*]const u8, length: u32) void;
};

// ---- Memory ----

/// Allocates from scratch memory of the row, or of the call in a plain function. Nothing has
/// to be freed.
pub const allocator: std.mem.Allocator = .{ .ptr = undefined, .vtable = &.{
    .alloc = allocate,
    .resize = std.mem.Allocator.noResize,
    .remap = std.mem.Allocator.noRemap,
    .free = std.mem.Allocator.noFree,
} };

fn allocate(_: *anyopaque, bytes: usize, alignment: std.mem.Alignment, _: usize) ?[*]u8 {
    return heap.tryTake(bytes, alignment.toByteUnits());
}

/// A bump allocator. The arena of the arguments comes first, then results and scratch memory.
const heap = struct {
    var base: usize = 0; // the region begins here
    var floor: usize = 0; // all from here on is freed by the next call
    var next: usize = 0; // all from here on is free
    var end: usize = 0; // the region ends here
    var latest: ?[*]u8 = null; // the latest block of malloc, unless it was freed

    const page_bytes = std.wasm.page_size;
    const first = @extern(*u8, .{ .name = "__heap_base" });

    fn tryTake(wanted: usize, alignment: usize) ?[*]u8 {
        if (end == 0) {
            base = @intFromPtr(first);
            floor = base;
            next = base;
            end = std.mem.alignForward(usize, base, page_bytes);
        }
        const bytes = @max(wanted, 1);
        var at = std.mem.alignForward(usize, next, alignment);
        if (at > end or bytes > end - at) {
            if (bytes > std.math.maxInt(i32) or !grow(bytes + alignment)) return null;
            at = std.mem.alignForward(usize, next, alignment);
        }
        next = at + bytes;
        return @ptrFromInt(at);
    }

    /// Adds memory after the region if the pages there are free. Other allocators grow the
    /// memory too: then a new region begins.
    fn grow(bytes: usize) bool {
        const pages = bytes / page_bytes + 1;
        const old = @wasmMemoryGrow(0, pages);
        if (old < 0) return false;
        const start = @as(usize, @intCast(old)) * page_bytes;
        if (start != end) {
            base = start;
            floor = start;
            next = start;
        }
        end = start + pages * page_bytes;
        return true;
    }

    fn take(comptime T: type, count: usize) [*]T {
        const bytes = std.math.mul(usize, count, @sizeOf(T)) catch @trap();
        const block = tryTake(bytes, @max(@alignOf(T), 8)) orelse @trap();
        return @ptrCast(@alignCast(block));
    }
};

fn abi() callconv(.c) void {}

fn arena(bytes: u32) callconv(.c) ?[*]u8 {
    heap.next = heap.base;
    const block = heap.tryTake(bytes, 64);
    heap.floor = heap.next;
    return block;
}

/// Exports `malloc` and `free`, which plain functions over text need. Only the latest block can
/// be freed, as the host frees the result of a row.
pub const Malloc = struct {
    comptime {
        @export(&malloc, .{ .name = "malloc" });
        @export(&free, .{ .name = "free" });
    }

    /// Takes a block for a result, which the host frees.
    pub fn take(length: usize) []u8 {
        return (malloc(length) orelse @trap())[0..length];
    }

    fn malloc(bytes: usize) callconv(.c) ?[*]u8 {
        heap.latest = heap.tryTake(bytes, 16);
        return heap.latest;
    }

    fn free(block: ?[*]u8) callconv(.c) void {
        if (block == null or block != heap.latest) return;
        heap.next = @intFromPtr(block);
        heap.latest = null;
    }
};

/// A text in a block of `Malloc` as the result of a plain function WITH (abi = 'ptr_len'): its
/// address and, in the lower half, its length.
pub fn text(bytes: []const u8) u64 {
    return @as(u64, @intFromPtr(bytes.ptr)) << 32 | bytes.len;
}

// ---- Columns ----

/// An argument column of values of `T`: an integer, a float, `bool` or `[]const u8`. A constant
/// has one row, which is the value of every row.
pub fn Column(comptime T: type) type {
    return struct {
        validity: ?[*]const u8,
        values: *const anyopaque,
        data: [*]const u8,
        mask: u32,

        const Self = @This();

        pub fn of(array: *const ArrowArray) Self {
            return .{
                .validity = @ptrCast(array.buffers[0]),
                .values = array.buffers[1].?,
                .data = @ptrCast(array.buffers[if (T == []const u8) 2 else 1].?),
                .mask = if (array.length == 1) 0 else ~@as(u32, 0),
            };
        }

        pub fn isNull(self: Self, row: u32) bool {
            const validity = self.validity orelse return false;
            return !bit(validity, row & self.mask);
        }

        /// The value of a row that is not null.
        pub fn get(self: Self, row: u32) T {
            const i = row & self.mask;
            if (T == bool) return bit(@ptrCast(self.values), i);
            if (T == []const u8) {
                const offsets: [*]const u32 = @ptrCast(@alignCast(self.values));
                return self.data[offsets[i]..offsets[i + 1]];
            }
            const values: [*]const T = @ptrCast(@alignCast(self.values));
            return values[i];
        }
    };
}

/// The result column of values of `T`. Every row is put once, in ascending order.
pub fn Result(comptime T: type) type {
    return struct {
        buffers: [*]?*const anyopaque,
        validity: [*]u8,
        values: [*]Stored,
        data: []u8,
        mark: usize, // all from here on is scratch memory of a row

        const Self = @This();
        const is_text = T == []const u8;
        const Stored = if (T == bool) u8 else if (is_text) u32 else T;

        pub fn begin(array: *ArrowArray, rows: u32) Self {
            heap.next = heap.floor;
            const bitmap_bytes = (@as(usize, rows) + 7) / 8;
            const count = if (T == bool) bitmap_bytes else @as(usize, rows) + 1;
            var self: Self = .{
                .buffers = heap.take(?*const anyopaque, 3),
                .validity = heap.take(u8, bitmap_bytes),
                .values = heap.take(Stored, count),
                .data = &.{},
                .mark = undefined,
            };
            @memset(self.validity[0..bitmap_bytes], 0xff);
            if (T == bool or is_text) @memset(self.values[0..count], 0);
            self.buffers[0] = self.validity;
            self.buffers[1] = self.values;
            self.buffers[2] = null;
            self.mark = heap.next;
            array.length = rows;
            array.n_buffers = if (is_text) 3 else 2;
            array.buffers = self.buffers;
            return self;
        }

        pub fn put(self: *Self, row: u32, value: T) void {
            if (is_text) return self.append(row, value);
            if (T == bool) {
                if (value) self.values[row / 8] |= mask(row);
            } else self.values[row] = value;
            self.freeScratch();
        }

        pub fn putNull(self: *Self, row: u32) void {
            self.validity[row / 8] &= ~mask(row);
            if (is_text) self.values[row + 1] = self.values[row];
            if (T != bool and !is_text) self.values[row] = 0;
            self.freeScratch();
        }

        fn append(self: *Self, row: u32, value: []const u8) void {
            const start = self.values[row];
            const end = start + value.len;
            if (end > std.math.maxInt(i32)) @trap();
            if (end > self.data.len) {
                const capacity = @max(end * 2, 1024);
                const data = heap.take(u8, capacity);
                @memcpy(data[0..start], self.data[0..start]);
                self.data = data[0..capacity];
                self.buffers[2] = data;
                self.mark = heap.next;
            }
            @memcpy(self.data[start..end], value);
            self.values[row + 1] = end;
            self.freeScratch();
        }

        fn freeScratch(self: *Self) void {
            if (self.mark >= heap.floor) heap.next = self.mark;
        }
    };
}

fn mask(row: u32) u8 {
    return @as(u8, 1) << @intCast(row & 7);
}

fn bit(bytes: [*]const u8, row: u32) bool {
    return bytes[row >> 3] & mask(row) != 0;
}

// ---- Functions ----

/// Exports a function of one row as the column function `name`, and declares it in the section
/// `fusebox.functions`. Without an optional among its parameters it is STRICT. An error that it
/// returns ends the query with its name and the row.
pub fn Scalar(comptime name: []const u8, comptime function: anytype) type {
    const info = @typeInfo(@TypeOf(function)).@"fn";
    const Returned = switch (@typeInfo(info.return_type.?)) {
        .error_union => |result| result.payload,
        else => info.return_type.?,
    };
    const Value = Present(Returned);
    return struct {
        comptime {
            Exports.require();
            @export(&call, .{ .name = "fusebox_udf_" ++ name });
            asm (".section .custom_section.fusebox.functions,\"\",@\n.ascii \"" ++
                    declaration ++ "\\n\"\n");
        }

        const is_strict = for (info.params) |param| {
            if (@typeInfo(param.type.?) == .optional) break false;
        } else true;

        const declaration = blk: {
            var list: []const u8 = "";
            for (info.params, 0..) |param, k| {
                list = list ++ (if (k == 0) "" else ", ") ++ sqlType(Present(param.type.?));
            }
            break :blk "CREATE FUNCTION \\\"" ++ name ++ "\\\"(" ++ list ++ ") RETURNS " ++
                sqlType(Value) ++ " LANGUAGE WASM " ++
                (if (is_strict) "STRICT;" else "CALLED ON NULL INPUT;");
        };

        const Args = std.meta.ArgsTuple(@TypeOf(function));

        fn call(args: [*]const ArrowArray, rows: u32, result: *ArrowArray) callconv(.c) u32 {
            var out = Result(Value).begin(result, rows);
            const is_bounded = host.metering_mode() != 0;
            for (0..rows) |i| {
                const row: u32 = @intCast(i);
                const values = arguments(args, row) orelse {
                    out.putNull(row);
                    continue;
                };
                const outcome = if (is_bounded) @call(.auto, function, values) else metered(row, values);
                const returned: Returned = if (@TypeOf(outcome) == Returned) outcome else outcome catch |failure|
                    return fail(result, row, @errorName(failure));
                const value: ?Value = returned;
                if (value) |present| out.put(row, present) else out.putNull(row);
            }
            return 0;
        }

        /// The arguments of a row; null if one of a STRICT function is.
        inline fn arguments(args: [*]const ArrowArray, row: u32) ?Args {
            var values: Args = undefined;
            inline for (info.params, 0..) |param, k| {
                const column = Column(Present(param.type.?)).of(&args[k]);
                if (!column.isNull(row)) {
                    values[k] = column.get(row);
                } else if (is_strict) {
                    return null;
                } else if (@typeInfo(param.type.?) == .optional) {
                    values[k] = null;
                } else @compileError("expected optional parameters, or none that is");
            }
            return values;
        }

        noinline fn metered(row: u32, values: Args) info.return_type.? {
            host.row_begin(row);
            const outcome = @call(.always_inline, function, values);
            // A constant, so that the host can bound the fuel of rows without text.
            if (Value == []const u8) host.row_end(length(outcome)) else host.row_end(0);
            return outcome;
        }

        fn length(outcome: info.return_type.?) u32 {
            const returned: Returned = if (@TypeOf(outcome) == Returned) outcome else outcome catch return 0;
            const value: ?Value = returned;
            return if (value) |present| present.len else 0;
        }
    };
}

const Exports = struct {
    comptime {
        @export(&abi, .{ .name = "fusebox_abi_1" });
        @export(&arena, .{ .name = "fusebox_alloc" });
    }

    fn require() void {}
};

/// Ends a call with an error: `return fusebox.fail(result, row, "the reason")`.
pub fn fail(result: *ArrowArray, row: i64, message: []const u8) u32 {
    const failure: *Failure = @ptrCast(result);
    failure.* = .{ .row = row, .message = message.ptr, .message_len = message.len };
    return 1;
}

fn Present(comptime T: type) type {
    return switch (@typeInfo(T)) {
        .optional => |optional| optional.child,
        else => T,
    };
}

fn sqlType(comptime T: type) []const u8 {
    return switch (T) {
        bool => "BOOLEAN",
        i8 => "TINYINT",
        u8 => "TINYINT UNSIGNED",
        i16 => "SMALLINT",
        u16 => "SMALLINT UNSIGNED",
        i32 => "INT",
        u32 => "INT UNSIGNED",
        i64 => "BIGINT",
        u64 => "BIGINT UNSIGNED",
        f32 => "FLOAT",
        f64 => "DOUBLE",
        []const u8 => "VARCHAR",
        else => @compileError("no SQL type for " ++ @typeName(T)),
    };
}
