//! The deterministic WASI, called by guests.

use fusebox_linker::Linker;
use fusebox_linker::wasi::{EXPORT_CLOCK, EXPORT_EXIT_CODE, EXPORT_ROW, EXPORT_SEED};
use wasmtime::Val;

use crate::guest::surface;
use crate::{Guest, link_wasi};

/// Signatures of WASI preview 1, in the order of its specification: `i` and `I` are parameters
/// of 32 and 64 bits.
const SIGNATURES: [(&str, &str); 46] = [
    ("args_get", "ii"),
    ("args_sizes_get", "ii"),
    ("environ_get", "ii"),
    ("environ_sizes_get", "ii"),
    ("clock_res_get", "ii"),
    ("clock_time_get", "iIi"),
    ("fd_advise", "iIIi"),
    ("fd_allocate", "iII"),
    ("fd_close", "i"),
    ("fd_datasync", "i"),
    ("fd_fdstat_get", "ii"),
    ("fd_fdstat_set_flags", "ii"),
    ("fd_fdstat_set_rights", "iII"),
    ("fd_filestat_get", "ii"),
    ("fd_filestat_set_size", "iI"),
    ("fd_filestat_set_times", "iIIi"),
    ("fd_pread", "iiiIi"),
    ("fd_prestat_get", "ii"),
    ("fd_prestat_dir_name", "iii"),
    ("fd_pwrite", "iiiIi"),
    ("fd_read", "iiii"),
    ("fd_readdir", "iiiIi"),
    ("fd_renumber", "ii"),
    ("fd_seek", "iIii"),
    ("fd_sync", "i"),
    ("fd_tell", "ii"),
    ("fd_write", "iiii"),
    ("path_create_directory", "iii"),
    ("path_filestat_get", "iiiii"),
    ("path_filestat_set_times", "iiiiIIi"),
    ("path_link", "iiiiiii"),
    ("path_open", "iiiiiIIii"),
    ("path_readlink", "iiiiii"),
    ("path_remove_directory", "iii"),
    ("path_rename", "iiiiii"),
    ("path_symlink", "iiiii"),
    ("path_unlink_file", "iii"),
    ("poll_oneoff", "iiii"),
    ("proc_exit", "i"),
    ("proc_raise", "i"),
    ("sched_yield", ""),
    ("random_get", "ii"),
    ("sock_accept", "iii"),
    ("sock_recv", "iiiiii"),
    ("sock_send", "iiiii"),
    ("sock_shutdown", "ii"),
];

/// A module that exports functions of WASI as they are, all of them if none is named.
pub(crate) fn reexports(names: &[&str]) -> String {
    let mut text = String::from("(module");
    for (name, parameters) in SIGNATURES {
        if !names.is_empty() && !names.contains(&name) {
            continue;
        }
        let types = parameters.chars();
        let types: String = types
            .map(|ty| if ty == 'i' { " i32" } else { " i64" })
            .collect();
        let result = if name == "proc_exit" {
            ""
        } else {
            "(result i32)"
        };
        text += &format!(
            r#"(import "wasi_snapshot_preview1" "{name}"
                (func ${name} (param{types}) {result})) (export "{name}" (func ${name}))"#
        );
    }
    text + r#"(memory (export "memory") 1))"#
}

fn guest(names: &[&str]) -> Guest {
    Guest::new(&link_wasi(&reexports(names)))
}

pub(crate) fn word(guest: &mut Guest, address: usize) -> u64 {
    u64::from_le_bytes(guest.memory()[address..][..8].try_into().unwrap())
}

pub(crate) fn store(guest: &mut Guest, address: usize, words: &[u32]) {
    for (word, bytes) in words.iter().zip(guest.memory()[address..].chunks_mut(4)) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
}

pub(crate) const fn i32s<const N: usize>(values: [i32; N]) -> [Val; N] {
    let mut arguments = [const { Val::I32(0) }; N];
    let mut n = 0;
    while n < N {
        arguments[n] = Val::I32(values[n]);
        n += 1;
    }
    arguments
}

#[test]
fn every_function_is_provided_with_its_signature() {
    let linked = link_wasi(&reexports(&[]));
    assert_eq!(surface(&linked).1, ["fusebox.log"]);
    println!("all of WASI takes {} bytes", linked.len());
}

#[test]
fn only_imported_functions_are_linked() {
    let bare = link_wasi(&reexports(&["sched_yield"]));
    let (exports, imports) = surface(&bare);
    assert_eq!(exports, ["sched_yield", "memory"]);
    assert!(imports.is_empty());
    let clock = link_wasi(&reexports(&["clock_time_get"]));
    let expected = [
        "clock_time_get",
        "memory",
        EXPORT_CLOCK,
        EXPORT_ROW,
        EXPORT_SEED,
    ];
    assert_eq!(surface(&clock).0, expected);
    let exit = link_wasi(&reexports(&["proc_exit"]));
    assert_eq!(surface(&exit).0, ["proc_exit", "memory", EXPORT_EXIT_CODE]);
    println!("{}, {} and {} bytes", bare.len(), clock.len(), exit.len());
}

#[test]
fn there_are_no_arguments_and_no_environment() {
    let mut guest = guest(&[]);
    for name in ["args_sizes_get", "environ_sizes_get"] {
        guest.memory()[..16].fill(0xff);
        assert_eq!(guest.call(name, &i32s([0, 4])), 0);
        assert_eq!(word(&mut guest, 0), 0);
    }
    for name in ["args_get", "environ_get"] {
        assert_eq!(guest.call(name, &i32s([0, 4])), 0);
    }
}

#[test]
fn writes_to_descriptors_1_and_2_are_messages() {
    let mut guest = guest(&[]);
    guest.memory()[100..112].copy_from_slice(b"hello, world");
    store(&mut guest, 0, &[100, 6, 0, 0, 106, 6]);
    for (descriptor, expected) in [(0, 8), (1, 0), (2, 0), (3, 8), (-1, 8)] {
        let outcome = guest.call("fd_write", &i32s([descriptor, 0, 3, 64]));
        assert_eq!(outcome, expected, "{descriptor}");
    }
    assert_eq!(word(&mut guest, 64), 12);
    let messages = guest.messages();
    assert_eq!(messages, ["hello,", " world", "hello,", " world"]);
}

#[test]
fn wild_pointers_trap() {
    let mut guest = guest(&[]);
    let far = 0x7fff_0000;
    store(&mut guest, 256, &[far as u32, 4]);
    store(&mut guest, 264, &[65_530, 7]);
    store(&mut guest, 272, &[16, u32::MAX]);
    for (name, arguments) in [
        ("args_sizes_get", &i32s([far, 0])[..]),
        ("args_sizes_get", &i32s([0, -4])),
        ("random_get", &i32s([65_530, 7])),
        ("random_get", &i32s([16, -8])),
        ("fd_write", &i32s([1, 256, 1, 64])),
        ("fd_write", &i32s([1, 264, 1, 64])),
        ("fd_write", &i32s([1, 272, 1, 64])),
        ("fd_write", &i32s([1, far, 1, 64])),
        ("fd_write", &i32s([1, 0, 0, far])),
        ("fd_fdstat_get", &i32s([1, far])),
        ("fd_filestat_get", &i32s([1, 65_530])),
        ("poll_oneoff", &i32s([far, 0, 1, 0])),
        ("poll_oneoff", &i32s([0, 0, -1, 0])),
        ("clock_res_get", &i32s([0, far])),
    ] {
        let outcome = guest.try_call(name, arguments);
        assert!(outcome.is_none(), "{name} {arguments:?} {outcome:?}");
    }
    assert_eq!(guest.messages(), Vec::<String>::new());
}

#[test]
fn standard_descriptors_are_character_devices() {
    let mut guest = guest(&[]);
    for descriptor in 0..3 {
        guest.memory()[..64].fill(0xff);
        assert_eq!(guest.call("fd_fdstat_get", &i32s([descriptor, 0])), 0);
        assert_eq!(word(&mut guest, 0), 2);
        // Neither seek nor tell: that makes it a terminal.
        assert_eq!(word(&mut guest, 8) & (1 << 2 | 1 << 5), 0);
        assert_eq!(guest.call("fd_filestat_get", &i32s([descriptor, 0])), 0);
        assert_eq!(word(&mut guest, 16), 2);
        assert_eq!(word(&mut guest, 56), 0);
    }
    assert_eq!(guest.call("fd_fdstat_get", &i32s([3, 0])), 8);
    assert_eq!(guest.call("fd_filestat_get", &i32s([3, 0])), 8);
    guest.memory()[..8].fill(0xff);
    assert_eq!(guest.call("fd_read", &i32s([0, 0, 0, 0])), 0);
    assert_eq!(word(&mut guest, 0) as u32, 0);
    assert_eq!(guest.call("fd_read", &i32s([1, 0, 0, 0])), 8);
}

#[test]
fn files_and_sockets_are_refused_by_error_number() {
    let mut guest = guest(&[]);
    for (name, parameters) in SIGNATURES {
        let expected = match name {
            "fd_prestat_get" | "fd_prestat_dir_name" => [8, 8],
            "fd_readdir" => [54, 8],
            "fd_seek" | "fd_tell" | "fd_pread" | "fd_pwrite" | "fd_advise" => [70, 8],
            "fd_close" | "fd_fdstat_set_flags" => [0, 8],
            _ if name.starts_with("path_") => [54, 8],
            _ if name.starts_with("sock_") => [57, 8],
            _ => continue,
        };
        for (descriptor, expected) in [2, 3].into_iter().zip(expected) {
            let arguments = parameters.chars().map(|ty| match ty {
                'i' => Val::I32(descriptor),
                _ => Val::I64(0),
            });
            let arguments: Vec<_> = arguments.collect();
            assert_eq!(
                guest.call(name, &arguments),
                expected,
                "{name}({descriptor})"
            );
        }
    }
    assert_eq!(guest.call("sched_yield", &[]), 0);
    assert_eq!(guest.call("proc_raise", &i32s([6])), 52);
}

#[test]
fn the_exit_code_is_kept_and_the_call_traps() {
    let mut guest = guest(&["proc_exit"]);
    assert_eq!(guest.global(EXPORT_EXIT_CODE), -1);
    assert_eq!(guest.try_call("proc_exit", &i32s([-1])).map(|_| ()), None);
    assert_eq!(guest.global(EXPORT_EXIT_CODE), i64::from(u32::MAX));
}

fn read_clock(guest: &mut Guest, id: i32) -> u64 {
    let arguments = [Val::I32(id), Val::I64(0), Val::I32(0)];
    assert_eq!(guest.call("clock_time_get", &arguments), 0);
    word(guest, 0)
}

#[test]
fn the_clock_advances_and_begins_again_at_each_row() {
    const STATEMENT: u64 = 1_750_000_000_000_000_000;
    let mut guest = guest(&[]);
    assert!(read_clock(&mut guest, 1) > 0, "before the host sets it");
    guest.set_global(EXPORT_CLOCK, STATEMENT as i64);
    for _ in 0..3 {
        guest.try_call(EXPORT_ROW, &[]).unwrap();
        let times = [0, 1, 0, 2, 3].map(|id| read_clock(&mut guest, id));
        let expected = [
            STATEMENT,
            STATEMENT + 1_000,
            STATEMENT + 2_000,
            3_000,
            4_000,
        ];
        assert_eq!(times, expected);
    }
    assert_eq!(guest.call("clock_res_get", &i32s([0, 0])), 0);
    assert_eq!(word(&mut guest, 0), 1_000);
    assert_eq!(guest.call("clock_res_get", &i32s([4, 0])), 28);
}

/// SplitMix64, as in the paper.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn random_numbers_are_those_of_the_seed_in_each_row() {
    let mut guest = guest(&["random_get"]);
    guest.set_global(EXPORT_SEED, 1_234_567);
    for _ in 0..2 {
        guest.try_call(EXPORT_ROW, &[]).unwrap();
        guest.memory().fill(0);
        assert_eq!(guest.call("random_get", &i32s([1, 19])), 0);
        let mut state = 1_234_567;
        let numbers: [u64; 3] = std::array::from_fn(|_| split_mix(&mut state));
        // The published values for this seed.
        assert_eq!(numbers[0], 6_457_827_717_110_365_317);
        let bytes = numbers.map(u64::to_le_bytes).concat();
        assert_eq!(guest.memory()[1..20], bytes[..19]);
        assert_eq!((guest.memory()[0], guest.memory()[20]), (0, 0));
    }
}

/// Stores a subscription to a clock.
fn subscribe(guest: &mut Guest, at: usize, data: u32, timeout: u32, flags: u32) {
    let words = [data, 0, 0, 0, 0, 0, timeout, 0, 0, 0, flags, 0];
    store(guest, at, &words);
}

#[test]
fn polling_passes_the_time() {
    let mut guest = guest(&[]);
    guest.set_global(EXPORT_CLOCK, 1_000_000);
    guest.try_call(EXPORT_ROW, &[]).unwrap();
    subscribe(&mut guest, 1_000, 7, 9_000, 0);
    subscribe(&mut guest, 1_048, 8, 5_000, 0);
    subscribe(&mut guest, 1_096, 9, 1_004_000, 1);
    subscribe(&mut guest, 1_144, 10, 900_000, 1);
    // The second is first among two relative ones.
    assert_eq!(guest.call("poll_oneoff", &i32s([1_000, 2_000, 2, 0])), 0);
    assert_eq!(
        [word(&mut guest, 0) as u32, word(&mut guest, 2_000) as u32],
        [1, 8]
    );
    assert_eq!(read_clock(&mut guest, 0), 1_005_000);
    // An absolute one in the past does not wait.
    assert_eq!(guest.call("poll_oneoff", &i32s([1_000, 2_000, 4, 0])), 0);
    let events = [0, 2_000, 2_032].map(|at| word(&mut guest, at) as u32);
    assert_eq!(events, [2, 9, 10]);
    assert_eq!(read_clock(&mut guest, 0), 1_006_000);
    // Descriptors are ready at once.
    store(&mut guest, 1_048, &[11, 0, 1, 0, 0]);
    store(&mut guest, 1_096, &[12, 0, 2, 0, 3]);
    assert_eq!(guest.call("poll_oneoff", &i32s([1_000, 2_000, 3, 0])), 0);
    assert_eq!(word(&mut guest, 0) as u32, 2);
    let events = [2_000, 2_008, 2_032, 2_040].map(|at| word(&mut guest, at));
    assert_eq!(events, [11, 1 << 16, 12, 2 << 16 | 8]);
    assert_eq!(read_clock(&mut guest, 0), 1_007_000);
    assert_eq!(guest.call("poll_oneoff", &i32s([1_000, 2_000, 0, 0])), 28);
}

#[test]
fn rows_without_wasi_need_no_memory_of_their_own() {
    let main = wat::parse_str(
        r#"(module (import "wasi_snapshot_preview1" "fd_write"
            (func (param i32 i32 i32 i32) (result i32))) (export "f" (func 0)))"#,
    )
    .unwrap();
    let linker = Linker::new("", &main).unwrap().provide_wasi().unwrap();
    let missing = linker.missing_imports().unwrap();
    let [import] = missing.as_slice() else {
        panic!("{missing:?}");
    };
    assert_eq!(import.name, "memory");
}
