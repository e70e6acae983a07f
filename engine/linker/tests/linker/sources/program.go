package main

import (
	"fmt"
	"math/rand"
	"os"
	"sort"
	"strings"
	"time"
)

// Prints the sums of the numbers below n by their remainders, and returns the sum of all.
//
//go:wasmexport total
func total(n int64) int64 {
	sums := map[int64]int64{}
	for i := int64(0); i < n; i++ {
		sums[i%7] += i
	}
	keys := []int64{}
	for key := range sums {
		keys = append(keys, key)
	}
	sort.Slice(keys, func(a, b int) bool { return keys[a] < keys[b] })
	words := []string{}
	sum := int64(0)
	for _, key := range keys {
		words = append(words, fmt.Sprint(sums[key]))
		sum += sums[key]
	}
	fmt.Fprintln(os.Stderr, strings.Join(words, ","))
	return sum
}

// Returns the time in seconds, a second after the beginning of the row.
//
//go:wasmexport seconds
func seconds() int64 {
	time.Sleep(time.Second)
	return time.Now().Unix()
}

//go:wasmexport dice
func dice() int64 {
	return int64(rand.Uint32())
}

//go:wasmexport opened
func opened() int32 {
	if _, err := os.Open("/etc/passwd"); err != nil {
		return 0
	}
	return 1
}

//go:wasmexport quit
func quit(code int32) {
	os.Exit(int(code))
}

func main() {}
