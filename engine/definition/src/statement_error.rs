//! Reasons for refusing a statement: its author must act, or the embedder.

use crate::file_access_error::FileAccessError;
use crate::kind::Kind;

/// Reason for refusing a statement. The message continues from the
/// [`Subject`](crate::Subject).
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message names its fields")]
#[non_exhaustive]
pub enum StatementError {
    #[error("already exists; CREATE OR REPLACE would replace it")]
    Exists,
    #[error("was dropped or created anew by another session: run the statement again")]
    TableGone,
    #[error("would have a duplicate key: expected one row with ({columns}) = ({values}), found 2")]
    DuplicateKey { columns: String, values: String },
    #[error("expected a value of the NOT NULL column `{0}`, found NULL")]
    NullValue(String),
    #[error(
        "has the key ({columns}): expected columns whose values can be compared, found `{column}` \
         of the type {found}"
    )]
    KeyType {
        columns: String,
        column: String,
        found: String,
    },
    #[error(
        "already exists; IMPORT OR REPLACE would replace it, EXCEPT ({name}) leave it, and AS \
         PREFIX name the import differently"
    )]
    ImportExists { name: String },
    #[error("is built in; CREATE OR REPLACE would hide it")]
    BuiltIn,
    #[error("does not exist")]
    Missing,
    #[error("does not exist; AS '{0}' reads a file")]
    MissingModuleFile(String),
    #[error(
        "cannot be read: {0}; run it with the version that wrote it, or drop it and create it again"
    )]
    Unreadable(String),
    #[error("is a built-in function")]
    NotUserDefined,
    #[error("exists with the arguments ({found}), not ({stated})")]
    OtherArguments { found: String, stated: String },
    #[error("is not unique; say which one: ({found})")]
    NotUnique { found: String },
    #[error("is used by {}; DROP … CASCADE would drop them too", names(by))]
    InUse { by: Vec<String> },
    #[error("is needed by {}; DROP … CASCADE would drop them too", by.join(", "))]
    Needed { by: Vec<String> },
    #[error("has {relations} tables and views; DROP SCHEMA … CASCADE would drop them too")]
    SchemaNotEmpty { relations: usize },
    #[error("has what {} needs; drop that first", by.join(", "))]
    SchemaNeeded { by: Vec<String> },
    #[error(
        "is the schema of names without one; SET datafusion.catalog.default_schema to another first"
    )]
    DefaultSchema,
    #[error(
        "cannot be kept: expected relations and functions that are kept, found the temporary {0}; \
         write CREATE TEMPORARY VIEW"
    )]
    NeedsTemporary(String),
    #[error("is needed as it is by {}; drop them first, and create them again", by.join(", "))]
    NeededAsIs { by: Vec<String> },
    #[error(
        "cannot be altered: expected a table in memory or of the catalog, or RENAME TO of a view; \
         create it again with CREATE OR REPLACE"
    )]
    NotAltered,
    #[error("already exists: choose another name, or drop it first")]
    NameTaken,
    #[error("is needed by {0}, which CASCADE cannot drop: drop the table")]
    NotDroppable(String),
    #[error("is gone since the view or statement that calls it was planned: create it again")]
    Gone,
    #[error(
        "returned {before} when the view or statement that calls it was planned, and returns \
         {now} now: create the view or prepare the statement again"
    )]
    TypeChanged { before: String, now: String },
    #[error("is declared as {declared}, which contradicts {stated}{}", written_as(*kind))]
    Contradiction {
        declared: String,
        stated: String,
        /// The kind to create instead, if the kinds differ.
        kind: Option<Kind>,
    },
    #[error("has no {0}, and its module declares none")]
    Undeclared(&'static str),
    #[error(
        "has no {missing}, and its module declares no export `{}`: expected one of {}; name it \
         by EXPORT, or state the {missing}",
        symbol.escape_debug(),
        shortened(declared)
    )]
    NotAmongDeclared {
        missing: &'static str,
        symbol: String,
        /// Exports that the module declares.
        declared: Vec<String>,
    },
    #[error("needs a clause {0}")]
    Clause(&'static str),
    #[error("declares no functions in a section `fusebox.functions`")]
    NothingDeclared,
    #[error("has the type {0}, which has too many levels or fields")]
    Type(String),
    #[error("has the type {0}, which is unknown")]
    UnknownType(String),
    #[error("has a type that {0}")]
    TypeRule(&'static str),
    #[error("takes ({declared}), not ({given})")]
    Call { declared: String, given: String },
    #[error("is not unique for ({given}): it takes ({candidates})")]
    Ambiguous { given: String, candidates: String },
    #[error("cannot be added: its catalog would hold {contents}, expected at most {max} ({limit})")]
    CatalogFull {
        contents: String,
        max: String,
        limit: &'static str,
    },
    #[error("shows what Fusebox knows and is read-only: use another schema")]
    ReadOnly,
    #[error("has {found} rows in argument {position}, not the {rows} of the batch")]
    Length {
        position: usize,
        found: usize,
        rows: usize,
    },
    #[error("has too many arguments: {found}, of {max} at most")]
    Arity { found: usize, max: usize },
    #[error("has an unknown option {name}; the options are {known}")]
    Option { name: String, known: String },
    #[error("has a bad value for {name}: {expected}, not {found}")]
    OptionValue {
        name: String,
        expected: String,
        found: String,
    },
    #[error(
        "has the option {0}, which is part of a module: state it in CREATE MODULE or CREATE FUNCTION"
    )]
    GrantOption(String),
    #[error("cannot be granted what it would read: {0}")]
    Grants(String),
    #[error(
        "may not have {option} = {value}: this session allows {ceiling} at most; \
         the embedder can raise `limits_max`"
    )]
    Ceiling {
        option: &'static str,
        value: String,
        ceiling: String,
    },
    #[error("cannot be read: {0}")]
    Path(FileAccessError),
    #[error("cannot be written: {0}")]
    Write(FileAccessError),
    #[error("{refusal}: expected the privilege `{privilege}`, found none; {remedy}")]
    Privilege {
        refusal: &'static str,
        privilege: &'static str,
        remedy: &'static str,
    },
    #[error(
        "{refusal}: expected the privilege {privilege} on {object}, found none; a superuser can \
         GRANT {privilege} ON {object} TO {grantee}"
    )]
    NotGranted {
        refusal: &'static str,
        privilege: &'static str,
        object: String,
        grantee: String,
    },
    #[error("was dropped, or may not log in any more; connect as another user")]
    RoleGone,
    #[error(
        "cannot be dropped: expected another role than the session's own; let another user do it"
    )]
    RoleInUse,
    #[error("has a reserved name, which stands for everyone; choose another")]
    ReservedRole,
    #[error("has no setting {name}; the settings are {known}")]
    RoleSetting { name: String, known: String },
    #[error("has a name of {found} bytes; expected 1 to {max}")]
    RoleName { found: usize, max: usize },
    #[error(
        "has a verifier that cannot be read; expected SCRAM-SHA-256$rounds:salt$key:key with at \
         most {rounds_max} rounds, or a password"
    )]
    PasswordVerifier { rounds_max: u32 },
    #[error("has an empty password; state one, or PASSWORD NULL for none")]
    EmptyPassword,
    #[error(
        "has {found} functions, and this statement would make more than the {max} that \
         `fusebox.quota.functions` allows; drop some, or a superuser can raise it by ALTER USER"
    )]
    FunctionQuota { found: u64, max: u64 },
    #[error(
        "cannot be {value}: expected at most {ceiling} without the privilege `settings`; \
         the embedder can grant it by `Privileges::settings`"
    )]
    SettingCeiling { value: u64, ceiling: u64 },
    #[error("cannot be {value}: expected {expected}")]
    SettingRange {
        value: String,
        expected: &'static str,
    },
    #[error(
        "cannot be {value}: expected at most {ceiling}, with which the session was built; the \
         embedder can grant the privilege `Privileges::settings`"
    )]
    SettingOfSession { value: String, ceiling: String },
    #[error("has the SHA-256 digest {found}, not {stated}")]
    Digest { stated: String, found: String },
    #[error("cannot be read: the text is not base64: {0}")]
    Base64(String),
    #[error("is written in {0}; Fusebox runs LANGUAGE WASM")]
    Language(String),
    #[error("has a clause STATE, which only aggregate functions have")]
    UnexpectedState,
    #[error("has {}", match .0 {
        Some(name) => format!("two columns of the name {name}"),
        None => "a column without a name".to_owned(),
    })]
    ColumnName(Option<String>),
    #[error("has two parameters of the name {name}: give each a name of its own, or none")]
    ParameterName { name: String },
    #[error(
        "has the parameter {parameter} without a default after {before}, which has one: give \
         {parameter} a default, or move it to the front"
    )]
    DefaultOrder { parameter: String, before: String },
    #[error("has the default {found} of {parameter}, expected a constant: write a literal")]
    DefaultNotConstant { parameter: String, found: String },
    #[error(
        "has the default {found} of {parameter}, expected a value of the type {expected}: write \
         one, or change the type"
    )]
    DefaultUnfit {
        parameter: String,
        expected: String,
        found: String,
    },
    #[error(
        "has the VARIADIC parameter {parameter} of the type {found}, expected a list: write \
         {found}[]"
    )]
    VariadicType { parameter: String, found: String },
    #[error(
        "has the VARIADIC parameter {parameter}, expected it in the last place and without a \
         default: move it to the end"
    )]
    VariadicPlace { parameter: String },
    #[error(
        "names parameter {position} {stated}, expected {found} as in {overload}: rename it, or \
         drop that overload"
    )]
    OverloadNames {
        position: usize,
        stated: String,
        found: String,
        overload: String,
    },
    #[error("has no parameter {found}: {}", match .expected.as_str() {
        "" => "its parameters have no names, so give arguments by position".to_owned(),
        expected => format!("expected one of {expected}; rename the argument"),
    })]
    UnknownParameter { found: String, expected: String },
    #[error("expected one argument for {parameter}, found two: remove one of them")]
    ArgumentTwice { parameter: String },
    #[error("expected an argument for {parameter}, found none: add {parameter} => value")]
    ArgumentMissing { parameter: String },
    #[error(
        "expected argument {position} before named arguments, found it after {before} => …: \
         move it to the front, or name it"
    )]
    ArgumentOrder { position: usize, before: String },
    #[error("is a {kind} function: expected a call without {clause}, which it does not take")]
    CallClause {
        kind: &'static str,
        clause: &'static str,
    },
    #[error("declares no function of a name LIKE '{0}'; DESCRIBE MODULE lists those that it does")]
    NothingLike(String),
    #[error("declares no function `{0}`; DESCRIBE MODULE lists those that it does")]
    NotDeclared(String),
    #[error("declares no function but those that the statement excepts")]
    NothingLeft,
    #[error("is of the kind {0}; only scalar functions have the option reset")]
    Reset(&'static str),
    #[error("is of the kind {0}; only scalar functions have the option on_error")]
    OnError(&'static str),
    #[error("is of the kind {0}; only scalar functions have the option abi")]
    Abi(&'static str),
    #[error("is of the kind {0}; only scalar functions have the option reuse")]
    ReuseKind(&'static str),
    #[error(
        "has reuse = 'always' and {reason}; expected an IMMUTABLE function whose rows do not \
         depend on each other: leave the option out"
    )]
    Reuse { reason: &'static str },
    #[error("has an argument that is not constant, {argument}: table functions take constants")]
    NotConstant { argument: String },
    #[error("takes no arguments; an aggregate function takes at least one")]
    NoArguments,
    #[error("has overloads of the result type {0} whose results over no rows differ")]
    AmbiguousEmptyResult(String),
    #[error("does not support IGNORE NULLS: its definition states the treatment of nulls")]
    IgnoreNulls,
    #[error("has a name that DataFusion's optimizer reserves for its own function: choose another")]
    ReservedName,
    #[error("is a table function, whose name must be in lower case")]
    TableName,
    #[error("has no columns")]
    NoColumns,
    #[error("is of the kind {found}; all overloads of a name must be of one kind, not {stated}")]
    Kind {
        found: &'static str,
        stated: &'static str,
    },
}

/// Formats the statement to write instead.
pub(crate) fn written_as(kind: Option<Kind>) -> String {
    kind.map_or_else(String::new, |kind| format!("; write {}", kind.statement()))
}

/// Number of names that a message lists.
const NAMES_MAX: usize = 12;

/// Formats the first names of a list.
fn shortened(all: &[String]) -> String {
    match all.len().checked_sub(NAMES_MAX) {
        Some(others @ 1..) => format!("{} and {others} others", names(&all[..NAMES_MAX])),
        _ => names(all),
    }
}

/// Formats names as a list: `` `a`, `b` ``.
pub(crate) fn names(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("`{}`", name.escape_debug()))
        .collect::<Vec<_>>()
        .join(", ")
}
