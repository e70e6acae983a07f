//! Functions of other systems, and what does the same here.

/// Names in lower case, and what to write.
const INSTEAD: [(&str, &str); 80] = [
    ("strftime", "write to_char(value, '%Y-%m-%d')"),
    ("format_datetime", "write to_char(value, '%Y-%m-%d')"),
    ("strptime", "write to_timestamp(text, '%Y-%m-%d')"),
    ("str_to_date", "write to_date(text, '%Y-%m-%d')"),
    ("year", PART),
    ("quarter", PART),
    ("month", PART),
    ("week", PART),
    ("weekofyear", PART),
    ("day", PART),
    ("dayofmonth", PART),
    ("dayofweek", PART),
    ("weekday", PART),
    ("dayofyear", PART),
    ("hour", PART),
    ("minute", PART),
    ("second", PART),
    ("epoch", "write date_part('epoch', value)"),
    ("monthname", "write to_char(value, '%B')"),
    ("dayname", "write to_char(value, '%A')"),
    ("datediff", DIFFERENCE),
    ("date_diff", DIFFERENCE),
    ("datesub", DIFFERENCE),
    ("date_sub", DIFFERENCE),
    ("timestampdiff", DIFFERENCE),
    ("age", DIFFERENCE),
    ("dateadd", "write value + INTERVAL '1 day'"),
    ("date_add", "write value + INTERVAL '1 day'"),
    ("getdate", "write now()"),
    ("sysdate", "write now()"),
    ("epoch_ms", "write to_timestamp_millis(number)"),
    ("len", "write length(text)"),
    ("strlen", "write octet_length(text)"),
    ("lcase", "write lower(text)"),
    ("ucase", "write upper(text)"),
    ("charindex", "write strpos(text, part)"),
    ("string_split", "write string_to_array(text, ',')"),
    ("str_split", "write string_to_array(text, ',')"),
    ("split", "write string_to_array(text, ',')"),
    ("regexp_matches", "write regexp_like(text, pattern)"),
    ("regexp_full_match", "write regexp_like(text, '^pattern$')"),
    ("regexp_extract", "write regexp_match(text, pattern)[1]"),
    ("regexp_substr", "write regexp_match(text, pattern)[1]"),
    ("group_concat", "write string_agg(text, ',')"),
    ("listagg", "write string_agg(text, ',')"),
    ("list", "write array_agg(value)"),
    ("collect_list", "write array_agg(value)"),
    ("list_value", "write [a, b]"),
    ("struct_pack", "write named_struct('a', 1) or {'a': 1}"),
    ("arg_max", "write first_value(a ORDER BY b DESC)"),
    ("max_by", "write first_value(a ORDER BY b DESC)"),
    ("arg_min", "write first_value(a ORDER BY b)"),
    ("min_by", "write first_value(a ORDER BY b)"),
    ("first", "write first_value(a ORDER BY b)"),
    ("last", "write last_value(a ORDER BY b)"),
    ("if", "write CASE WHEN condition THEN a ELSE b END"),
    ("iff", "write CASE WHEN condition THEN a ELSE b END"),
    ("iif", "write CASE WHEN condition THEN a ELSE b END"),
    (
        "last_day",
        "write date_trunc('month', value) + INTERVAL '1 month' - INTERVAL '1 day'",
    ),
    ("make_timestamp", "write to_timestamp('2013-01-31 04:05')"),
    ("localtimestamp", "write now()"),
    ("localtime", "write current_time"),
    (
        "mode",
        "write GROUP BY value ORDER BY count(*) DESC LIMIT 1",
    ),
    ("format", JOINED),
    ("printf", JOINED),
    ("prefix", "write starts_with(text, part)"),
    ("suffix", "write ends_with(text, part)"),
    ("bar", "write repeat('#', number)"),
    ("gen_random_uuid", "write uuid()"),
    ("newid", "write uuid()"),
    ("typeof", "write arrow_typeof(value)"),
    ("pg_typeof", "write arrow_typeof(value)"),
    ("xor", "write a ^ b, or a <> b for conditions"),
    ("div", "write a / b, which is whole for integers"),
    (
        "current_user",
        "the shell has no user of the catalog: leave it out",
    ),
    (
        "session_user",
        "the shell has no user of the catalog: leave it out",
    ),
    ("user", "the shell has no user of the catalog: leave it out"),
    ("list_transform", LAMBDAS),
    ("list_filter", LAMBDAS),
    ("count_if", "write count(*) FILTER (WHERE condition)"),
];

const PART: &str = "write date_part('year', value): its first argument is the part";

const JOINED: &str = "write concat('a ', b), or 'a ' || b";

/// Functions of elements, whose bodies are read in a few dialects alone.
pub(super) const LAMBDAS: &str = "write array_transform(list, x -> x + 1) or array_filter(…) after \
                                  SET datafusion.sql_parser.dialect = 'DuckDB'";

const DIFFERENCE: &str = "subtract dates for days, as in date '2013-02-01' - date '2013-01-01'";

/// Functions that other systems call without brackets.
const WORDS: [&str; 5] = [
    "localtimestamp",
    "localtime",
    "current_user",
    "session_user",
    "user",
];

/// Returns what to write instead of a function that is called without brackets.
pub(super) fn word_hint(name: &str) -> Option<String> {
    let is_word = WORDS.iter().any(|word| name.eq_ignore_ascii_case(word));
    is_word.then(|| hint(name)).flatten()
}

/// Returns what to write instead of a function of another system.
pub(super) fn hint(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    let mut known = INSTEAD.iter();
    let (_, instead) = known.find(|(name, _)| *name == lower)?;
    Some((*instead).to_owned())
}
