// Package sockeye gives handlers their connection and the files that they may read.
//
// A handler is plain blocking code. A call that waits stops every goroutine of the instance, while
// the host runs other instances; an instance serves one connection at a time.
//
// A component exports a handler by the import of one of two packages: httphandler for an
// http.Handler, handler for any other protocol.
package sockeye

import (
	"io"
	"net"
	"time"
	"unsafe"
)

// Conn is a connection that the host has accepted. It is a net.Conn.
//
// The methods of net.Conn, and what sends, keep to the deadlines that SetDeadline and its kin have
// set. Without a deadline, a call waits as long as the operator allows for one call
// (`--call-timeout`), and what sends goes on for as long as the peer takes at least one byte in
// that time. The methods that receive in other ways have a timeout of their own instead, which
// bounds the whole call: 0 takes what is there at once, NoTimeout is as long as the operator
// allows.
//
// Errors are of type *net.OpError, so they are of interface net.Error, and hold
//   - os.ErrDeadlineExceeded: the time is up, or the client slower than `--min-rate` allows;
//   - io.EOF, not in an OpError: the peer has closed its side, and everything was received;
//   - syscall.ECONNRESET, ECONNABORTED: the peer or the network gave up;
//   - syscall.EPIPE: the peer has closed the connection, or CloseWrite was called;
//   - net.ErrClosed: the handler, or the host, has closed the connection, or has it back;
//   - syscall.ENOBUFS: the host is short of memory.
//
// A connection is for the goroutine that runs the handler; it ends when the handler returns.
type Conn struct {
	handle        uint32
	closed        bool
	readDeadline  time.Time
	writeDeadline time.Time
}

var _ net.Conn = (*Conn)(nil)

// Read receives at least one byte and at most len(p), without waiting for more than is there.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	timeout, err := remaining(c.readDeadline)
	if err != nil {
		return 0, opError("read", err)
	}
	return c.Recv(p, timeout)
}

// Recv does what Read does, with a timeout in place of the deadline.
//
// One call returns at most as many bytes as the host chooses, at least 64 KiB. A timeout loses
// nothing.
func (c *Conn) Recv(p []byte, timeout time.Duration) (int, error) {
	if c.closed {
		return 0, opError("read", net.ErrClosed)
	}
	defer leave()
	has, nanoseconds := option(timeout)
	hostRecv(c.handle, land(p), has, nanoseconds, unsafe.Pointer(&result))
	if err := result.err(); err != nil {
		return 0, opError("read", err)
	}
	if result.words[2] == 0 {
		return 0, io.EOF
	}
	return int(result.words[2]), nil
}

// RecvUntil receives up to and including the first delimiter, at most len(p) bytes.
//
// What follows the delimiter stays with the host for the next call. Where the peer closes its side
// first, the bytes before that come with io.EOF. After a timeout, and with ErrTooLarge, which says
// that len(p) bytes do not contain the delimiter, the bytes stay with the host.
func (c *Conn) RecvUntil(p []byte, delimiter string, timeout time.Duration) (int, error) {
	if c.closed {
		return 0, opError("read", net.ErrClosed)
	}
	defer leave()
	has, nanoseconds := option(timeout)
	hostRecvUntil(c.handle, unsafe.Pointer(unsafe.StringData(delimiter)), uint32(len(delimiter)),
		land(p), has, nanoseconds, unsafe.Pointer(&result))
	if err := result.err(); err != nil {
		return 0, opError("read", err)
	}
	return delimited(p[:result.words[2]], delimiter)
}

// NextUntil does what Next does and then, where that is true, what RecvUntil does, in one call.
//
// Where Next is false it returns 0 and no error: return true from the handler.
func (c *Conn) NextUntil(p []byte, delimiter string, timeout time.Duration) (int, error) {
	if c.closed {
		return 0, nil
	}
	defer leave()
	has, nanoseconds := option(timeout)
	hostNextUntil(c.handle, unsafe.Pointer(unsafe.StringData(delimiter)), uint32(len(delimiter)),
		land(p), has, nanoseconds, unsafe.Pointer(&result))
	if err := result.err(); err != nil {
		return 0, opError("read", err)
	}
	if uint8(result.words[1]) == 0 {
		return 0, nil
	}
	return delimited(p[:result.words[3]], delimiter)
}

func delimited(received []byte, delimiter string) (int, error) {
	end := len(received) - len(delimiter)
	if end < 0 || string(received[end:]) != delimiter {
		return len(received), io.EOF
	}
	return len(received), nil
}

// Next says whether to go on with the connection now, and waits a little for that. Where it is
// false, return true from the handler: what comes later starts it again, perhaps in another
// instance. What WriteMore holds back is sent.
func (c *Conn) Next() bool { return !c.closed && hostNext(c.handle) != 0 }

// Closing says whether the host will close the connection instead of taking it back, as it does
// while it shuts down. Tell the peer where the protocol can, and return false from the handler.
func (c *Conn) Closing() bool { return c.closed || hostClosing(c.handle) != 0 }

// Close ends the connection in an orderly way, as returning false from the handler does.
func (c *Conn) Close() error {
	if c.closed {
		return opError("close", net.ErrClosed)
	}
	c.closed = true
	hostDropConnection(c.handle)
	return nil
}

// CloseRead ends the receiving side: what receives from now on returns io.EOF.
func (c *Conn) CloseRead() error { return c.shutdown(0) }

// CloseWrite ends the sending side: the peer receives io.EOF behind what was sent.
func (c *Conn) CloseWrite() error { return c.shutdown(1) }

func (c *Conn) shutdown(how uint32) error {
	if c.closed {
		return opError("close", net.ErrClosed)
	}
	hostShutdown(c.handle, how, unsafe.Pointer(&result))
	return opError("close", result.err())
}

// SetNoDelay chooses between small delay, as connections begin, and few packets. (TCP_NODELAY)
func (c *Conn) SetNoDelay(noDelay bool) error {
	if c.closed {
		return opError("set", net.ErrClosed)
	}
	enabled := uint32(0)
	if noDelay {
		enabled = 1
	}
	hostSetNoDelay(c.handle, enabled, unsafe.Pointer(&result))
	return opError("set", result.err())
}

// SetDeadline sets both deadlines. The zero time stands for none.
func (c *Conn) SetDeadline(t time.Time) error {
	c.readDeadline, c.writeDeadline = t, t
	return nil
}

// SetReadDeadline sets when Read fails instead of waiting on.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.readDeadline = t
	return nil
}

// SetWriteDeadline sets when what sends fails instead of waiting on.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.writeDeadline = t
	return nil
}

// remaining returns the timeout that ends at a deadline. As in package net, a deadline that has
// passed fails every call, also one that need not wait: loops end at it.
func remaining(deadline time.Time) (time.Duration, error) {
	if deadline.IsZero() {
		return NoTimeout, nil
	}
	timeout := time.Until(deadline)
	if timeout <= 0 {
		return 0, codes[0]
	}
	return timeout, nil
}

// LocalAddr returns the address at which the connection was accepted.
func (c *Conn) LocalAddr() net.Addr { return c.address(hostLocalAddress) }

// RemoteAddr returns the address of the peer, as the network shows it.
func (c *Conn) RemoteAddr() net.Addr { return c.address(hostPeerAddress) }

// address returns an address without anything in it where the connection is closed.
func (c *Conn) address(ask func(uint32, unsafe.Pointer)) net.Addr {
	if c.closed {
		return &net.TCPAddr{}
	}
	ask(c.handle, unsafe.Pointer(&result))
	if result.isError() {
		return &net.TCPAddr{}
	}
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&result)), unsafe.Sizeof(result))
	port := func(at int) int { return int(bytes[at]) | int(bytes[at+1])<<8 }
	switch uint8(result.words[1]) {
	case 0:
		return &net.TCPAddr{IP: net.IPv4(bytes[8], bytes[9], bytes[10], bytes[11]), Port: port(12)}
	case 1:
		ip := make(net.IP, net.IPv6len)
		for at := 0; at < len(ip); at += 2 {
			ip[at], ip[at+1] = bytes[9+at], bytes[8+at]
		}
		return &net.TCPAddr{IP: ip, Port: port(24)}
	}
	var name []byte
	if uint8(result.words[2]) != 0 {
		name = landed(result.words[3], result.words[4])
	}
	return &net.UnixAddr{Name: string(name), Net: "unix"}
}
