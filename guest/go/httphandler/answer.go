package httphandler

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"my-handler/sockeye"
)

// framing is how the end of an answer's body is found.
type framing uint8

const (
	undecided framing = iota
	byLength
	byChunks
	byClose
	bodiless // to HEAD, and with 204, 205 and 304: what is written has no place
)

// framingLines are the header lines that this package writes, where they have to be written.
var framingLines = map[string]bool{
	"Connection": true, "Content-Length": true, "Transfer-Encoding": true,
}

// finish sends what is left of the answer, and says whether the connection can take another.
func (r *response) finish() bool {
	if r.hijacked {
		return false
	}
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
	}
	// What a handler makes of a body that never came whole is no success.
	if fault := r.body.fault(); fault != nil {
		if !r.sent && r.status < 400 {
			r.refuse(fault)
			return false
		}
		r.close = true
		if r.sent && r.framing != byLength {
			return false
		}
	}
	if r.framing == undecided {
		r.end()
	}
	r.sendGathered()
	if r.framing == byChunks {
		r.server.out.WriteString("0\r\n")
		r.trailers().Write(&r.server.out)
		r.server.out.WriteString("\r\n")
	}
	r.flushOut(r.close)
	r.finished = true
	return !r.close && r.err == nil && r.rest == 0 && r.body.drain()
}

// refuse answers with what was wrong, where nothing of an answer was sent, and ends the connection.
func (r *response) refuse(refused *refusal) {
	if r.sent || r.hijacked {
		return
	}
	r.server.out.Reset()
	r.server.gathered = append(r.server.gathered[:0], refused.reason...)
	r.server.gathered = append(r.server.gathered, '\n')
	r.framing, r.status, r.close = undecided, refused.status, true
	r.written = uint64(len(r.server.gathered))
	r.lines = http.Header{"Content-Type": {"text/plain; charset=utf-8"}}
	// Nor does a trailer of the handler's follow: with one, the answer would be chunked.
	r.header = http.Header{}
	r.end()
	r.sendGathered()
	r.flushOut(true)
	r.finished = true
}

// end writes the head of an answer of which everything is there.
func (r *response) end() {
	r.close = r.close || r.body.isUndrainable()
	if _, ok := r.announced(); !ok && hasBody(r.status) && len(r.trailers()) == 0 {
		r.lines["Content-Length"] = []string{strconv.FormatUint(r.written, 10)}
	}
	r.begin(nil)
}

// begin writes the head of the answer, where that is not done; `next` is what follows the bytes
// that were gathered.
func (r *response) begin(next []byte) {
	if r.framing != undecided {
		return
	}
	r.body.forgo()
	r.close = r.close || r.body.hasFailed() || r.wantsClose() || r.server.isClosing()
	length, hasLength := r.announced()
	if r.status == http.StatusResetContent {
		length, hasLength = 0, true
	}
	switch {
	case !hasBody(r.status):
		r.framing = bodiless
	case hasLength:
		r.framing, r.rest = byLength, length
	case r.request.ProtoMinor == 0:
		r.framing, r.close = byClose, true
	default:
		r.framing = byChunks
	}
	r.writeHead(length, next)
	if r.isHead() || r.status == http.StatusResetContent {
		r.framing, r.rest = bodiless, 0
	}
}

func (r *response) writeHead(length uint64, next []byte) {
	out, lines := &r.server.out, r.lines
	if len(r.server.gathered) > 0 {
		next = r.server.gathered
	}
	_, typed := lines["Content-Type"]
	if !typed && len(next) > 0 && hasBody(r.status) && lines.Get("Content-Encoding") == "" {
		lines["Content-Type"] = []string{http.DetectContentType(next)}
	}
	if _, dated := lines["Date"]; !dated {
		lines["Date"] = r.server.date()
	}
	writeStatus(out, r.status)
	lines.WriteSubset(out, framingLines)
	switch r.framing {
	case byLength:
		fmt.Fprintf(out, "Content-Length: %d\r\n", length)
	case byChunks:
		out.WriteString("Transfer-Encoding: chunked\r\n")
	}
	switch {
	case r.close:
		out.WriteString("Connection: close\r\n")
	case r.request.ProtoMinor == 0:
		out.WriteString("Connection: keep-alive\r\n")
	}
	out.WriteString("\r\n")
}

// announced returns the Content-Length that the handler has set, where it is a length.
func (r *response) announced() (uint64, bool) {
	lengths := r.lines["Content-Length"]
	if len(lengths) != 1 {
		return 0, false
	}
	return decimal(lengths[0])
}

// wantsClose says whether the handler has asked for the end of the connection.
func (r *response) wantsClose() bool {
	for _, value := range r.lines["Connection"] {
		for option := range elements(value) {
			if strings.EqualFold(option, "close") {
				return true
			}
		}
	}
	return r.status == http.StatusSwitchingProtocols
}

// trailers returns the header lines that follow the body.
func (r *response) trailers() http.Header {
	var trailers http.Header
	add := func(name string, values []string) {
		if trailers == nil {
			trailers = http.Header{}
		}
		trailers[http.CanonicalHeaderKey(name)] = values
	}
	for name, values := range r.header {
		if name, ok := strings.CutPrefix(name, http.TrailerPrefix); ok {
			add(name, values)
		}
	}
	for _, value := range r.lines["Trailer"] {
		for name := range elements(value) {
			name = http.CanonicalHeaderKey(name)
			if values, ok := r.header[name]; ok && !framingLines[name] {
				add(name, values)
			}
		}
	}
	return trailers
}

// sendGathered moves what was gathered behind what is to be sent, as a chunk where it is one.
func (r *response) sendGathered() {
	gathered := r.server.gathered
	r.server.gathered = gathered[:0]
	if len(gathered) == 0 || r.framing == bodiless {
		return
	}
	r.writeChunkLine(uint64(len(gathered)))
	r.server.out.Write(gathered)
	if r.framing == byLength {
		r.rest -= uint64(len(gathered))
	}
	r.endChunk()
}

func (r *response) writeChunkLine(length uint64) {
	if r.framing == byChunks {
		fmt.Fprintf(&r.server.out, "%x\r\n", length)
	}
}

func (r *response) endChunk() {
	if r.framing == byChunks {
		r.server.out.WriteString("\r\n")
	}
}

// sendFile sends what is in out and then a part of the file.
func (r *response) sendFile(file *sockeye.File, offset, length int64) int64 {
	out := &r.server.out
	if r.err != nil {
		return 0
	}
	r.sent = true
	head := int64(out.Len())
	sent, err := r.server.conn.SendWithFile(out.Bytes(), file, offset, length)
	out.Reset()
	sent = max(sent-head, 0)
	if r.framing == byLength {
		r.rest -= uint64(sent)
	}
	if err == nil && sent < length {
		// The client was told another length than it gets.
		err = errChanged
	}
	r.err = err
	return sent
}

// flushOut sends what is to be sent; `more` says that something follows it soon.
func (r *response) flushOut(more bool) {
	if out := &r.server.out; out.Len() > 0 {
		r.write(out.Bytes(), more)
		out.Reset()
	}
}

// send sends a part of the body.
func (r *response) send(p []byte, more bool) {
	r.write(p, more)
	if r.framing == byLength {
		r.rest -= uint64(len(p))
	}
}

func (r *response) write(p []byte, more bool) {
	if r.err != nil {
		return
	}
	r.sent = true
	write := r.server.conn.Write
	if more {
		write = r.server.conn.WriteMore
	}
	_, r.err = write(p)
}

func (r *response) isHead() bool { return r.request.Method == http.MethodHead }

// hasBody says whether an answer with a status has a body.
func hasBody(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

func writeStatus(out *bytes.Buffer, status int) {
	text := http.StatusText(status)
	if text == "" {
		text = "status code " + strconv.Itoa(status)
	}
	fmt.Fprintf(out, "HTTP/1.1 %d %s\r\n", status, text)
}
