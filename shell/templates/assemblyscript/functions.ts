// Functions for SQL, declared in functions.sql.

/** The square of a number. */
export function squared(n: i64): i64 {
  return n * n;
}

/** The text, backwards. */
export function backwards(text: string): string {
  return text.split("").reverse().join("");
}
