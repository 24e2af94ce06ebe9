package sockeye

// The calls of the host as the canonical ABI has them. Pointers are 32 bits wide there and on the
// stack of WebAssembly, but 8 bytes in a struct of Go: hence the words in abi.go.

import "unsafe"

//go:wasmimport sockeye:net/connections@0.1.0 [method]connection.recv
//go:noescape
func hostRecv(self, max, hasTimeout uint32, timeout uint64, result unsafe.Pointer)

//go:wasmimport sockeye:net/connections@0.1.0 [method]connection.recv-until
//go:noescape
func hostRecvUntil(self uint32, delimiter unsafe.Pointer, length, max, hasTimeout uint32,
	timeout uint64, result unsafe.Pointer)

//go:wasmimport sockeye:net/connections@0.1.0 [method]connection.next-until
//go:noescape
func hostNextUntil(self uint32, delimiter unsafe.Pointer, length, max, hasTimeout uint32,
	timeout uint64, result unsafe.Pointer)

//go:wasmimport sockeye:net/connections@0.1.0 [method]connection.send
//go:noescape
func hostSend(self uint32, bytes unsafe.Pointer, length, flags, hasTimeout uint32,
	timeout uint64, result unsafe.Pointer)

//go:wasmimport sockeye:net/connections@0.1.0 [method]connection.send-with-file
//go:noescape
func hostSendWithFile(self uint32, bytes unsafe.Pointer, size, file uint32, offset, length uint64,
	hasTimeout uint32, timeout uint64, result unsafe.Pointer)

//go:wasmimport sockeye:net/connections@0.1.0 [method]connection.next
func hostNext(self uint32) uint32

//go:wasmimport sockeye:net/connections@0.1.0 [method]connection.closing
func hostClosing(self uint32) uint32

//go:wasmimport sockeye:net/connections@0.1.0 [method]connection.shutdown
//go:noescape
func hostShutdown(self, how uint32, result unsafe.Pointer)

//go:wasmimport sockeye:net/connections@0.1.0 [method]connection.set-no-delay
//go:noescape
func hostSetNoDelay(self, enabled uint32, result unsafe.Pointer)

//go:wasmimport sockeye:net/connections@0.1.0 [method]connection.peer-address
//go:noescape
func hostPeerAddress(self uint32, result unsafe.Pointer)

//go:wasmimport sockeye:net/connections@0.1.0 [method]connection.local-address
//go:noescape
func hostLocalAddress(self uint32, result unsafe.Pointer)

//go:wasmimport sockeye:net/connections@0.1.0 [resource-drop]connection
func hostDropConnection(self uint32)

//go:wasmimport sockeye:net/files@0.1.0 [static]file.open
//go:noescape
func hostOpenFile(path unsafe.Pointer, length uint32, result unsafe.Pointer)

//go:wasmimport sockeye:net/files@0.1.0 [method]file.stat
//go:noescape
func hostStat(self uint32, result unsafe.Pointer)

//go:wasmimport sockeye:net/files@0.1.0 [method]file.read
//go:noescape
func hostRead(self uint32, offset uint64, length uint32, result unsafe.Pointer)

//go:wasmimport sockeye:net/files@0.1.0 [resource-drop]file
func hostDropFile(self uint32)

//go:wasmimport sockeye:net/files@0.1.0 [static]directory.open
//go:noescape
func hostOpenDirectory(path unsafe.Pointer, length uint32, result unsafe.Pointer)

//go:wasmimport sockeye:net/files@0.1.0 [method]directory.read
//go:noescape
func hostReadDirectory(self uint32, result unsafe.Pointer)

//go:wasmimport sockeye:net/files@0.1.0 [resource-drop]directory
func hostDropDirectory(self uint32)

// pageBytes is what the adapter for WASI asks for, once for its stack and once for its state.
const pageBytes = 64 << 10

// The adapter's memory is a part of the module's own. The other way, to let the adapter grow the
// memory by itself (`--realloc-via-memory-grow`), gives it pages that Go's allocator, which takes
// whatever lies behind its heap for its own, hands out a second time.
var (
	adapterPages     [2 * pageBytes / 8]uint64
	adapterPagesUsed uint32
)

// cabiRealloc gives the host memory for what a call returns.
//
// The host calls it in the middle of a call, when a guest cannot call the host: whatever would
// start Go's collector or scheduler, which look at the clock, ends the instance here. So this
// allocates nothing, grows no stack and writes no pointer; it hands out memory that is there: the
// buffer that the caller has put up as `landing`, a place for short texts, and the adapter's two
// pages, which it needs before Go has begun. The collector runs whenever Go likes everywhere else,
// so nothing piles up in an instance that serves for long.
//
//go:wasmexport cabi_realloc
//go:nosplit
func cabiRealloc(old, oldSize, align, size uint32) uint32 {
	if size == pageBytes && align > 4 && adapterPagesUsed < 2 {
		page := uint32(uintptr(unsafe.Pointer(&adapterPages))) + adapterPagesUsed*pageBytes
		adapterPagesUsed++
		return page
	}
	start := (landing.used + align - 1) &^ (align - 1)
	switch {
	case old == 0 && start <= landing.size && size <= landing.size-start:
		landing.used = start + size
		return uint32(uintptr(landing.buffer)) + start
	case old == 0 && size <= uint32(len(scratch)):
		return uint32(uintptr(unsafe.Pointer(&scratch)))
	}
	// Beyond the end of the memory: the host refuses it and ends the instance.
	return ^uint32(7)
}
