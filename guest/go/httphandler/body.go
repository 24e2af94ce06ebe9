package httphandler

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"my-handler/sockeye"
)

// What is received of a request body, and how long that may take.
const (
	// bodyTimeout is how long a client may pause within a body.
	bodyTimeout = 30 * time.Second
	// What the handler did not read of a body is received and dropped, to keep the connection, up
	// to this size and for this time.
	drainBytesMax = 64 << 10
	drainTimeout  = time.Second
)

var (
	bodyTooSlow = &refusal{408, "request body came too slowly", os.ErrDeadlineExceeded}
	bodyCut     = &refusal{400, "request body ended before its end", io.ErrUnexpectedEOF}
	badChunk    = bad("request body is malformed as chunks")
)

// errForgone is what reading a body returns that the client was not asked for: it may never send
// it (RFC 9110 section 10.1.1).
var errForgone = errors.New("the answer began before the client was asked for the body")

// body is the body of one request, received as it is read. It is the Body of an http.Request.
type body struct {
	conn         *sockeye.Conn
	rest         uint64 // what is left, where the body has a length
	chunks       *decoder
	piece        []byte // what was received and is not decoded
	data         []byte // what is decoded and nobody has taken
	buffer       []byte
	continueOwed bool      // the client waits for `100 Continue`
	deadline     time.Time // set by the handler
	err          error     // why no more can be read
	closed       bool
}

// newBody returns the body of a message. The buffer is for what is received of chunks and of what
// nobody reads.
func newBody(conn *sockeye.Conn, m *message, buffer []byte) *body {
	b := &body{conn: conn, rest: m.length, continueOwed: m.expectsContinue, buffer: buffer}
	if m.chunked {
		b.chunks = new(decoder)
	}
	return b
}

// Read receives some of the body. It fails with an error that holds os.ErrDeadlineExceeded where
// the client pauses for too long, io.ErrUnexpectedEOF where it ends the connection, and another one
// where the chunks are malformed.
func (b *body) Read(p []byte) (int, error) {
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	if len(p) == 0 {
		return 0, nil
	}
	if b.err == nil && b.continueOwed {
		b.continueOwed = false
		_, b.err = b.conn.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
	}
	timeout := bodyTimeout
	if !b.deadline.IsZero() {
		timeout = max(time.Until(b.deadline), 0)
	}
	return b.read(p, timeout)
}

// Close says that the handler wants no more of the body; what is left is dropped later.
func (b *body) Close() error {
	b.closed = true
	return nil
}

func (b *body) read(p []byte, timeout time.Duration) (int, error) {
	for len(b.data) == 0 && b.err == nil && b.chunks != nil {
		b.decode(timeout)
	}
	if len(b.data) > 0 {
		count := copy(p, b.data)
		b.data = b.data[count:]
		return count, nil
	}
	if b.err == nil && b.rest == 0 {
		b.err = io.EOF
	}
	if b.err != nil {
		return 0, b.err
	}
	count, err := b.conn.Recv(p[:min(uint64(len(p)), b.rest)], timeout)
	b.rest -= uint64(count)
	b.failed(err)
	return count, b.err
}

// decode goes on with the chunks, and receives what surely belongs to them.
func (b *body) decode(timeout time.Duration) {
	if len(b.piece) == 0 {
		needed := b.chunks.needed()
		if needed == 0 {
			b.err = io.EOF
			return
		}
		count, err := b.conn.Recv(b.buffer[:min(needed, uint64(len(b.buffer)))], timeout)
		if b.failed(err); b.err != nil {
			return
		}
		b.piece = b.buffer[:count]
	}
	var ok bool
	if b.data, b.piece, ok = b.chunks.step(b.piece); !ok {
		b.err = badChunk
	}
}

// failed keeps what is wrong with the client or the connection.
func (b *body) failed(err error) {
	switch {
	case err == nil:
	case err == io.EOF:
		b.err = bodyCut
	case errors.Is(err, os.ErrDeadlineExceeded):
		b.err = bodyTooSlow
	default:
		b.err = err
	}
}

// fault returns why the client cannot be given a good answer, where its body is at fault.
func (b *body) fault() *refusal {
	fault, _ := b.err.(*refusal)
	return fault
}

// forgo gives up on a body that the client was not asked for, because the answer begins.
func (b *body) forgo() {
	if b.continueOwed {
		b.continueOwed = false
		b.err = errForgone
	}
}

// hasFailed says whether no more of the body can be read, though it is not at its end.
func (b *body) hasFailed() bool { return b.err != nil && b.err != io.EOF }

// isUndrainable says whether drain is certain to fail.
func (b *body) isUndrainable() bool {
	return b.rest > drainBytesMax || b.continueOwed || b.hasFailed()
}

// drain reads what is left, so that the next request can be received, and says whether it could.
func (b *body) drain() bool {
	if b.isUndrainable() {
		return false
	}
	var deadline time.Time
	for dropped := len(b.data); dropped <= drainBytesMax; dropped += len(b.data) {
		b.data = nil
		if b.err == io.EOF || b.chunks == nil && b.rest == 0 {
			return true
		}
		if deadline.IsZero() {
			deadline = time.Now().Add(drainTimeout)
		}
		timeout := max(time.Until(deadline), 0)
		if b.chunks != nil {
			b.decode(timeout)
		} else {
			count, err := b.conn.Recv(b.buffer[:min(b.rest, uint64(len(b.buffer)))], timeout)
			b.rest -= uint64(count)
			b.data = b.buffer[:count]
			b.failed(err)
		}
		if b.hasFailed() {
			return false
		}
	}
	return false
}
