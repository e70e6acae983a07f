//! Environment and files that are granted, read by guests.

use std::collections::BTreeMap;

use fusebox_linker::Linker;
use fusebox_linker::wasi::{EXPORT_ROW, Grants, GrantsError};
use wasmtime::Val;

use crate::Guest;
use crate::wasi::{i32s, reexports, store, word};

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn grants() -> Grants {
    let files = texts(&[
        ("/ref/countries.csv", "DE,Germany\nFR,France\n"),
        ("/ref/empty", ""),
        ("/ref/deep/er/x", "\0\"\\\u{ff}"),
        ("/top", "t"),
    ]);
    Grants {
        seed: 1_234_567,
        variables: texts(&[("TZ", "UTC"), ("EMPTY", ""), ("ÄÖ", "=\"x\\")]),
        files: files
            .into_iter()
            .map(|(path, text)| (path, text.into_bytes()))
            .collect(),
    }
}

fn guest(grants: &Grants) -> Guest {
    let main = wat::parse_str(reexports(&[])).unwrap();
    let provider = grants.provider().unwrap();
    let linker = Linker::new("main", &main).unwrap();
    let linker = linker.provide_granted_wasi(&provider).unwrap();
    Guest::new(&linker.link().unwrap())
}

#[test]
fn environment_is_the_granted_one() {
    let mut guest = guest(&grants());
    assert_eq!(guest.call("environ_sizes_get", &i32s([0, 4])), 0);
    let expected = "EMPTY=\0TZ=UTC\0ÄÖ==\"x\\\0".as_bytes();
    assert_eq!(word(&mut guest, 0), 3 | (expected.len() as u64) << 32);
    assert_eq!(guest.call("environ_get", &i32s([16, 100])), 0);
    assert_eq!(&guest.memory()[100..100 + expected.len()], expected);
    let pointers = [word(&mut guest, 16), word(&mut guest, 24)];
    assert_eq!(pointers, [100 | 107 << 32, 114]);
    // The last byte would be out of bounds.
    let far = 65_537 - expected.len() as i32;
    assert!(guest.try_call("environ_get", &i32s([16, far])).is_none());
    assert!(
        guest
            .try_call("environ_get", &i32s([65_530, 100]))
            .is_none()
    );
}

#[test]
fn random_numbers_begin_with_the_granted_seed() {
    let mut guest = guest(&grants());
    for _ in 0..2 {
        guest.try_call(EXPORT_ROW, &[]).unwrap();
        assert_eq!(guest.call("random_get", &i32s([0, 8])), 0);
        assert_eq!(word(&mut guest, 0), 6_457_827_717_110_365_317);
    }
}

/// Opens a path below a descriptor: the descriptor or, negative, the error.
fn open_with(guest: &mut Guest, fd: i32, path: &str, flags: i32, rights: i64) -> i32 {
    guest.memory()[1_000..1_000 + path.len()].copy_from_slice(path.as_bytes());
    let mut arguments = i32s([fd, 0, 1_000, path.len() as i32, flags, 0, 0, 0, 64]);
    arguments[5] = Val::I64(rights);
    arguments[6] = Val::I64(0);
    match guest.call("path_open", &arguments) {
        0 => word(guest, 64) as i32,
        error => -(error as i32),
    }
}

fn open(guest: &mut Guest, path: &str) -> i32 {
    open_with(guest, 3, path, 0, 2)
}

/// Reads at most so many bytes in two buffers.
fn read(guest: &mut Guest, fd: i32, length: u32) -> Result<Vec<u8>, i64> {
    store(
        guest,
        32,
        &[2_000, length.min(3), 3_000, length - length.min(3)],
    );
    match guest.call("fd_read", &i32s([fd, 32, 2, 0])) {
        0 => {
            let count = word(guest, 0) as u32 as usize;
            let memory = guest.memory();
            let first = count.min(length.min(3) as usize);
            Ok([
                &memory[2_000..2_000 + first],
                &memory[3_000..3_000 + count - first],
            ]
            .concat())
        }
        error => Err(error),
    }
}

#[test]
fn files_are_read_from_beginning_to_end() {
    let mut guest = guest(&grants());
    let fd = open(&mut guest, "ref/countries.csv");
    assert_eq!(fd, 4);
    assert_eq!(read(&mut guest, fd, 10).unwrap(), b"DE,Germany");
    assert_eq!(read(&mut guest, fd, 100).unwrap(), b"\nFR,France\n");
    assert_eq!(read(&mut guest, fd, 100).unwrap(), b"");
    let seek = |guest: &mut Guest, offset: i64, whence: i32| {
        let arguments = [
            Val::I32(fd),
            Val::I64(offset),
            Val::I32(whence),
            Val::I32(0),
        ];
        match guest.call("fd_seek", &arguments) {
            0 => word(guest, 0) as i64,
            error => -error,
        }
    };
    for ((offset, whence), expected) in [
        ((3, 0), 3),
        ((4, 1), 7),
        ((-7, 2), 14),
        ((100, 1), 114),
        ((-115, 1), -28),
        ((i64::MIN, 1), -28),
        ((i64::MAX, 2), -28),
        ((0, 3), -28),
        ((0, 1), 114),
    ] {
        assert_eq!(
            seek(&mut guest, offset, whence),
            expected,
            "{offset} {whence}"
        );
    }
    assert_eq!(read(&mut guest, fd, 5).unwrap(), b"", "past the end");
    assert_eq!(seek(&mut guest, -7, 2), 14);
    assert_eq!(read(&mut guest, fd, 100).unwrap(), b"France\n");
    let empty = open(&mut guest, "./ref/empty");
    assert_eq!(read(&mut guest, empty, 9).unwrap(), b"");
    let deep = open(&mut guest, "/ref/deep/er/x");
    assert_eq!(
        read(&mut guest, deep, 9).unwrap(),
        "\0\"\\\u{ff}".as_bytes()
    );
}

#[test]
fn files_are_read_at_places_and_wild_pointers_trap() {
    let mut guest = guest(&grants());
    let fd = open(&mut guest, "ref/countries.csv");
    store(&mut guest, 32, &[2_000, 3]);
    let at = [
        Val::I32(fd),
        Val::I32(32),
        Val::I32(1),
        Val::I64(11),
        Val::I32(0),
    ];
    assert_eq!(guest.call("fd_pread", &at), 0);
    assert_eq!(&guest.memory()[2_000..2_003], b"FR,");
    let top = open(&mut guest, "top");
    store(&mut guest, 32, &[0x7fff_0000, 3]);
    assert!(guest.try_call("fd_read", &i32s([top, 32, 1, 0])).is_none());
    assert!(
        guest
            .try_call("fd_read", &i32s([top, 65_535, 1, 0]))
            .is_none()
    );
    let mut wild = i32s([3, 0, 0x7fff_0000, 4, 0, 0, 0, 0, 64]);
    (wild[5], wild[6]) = (Val::I64(2), Val::I64(0));
    assert!(guest.try_call("path_open", &wild).is_none());
    wild[2] = Val::I32(65_530);
    wild[3] = Val::I32(-1);
    assert!(guest.try_call("path_open", &wild).is_none());
}

/// As `openat` and `readdir` with `fstatat` do.
#[test]
fn paths_begin_at_any_open_folder() {
    let mut guest = guest(&grants());
    let folder = open_with(&mut guest, 3, "ref", 2, 0x4000);
    let deep = open_with(&mut guest, folder, "deep", 2, 0x4000);
    for (fd, path, expected) in [
        (folder, "countries.csv", "DE,G"),
        (folder, "deep/er/x", "\0\"\\\u{ff}"),
        (folder, "./deep/er/../../countries.csv", "DE,G"),
        (folder, "/countries.csv", "DE,G"),
        (deep, "er//x", "\0\"\\\u{ff}"),
        (3, "/ref//../ref/./countries.csv", "DE,G"),
        (3, "ref/deep/../../top", "t"),
    ] {
        let file = open_with(&mut guest, fd, path, 0, 2);
        let length = expected.len() as u32;
        assert_eq!(read(&mut guest, file, length).unwrap(), expected.as_bytes());
        assert_eq!(guest.call("fd_close", &i32s([file])), 0);
    }
    let file = open(&mut guest, "ref/countries.csv");
    for (fd, path, expected) in [
        (folder, "top", -44),
        (folder, "../top", -44),
        (folder, "deep/../../top", -44),
        (folder, "ref/countries.csv", -44),
        (folder, "countries.csv/..", -54),
        (deep, "x", -44),
        (deep, "..", -44),
        (file, "x", -54),
    ] {
        let opened = open_with(&mut guest, fd, path, 0, 2);
        assert_eq!(opened, expected, "{path}");
    }
    guest.memory()[1_000..1_013].copy_from_slice(b"countries.csv");
    let status = i32s([folder, 0, 1_000, 13, 0]);
    assert_eq!(guest.call("path_filestat_get", &status), 0);
    assert_eq!(word(&mut guest, 32), 21);
    // A folder that was closed is none.
    assert_eq!(guest.call("fd_close", &i32s([folder])), 0);
    assert_eq!(open_with(&mut guest, folder, "empty", 0, 2), -8);
}

#[test]
fn what_is_no_file_is_refused_by_error_number() {
    let mut guest = guest(&grants());
    for (path, flags, rights, expected) in [
        ("ref/nothing", 0, 2, -44),
        ("ref/countries.cs", 0, 2, -44),
        ("ref/countries.csw", 0, 2, -44),
        ("../etc/passwd", 0, 2, -44),
        ("..", 0, 2, -44),
        ("ref/empty/", 0, 2, -54),
        ("ref/empty/x", 0, 2, -44),
        ("ref/empty", 2, 2, -54),
        ("ref/new", 1, 2, -69),
        ("ref/empty", 8, 2, -69),
        ("ref/empty", 0, 0x42, -69),
    ] {
        let opened = open_with(&mut guest, 3, path, flags, rights);
        assert_eq!(opened, expected, "{path} {flags}");
    }
    assert_eq!(open_with(&mut guest, 1, "top", 0, 2), -54);
    assert_eq!(open_with(&mut guest, 4, "top", 0, 2), -8);
    assert_eq!(guest.call("path_unlink_file", &i32s([3, 1_000, 3])), 69);
    assert_eq!(guest.call("fd_prestat_get", &i32s([3, 0])), 0);
    assert_eq!(word(&mut guest, 0), 1 << 32);
    assert_eq!(guest.call("fd_prestat_get", &i32s([4, 0])), 8);
    // Sixteen beside the root; what is closed is free again.
    let opened: Vec<_> = (0..17).map(|_| open(&mut guest, "top")).collect();
    assert_eq!(opened[..16], (4..20).collect::<Vec<_>>());
    assert_eq!(opened[16], -33);
    assert_eq!(guest.call("fd_close", &i32s([9])), 0);
    assert_eq!(guest.call("fd_close", &i32s([9])), 8);
    assert_eq!(read(&mut guest, 9, 1), Err(8));
    assert_eq!(open(&mut guest, "top"), 9);
    assert_eq!(read(&mut guest, 9, 1).unwrap(), b"t");
    assert_eq!(read(&mut guest, 20, 1), Err(8));
    // The root folder stays open.
    assert_eq!(guest.call("fd_close", &i32s([3])), 0);
    assert_eq!(read(&mut guest, 3, 1), Err(31));
}

#[test]
fn folders_list_their_entries() {
    let mut guest = guest(&grants());
    let fd = open_with(&mut guest, 3, "ref", 2, 0x4000);
    let mut names = Vec::new();
    let mut place = 0;
    loop {
        let list = [
            Val::I32(fd),
            Val::I32(4_000),
            Val::I32(64),
            Val::I64(place),
            Val::I32(0),
        ];
        assert_eq!(guest.call("fd_readdir", &list), 0);
        if (word(&mut guest, 0) as u32) < 24 {
            break;
        }
        let length = word(&mut guest, 4_016) as u32 as usize;
        let kind = word(&mut guest, 4_016) >> 32;
        let name = guest.memory()[4_024..4_024 + length].to_vec();
        names.push((String::from_utf8(name).unwrap(), kind));
        place = word(&mut guest, 4_000) as i64;
    }
    let expected = [("countries.csv", 4), ("deep", 3), ("empty", 4)];
    assert_eq!(names, expected.map(|(name, kind)| (name.to_owned(), kind)));
    guest.memory()[1_000..1_017].copy_from_slice(b"ref/countries.csv");
    assert_eq!(
        guest.call("path_filestat_get", &i32s([3, 0, 1_000, 17, 0])),
        0
    );
    assert_eq!(word(&mut guest, 32), 21);
    assert_eq!(guest.call("fd_filestat_get", &i32s([fd, 0])), 0);
    assert_eq!(word(&mut guest, 16), 3);
    assert_eq!(guest.call("fd_fdstat_get", &i32s([fd, 0])), 0);
    assert_eq!(word(&mut guest, 0), 3);
}

#[test]
fn grants_travel_in_a_section() {
    let module = wat::parse_str(r#"(module (func (export "f")) (@custom "x" "y"))"#).unwrap();
    assert_eq!(Grants::of(&module), Ok(None));
    let mut long = grants();
    long.files.insert("/long".to_owned(), vec![7; 200]);
    let with = long.added_to(&module).unwrap();
    assert_eq!(Grants::of(&with), Ok(Some(long)));
    wasmparser::validate(&with).unwrap();
    let other = Grants {
        seed: 7,
        ..Grants::default()
    };
    let replaced = other.added_to(&with).unwrap();
    assert_eq!(Grants::of(&replaced), Ok(Some(other.clone())));
    assert_eq!(replaced, other.added_to(&module).unwrap());
    // No prefix of the section is read as a whole, and none panics.
    let start = module.len() + 3 + "fusebox.grants".len();
    for length in start..with.len() {
        let mut cut = with[..length].to_vec();
        // The length of the section, of two bytes, fits what is left.
        let size = length - module.len() - 3;
        cut[module.len() + 1..module.len() + 3]
            .copy_from_slice(&[(size & 0x7f) as u8 | 0x80, (size >> 7) as u8]);
        assert!(Grants::of(&cut).is_err(), "{length}");
    }
}

#[test]
fn names_and_paths_are_checked() {
    let variable = |name: &str, value: &str| Grants {
        variables: texts(&[(name, value)]),
        ..Grants::default()
    };
    for (name, value) in [("", "x"), ("a=b", "x"), ("a\0", "x"), ("a", "\0")] {
        let refused = variable(name, value).check();
        assert!(matches!(refused, Err(GrantsError::Variable(_))), "{name}");
    }
    let large = variable("a", &"x".repeat(65_536)).check();
    assert!(
        matches!(large, Err(GrantsError::TooMany { .. })),
        "{large:?}"
    );
    let file = |paths: &[&str]| Grants {
        files: paths
            .iter()
            .map(|path| ((*path).to_owned(), Vec::new()))
            .collect(),
        ..Grants::default()
    };
    for path in ["", "/", "x", "/x/", "//x", "/./x", "/x/..", "/a\0"] {
        let refused = file(&[path]).provider();
        assert!(matches!(refused, Err(GrantsError::Path(_))), "{path}");
    }
    let both = file(&["/a/b", "/a"]).check();
    assert_eq!(both, Err(GrantsError::Folder("/a".to_owned())));
    file(&["/a/b", "/a b", "/c"]).check().unwrap();
    // Folders count as well.
    let deep: Vec<_> = (0..64)
        .map(|n| format!("/{n}{}/x", "/a".repeat(20)))
        .collect();
    let deep: Vec<_> = deep.iter().map(String::as_str).collect();
    let refused = file(&deep).check();
    assert!(
        matches!(refused, Err(GrantsError::TooMany { .. })),
        "{refused:?}"
    );
}
