package httphandler

import "fmt"

// refusal is why a request is refused: the status of the answer, and a line for people.
//
// It is an error, which reading the body returns where the body is at fault.
type refusal struct {
	status int
	reason string
	cause  error // what it is as an error of another package, where there is one
}

func (r *refusal) Error() string { return r.reason }

func (r *refusal) Unwrap() error { return r.cause }

// bad is a request that is malformed or ambiguous.
func bad(reason string) *refusal { return &refusal{400, reason, nil} }

var (
	headTooLarge = &refusal{431, fmt.Sprint("request head is larger than ", headBytesMax, " bytes"),
		nil}
	tooManyLines = &refusal{431, fmt.Sprint("request has more than ", headerLinesMax,
		" header lines"), nil}
	targetTooLong = &refusal{414, fmt.Sprint("request target is longer than ", targetBytesMax,
		" bytes"), nil}
	headTooSlow       = &refusal{408, "request head came too slowly", nil}
	bareLineFeed      = bad("a line of the request head does not end in CR LF")
	noEnd             = bad("request head has no end")
	badRequestLine    = bad("request line is not a method, a target and a version")
	badTarget         = bad("request target has no form that fits the method")
	versionUnknown    = &refusal{505, "no versions but 1.0 and 1.1 are spoken", nil}
	badName           = bad("a header line does not begin with a name and a colon")
	badValue          = bad("a header value contains what it cannot")
	oneHost           = bad("a request has exactly one Host line")
	badHost           = bad("Host is not a host and perhaps a port")
	badLength         = bad("Content-Length is not one number below 2^64")
	twoFramings       = bad("a request has no Content-Length with a Transfer-Encoding")
	framingRemoved    = bad("Connection names a line that frames the body")
	codingInOld       = bad("version 1.0 has no Transfer-Encoding")
	misplacedChunked  = bad("Transfer-Encoding is not a list with one chunked at its end")
	codingUnknown     = &refusal{501, "no Transfer-Encoding but chunked is implemented", nil}
	tunnel            = &refusal{501, "CONNECT is not implemented", nil}
	expectationFailed = &refusal{417, "no expectation but 100-continue can be met", nil}
	unreadable        = bad("request has a target or a header line that cannot be read")
	handlerFailed     = &refusal{500, "the handler failed", nil}
)
