package httphandler

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The limits of a request head; what is above them is answered with 431 or 414.
const (
	headBytesMax   = 16 << 10 // the host's own default (`--head-limit`)
	headerLinesMax = 100
	targetBytesMax = 8000
)

// message is what a head says about its request as a whole.
type message struct {
	method          string // as far as it is known, also of a head that is refused
	target          string
	scheme          string // of a target in absolute form
	authority       string // of a target in absolute form
	isOld           bool   // HTTP/1.0
	chunked         bool
	lengths         []string // of the line Content-Length, as it was sent
	length          uint64
	keepAlive       bool
	expectsContinue bool
}

// rules gathers what the header lines say.
type rules struct {
	hosts, codings   int
	close, keepAlive bool
	expects          bool
}

// checkHead says what a head means, or why it is refused. It writes the head as http.ReadRequest is
// to see it: with a target in origin form, and without the lines that frame the body, which are
// judged here.
//
// http.ReadRequest, which makes a request of it afterwards, takes lines that end in a bare LF,
// two lengths that agree, any Host and much more. Where two readers of a request take it for
// different ones, requests are smuggled: here only what every reader reads alike gets through.
func checkHead(head []byte, plain *bytes.Buffer) (message, *refusal) {
	var m message
	if len(head) > headBytesMax {
		return m, tooLarge(head)
	}
	// Empty lines in front of a request are ignored (RFC 9112 section 2.2).
	lines, ended := strings.CutSuffix(string(withoutEmptyLines(head)), "\r\n\r\n")
	line, rest, _ := strings.Cut(lines, "\r\n")
	method, _, spaced := strings.Cut(line, " ")
	if spaced && isToken(method) {
		m.method = method
	}
	if strings.ContainsAny(line, "\r\n") {
		return m, bareLineFeed
	}
	if refused := checkRequestLine(line, plain, &m); refused != nil {
		return m, refused
	}
	if !ended {
		return m, noEnd
	}
	var r rules
	for count := 1; rest != ""; count++ {
		line, rest, _ = strings.Cut(rest, "\r\n")
		if count > headerLinesMax {
			return m, tooManyLines
		}
		frames, refused := r.checkLine(line, &m)
		if refused != nil {
			return m, refused
		}
		if !frames {
			plain.WriteString(line)
			plain.WriteString("\r\n")
		}
	}
	plain.WriteString("\r\n")
	if refused := r.check(&m); refused != nil {
		return m, refused
	}
	// Answered like another method, it would begin a tunnel (RFC 9110 section 9.3.6): what the
	// client sends into it must never be taken for requests.
	if m.method == "CONNECT" {
		return m, tunnel
	}
	return m, nil
}

func withoutEmptyLines(head []byte) []byte {
	for bytes.HasPrefix(head, []byte("\r\n")) {
		head = head[2:]
	}
	return head
}

// checkRequestLine looks at `method SP target SP version`.
func checkRequestLine(line string, plain *bytes.Buffer, m *message) *refusal {
	words := strings.Split(line, " ")
	if len(words) != 3 || m.method == "" {
		return badRequestLine
	}
	target := words[1]
	isControl := func(c rune) bool { return c < ' ' || c == 0x7f }
	if target == "" || !utf8.ValidString(target) || strings.ContainsFunc(target, isControl) {
		return badRequestLine
	}
	switch version := words[2]; {
	case version == "HTTP/1.1":
	case version == "HTTP/1.0":
		m.isOld = true
	case isVersion(version):
		return versionUnknown
	default:
		return badRequestLine
	}
	if len(target) > targetBytesMax {
		return targetTooLong
	}
	if !isTarget(m.method, target) {
		return badTarget
	}
	m.target = target
	if scheme, rest, found := strings.Cut(target, "://"); found && target[0] != '/' {
		end := strings.IndexAny(rest+"/", "/?")
		m.scheme, m.authority, target = scheme, rest[:end], rest[end:]
		if target == "" || target[0] == '?' {
			target = "/" + target
		}
	}
	fmt.Fprintf(plain, "%s %s %s\r\n", m.method, target, words[2])
	return nil
}

// isVersion says whether a word is a version of HTTP, whichever.
func isVersion(word string) bool {
	digits, ok := strings.CutPrefix(word, "HTTP/")
	return ok && len(digits) == 3 && digits[1] == '.' && isDigits(digits[:1]+digits[2:])
}

// tooLarge says why a head is refused that goes on behind its first bytes.
func tooLarge(start []byte) *refusal {
	line, _, _ := strings.Cut(string(withoutEmptyLines(start)), "\n")
	words := strings.Split(line, " ")
	if len(words) > 1 && len(words[1]) > targetBytesMax {
		return targetTooLong
	}
	return headTooLarge
}

// checkLine looks at one header line, and says whether it is one that frames the body.
func (r *rules) checkLine(line string, m *message) (frames bool, refused *refusal) {
	if strings.ContainsAny(line, "\r\n") {
		return false, bareLineFeed
	}
	name, value, found := strings.Cut(line, ":")
	if !found || !isToken(name) {
		return false, badName
	}
	if !isValue(value) {
		return false, badValue
	}
	value = strings.Trim(value, " \t")
	switch {
	case strings.EqualFold(name, "host"):
		if r.hosts++; r.hosts > 1 {
			return false, oneHost
		}
		if !isHost(value) {
			return false, badHost
		}
	case strings.EqualFold(name, "content-length"):
		length, ok := decimal(value)
		if m.lengths != nil || !ok {
			return false, badLength
		}
		m.lengths, m.length = []string{value}, length
		return true, nil
	case strings.EqualFold(name, "transfer-encoding"):
		return true, r.checkCoding(value, m)
	case strings.EqualFold(name, "connection"):
		return false, r.checkConnection(value)
	case strings.EqualFold(name, "expect"):
		for expectation := range elements(value) {
			if expectation != "" && !strings.EqualFold(expectation, "100-continue") {
				return false, expectationFailed
			}
			r.expects = r.expects || expectation != ""
		}
	}
	return false, nil
}

// checkCoding takes `chunked` alone: nothing else is implemented, and it has to come last and once.
func (r *rules) checkCoding(value string, m *message) *refusal {
	if m.isOld {
		return codingInOld
	}
	if r.codings++; r.codings > 1 {
		return misplacedChunked
	}
	if strings.EqualFold(value, "chunked") {
		m.chunked = true
		return nil
	}
	// Empty elements could be dropped or be taken for a coding.
	chunked, empty, last := 0, false, ""
	for last = range elements(value) {
		empty = empty || last == ""
		if strings.EqualFold(last, "chunked") {
			chunked++
		}
	}
	if empty || chunked > 1 || chunked == 1 && !strings.EqualFold(last, "chunked") {
		return misplacedChunked
	}
	return codingUnknown
}

func (r *rules) checkConnection(value string) *refusal {
	for option := range elements(value) {
		switch strings.ToLower(option) {
		case "content-length", "transfer-encoding":
			// A proxy would remove it (RFC 9110 section 7.6.1): one reader has a body then and the
			// other has none.
			return framingRemoved
		case "close":
			r.close = true
		case "keep-alive":
			r.keepAlive = true
		}
	}
	return nil
}

// check looks at what the header lines say together.
func (r *rules) check(m *message) *refusal {
	if r.codings > 0 && m.lengths != nil {
		return twoFramings
	}
	if r.hosts == 0 && !m.isOld {
		return oneHost
	}
	m.keepAlive = !r.close && (!m.isOld || r.keepAlive)
	m.expectsContinue = r.expects && !m.isOld && (m.chunked || m.length > 0)
	return nil
}
