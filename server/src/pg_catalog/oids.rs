//! Identifiers of objects: the same for a name in each session, without being stored.

/// First identifier that PostgreSQL gives to objects of users.
const FIRST: u64 = 16_384;

/// Number of identifiers, which fit into 31 bits.
const COUNT: u64 = (1 << 31) - FIRST;

/// OIDs of the schemas that every database has.
pub(super) const PG_CATALOG: i64 = 11;
pub(super) const PUBLIC: i64 = 2_200;

/// OIDs of tables of the catalog, by which descriptions name the kind of an object.
pub(super) const PG_CLASS: i64 = 1_259;
pub(super) const PG_PROC: i64 = 1_255;

/// OID of the role that owns everything.
pub(super) const OWNER: i64 = 10;

/// OID of the language of functions.
pub(super) const WASM: i64 = 16_383;

/// Returns the identifier of an object by its kind and its name.
pub(super) fn oid(kind: &str, name: &str) -> i64 {
    // FNV-1a.
    let bytes = kind.bytes().chain([0]).chain(name.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    i64::try_from(FIRST + hash % COUNT).unwrap_or(0)
}

/// Returns the identifier of a schema.
pub(super) fn schema_oid(schema: &str) -> i64 {
    match schema {
        "pg_catalog" => PG_CATALOG,
        "public" => PUBLIC,
        other => oid("schema", other),
    }
}
