//! Versions that `fusebox --version` prints.

use std::sync::LazyLock;

use fusebox::{ABI_VERSION, DEFINITION_FORMAT, WEIGHTS_VERSION};
use fusebox_catalog::CATALOG_VERSION;

/// Versions of the program and of the formats that it reads and writes.
pub(crate) static VERSIONS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{}\nABI {ABI_VERSION}, weights {WEIGHTS_VERSION}, definitions {DEFINITION_FORMAT}, catalog \
         {CATALOG_VERSION}",
        env!("FUSEBOX_VERSION")
    )
});
