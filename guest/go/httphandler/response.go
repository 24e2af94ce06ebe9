package httphandler

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"my-handler/sockeye"
)

// gatheredBytesMax is how much of a body is gathered before it is sent. A body that is no larger
// has a Content-Length without the handler's doing.
const gatheredBytesMax = 16 << 10

// response is the http.ResponseWriter of one request.
//
// It also is an http.Flusher, an http.Hijacker and an io.ReaderFrom, and takes what an
// http.ResponseController asks for.
type response struct {
	server   *server
	request  *http.Request
	body     *body
	header   http.Header
	status   int         // 0 as long as there is none
	lines    http.Header // the header as it was when the status was written
	framing  framing
	rest     uint64 // what is left of a body with a length
	written  uint64
	close    bool  // the connection ends with this answer
	sent     bool  // something of it is on its way
	err      error // why the rest of it cannot be sent
	hijacked bool
	finished bool
}

var (
	errFinished = errors.New("httphandler: the answer is finished")
	errChanged  = errors.New("httphandler: the file has changed while it was sent")
)

// Header returns the header lines of the answer; changes count until the status is written, except
// for trailers, which are named in the line Trailer, or begin with http.TrailerPrefix.
func (r *response) Header() http.Header { return r.header }

// WriteHeader writes a status. One from 100 to 199, but 101, is sent at once with the header lines,
// and another one follows.
func (r *response) WriteHeader(status int) {
	switch {
	case status < 100 || status > 999:
		panic(fmt.Sprintf("httphandler: status %d is none", status))
	case r.hijacked || r.finished || r.status != 0:
		log.Printf("httphandler: superfluous status %d", status)
	case status < 200 && status != http.StatusSwitchingProtocols:
		r.writeInterim(status)
	default:
		r.status = status
		r.lines = r.header.Clone()
	}
}

func (r *response) writeInterim(status int) {
	if r.request.ProtoMinor == 0 {
		return
	}
	if status == http.StatusContinue {
		r.body.continueOwed = false
	}
	out := &r.server.out
	writeStatus(out, status)
	r.header.WriteSubset(out, framingLines)
	out.WriteString("\r\n")
	r.flushOut(false)
	// Of the final answer nothing is.
	r.sent = false
}

// Write adds to the body. It gathers small pieces until Flush.
//
// It fails with http.ErrBodyNotAllowed where the status has no body, with http.ErrContentLength
// where the body is longer than the handler's Content-Length, and with what sending fails with.
func (r *response) Write(p []byte) (int, error) {
	if err := r.admit(uint64(len(p))); err != nil {
		return 0, err
	}
	switch gathered := len(r.server.gathered); {
	case r.framing == bodiless || r.isHead() && gathered > 0:
		return len(p), nil
	case gathered+len(p) > gatheredBytesMax:
		r.begin(p)
		r.sendGathered()
	}
	if len(p) <= gatheredBytesMax {
		if r.server.out.Len() >= gatheredBytesMax {
			r.flushOut(true)
		}
		r.server.gathered = append(r.server.gathered, p...)
	} else if r.framing != bodiless {
		r.writeChunkLine(uint64(len(p)))
		r.flushOut(true)
		r.send(p, false)
		r.endChunk()
	}
	if r.err != nil {
		return 0, r.err
	}
	return len(p), nil
}

// WriteString does what Write does.
func (r *response) WriteString(text string) (int, error) { return r.Write([]byte(text)) }

// admit counts bytes that are to be written, and says why they cannot be.
func (r *response) admit(count uint64) error {
	switch {
	case r.hijacked:
		return http.ErrHijacked
	case r.finished:
		return errFinished
	case r.err != nil:
		return r.err
	}
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
	}
	if !hasBody(r.status) {
		return http.ErrBodyNotAllowed
	}
	if length, ok := r.announced(); ok && r.written+count > length {
		return http.ErrContentLength
	}
	r.written += count
	return nil
}

// ReadFrom writes what a reader holds. What is in a *sockeye.File, also behind an io.LimitedReader,
// goes from the host's page cache to the network; io.Copy and http.ServeContent come here.
func (r *response) ReadFrom(src io.Reader) (int64, error) {
	// Another answer may be on its way through the server's buffer.
	if r.finished {
		return 0, errFinished
	}
	file, length, err := sockeye.RestOfFile(src)
	if err != nil {
		return 0, err
	}
	if file == nil {
		return io.CopyBuffer(struct{ io.Writer }{r}, src, r.server.copied)
	}
	if length == 0 {
		return 0, nil
	}
	if err := r.admit(uint64(length)); err != nil {
		return 0, err
	}
	if r.isHead() {
		sockeye.Advance(src, length)
		return length, nil
	}
	offset, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	if r.framing == undecided && len(r.server.gathered) == 0 && r.lines["Content-Type"] == nil {
		count, _ := file.ReadAt(r.server.copied[:512], offset)
		r.begin(r.server.copied[:count])
	}
	r.begin(nil)
	if r.framing == bodiless {
		sockeye.Advance(src, length)
		return length, nil
	}
	r.sendGathered()
	r.writeChunkLine(uint64(length))
	sent := r.sendFile(file, offset, length)
	sockeye.Advance(src, sent)
	r.endChunk()
	return sent, r.err
}

// Flush sends what was gathered.
func (r *response) Flush() { r.FlushError() }

// FlushError sends what was gathered, and says where that fails.
func (r *response) FlushError() error {
	if err := r.admit(0); err != nil && err != http.ErrBodyNotAllowed {
		return err
	}
	r.begin(nil)
	r.sendGathered()
	r.flushOut(false)
	return r.err
}

// SetReadDeadline sets when reading the request's body fails, in place of 30 s after each read.
func (r *response) SetReadDeadline(deadline time.Time) error {
	if r.finished {
		return errFinished
	}
	r.body.deadline = deadline
	return nil
}

// SetWriteDeadline sets when sending the answer fails.
func (r *response) SetWriteDeadline(deadline time.Time) error {
	// The server has another connection by now, or none.
	if r.finished {
		return errFinished
	}
	return r.server.conn.SetWriteDeadline(deadline)
}

// EnableFullDuplex is in vain: the body can be read while the answer is written.
func (r *response) EnableFullDuplex() error { return nil }

// Hijack gives the handler the connection, which ends when the handler returns.
func (r *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if r.hijacked || r.sent || r.finished {
		return nil, nil, http.ErrHijacked
	}
	r.hijacked = true
	conn := r.server.conn
	return conn, bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn)), nil
}
