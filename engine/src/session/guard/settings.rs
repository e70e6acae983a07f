//! Settings that need a privilege.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use fusebox_definition::{StatementError, Subject};
use fusebox_runtime::{Error, Result};

use super::Guard;

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

/// Ranges of settings of Parquet files: outside of them, DataFusion's writer never ends or
/// panics.
const PARQUET_RANGES: [(&str, RangeInclusive<f64>, &str); 6] = [
    ("write_batch_size", 1.0..=f64::MAX, AT_LEAST_1),
    ("max_row_group_size", 1.0..=f64::MAX, AT_LEAST_1),
    ("column_index_truncate_length", 1.0..=f64::MAX, AT_LEAST_1),
    ("statistics_truncate_length", 1.0..=f64::MAX, AT_LEAST_1),
    (
        "content_defined_chunking.min_chunk_size",
        1.0..=f64::MAX,
        AT_LEAST_1,
    ),
    (
        "bloom_filter_fpp",
        1e-9..=0.999_999,
        "a number between 0 and 1",
    ),
];

const AT_LEAST_1: &str = "at least 1";

/// Ranges of other settings: a join over few keys would take memory for all between them.
const RANGES: [(&str, RangeInclusive<f64>, &str); 2] = [
    (
        "datafusion.execution.perfect_hash_join_min_key_density",
        0.01..=f64::MAX,
        "at least 0.01",
    ),
    (
        "datafusion.execution.perfect_hash_join_small_build_threshold",
        0.0..=1_048_576.0,
        "at most 1048576",
    ),
];

/// Checks a `SET`, or without a value a `RESET`.
pub(super) fn check(guard: &Guard<'_>, setting: &str, value: Option<&str>) -> Result<()> {
    let name = setting.to_ascii_lowercase();
    if let Some(value) = value {
        check_range(setting, &name, value)?;
    }
    if guard.privileges.settings {
        return Ok(());
    }
    let refused = |reason| Err(Error::refused(Subject::Setting(setting.to_owned()), reason));
    if PRIVILEGED.iter().any(|prefix| name.starts_with(prefix)) {
        return refused(StatementError::Privilege {
            refusal: "cannot be changed",
            privilege: "settings",
            remedy: "the embedder can grant it by `Privileges::settings`",
        });
    }
    if let Some(value) = value
        && let Some(ceiling) = guard.settings.exceeded_ceiling(&name, value)
    {
        return refused(StatementError::SettingOfSession {
            value: value.to_owned(),
            ceiling,
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

/// Checks the options of files.
pub(super) fn check_options(options: &HashMap<String, String>) -> Result<()> {
    let mut options = options.iter();
    options.try_for_each(|(option, value)| {
        let name = option.to_ascii_lowercase();
        let name = name.strip_prefix("format.").unwrap_or(&name);
        check_range(option, &format!("{PARQUET}{name}"), value)
    })
}

/// Prefix of the settings of Parquet files.
const PARQUET: &str = "datafusion.execution.parquet.";

fn check_range(setting: &str, name: &str, value: &str) -> Result<()> {
    // One of a column has its name behind.
    let name = name.split("::").next().unwrap_or(name);
    let range = match name.strip_prefix(PARQUET) {
        Some(name) => PARQUET_RANGES.iter().find(|(limited, ..)| *limited == name),
        None => RANGES.iter().find(|(limited, ..)| *limited == name),
    };
    // DataFusion refuses what is not a number.
    match (range, value.trim().parse::<f64>()) {
        (Some((_, range, expected)), Ok(number)) if !range.contains(&number) => {
            let reason = StatementError::SettingRange {
                value: value.to_owned(),
                expected,
            };
            Err(Error::refused(Subject::Setting(setting.to_owned()), reason))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::execution::object_store::DefaultObjectStoreRegistry;
    use datafusion::prelude::SessionConfig;

    use super::*;
    use crate::privileges::Privileges;
    use crate::settings::Settings;

    fn check_with(privileges: &Privileges, setting: &str, value: Option<&str>) -> Result<()> {
        let guard = Guard {
            privileges,
            settings: Settings::default(),
            default_schema: String::new(),
            stores: Arc::new(DefaultObjectStoreRegistry::new()),
        };
        check(&guard, setting, value)
    }

    fn is_allowed(setting: &str, value: Option<&str>) -> bool {
        check_with(&Privileges::default(), setting, value).is_ok()
    }

    /// A name that DataFusion has changed would be a range of nothing.
    #[test]
    fn settings_are_kept_in_their_ranges_whatever_the_privileges() {
        let entries = SessionConfig::new().options().entries();
        let parquet = PARQUET_RANGES.map(|(name, range, _)| (format!("{PARQUET}{name}"), range));
        let others = RANGES.map(|(name, range, _)| (name.to_owned(), range));
        for (setting, range) in parquet.into_iter().chain(others) {
            assert!(
                entries.iter().any(|entry| entry.key == setting),
                "{setting}"
            );
            let below = (range.start() - 1.0).to_string();
            let refused = check_with(&Privileges::all(), &setting, Some(&below));
            assert!(refused.is_err(), "{setting} = {below}");
            let allowed = check_with(
                &Privileges::all(),
                &setting,
                Some(&range.start().to_string()),
            );
            assert!(allowed.is_ok(), "{setting}");
        }
        for option in [
            "format.write_batch_size",
            "WRITE_BATCH_SIZE",
            "bloom_filter_fpp::a",
        ] {
            let options = HashMap::from([(option.to_owned(), "0".to_owned())]);
            assert!(check_options(&options).is_err(), "{option}");
        }
    }

    #[test]
    fn setting_may_be_at_its_ceiling_and_not_above() {
        for (setting, ceiling) in CEILINGS {
            assert!(is_allowed(setting, Some(&ceiling.to_string())), "{setting}");
            let above = (ceiling + 1).to_string();
            assert!(!is_allowed(setting, Some(&above)), "{setting}");
            assert!(!is_allowed(&setting.to_uppercase(), Some(&above)));
            assert!(check_with(&Privileges::all(), setting, Some(&above)).is_ok());
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
            assert!(check_with(&Privileges::all(), setting, None).is_ok());
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
