//go:build !wasip1

package sockeye

// Outside of a component there is no host. This compiles there all the same, for editors and for
// tests of handlers by `go test` and package httptest.

import "unsafe"

const noHost = "sockeye: there is no host outside of a component"

func hostRecv(uint32, uint32, uint32, uint64, unsafe.Pointer) { panic(noHost) }
func hostRecvUntil(uint32, unsafe.Pointer, uint32,
	uint32, uint32, uint64, unsafe.Pointer) {
	panic(noHost)
}
func hostNextUntil(uint32, unsafe.Pointer, uint32,
	uint32, uint32, uint64, unsafe.Pointer) {
	panic(noHost)
}
func hostSend(uint32, unsafe.Pointer, uint32,
	uint32, uint32, uint64, unsafe.Pointer) {
	panic(noHost)
}
func hostSendWithFile(uint32, unsafe.Pointer, uint32, uint32,
	uint64, uint64, uint32, uint64, unsafe.Pointer) {
	panic(noHost)
}
func hostNext(uint32) uint32                                   { panic(noHost) }
func hostClosing(uint32) uint32                                { panic(noHost) }
func hostShutdown(uint32, uint32, unsafe.Pointer)              { panic(noHost) }
func hostSetNoDelay(uint32, uint32, unsafe.Pointer)            { panic(noHost) }
func hostPeerAddress(uint32, unsafe.Pointer)                   { panic(noHost) }
func hostLocalAddress(uint32, unsafe.Pointer)                  { panic(noHost) }
func hostDropConnection(uint32)                                { panic(noHost) }
func hostOpenFile(unsafe.Pointer, uint32, unsafe.Pointer)      { panic(noHost) }
func hostStat(uint32, unsafe.Pointer)                          { panic(noHost) }
func hostRead(uint32, uint64, uint32, unsafe.Pointer)          { panic(noHost) }
func hostDropFile(uint32)                                      { panic(noHost) }
func hostOpenDirectory(unsafe.Pointer, uint32, unsafe.Pointer) { panic(noHost) }
func hostReadDirectory(uint32, unsafe.Pointer)                 { panic(noHost) }
func hostDropDirectory(uint32)                                 { panic(noHost) }
