//! The imports and exports of a guest, as ABI 1 names them.

use std::sync::atomic::AtomicU32;

use crate::arena::arena;

#[link(wasm_import_module = "fusebox")]
unsafe extern "C" {
    // SAFETY: the types are those of ABI 1, and no address crosses.
    pub(crate) safe fn row_begin(row: u32);
    pub(crate) safe fn row_end(bytes: u32);
    pub(super) safe fn row_pause(bytes: u32);
    pub(super) safe fn row_resume();
    pub(crate) safe fn row_group_begin(row: u32);
    pub(crate) safe fn metering_mode() -> u32;
    pub(crate) safe fn has_fuel() -> u32;
    // SAFETY: the host copies the bytes at the address before it returns, and changes none.
    #[link_name = "log"]
    pub(crate) safe fn log_message(address: u32, length: u32);
}

#[unsafe(no_mangle)]
extern "C" fn fusebox_abi_1() {}

/// Comment of SQL among the declarations, for the messages of a host that cannot read them.
#[cfg(target_arch = "wasm32")]
const SDK_COMMENT: &str = concat!("-- fusebox-sdk ", env!("CARGO_PKG_VERSION"), "\n");

#[cfg(target_arch = "wasm32")]
#[used]
#[unsafe(link_section = "fusebox.functions")]
static SDK_COMMENT_BYTES: [u8; SDK_COMMENT.len()] = match SDK_COMMENT.as_bytes().first_chunk() {
    Some(bytes) => *bytes,
    None => [0; SDK_COMMENT.len()],
};

#[unsafe(no_mangle)]
extern "C" fn fusebox_alloc(bytes: u32) -> u32 {
    arena(bytes)
}

/// The words of a `fusebox_abi::Panic`.
#[unsafe(no_mangle)]
pub(crate) static fusebox_panic: [AtomicU32; 6] = [const { AtomicU32::new(0) }; 6];
