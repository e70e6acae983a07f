//! Random statements, valid and broken, chosen by the bytes of an input.

/// Choices that the bytes of an input make. At its end, the first choice is made.
#[derive(Debug)]
pub(crate) struct Choices<'a>(pub(crate) &'a [u8]);

impl Choices<'_> {
    /// Returns true if all bytes are used.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns a number below `end`, of one byte.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        usize::from(*first) % end
    }

    fn one_of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.below(texts.len())]
    }

    /// Returns the text once in `number` times, else nothing.
    fn maybe(&mut self, number: usize, text: &str) -> String {
        match self.below(number) {
            1 => format!(" {text}"),
            _ => String::new(),
        }
    }
}

const FUNCTIONS: [&str; 10] = [
    "f0", "f1", "F2", "\"f 3\"", "clamp_to", "halve", "abs", "upper", "sum", "\"Ü\"",
];

const MODULES: [&str; 5] = ["m0", "m1", "\"m 2\"", "kinds", "nowhere"];

const TYPES: [&str; 18] = [
    "BIGINT",
    "BIGINT",
    "BIGINT",
    "DOUBLE",
    "VARCHAR",
    "BOOLEAN",
    "INT",
    "DATE",
    "TIMESTAMP",
    "DECIMAL(10, 2)",
    "DECIMAL(*)",
    "BIGINT[]",
    "STRUCT<a BIGINT, b VARCHAR>",
    "MAP<VARCHAR, BIGINT>",
    "ARROW('Dictionary(Int32, Utf8)')",
    "ARROW('Union')",
    "ARRAY<ARRAY<DOUBLE>>",
    "NOTHING",
];

const SOURCES: [&str; 14] = [
    "AS 'udfs/wat/clamp.wat'",
    "AS 'udfs/wat/clamp.wat'",
    "AS 'udfs/wat/clamp.wat' EXPORT 'clamp_to'",
    "AS 'udfs/wat/halve.wat' EXPORT 'halve'",
    "AS 'udfs/wat/same.wat' EXPORT 'same'",
    "FROM MODULE m0",
    "FROM MODULE m1 EXPORT 'halve'",
    "AS 'udfs/hostile/trap.wat'",
    "AS 'udfs/hostile/status.wat'",
    "AS 'udfs/hostile/endless_start.wat'",
    "AS $$(module)$$",
    "AS BASE64 'AGFzbQEAAAA='",
    "AS BASE64 'AGFzbQE'",
    "AS 'udfs/wat/../../no/such.wat'",
];

const OPTIONS: [&str; 14] = [
    "fuel_per_row = 1000",
    "fuel_per_call = 100000",
    "memory = '1MB'",
    "memory = '64kB'",
    "stack = '16kB'",
    "result_bytes = '1kB'",
    "instances = 2",
    "reset = 'row'",
    "reset = 'call'",
    "fuel_per_row = 0",
    "fuel_per_row = 9223372036854775807",
    "memory = '4GB'",
    "memory = -1",
    "speed = 11",
];

const EXPRESSIONS: [&str; 20] = [
    "1",
    "value",
    "NULL",
    "-9223372036854775808",
    "value % 3",
    "'text'",
    "1.5",
    "1e308",
    "CAST(NULL AS BIGINT)",
    "CAST(value AS DOUBLE)",
    "CAST(value AS VARCHAR)",
    "CAST(value AS DECIMAL(10, 2))",
    "DATE '2024-02-29'",
    "TIMESTAMP '1969-12-31 23:59:59.999999999'",
    "[value, 1, NULL]",
    "named_struct('a', value, 'b', 'x')",
    "arrow_cast(value, 'Dictionary(Int32, Int64)')",
    "arrow_cast(CAST(value AS VARCHAR), 'Utf8View')",
    "value > 2",
    "interval '1 day'",
];

const TOKENS: [&str; 24] = [
    "(", ")", ",", ";", "'", "\"", "$$", "$a$", "--", "/*", "[]", "<", ">>", "=", "NULL", "WITH",
    "AS", "FROM", "FUNCTION", "0", "1e999", "\u{200b}", "::", "E'\\",
];

/// Makes one statement; one in eight is broken at one place.
pub(crate) fn statement(choices: &mut Choices<'_>) -> String {
    let statement = match choices.below(24) {
        0..=4 => create_function(choices),
        5 | 6 => create_module(choices),
        7 => import(choices),
        8 => format!(
            "ALTER FUNCTION {} SET ({})",
            function_name(choices),
            list(choices, 3, |choices| choices.one_of(&OPTIONS).to_owned())
        ),
        9 | 10 => drop(choices),
        11 | 12 => show(choices),
        13 => relation(choices),
        14 => setting(choices),
        15 => format!(
            "EXPLAIN {}{}",
            choices.maybe(2, "ANALYZE "),
            select(choices)
        ),
        16 => prepared(choices),
        _ => select(choices),
    };
    match choices.below(8) {
        1 => broken(choices, &statement),
        _ => statement,
    }
}

fn list(
    choices: &mut Choices<'_>,
    most: usize,
    mut item: impl FnMut(&mut Choices<'_>) -> String,
) -> String {
    let items: Vec<String> = (0..choices.below(most + 1))
        .map(|_| item(choices))
        .collect();
    items.join(", ")
}

fn types(choices: &mut Choices<'_>) -> String {
    let types = list(choices, 3, |choices| {
        let name = choices.one_of(&["", "", "a ", "\"b c\" "]);
        format!("{name}{}", choices.one_of(&TYPES))
    });
    format!("({types})")
}

/// A function's name, with or without a list of types.
fn function_name(choices: &mut Choices<'_>) -> String {
    let name = choices.one_of(&FUNCTIONS);
    match choices.below(4) {
        1 => format!("{name}{}", types(choices)),
        2 => format!("{name}(BIGINT)"),
        _ => name.to_owned(),
    }
}

fn create_function(choices: &mut Choices<'_>) -> String {
    let replace = choices.maybe(3, "OR REPLACE");
    let temporary = choices.maybe(4, "TEMPORARY");
    let kind = choices.one_of(&["", "", "", "", " AGGREGATE", " WINDOW"]);
    let exists = choices.maybe(5, "IF NOT EXISTS");
    let name = choices.one_of(&FUNCTIONS);
    let signature = match choices.below(6) {
        0 => String::new(),
        1 => "(BIGINT) RETURNS BIGINT".to_owned(),
        2 | 3 => "(BIGINT, BIGINT, BIGINT) RETURNS BIGINT".to_owned(),
        4 => format!("{} RETURNS TABLE {}", types(choices), types(choices)),
        _ => format!("{} RETURNS {}", types(choices), choices.one_of(&TYPES)),
    };
    let state = choices.maybe(12, "STATE (a BIGINT)");
    let volatility = choices.one_of(&["", "", "", " IMMUTABLE", " STABLE", " VOLATILE"]);
    let nulls = choices.one_of(&["", "", " STRICT", " CALLED ON NULL INPUT"]);
    let source = choices.one_of(&SOURCES);
    let options = match choices.below(3) {
        1 => {
            let options = list(choices, 3, |choices| choices.one_of(&OPTIONS).to_owned());
            format!(" WITH ({options})")
        }
        _ => String::new(),
    };
    format!(
        "CREATE{replace}{temporary}{kind} FUNCTION{exists} {name}{signature}{state} \
         LANGUAGE WASM{volatility}{nulls} {source}{options}"
    )
}

fn create_module(choices: &mut Choices<'_>) -> String {
    let replace = choices.maybe(3, "OR REPLACE");
    let exists = choices.maybe(4, "IF NOT EXISTS");
    let name = choices.one_of(&MODULES);
    let source = choices.one_of(&[
        "FROM 'udfs/wat/clamp.wat'",
        "FROM 'udfs/wat/halve.wat'",
        "FROM 'udfs/wat/place.wat'",
        "FROM 'udfs/hostile/declares_twice.wat'",
        "FROM 'udfs/hostile/no_version.wat'",
        "FROM 'Cargo.toml'",
        "AS $$(module (memory (export \"memory\") 1))$$",
    ]);
    let digest = choices.maybe(8, "SHA256 'abc'");
    format!("CREATE{replace} MODULE{exists} {name} LANGUAGE WASM {source}{digest}")
}

fn import(choices: &mut Choices<'_>) -> String {
    let module = choices.one_of(&MODULES);
    let like = choices.one_of(&["", "", " LIKE '%'", " LIKE 'c_a%'", " LIKE '\\'"]);
    format!("IMPORT FUNCTIONS FROM MODULE {module}{like}")
}

fn drop(choices: &mut Choices<'_>) -> String {
    let exists = choices.maybe(2, "IF EXISTS");
    let cascade = choices.one_of(&["", " CASCADE", " RESTRICT"]);
    match choices.below(3) {
        0 => format!("DROP MODULE{exists} {}{cascade}", choices.one_of(&MODULES)),
        1 => {
            let names = [(); 2].map(|()| function_name(choices));
            format!("DROP FUNCTION{exists} {}{cascade}", names.join(", "))
        }
        _ => format!("DROP FUNCTION{exists} {}{cascade}", function_name(choices)),
    }
}

fn show(choices: &mut Choices<'_>) -> String {
    match choices.below(6) {
        0 => "SHOW FUNCTIONS LIKE 'f%'".to_owned(),
        1 => "SHOW USER FUNCTIONS".to_owned(),
        2 => "SHOW MODULES".to_owned(),
        3 => format!("SHOW CREATE FUNCTION {}", function_name(choices)),
        4 => format!("SHOW CREATE MODULE {}", choices.one_of(&MODULES)),
        _ => format!("DESCRIBE MODULE {}", choices.one_of(&MODULES)),
    }
}

fn relation(choices: &mut Choices<'_>) -> String {
    let name = choices.one_of(&["r0", "r1"]);
    match choices.below(5) {
        0 => format!("CREATE VIEW {name} AS {}", select(choices)),
        1 => format!("CREATE OR REPLACE VIEW {name} AS {}", select(choices)),
        2 => format!("CREATE TABLE {name} AS {}", select(choices)),
        3 => format!("DROP VIEW IF EXISTS {name}"),
        _ => format!("DROP TABLE IF EXISTS {name}"),
    }
}

fn setting(choices: &mut Choices<'_>) -> String {
    let setting = choices.one_of(&[
        "datafusion.execution.batch_size = 1",
        "datafusion.execution.batch_size = 8192",
        "datafusion.execution.target_partitions = 3",
        "datafusion.sql_parser.dialect = 'PostgreSQL'",
        "datafusion.sql_parser.dialect = 'MySQL'",
        "datafusion.sql_parser.dialect = 'Generic'",
        "datafusion.sql_parser.enable_ident_normalization = false",
        "datafusion.optimizer.max_passes = 1",
        "datafusion.no.such = 1",
    ]);
    format!("SET {setting}")
}

fn prepared(choices: &mut Choices<'_>) -> String {
    match choices.below(3) {
        0 => format!("PREPARE p AS {}", select(choices)),
        1 => "EXECUTE p".to_owned(),
        _ => "DEALLOCATE p".to_owned(),
    }
}

fn call(choices: &mut Choices<'_>, depth: usize) -> String {
    let name = choices.one_of(&FUNCTIONS);
    let count = choices.one_of(&["1", "3", "3", "0", "2"]).parse::<usize>();
    let arguments = (0..count.unwrap_or_default()).map(|_| expression(choices, depth));
    let arguments: Vec<String> = arguments.collect();
    let distinct = choices.maybe(16, "DISTINCT ");
    let over = choices.one_of(&[
        "",
        "",
        "",
        "",
        "",
        "",
        " OVER ()",
        " OVER (PARTITION BY value % 2 ORDER BY value)",
        " FILTER (WHERE value > 1)",
    ]);
    format!("{name}({distinct}{}){over}", arguments.join(", "))
}

fn expression(choices: &mut Choices<'_>, depth: usize) -> String {
    match choices.below(6) {
        1 if depth < 3 => call(choices, depth + 1),
        2 if depth < 3 => {
            let value = expression(choices, depth + 1);
            let then = expression(choices, depth + 1);
            format!("CASE WHEN {value} IS NULL THEN {then} END")
        }
        _ => choices.one_of(&EXPRESSIONS).to_owned(),
    }
}

fn select(choices: &mut Choices<'_>) -> String {
    let called = call(choices, 0);
    let from = choices.one_of(&[
        " FROM range(0, 20)",
        " FROM range(0, 20)",
        " FROM range(0, 0)",
        " FROM range(0, 1000)",
        " FROM (VALUES (1), (NULL), (-7)) AS v(value)",
        " FROM r0",
        "",
    ]);
    match choices.below(6) {
        0 => format!("SELECT {called}{from} ORDER BY 1 LIMIT 5"),
        1 => format!("SELECT count(*){from} WHERE {called} IS NOT NULL"),
        2 => format!("SELECT value % 2, count({called}){from} GROUP BY 1"),
        3 => format!("SELECT * FROM {} LIMIT 3", call(choices, 2)),
        _ => format!("SELECT {called}{from}"),
    }
}

/// Removes, inserts or repeats a token, or cuts the statement.
fn broken(choices: &mut Choices<'_>, statement: &str) -> String {
    let mut words: Vec<&str> = statement.split_inclusive(' ').collect();
    let at = choices.below(words.len());
    match choices.below(4) {
        0 => std::mem::drop(words.remove(at)),
        1 => words.insert(at, words[at]),
        2 => words.truncate(at),
        _ => words.insert(at, choices.one_of(&TOKENS)),
    }
    words.concat()
}
