//! Bundled example in Zig: plain functions over numbers and text, and functions over columns.
//!
//! The guests in C, Go and AssemblyScript have functions of the same names, which give the
//! same answers.
const fusebox = @import("fusebox");

comptime {
    _ = fusebox.Malloc;
    _ = fusebox.Scalar("ascii_upper", asciiUpper);
    _ = fusebox.Scalar("mean_distance", meanDistance);
}

/// The greatest common divisor, by Euclid's algorithm. A plain function: the host adds the loop
/// over the rows.
export fn gcd(a: i64, b: i64) i64 {
    var x = @abs(a);
    var y = @abs(b);
    while (y != 0) {
        const rest = x % y;
        x = y;
        y = rest;
    }
    return @bitCast(x);
}

/// The number of steps of the Collatz sequence from n until it is at most 1.
export fn collatz_steps(start: i64) i32 {
    var n = start;
    var steps: i32 = 0;
    while (n > 1) : (steps += 1) {
        n = if (n & 1 == 0) n >> 1 else n *% 3 +% 1;
    }
    return steps;
}

/// The first letters of the words of a text, in upper case; other first characters than ASCII
/// letters are left out. The convention is ptr_len.
export fn initials(data: [*]const u8, length: usize) u64 {
    const letters = fusebox.Malloc.take(length);
    var count: usize = 0;
    for (data[0..length], 0..) |character, i| {
        const upper = character & ~@as(u8, 0x20);
        const is_first = i == 0 or data[i - 1] == ' ';
        if (is_first and upper >= 'A' and upper <= 'Z') {
            letters[count] = upper;
            count += 1;
        }
    }
    return fusebox.text(letters[0..count]);
}

/// The text with its ASCII letters in upper case.
fn asciiUpper(text: []const u8) error{OutOfMemory}![]const u8 {
    const upper = try fusebox.allocator.alloc(u8, text.len);
    for (text, upper) |from, *to| {
        to.* = if (from >= 'a' and from <= 'z') from - 0x20 else from;
    }
    return upper;
}

/// The mean distance between two of the numbers that are not null; null if fewer than two are.
fn meanDistance(a: ?f64, b: ?f64, c: ?f64) ?f64 {
    var sum: f64 = 0;
    var pairs: f64 = 0;
    const numbers = [_]?f64{ a, b, c, a };
    for (numbers[0..3], numbers[1..4]) |left, right| {
        sum += @abs((left orelse continue) - (right orelse continue));
        pairs += 1;
    }
    return if (pairs > 0) sum / pairs else null;
}
