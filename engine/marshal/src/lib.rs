//! The border: Arrow columns into guest memory, and guest memory into Arrow.
//!
//! Only here is a raw guest address read or written. What the bytes mean is
//! said once, in the rustdoc of `fusebox-abi`. Nothing here knows what runs
//! the guest, or what asks for it: memory is a slice.
//!
//! One copy in and one copy out: a [`Lowering`](lower::Lowering) writes the rows
//! in use straight to where the guest reads them, and [`lift`](lift::lift)
//! copies each buffer of the answer once, out of the guest's reach, before it is
//! looked at.
//!
//! # The map
//!
//! A file may import only files below it in this list.
#![forbid(unsafe_code)]
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

// Guest memory into columns.
pub mod lift;

// Columns into guest memory.
pub mod lower;

// What both keep to: how the columns of a type are laid out.
mod layout;

// Where something lies in a guest's memory.
mod address;

// The rules that a guest may not break.
mod breach;

pub use address::GuestAddr;
pub use breach::Breach;
pub use layout::{Layout, same_values};

#[cfg(not(target_endian = "little"))]
compile_error!("guest memory is little endian, and its bytes are copied as they are");

/// What goes in comes out, and what should not come out does not.
#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test may panic, and should where its own sums are wrong"
)]
mod round_trip;

#[cfg(test)]
mod tests {
    use std::fs::{read_dir, read_to_string};
    use std::path::PathBuf;

    const SRC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

    /// The files of a room: `name.rs` and all of `name/`, with the files of
    /// each of those.
    fn room(name: &str) -> Vec<PathBuf> {
        let mut files = vec![PathBuf::from(format!("{SRC}/{name}.rs"))];
        if let Ok(folder) = read_dir(format!("{SRC}/{name}")) {
            let paths = folder.map(|entry| entry.unwrap().path());
            for path in paths.filter(|path| path.is_file()) {
                let stem = path.file_stem().unwrap().to_str().unwrap();
                files.extend(room(&format!("{name}/{stem}")));
            }
        }
        files
    }

    fn rooms() -> Vec<String> {
        code(&PathBuf::from(format!("{SRC}/lib.rs")))
            .lines()
            .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "))
            .filter_map(|name| name.strip_suffix(';'))
            .map(str::to_owned)
            .collect()
    }

    /// The code of a file: no comments, no tests.
    fn code(file: &PathBuf) -> String {
        let text = read_to_string(file).unwrap();
        text.lines()
            .take_while(|line| !line.starts_with("#[cfg(test)]"))
            .filter(|line| !line.trim_start().starts_with("//"))
            .fold(String::new(), |code, line| code + line + "\n")
    }

    #[test]
    fn files_import_only_files_below_them() {
        let rooms = rooms();
        assert!(rooms.len() >= 5);
        let mut rest = &rooms[..];
        while let Some((name, below)) = rest.split_first() {
            for file in room(name) {
                for import in code(&file).split("crate::").skip(1) {
                    let end = import.find(|c: char| c != '_' && !c.is_alphanumeric());
                    let imported = &import[..end.unwrap_or(import.len())];
                    assert!(
                        imported == name || below.iter().any(|room| room == imported),
                        "{} imports crate::{imported}",
                        file.display()
                    );
                }
            }
            rest = below;
        }
    }
}
