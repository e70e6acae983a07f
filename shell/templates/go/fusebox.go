// Package fusebox has what plain functions over text need: exports through which the host
// places arguments in the module's memory, and the form in which a text is returned.
//
// A function over numbers needs no package:
//
//	//go:wasmexport add
//	func add(a, b int64) int64 { return a + b }
//
// A function over text is declared WITH (abi = 'ptr_len'). Each argument is a string, which
// is valid until the function returns:
//
//	//go:wasmexport greet
//	func greet(name string) uint64 { return fusebox.Text("hello " + strings.Clone(name)) }
package fusebox

import "unsafe"

// Blocks that the host has allocated and not freed, by address: the garbage collector keeps
// them.
var blocks = map[uintptr][]byte{}

// The latest result, which the garbage collector keeps until the host has read it.
var result string

//go:wasmexport malloc
func malloc(bytes uint32) unsafe.Pointer {
	block := make([]byte, max(bytes, 1))
	address := unsafe.Pointer(unsafe.SliceData(block))
	blocks[uintptr(address)] = block
	return address
}

// Results are freed too, which are no blocks: nothing happens then.
//
//go:wasmexport free
func free(block unsafe.Pointer) {
	delete(blocks, uintptr(block))
}

// Text returns a text in the form of ptr_len: its address and, in the lower half, its length
// in bytes. It is valid until the next call of Text.
func Text(text string) uint64 {
	result = text
	address := uint64(uintptr(unsafe.Pointer(unsafe.StringData(text))))
	return address<<32 | uint64(len(text))
}

// Bytes returns bytes as Text returns a text. They must not be changed before the next call.
func Bytes(bytes []byte) uint64 {
	return Text(unsafe.String(unsafe.SliceData(bytes), len(bytes)))
}
