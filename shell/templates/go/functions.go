// Functions for SQL, declared in functions.sql.
package main

import (
	"NAME/fusebox"
	"strings"
)

// The square of a number.
//
//go:wasmexport squared
func squared(n int64) int64 { return n * n }

// The text in title case.
//
//go:wasmexport title
func title(text string) uint64 { return fusebox.Text(strings.ToTitle(text)) }

func main() {}
