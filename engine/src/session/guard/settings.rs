//! Settings that need a privilege.

use fusebox_definition::{StatementError, Subject};
use fusebox_runtime::{Error, Result};

use crate::privileges::Privileges;

/// Settings of the process and of files, by prefix: the memory pool, the directory and size of
/// spilled data, caches; and the location of a catalog's tables.
const PRIVILEGED: [&str; 4] = [
    "datafusion.runtime.",
    "datafusion.catalog.location",
    "datafusion.catalog.format",
    "datafusion.catalog.create_default_catalog_and_schema",
];

/// Ceilings of settings that size buffers, tasks and threads of each query.
const CEILINGS: [(&str, u64); 14] = [
    ("datafusion.execution.batch_size", 65_536),
    ("datafusion.execution.target_partitions", 256),
    ("datafusion.execution.planning_concurrency", 256),
    ("datafusion.execution.meta_fetch_concurrency", 256),
    ("datafusion.execution.minimum_parallel_output_files", 256),
    (
        "datafusion.execution.max_buffered_batches_per_output_file",
        256,
    ),
    (
        "datafusion.execution.objectstore_writer_buffer_size",
        64 << 20,
    ),
    ("datafusion.execution.sort_spill_reservation_bytes", 1 << 30),
    (
        "datafusion.execution.sort_pushdown_buffer_capacity",
        1 << 30,
    ),
    ("datafusion.execution.hash_join_buffering_capacity", 1 << 30),
    ("datafusion.execution.parquet.metadata_size_hint", 16 << 20),
    (
        "datafusion.execution.parquet.maximum_parallel_row_group_writers",
        256,
    ),
    (
        "datafusion.execution.parquet.maximum_buffered_record_batches_per_stream",
        256,
    ),
    ("datafusion.explain.tree_maximum_render_width", 10_000),
];

/// Checks a `SET`, or without a value a `RESET`.
pub(super) fn check(privileges: &Privileges, setting: &str, value: Option<&str>) -> Result<()> {
    if privileges.settings {
        return Ok(());
    }
    let name = setting.to_ascii_lowercase();
    let refused = |reason| Err(Error::refused(Subject::Setting(setting.to_owned()), reason));
    if PRIVILEGED.iter().any(|prefix| name.starts_with(prefix)) {
        return refused(StatementError::Privilege {
            refusal: "cannot be changed",
            privilege: "settings",
            remedy: "the embedder can grant it by `Privileges::settings`",
        });
    }
    let ceiling = CEILINGS.iter().find(|(limited, _)| *limited == name);
    // DataFusion refuses what is not a number.
    let value = value.and_then(|value| value.trim().parse::<u64>().ok());
    match (ceiling, value) {
        (Some(&(_, ceiling)), Some(value)) if value > ceiling => {
            refused(StatementError::SettingCeiling { value, ceiling })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionConfig;

    use super::*;

    fn is_allowed(setting: &str, value: Option<&str>) -> bool {
        check(&Privileges::default(), setting, value).is_ok()
    }

    #[test]
    fn setting_may_be_at_its_ceiling_and_not_above() {
        for (setting, ceiling) in CEILINGS {
            assert!(is_allowed(setting, Some(&ceiling.to_string())), "{setting}");
            let above = (ceiling + 1).to_string();
            assert!(!is_allowed(setting, Some(&above)), "{setting}");
            assert!(!is_allowed(&setting.to_uppercase(), Some(&above)));
            assert!(check(&Privileges::all(), setting, Some(&above)).is_ok());
        }
    }

    #[test]
    fn settings_of_the_process_need_the_privilege() {
        for setting in [
            "datafusion.runtime.memory_limit",
            "datafusion.runtime.temp_directory",
            "datafusion.catalog.location",
        ] {
            assert!(!is_allowed(setting, Some("1G")), "{setting}");
            assert!(!is_allowed(setting, None), "{setting}");
            assert!(check(&Privileges::all(), setting, None).is_ok());
        }
        assert!(is_allowed("datafusion.execution.time_zone", Some("UTC")));
    }

    /// A name that DataFusion has changed would be a ceiling of nothing.
    #[test]
    fn limited_settings_exist_and_their_defaults_are_below_the_ceilings() {
        let entries = SessionConfig::new().options().entries();
        for (setting, ceiling) in CEILINGS {
            let entry = entries.iter().find(|entry| entry.key == setting);
            let value = entry.unwrap_or_else(|| panic!("{setting}")).value.clone();
            let value: u64 = value.unwrap_or_default().parse().unwrap();
            assert!(value <= ceiling, "{setting} = {value}");
        }
    }
}
