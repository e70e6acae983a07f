//! Files that `COPY … FROM` reads, with its options.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::{Result, TableReference};
use datafusion::config::CsvOptions;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTableConfig};
use datafusion::execution::context::SessionState;
use datafusion::sql::planner::object_name_to_table_reference;
use fusebox_definition::FileAccessError;
use sqlparser::ast::Ident;
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{IsOptional, Parser};

use super::FileUse;
use super::text_files::TextFormat;
use crate::copy_options::CopySource;
use crate::function::external;

/// Returns the options of files whose ending does not tell the format that the statement states;
/// `None` if it states none.
pub(super) fn stated_options(
    source: &CopySource<'_>,
    state: &SessionState,
) -> Result<Option<ListingOptions>> {
    let factory = source
        .format
        .and_then(|format| state.get_file_format_factory(format));
    let Some(factory) = factory else {
        return Ok(None);
    };
    let mut options = HashMap::new();
    let (_, compression) =
        ListingTableConfig::infer_file_extension_and_compression_type(source.file)?;
    if let Some(compression) = compression {
        options.insert("format.compression".to_owned(), compression);
    }
    let format = factory.create(state, &options)?;
    Ok(Some(ListingOptions::new(format).with_file_extension("")))
}

/// Returns the format with the options of the statement. Separated values are text, which the
/// statement casts to the types of its table: `007` is a text there, and a number.
///
/// # Errors
///
/// A refusal of options of another format.
pub(super) fn copied_format(
    source: &CopySource<'_>,
    format: &Arc<dyn FileFormat>,
) -> Result<Arc<dyn FileFormat>> {
    let Some(TextFormat::Csv(csv)) = format.downcast_ref::<TextFormat>() else {
        if source.options.is_empty() {
            return Ok(Arc::clone(format));
        }
        let error = FileAccessError::UnknownFormat {
            found: format!("the ending {}", format.get_ext()),
            expected: "csv, tsv".to_owned(),
        };
        return Err(external(FileUse::Read.refused(source.file, error)));
    };
    let mut options = csv.options().clone();
    for (key, value) in &source.options {
        set(&mut options, key, value);
    }
    options.schema_infer_max_rec = Some(0);
    Ok(Arc::new(TextFormat::csv(options)?))
}

/// Columns of the table that gets the rows of a file.
pub(super) struct TargetColumns {
    /// Names of all columns, in lower case.
    pub(super) names: Vec<String>,
    /// Number of those that are filled.
    pub(super) filled: usize,
}

impl TargetColumns {
    /// Finds the columns of a statement; `None` if its table is not found.
    pub(super) async fn find(source: &CopySource<'_>, state: &SessionState) -> Option<Self> {
        let (table, columns) = target(source.into?)?;
        let schema = state.schema_for_ref(table.clone()).ok()?;
        let schema = schema.table(table.table()).await.ok()??.schema();
        let names = schema.fields().iter();
        let names: Vec<String> = names.map(|field| field.name().to_lowercase()).collect();
        let filled = match columns.len() {
            0 => names.len(),
            filled => filled,
        };
        Some(Self { names, filled })
    }
}

/// Parses a table with columns in brackets.
fn target(text: &str) -> Option<(TableReference, Vec<Ident>)> {
    let mut parser = Parser::new(&GenericDialect {}).try_with_sql(text).ok()?;
    let table = parser.parse_object_name(false).ok()?;
    let table = object_name_to_table_reference(table, true).ok()?;
    let columns = parser.parse_parenthesized_column_list(IsOptional::Optional, true);
    Some((table, columns.ok()?))
}

/// Sets an option. DataFusion would read a delimiter `1` as the character of this number.
fn set(options: &mut CsvOptions, key: &str, value: &str) {
    let character = value.bytes().next();
    match key {
        "format.has_header" => options.has_header = Some(value == "true"),
        "format.delimiter" => options.delimiter = character.unwrap_or(options.delimiter),
        "format.quote" => options.quote = character.unwrap_or(options.quote),
        "format.escape" => options.escape = character,
        "format.null_value" => options.null_value = Some(value.to_owned()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_columns_in_brackets() {
        for (text, table, columns) in [
            ("t", "t", 0),
            ("S.T(a,\"B)\")", "s.t", 2),
            ("\"Odd (T\"(a)", "\"Odd (T\"", 1),
        ] {
            let (found, filled) = target(text).unwrap();
            assert_eq!(
                (found, filled.len()),
                (TableReference::from(table), columns)
            );
        }
        assert!(target("(SELECT 1)").is_none());
    }

    #[test]
    fn options_are_those_of_the_statement() {
        let format = TextFormat::csv(CsvOptions::default()).unwrap();
        let format: Arc<dyn FileFormat> = Arc::new(format);
        let source = CopySource {
            file: "a.csv",
            format: None,
            into: None,
            options: vec![
                ("format.has_header", "false"),
                ("format.delimiter", "1"),
                ("format.null_value", "NA"),
            ],
        };
        let copied = copied_format(&source, &format).unwrap();
        let Some(TextFormat::Csv(csv)) = copied.downcast_ref::<TextFormat>() else {
            panic!("{copied:?}");
        };
        let options = csv.options();
        assert_eq!(
            (options.has_header, options.delimiter, options.quote),
            (Some(false), b'1', b'"')
        );
        assert_eq!(options.null_regex.as_deref(), Some("^NA$"));
        assert_eq!(options.schema_infer_max_rec, Some(0));
    }
}
