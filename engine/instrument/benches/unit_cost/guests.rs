//! Guests that make a unit of fuel expensive.

#[path = "arithmetic.rs"]
mod arithmetic;

/// A guest in the text format, whose export `run` is called.
pub(crate) struct Guest {
    pub(crate) name: &'static str,
    pub(crate) text: String,
    /// True if each call is of a fresh instance.
    pub(crate) is_fresh: bool,
    /// Initial pages of its memory that the engine charges for.
    pub(crate) initial_pages: u64,
}

/// Pages of the larger memories: the default limit, 64 MiB, less one.
const PAGES: u64 = 1_023;

/// Iterations of a loop of some instructions.
const TURNS: u32 = 300_000;

fn guest(name: &'static str, is_fresh: bool, initial_pages: u64, items: &str) -> Guest {
    Guest {
        name,
        text: format!("(module (memory {initial_pages}) {items})"),
        is_fresh,
        initial_pages,
    }
}

fn run(locals: &str, body: &str) -> String {
    format!(r#"(func (export "run") (result i64) (local $i i32) {locals} {body} (i64.const 0))"#)
}

/// Repeats `body` for `$i` from 0, by `step`, below `end`.
fn count(step: u32, end: u32, body: &str) -> String {
    format!(
        "(loop $l {body}
            (br_if $l (i32.lt_u
                (local.tee $i (i32.add (local.get $i) (i32.const {step})))
                (i32.const {end}))))"
    )
}

/// Repeats `body` until a condition that the instrumentation cannot foresee.
fn turns(body: &str) -> String {
    count(1, TURNS, body)
}

/// Steps a pseudorandom `$x: i64`.
const RANDOM: &str = "(local.set $x (i64.add
    (i64.mul (local.get $x) (i64.const 6364136223846793005))
    (i64.const 1442695040888963407)))";

pub(crate) fn guests() -> Vec<Guest> {
    let mut guests = pages();
    guests.extend(bulk());
    guests.extend(loads());
    guests.extend(branches());
    guests.extend(tables());
    guests.extend(arithmetic::guests());
    guests
}

/// First touches.
fn pages() -> Vec<Guest> {
    let store = "(i32.store (local.get $i) (i32.const 1))";
    let touch = |start: u64, end: u64| {
        let all = count(4_096, (end << 16) as u32, store);
        format!("(local.set $i (i32.const {})) {all}", start << 16)
    };
    let grow = |pages: u64| format!("(drop (memory.grow (i32.const {pages})))");
    let stepwise = format!(
        "(loop $g {} {} (br_if $g (i32.lt_u (local.get $i) (i32.const {}))))",
        grow(1),
        // The end of the memory is not a constant here.
        "(loop $l (i32.store (local.get $i) (i32.const 1))
            (br_if $l (i32.lt_u
                (local.tee $i (i32.add (local.get $i) (i32.const 4096)))
                (i32.shl (memory.size) (i32.const 16)))))",
        PAGES << 16
    );
    vec![
        guest("initial_pages", true, PAGES, &run("", &touch(0, PAGES))),
        guest("initial_page", true, 1, &run("", &touch(0, 1))),
        guest(
            "grown_pages",
            true,
            1,
            &run("", &(grow(PAGES) + &touch(1, PAGES))),
        ),
        guest("grown_stepwise", true, 1, &run("", &stepwise)),
        guest("grow_by_none", false, 1, &run("", &turns(&grow(0)))),
    ]
}

/// Bulk memory.
fn bulk() -> Vec<Guest> {
    let half = (PAGES / 2) << 16;
    let fill =
        |bytes: u64| format!("(memory.fill (i32.const 0) (i32.const 7) (i32.const {bytes}))");
    let copy =
        |bytes: u64| format!("(memory.copy (i32.const {half}) (i32.const 0) (i32.const {bytes}))");
    let grown = format!(
        "(drop (memory.grow (i32.const {PAGES})))
         (memory.fill (i32.const 65536) (i32.const 7) (i32.const {}))",
        (PAGES - 1) << 16
    );
    let bytes = format!("\"{}\"", "a".repeat(4_096));
    let init = format!(
        "{} (data $d {bytes})",
        run(
            "",
            &count(
                4_096,
                (PAGES << 16) as u32,
                "(memory.init $d (local.get $i) (i32.const 0) (i32.const 4096))"
            )
        )
    );
    let one_each_page = count(
        4_096,
        (PAGES << 16) as u32,
        "(memory.fill (local.get $i) (i32.const 1) (i32.const 1))",
    );
    vec![
        guest("fill_fresh", true, PAGES, &run("", &fill(PAGES << 16))),
        guest("fill_kept", false, PAGES, &run("", &fill(PAGES << 16))),
        guest("fill_grown", true, 1, &run("", &grown)),
        guest("fill_byte_per_page", true, PAGES, &run("", &one_each_page)),
        guest("fill_nothing", false, 1, &run("", &turns(&fill(0)))),
        guest("copy_fresh", true, PAGES, &run("", &copy(half))),
        guest("copy_kept", false, PAGES, &run("", &copy(half))),
        guest("copy_nothing", false, PAGES, &run("", &turns(&copy(0)))),
        guest("init_fresh", true, PAGES, &init),
    ]
}

/// Loads and stores that miss caches.
fn loads() -> Vec<Guest> {
    let address = format!(
        "(i32.mul (i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 40))) (i32.const {}))",
        4
    );
    // The next address depends on what was loaded, which is zero.
    let chase = format!(
        "{RANDOM} (local.set $x (i64.or (local.get $x)
            (i64.load (i32.and {address} (i32.const 0x3fe0000)))))"
    );
    let chase = chase.replace("0x3fe0000", "0x3fbfff8");
    let address = "(i32.and (i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 33)))
        (i32.const 0x3fbfff8))";
    // Fills the memory with addresses of a pseudorandom walk, then follows it.
    let links = r#"(func $links (local $i i32) (local $x i64)
            (loop $l
                (i32.store (local.get $i) (i32.and
                    (i32.add (i32.mul (local.get $i) (i32.const 1664525))
                        (i32.const 0x3039c0))
                    (i32.const 0x3ffffc0)))
                (br_if $l (i32.lt_u
                    (local.tee $i (i32.add (local.get $i) (i32.const 64)))
                    (i32.const 0x4000000)))))
        (start $links)"#;
    let follow = turns(
        "(local.set $p (i32.load (local.get $p)))
         (local.set $p (i32.load (local.get $p)))
         (local.set $p (i32.load (local.get $p)))
         (local.set $p (i32.load (local.get $p)))
         (local.set $p (i32.load (local.get $p)))
         (local.set $p (i32.load (local.get $p)))
         (local.set $p (i32.load (local.get $p)))
         (local.set $p (i32.load (local.get $p)))",
    );
    let folded = "(i32.load ".repeat(64) + "(local.get $p)" + &")".repeat(64);
    let folded = count(64, TURNS, &format!("(local.set $p {folded})"));
    let store = format!("{RANDOM} (i64.store {address} (local.get $x))");
    let split = format!(
        "{RANDOM} (i64.store offset=4092 (i32.and {address} (i32.const 0x3fbf000)) (local.get $x))"
    );
    let forward = "(i32.store8 (i32.const 64) (local.get $i))
        (local.set $x (i64.add (local.get $x) (i64.load (i32.const 64))))"
        .repeat(8);
    let x = "(local $x i64)";
    vec![
        guest("load_chain", false, PAGES, &run(x, &turns(&chase))),
        Guest {
            text: format!(
                "(module (memory 1024) {links} {})",
                run("(local $p i32)", &follow)
            ),
            ..guest("load_walk", false, 1_024, "")
        },
        Guest {
            text: format!(
                "(module (memory 1024) {links} {})",
                run("(local $p i32)", &folded)
            ),
            ..guest("load_walk_folded", false, 1_024, "")
        },
        guest("store_random", false, PAGES, &run(x, &turns(&store))),
        guest("store_split", false, PAGES, &run(x, &turns(&split))),
        guest("store_forward", false, 1, &run(x, &turns(&forward))),
    ]
}

/// Branches that are mispredicted.
fn branches() -> Vec<Guest> {
    let labels: Vec<String> = (0..64).map(|n| format!("$b{n}")).collect();
    let index = "(i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 58)))";
    let mut table = format!("(br_table {} {index})", labels.join(" "));
    for (n, label) in labels.iter().enumerate() {
        table = format!(
            "(block {label} {table}) (local.set $i (i32.add (local.get $i) (i32.const {}))) (br $out)",
            1 + n % 3
        );
    }
    let table = count(1, 2 * TURNS, &format!("{RANDOM} (block $out {table})"));
    let bit = "(i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 63)))";
    let branch = format!(
        "{RANDOM} (if {bit} (then (local.set $y (i64.mul (local.get $y) (local.get $x))))
            (else (local.set $y (i64.xor (local.get $y) (local.get $x)))))"
    );
    let functions: String = (0..64)
        .map(|n| {
            format!("(func $f{n} (param i64) (result i64) (i64.add (local.get 0) (i64.const {n})))")
        })
        .collect();
    let names: Vec<String> = (0..64).map(|n| format!("$f{n}")).collect();
    let indirect = format!(
        "(type $t (func (param i64) (result i64))) {functions} (table funcref (elem {})) {}",
        names.join(" "),
        run(
            "(local $x i64)",
            &turns(&format!(
                "{RANDOM} (local.set $x (call_indirect (type $t) (local.get $x) {index}))"
            ))
        )
    );
    let recursion = format!(
        "(func $r (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.add (i32.const 1) (call $r (i32.sub (local.get 0) (i32.const 1)))))
                (else (i32.const 0)))) {}",
        run("", &count(100, TURNS, "(drop (call $r (i32.const 1000)))"))
    );
    vec![
        guest("br_table", false, 1, &run("(local $x i64)", &table)),
        guest(
            "branch",
            false,
            1,
            &run("(local $x i64) (local $y i64)", &turns(&branch)),
        ),
        guest("call_indirect", false, 1, &indirect),
        guest("recursion", false, 1, &recursion),
    ]
}

/// Tables.
fn tables() -> Vec<Guest> {
    let table = |name, is_fresh, elements: u32, body: &str| {
        let items = format!(
            "(table $t {elements} funcref) (elem declare func $f) (func $f) {}",
            run("(local $x i64)", body)
        );
        guest(name, is_fresh, 1, &items)
    };
    let all = 1 << 17;
    let set = format!(
        "{RANDOM} (table.set $t
            (i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 47))) (ref.func $f))"
    );
    let get = format!(
        "{RANDOM} (drop (table.get $t
            (i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 47)))))"
    );
    vec![
        table(
            "table_grow",
            true,
            0,
            &format!("(drop (table.grow $t (ref.func $f) (i32.const {all})))"),
        ),
        table(
            "table_grow_stepwise",
            true,
            0,
            &count(
                64,
                all,
                "(drop (table.grow $t (ref.func $f) (i32.const 64)))",
            ),
        ),
        table(
            "table_grow_by_none",
            false,
            0,
            &turns("(drop (table.grow $t (ref.null func) (i32.const 0)))"),
        ),
        table(
            "table_fill",
            true,
            all,
            &format!("(table.fill $t (i32.const 0) (ref.func $f) (i32.const {all}))"),
        ),
        table(
            "table_copy",
            true,
            all,
            &format!(
                "(table.copy $t $t (i32.const 64) (i32.const 0) (i32.const {}))",
                all - 64
            ),
        ),
        table(
            "table_copy_nothing",
            false,
            all,
            &turns("(table.copy $t $t (i32.const 64) (i32.const 0) (i32.const 0))"),
        ),
        table("table_set", true, all, &turns(&set)),
        table("table_get", true, all, &turns(&get)),
        guest("call_lazy", true, 1, &lazy()),
    ]
}

/// A table whose elements are initialised when they are first used.
fn lazy() -> String {
    let functions: String = (0..9_000).map(|n| format!("(func $l{n})")).collect();
    let names: Vec<String> = (0..9_000).map(|n| format!("$l{n}")).collect();
    format!(
        "{functions} (table $t funcref (elem {})) {}",
        names.join(" "),
        run("", &count(1, 9_000, "(call_indirect $t (local.get $i))"))
    )
}
