// Bundled example in Go: plain functions over numbers and text.
//
// The guests in C, Zig and AssemblyScript have functions of the same names, which give the
// same answers. The statements are in sql-tests/slt/languages.slt.
package main

import "fusebox"

// The greatest common divisor, by Euclid's algorithm.
//
//go:wasmexport gcd
func gcd(a, b int64) int64 {
	x, y := magnitude(a), magnitude(b)
	for y != 0 {
		x, y = y, x%y
	}
	return int64(x)
}

func magnitude(number int64) uint64 {
	if number < 0 {
		return -uint64(number)
	}
	return uint64(number)
}

// The number of steps of the Collatz sequence from n until it is at most 1.
//
//go:wasmexport collatz_steps
func collatzSteps(n int64) int32 {
	steps := int32(0)
	for ; n > 1; steps++ {
		if n%2 == 0 {
			n /= 2
		} else {
			n = 3*n + 1
		}
	}
	return steps
}

// The first letters of the words of a text, in upper case; other first characters than ASCII
// letters are left out.
//
//go:wasmexport initials
func initials(text string) uint64 {
	var letters []byte
	for i := range len(text) {
		upper := text[i] &^ 0x20
		isFirst := i == 0 || text[i-1] == ' '
		if isFirst && upper >= 'A' && upper <= 'Z' {
			letters = append(letters, upper)
		}
	}
	return fusebox.Bytes(letters)
}

// A module without a main function is refused by the compiler; it is never called.
func main() {}
