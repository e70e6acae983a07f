/* Bundled example in C: plain functions over numbers and text, and functions over columns.
 *
 * The guests in Zig, Go and AssemblyScript have functions of the same names, which give the
 * same answers. */
#include "fusebox.h"

FUSEBOX_MODULE;
FUSEBOX_MALLOC;

/* ---- Plain functions: the host adds the loop over the rows ---------------------------- */

FUSEBOX_DECLARE("CREATE FUNCTION gcd(a BIGINT, b BIGINT) RETURNS BIGINT LANGUAGE WASM STRICT;");

/* The greatest common divisor, by Euclid's algorithm. */
FUSEBOX_EXPORT("gcd") int64_t gcd(int64_t a, int64_t b) {
  uint64_t x = a < 0 ? 0 - (uint64_t)a : (uint64_t)a;
  uint64_t y = b < 0 ? 0 - (uint64_t)b : (uint64_t)b;
  while (y) {
    uint64_t rest = x % y;
    x = y;
    y = rest;
  }
  return (int64_t)x;
}

FUSEBOX_DECLARE("CREATE FUNCTION collatz_steps(n BIGINT) RETURNS INT LANGUAGE WASM STRICT;");

/* The number of steps of the Collatz sequence from n until it is at most 1. */
FUSEBOX_EXPORT("collatz_steps") int32_t collatz_steps(int64_t n) {
  int32_t steps = 0;
  for (; n > 1; steps++) n = n % 2 ? (int64_t)((uint64_t)n * 3 + 1) : n / 2;
  return steps;
}

/* The first letters of the words of a text, in upper case; other first characters than
 * ASCII letters are left out. The convention is ptr_len: the result is the address of the
 * text and, in the lower half, its length. */
FUSEBOX_EXPORT("initials") uint64_t initials(const char *text, uint32_t length) {
  char *letters = malloc(length);
  uint32_t count = 0;
  for (uint32_t i = 0; i < length; i++) {
    char upper = text[i] & ~0x20;
    bool is_first = i == 0 || text[i - 1] == ' ';
    if (is_first && upper >= 'A' && upper <= 'Z') letters[count++] = upper;
  }
  return (uint64_t)(uintptr_t)letters << 32 | count;
}

/* ---- Column functions of ABI 1 ------------------------------------------------------- */

FUSEBOX_DECLARE("CREATE FUNCTION ascii_upper(text VARCHAR) RETURNS VARCHAR LANGUAGE WASM STRICT;");

/* The text with its ASCII letters in upper case. */
FUSEBOX_SCALAR_1(text, ascii_upper, text, text) {
  char *upper = fusebox_take(text.length);
  for (uint32_t i = 0; i < text.length; i++) {
    char c = text.data[i];
    upper[i] = c >= 'a' && c <= 'z' ? c - 0x20 : c;
  }
  return (struct fusebox_text){upper, text.length};
}

FUSEBOX_DECLARE("CREATE FUNCTION mean_distance(a DOUBLE, b DOUBLE, c DOUBLE) RETURNS DOUBLE "
                "LANGUAGE WASM CALLED ON NULL INPUT;");

/* The mean distance between two of the numbers that are not null; null if fewer than two
 * are. The rows share the fuel of the call. */
FUSEBOX_COLUMNS(mean_distance) {
  struct fusebox_result *out = fusebox_begin_f64(result, rows);
  struct fusebox_column columns[3];
  for (int k = 0; k < 3; k++) columns[k] = fusebox_argument(args, k);
  for (uint32_t row = 0; row < rows; row++) {
    double sum = 0;
    int pairs = 0;
    for (int k = 0; k < 3; k++) {
      const struct fusebox_column *a = &columns[k], *b = &columns[(k + 1) % 3];
      if (fusebox_is_null(a, row) || fusebox_is_null(b, row)) continue;
      double distance = fusebox_f64(a, row) - fusebox_f64(b, row);
      sum += distance < 0 ? -distance : distance;
      pairs++;
    }
    if (pairs) fusebox_put_f64(out, row, sum / pairs);
    else fusebox_put_null_f64(out, row);
  }
  return FUSEBOX_OK;
}
