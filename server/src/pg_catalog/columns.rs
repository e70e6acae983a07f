//! Columns of the tables, as far as clients read them.
//!
//! Types are letters: `o` OID, `i` integer, `f` number, `b` boolean, `t` text, `c` one character,
//! `T` texts, `I` integers. A value that a row leaves out is 0, false, `''` for a character, and
//! null for the others.

/// Tables of the catalog.
pub(super) const TABLES: [(&str, &str); 49] = [
    (
        "pg_class",
        "oid:o relname:t relnamespace:o reltype:o reloftype:o relowner:o relam:o relfilenode:o \
         reltablespace:o relpages:i reltuples:f relallvisible:i reltoastrelid:o relhasindex:b \
         relisshared:b relpersistence:c relkind:c relnatts:i relchecks:i relhasrules:b \
         relhastriggers:b relhassubclass:b relrowsecurity:b relforcerowsecurity:b \
         relispopulated:b relreplident:c relispartition:b relrewrite:o relacl:T reloptions:T \
         relpartbound:t",
    ),
    (
        "pg_attribute",
        "attrelid:o attname:t atttypid:o attlen:i attnum:i attcacheoff:i atttypmod:i attndims:i \
         attbyval:b attalign:c attstorage:c attcompression:c attnotnull:b atthasdef:b \
         atthasmissing:b attidentity:c attgenerated:c attisdropped:b attislocal:b attinhcount:i \
         attstattarget:i attcollation:o attacl:T attoptions:T attfdwoptions:T",
    ),
    ("pg_attrdef", "oid:o adrelid:o adnum:i adbin:t"),
    ("pg_namespace", "oid:o nspname:t nspowner:o nspacl:T"),
    (
        "pg_type",
        "oid:o typname:t typnamespace:o typowner:o typlen:i typbyval:b typtype:c typcategory:c \
         typispreferred:b typisdefined:b typdelim:c typrelid:o typsubscript:t typelem:o \
         typarray:o typinput:t typoutput:t typreceive:t typsend:t typmodin:t typmodout:t \
         typanalyze:t typalign:c typstorage:c typnotnull:b typbasetype:o typtypmod:i typndims:i \
         typcollation:o typdefault:t typacl:T",
    ),
    (
        "pg_proc",
        "oid:o proname:t pronamespace:o proowner:o prolang:o procost:f prorows:f provariadic:o \
         prosupport:t prokind:c prosecdef:b proleakproof:b proisstrict:b proretset:b \
         provolatile:c proparallel:c pronargs:i pronargdefaults:i prorettype:o proargtypes:I \
         proallargtypes:I proargmodes:T proargnames:T prosrc:t probin:t prosqlbody:t \
         proconfig:T proacl:T",
    ),
    (
        "pg_database",
        "oid:o datname:t datdba:o encoding:i datlocprovider:c datistemplate:b datallowconn:b \
         datconnlimit:i datcollate:t datctype:t daticulocale:t daticurules:t datlocale:t \
         datcollversion:t dattablespace:o datacl:T",
    ),
    (
        "pg_roles",
        "oid:o rolname:t rolsuper:b rolinherit:b rolcreaterole:b rolcreatedb:b rolcanlogin:b \
         rolreplication:b rolconnlimit:i rolpassword:t rolvaliduntil:t rolbypassrls:b rolconfig:T",
    ),
    (
        "pg_user",
        "usesysid:o usename:t usecreatedb:b usesuper:b userepl:b usebypassrls:b",
    ),
    (
        "pg_language",
        "oid:o lanname:t lanowner:o lanispl:b lanpltrusted:b lanacl:T",
    ),
    ("pg_am", "oid:o amname:t amhandler:t amtype:c"),
    (
        "pg_tablespace",
        "oid:o spcname:t spcowner:o spcacl:T spcoptions:T",
    ),
    (
        "pg_settings",
        "name:t setting:t unit:t category:t short_desc:t context:t vartype:t source:t",
    ),
    (
        "pg_tables",
        "schemaname:t tablename:t tableowner:t tablespace:t hasindexes:b hasrules:b \
         hastriggers:b rowsecurity:b",
    ),
    (
        "pg_views",
        "schemaname:t viewname:t viewowner:t definition:t",
    ),
    (
        "pg_description",
        "objoid:o classoid:o objsubid:i description:t",
    ),
    (
        "pg_collation",
        "oid:o collname:t collnamespace:o collprovider:c collcollate:t collctype:t",
    ),
    (
        "pg_index",
        "indexrelid:o indrelid:o indnatts:i indnkeyatts:i indisunique:b indisprimary:b \
         indisexclusion:b indimmediate:b indisclustered:b indisvalid:b indisready:b indislive:b \
         indisreplident:b indnullsnotdistinct:b indkey:I indcollation:I indclass:I indoption:I \
         indexprs:t indpred:t",
    ),
    (
        "pg_constraint",
        "oid:o conname:t connamespace:o contype:c condeferrable:b condeferred:b convalidated:b \
         conrelid:o contypid:o conindid:o conparentid:o confrelid:o confupdtype:c confdeltype:c \
         confmatchtype:c conislocal:b coninhcount:i connoinherit:b conkey:I confkey:I conbin:t",
    ),
    (
        "pg_inherits",
        "inhrelid:o inhparent:o inhseqno:i inhdetachpending:b",
    ),
    (
        "pg_depend",
        "classid:o objid:o objsubid:i refclassid:o refobjid:o refobjsubid:i deptype:c",
    ),
    ("pg_shdescription", "objoid:o classoid:o description:t"),
    (
        "pg_auth_members",
        "oid:o roleid:o member:o grantor:o admin_option:b",
    ),
    ("pg_db_role_setting", "setdatabase:o setrole:o setconfig:T"),
    ("pg_enum", "oid:o enumtypid:o enumsortorder:f enumlabel:t"),
    (
        "pg_range",
        "rngtypid:o rngsubtype:o rngmultitypid:o rngcollation:o rngsubopc:o",
    ),
    (
        "pg_extension",
        "oid:o extname:t extowner:o extnamespace:o extrelocatable:b extversion:t",
    ),
    (
        "pg_trigger",
        "oid:o tgrelid:o tgname:t tgenabled:c tgisinternal:b tgconstraint:o tgparentid:o",
    ),
    (
        "pg_rewrite",
        "oid:o rulename:t ev_class:o ev_type:c ev_enabled:c is_instead:b",
    ),
    (
        "pg_policy",
        "oid:o polname:t polrelid:o polcmd:c polpermissive:b polroles:I polqual:t polwithcheck:t",
    ),
    (
        "pg_statistic_ext",
        "oid:o stxrelid:o stxname:t stxnamespace:o stxowner:o stxkeys:I stxkind:T stxstattarget:i",
    ),
    (
        "pg_publication",
        "oid:o pubname:t pubowner:o puballtables:b pubinsert:b pubupdate:b pubdelete:b",
    ),
    (
        "pg_publication_rel",
        "oid:o prpubid:o prrelid:o prqual:t prattrs:I",
    ),
    ("pg_publication_namespace", "oid:o pnpubid:o pnnspid:o"),
    (
        "pg_subscription",
        "oid:o subdbid:o subname:t subowner:o subenabled:b",
    ),
    ("pg_foreign_table", "ftrelid:o ftserver:o ftoptions:T"),
    (
        "pg_foreign_server",
        "oid:o srvname:t srvowner:o srvfdw:o srvtype:t srvversion:t",
    ),
    (
        "pg_foreign_data_wrapper",
        "oid:o fdwname:t fdwowner:o fdwhandler:o fdwvalidator:o",
    ),
    (
        "pg_sequence",
        "seqrelid:o seqtypid:o seqstart:i seqincrement:i seqmax:i seqmin:i seqcache:i seqcycle:b",
    ),
    (
        "pg_partitioned_table",
        "partrelid:o partstrat:c partnatts:i partdefid:o",
    ),
    ("pg_aggregate", "aggfnoid:o aggkind:c aggnumdirectargs:i"),
    (
        "pg_operator",
        "oid:o oprname:t oprnamespace:o oprkind:c oprleft:o oprright:o oprresult:o",
    ),
    (
        "pg_cast",
        "oid:o castsource:o casttarget:o castfunc:o castcontext:c castmethod:c",
    ),
    (
        "pg_opclass",
        "oid:o opcmethod:o opcname:t opcnamespace:o opcintype:o opcdefault:b",
    ),
    (
        "pg_event_trigger",
        "oid:o evtname:t evtevent:t evtowner:o evtenabled:c",
    ),
    (
        "pg_matviews",
        "schemaname:t matviewname:t matviewowner:t definition:t",
    ),
    (
        "pg_indexes",
        "schemaname:t tablename:t indexname:t tablespace:t indexdef:t",
    ),
    // A function without arguments.
    (
        "pg_get_keywords",
        "word:t catcode:c barelabel:b catdesc:t baredesc:t",
    ),
    (
        "pg_stat_activity",
        "datid:o datname:t pid:i usename:t application_name:t state:t query:t",
    ),
];

/// Tables that have rows; the others have none.
pub(super) const WITH_ROWS: [&str; 17] = [
    "pg_get_keywords",
    "pg_class",
    "pg_attribute",
    "pg_attrdef",
    "pg_namespace",
    "pg_type",
    "pg_proc",
    "pg_database",
    "pg_roles",
    "pg_user",
    "pg_language",
    "pg_am",
    "pg_tablespace",
    "pg_settings",
    "pg_tables",
    "pg_views",
    "pg_description",
];
