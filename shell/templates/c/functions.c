/* Functions for SQL. fusebox.h describes all that it offers. */
#include "fusebox.h"

FUSEBOX_MODULE;

FUSEBOX_DECLARE("CREATE FUNCTION squared(n BIGINT) RETURNS BIGINT LANGUAGE WASM STRICT;");

/* The square of a number, as a plain function. */
FUSEBOX_EXPORT("squared") int64_t squared(int64_t n) { return n * n; }

FUSEBOX_DECLARE("CREATE FUNCTION ascii_upper(text VARCHAR) RETURNS VARCHAR LANGUAGE WASM STRICT;");

/* The text with its ASCII letters in upper case, as a column function. */
FUSEBOX_SCALAR_1(text, ascii_upper, text, text) {
  char *upper = fusebox_take(text.length);
  for (uint32_t i = 0; i < text.length; i++) {
    char c = text.data[i];
    upper[i] = c >= 'a' && c <= 'z' ? c - 0x20 : c;
  }
  return (struct fusebox_text){upper, text.length};
}
