//! Functions for SQL. fusebox.zig describes all that it offers.

const std = @import("std");
const fusebox = @import("fusebox.zig");

comptime {
    _ = fusebox.Scalar("squared", squared);
    _ = fusebox.Scalar("greeting", greeting);
}

/// The square of a number; the row fails if it has no room.
fn squared(n: i64) !i64 {
    return std.math.mul(i64, n, n);
}

/// A text, with a null as an optional.
fn greeting(name: ?[]const u8) ![]const u8 {
    return std.mem.concat(fusebox.allocator, u8, &.{ "hello ", name orelse "stranger" });
}
