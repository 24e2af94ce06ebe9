// Package handler makes a component of a handler for any protocol but HTTP: it exports
// `sockeye:net/handler`. A component imports this package or httphandler, never both.
package handler

import (
	"unsafe"

	"my-handler/sockeye"
)

var serve = func(*sockeye.Conn) bool { return false }

// Serve makes f what serves every connection, from its beginning. Call it in func init: main does
// not run, because the host calls f.
//
// f returns true to hand the connection back: the host keeps it and calls f again when bytes
// arrive, perhaps in another instance, so what f knows of it does not last. False lets it go, which
// closes it in an orderly way. A panic closes it at once and ends the instance.
func Serve(f func(*sockeye.Conn) (handBack bool)) { serve = f }

//go:wasmexport sockeye:net/handler@0.1.0#handle
func handle(connection uint32) unsafe.Pointer { return sockeye.Activate(connection, serve) }
