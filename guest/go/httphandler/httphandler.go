// Package httphandler makes a component of an http.Handler: it exports `sockeye:net/http-handler`.
//
//	func init() { httphandler.Serve(http.HandlerFunc(hello)) }
//
//	func main() {}
//
// It stands in for http.Server: http.ReadRequest reads the requests, one after the other on each
// connection, and the http.ResponseWriter is of this package. A component imports this package or
// package handler, never both.
//
// What differs from http.Server:
//   - A request that is malformed or ambiguous in any way is answered here, with 400 or another
//     status and the end of the connection, and never reaches the handler.
//   - Where the client's body is malformed, cut or late (30 s for each piece), reading it fails; an
//     answer below 400 that has not begun to leave then becomes 400 or 408.
//   - The body can be read while the answer is written.
//   - A panic is answered with 500 where nothing of the answer has left, and logged.
//     http.ErrAbortHandler ends the connection, after 400 or 408 where the body was at fault.
//   - Call by call, the instance waits for the client: goroutines do not run meanwhile, and the
//     context of a request ends with the handler, not with the client.
package httphandler

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"math"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"
	"unsafe"

	"my-handler/sockeye"
)

// headTimeout is how long a request head may take from its first bytes. Mostly the host has all of
// it before it calls.
const headTimeout = 10 * time.Second

var root http.Handler = http.DefaultServeMux

// Serve makes h what answers every request; nil stands for http.DefaultServeMux. Call it in func
// init: main does not run, because the host calls.
func Serve(h http.Handler) {
	if h != nil {
		root = h
	}
}

//go:wasmexport sockeye:net/http-handler@0.1.0#handle
func handle(connection uint32) unsafe.Pointer {
	return sockeye.Activate(connection, shared.serve)
}

// shared is the one server: an instance serves one connection at a time.
var shared = server{
	head:   make([]byte, headBytesMax),
	body:   make([]byte, 16<<10),
	copied: make([]byte, 32<<10),
	reader: bufio.NewReaderSize(nil, 4<<10),
}

// server is the connection, and what is used again for every request.
type server struct {
	conn     *sockeye.Conn
	remote   string
	head     []byte       // where heads are received
	body     []byte       // where bodies are received that are decoded or dropped
	copied   []byte       // where an answer is copied through
	plain    bytes.Buffer // a head as http.ReadRequest is to see it
	reader   *bufio.Reader
	out      bytes.Buffer // what is to be sent next
	gathered []byte       // what the handler has written, as yet without a frame
	second   int64        // when the next two were looked up
	dated    []string
	closing  bool
}

// serve answers the requests of a connection, and says whether to hand it back.
func (s *server) serve(conn *sockeye.Conn) bool {
	s.conn, s.remote, s.second = conn, "", 0
	defer func() { s.conn = nil }()
	count, err := conn.RecvUntil(s.head, headEnd, 0)
	for {
		head, refused := s.receive(count, err)
		switch {
		case refused != nil:
			m, _ := checkHead(head, &s.plain)
			s.refuse(&m, refused)
			return false
		case len(head) == 0:
			return false
		// Empty lines in front of a request; one who sends nothing else must not hold the instance.
		case len(withoutEmptyLines(head)) == 0:
		case !s.answer(head):
			return false
		}
		conn.SetDeadline(time.Time{})
		if count, err = conn.NextUntil(s.head, headEnd, 0); count == 0 && err == nil {
			return true
		}
	}
}

// headEnd is the end of a request head.
const headEnd = "\r\n\r\n"

// receive returns a head, whatever is in it, or nothing where there is nobody to answer. Where all
// of it has not come by a call, it tries others.
func (s *server) receive(count int, err error) (head []byte, refused *refusal) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		// Or it is whole but its lines end in bare line feeds, and is refused for that. First what
		// a good head has at its end, too: the rest of one may have come since, and a body behind
		// it may have two line feeds.
		for _, end := range []string{"\n\r\n", "\n\n"} {
			if count, err := s.conn.RecvUntil(s.head, end, 0); err == nil {
				return s.head[:count], nil
			}
		}
		// Nothing of a head is taken before all of it is there: as long as that is so, the host can
		// give the instance to another connection.
		count, err = s.conn.RecvUntil(s.head, headEnd, headTimeout)
	}
	switch {
	case err == nil || err == io.EOF:
		return s.head[:count], nil
	case errors.Is(err, sockeye.ErrTooLarge):
		count, _ = s.conn.Recv(s.head, 0)
		return s.head[:count], tooLarge(s.head[:count])
	case errors.Is(err, os.ErrDeadlineExceeded):
		if count, _ = s.conn.Recv(s.head, 0); count > 0 {
			return s.head[:count], headTooSlow
		}
	}
	return nil, nil
}

// answer answers one request, and says whether the connection can take another.
func (s *server) answer(head []byte) bool {
	s.plain.Reset()
	m, refused := checkHead(head, &s.plain)
	if refused != nil {
		s.refuse(&m, refused)
		return false
	}
	s.reader.Reset(&s.plain)
	request, err := http.ReadRequest(s.reader)
	if err != nil {
		s.refuse(&m, unreadable)
		return false
	}
	body := newBody(s.conn, &m, s.body)
	m.complete(request, body)
	if s.remote == "" {
		s.remote = s.conn.RemoteAddr().String()
	}
	request.RemoteAddr = s.remote
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	request = request.WithContext(ctx)
	r := s.response(request, body, request.Close)
	keep := s.handle(r)
	// Whoever has kept them finds them at their end.
	body.closed, r.finished = true, true
	return keep
}

// complete adds to a request what http.ReadRequest did not see.
func (m *message) complete(request *http.Request, body *body) {
	request.RequestURI = m.target
	if m.authority != "" {
		request.URL.Scheme, request.URL.Host = strings.ToLower(m.scheme), m.authority
		request.Host = m.authority
	}
	request.Close = !m.keepAlive
	request.Body = http.NoBody
	switch {
	case m.chunked:
		request.ContentLength, request.TransferEncoding = -1, []string{"chunked"}
		request.Body = body
	case m.lengths != nil:
		request.ContentLength = int64(min(m.length, math.MaxInt64))
		request.Header["Content-Length"] = m.lengths
		if m.length > 0 {
			request.Body = body
		}
	}
}

// handle lets the handler answer, and says whether the connection can take another request.
func (s *server) handle(r *response) (keep bool) {
	defer func() {
		failure := recover()
		if failure == nil {
			return
		}
		refused := r.body.fault()
		if failure != http.ErrAbortHandler {
			log.Printf("httphandler: panic in %s %q: %v\n%s", r.request.Method,
				r.request.RequestURI, failure, debug.Stack())
			if refused == nil {
				refused = handlerFailed
			}
		}
		if refused != nil {
			r.refuse(refused)
		}
		keep = false
	}()
	root.ServeHTTP(r, r.request)
	return r.finish()
}

// refuse answers a request that is none, as to HTTP/1.1.
func (s *server) refuse(m *message, refused *refusal) {
	request := &http.Request{Method: m.method, ProtoMajor: 1, ProtoMinor: 1}
	s.response(request, newBody(s.conn, new(message), nil), true).refuse(refused)
}

func (s *server) response(request *http.Request, body *body, close bool) *response {
	s.out.Reset()
	s.gathered = s.gathered[:0]
	return &response{server: s, request: request, body: body, header: http.Header{}, close: close}
}

// lookUp finds out once a second what time it is, and whether the host wants the connection to
// end: that costs as much as a small answer. Where the host begins to close meanwhile, it takes the
// connection back after the answer, and the next one says so.
func (s *server) lookUp() {
	if now := time.Now(); now.Unix() != s.second {
		s.second = now.Unix()
		s.dated = []string{now.UTC().Format(http.TimeFormat)}
		s.closing = s.conn.Closing()
	}
}

func (s *server) date() []string {
	s.lookUp()
	return s.dated
}

func (s *server) isClosing() bool {
	s.lookUp()
	return s.closing
}
