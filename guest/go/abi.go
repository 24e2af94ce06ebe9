package sockeye

import (
	"time"
	"unsafe"
)

// words is an area that the host writes the result of a call to.
//
// A result begins with a byte that is 1 for an error; the value or the error follows, aligned as
// its largest part: in word 1 mostly, in word 2 where there is a number of 64 bits.
type words [10]uint32

// result is the area of the running call. There is one, because a call of the host stops every
// goroutine; and it is no variable of a function, because stacks move.
var result struct {
	_ [0]uint64
	words
}

// landing is the buffer of the running call: lists that it returns are written there. For the same
// reasons it is one, and in the heap.
var landing struct {
	buffer     unsafe.Pointer
	size, used uint32
}

// scratch is where a text lands that is no part of a list, such as that of an error.
var scratch [4096]byte

// land puts up a buffer for the next call, and returns how much it holds.
//
// Where the list holds more than bytes, the buffer is one that was allocated as a whole: it begins
// at a multiple of 8.
func land(buffer []byte) uint32 {
	landing.size = uint32(min(len(buffer), 1<<30))
	landing.buffer = unsafe.Pointer(unsafe.SliceData(buffer))
	landing.used = 0
	return landing.size
}

// leave lets the collector have the buffer when the caller has done with it.
func leave() { landing.buffer, landing.size = nil, 0 }

// landed returns the bytes that the host has put at an address that it was given.
func landed(address, length uint32) []byte {
	start := address - uint32(uintptr(landing.buffer))
	if start < landing.size {
		return unsafe.Slice((*byte)(landing.buffer), landing.size)[start : start+length]
	}
	start = address - uint32(uintptr(unsafe.Pointer(&scratch)))
	if start < uint32(len(scratch)) {
		return scratch[start : start+length]
	}
	return nil
}

func (w *words) isError() bool { return uint8(w[0]) != 0 }

func (w *words) long(at int) uint64 { return uint64(w[at]) | uint64(w[at+1])<<32 }

// err returns the error of a result that has it in word 1.
func (w *words) err() error {
	if !w.isError() {
		return nil
	}
	return w.errorAt(1)
}

// errorAt returns the `error-code` that begins at a word.
func (w *words) errorAt(at int) error {
	code := int(uint8(w[at]))
	if code < len(codes) {
		return codes[code]
	}
	if uint8(w[at+1]) == 0 {
		return errOther
	}
	return otherError(landed(w[at+2], w[at+3]))
}

// NoTimeout is the timeout of a call that may take as long as the operator allows.
const NoTimeout time.Duration = -1

// option returns a timeout as `option<duration>`.
func option(timeout time.Duration) (uint32, uint64) {
	if timeout < 0 {
		return 0, 0
	}
	return 1, uint64(timeout)
}

// verdict is the `option<connection>` that an activation ends with.
var verdict [2]uint32

// Activate serves one activation of the connection that the host calls `handle`, and returns what
// the export has to. The packages handler and httphandler do this; handlers do not.
func Activate(handle uint32, serve func(*Conn) bool) unsafe.Pointer {
	conn := &Conn{handle: handle}
	verdict = [2]uint32{}
	if serve(conn) && !conn.closed {
		// The host has the handle again; a goroutine that was left behind must not use it.
		conn.closed = true
		verdict = [2]uint32{1, handle}
	} else {
		conn.Close()
	}
	return unsafe.Pointer(&verdict)
}
