package sockeye

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
)

// codes are the errors behind the cases of the contract's `error-code`, in its order.
//
// They are what package net and package os give for the same reasons, so errors.Is finds
// os.ErrDeadlineExceeded, net.ErrClosed, fs.ErrNotExist, fs.ErrPermission and the numbers of errno.
var codes = [...]error{
	os.ErrDeadlineExceeded,
	syscall.ECONNRESET,
	syscall.EPIPE,
	syscall.ECONNABORTED,
	net.ErrClosed,
	syscall.EINVAL,
	syscall.ENOTSUP,
	syscall.EACCES,
	syscall.ENOENT,
	syscall.EISDIR,
	syscall.ENXIO,
	syscall.ENAMETOOLONG,
	ErrTooLarge,
	syscall.EMFILE,
	syscall.ENOBUFS,
	syscall.EIO,
}

// ErrTooLarge is why RecvUntil and NextUntil fail where the buffer is full before the delimiter.
var ErrTooLarge error = syscall.EMSGSIZE

var errOther = errors.New("the host has failed")

func otherError(text []byte) error {
	if len(text) == 0 {
		return errOther
	}
	return errors.New(strings.ToValidUTF8(string(text), "?"))
}

// opError makes what a method of Conn returns: a net.Error, whose Timeout says what it was.
func opError(op string, err error) error {
	if err == nil {
		return nil
	}
	return &net.OpError{Op: op, Net: "tcp", Err: err}
}

// pathError makes what the functions for files return.
func pathError(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}

// isTimeout says whether a call ran out of time, rather than failed.
func isTimeout(err error) bool { return err == os.ErrDeadlineExceeded }
