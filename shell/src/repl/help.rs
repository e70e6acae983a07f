//! Help of the prompt.

pub(super) const HELP: &str = "\
A statement ends with `;` and can span several lines. Ctrl-C clears the input, or cancels the
running statement; Ctrl-R searches the history; Tab completes names and files.

  \\d [NAME]           relations, or the columns of one; \\d+ its statement; \\dt tables, \\dv views
  \\df [PATTERN]       Wasm functions, or all that match; \\df+ all, with more columns; \\dm modules
  \\l, \\dn             catalogs; schemas
  \\x [on|off|auto]    one line for each value; auto: where a table is too wide
  \\pset [NAME VALUE]  settings of the display: format, null, header, rows, expanded, pager
  \\t [on|off]         results without the names of columns
  \\timing [on|off]    times of statements
  \\o [FILE]           writes results to a file, a |command, or to the terminal again
  \\i FILE             executes the statements of a file; \\ir of one beside the script
  \\e [FILE]           edits the last statement, or a file, in $EDITOR and executes it
  \\g [FILE], \\gx      executes the last statement again, also after a statement instead of `;`
  \\watch [S]          executes the last statement every S seconds
  \\copy T TO 'FILE'   writes a table or a (query) to a file or STDOUT; FROM reads one
  \\set [NAME VALUE]   variables: :name, :'name' as a string, :\"name\" as a name; \\unset
  \\gset [PREFIX]      sets variables to the only row of the last statement
  .dump               prints statements that make the same catalog
  \\errverbose         prints the last error with its causes
  \\echo TEXT          prints a text; \\! COMMAND runs a command of the system
  \\cd [DIR]           changes to a folder, where relative paths of files start, or to your home
  \\?, \\q              this help; quit, also `quit`, `exit`, Ctrl-D

Also .tables, .schema, .mode, .headers, .maxrows, .read, .output, .edit, .shell, .help and .quit,
as in duckdb.

Functions:  CREATE FUNCTION, CREATE MODULE, IMPORT FUNCTIONS FROM MODULE,
            SHOW USER FUNCTIONS, SHOW MODULES, DESCRIBE MODULE
Files:      SELECT * FROM 'file.parquet'; or CREATE EXTERNAL TABLE
";
