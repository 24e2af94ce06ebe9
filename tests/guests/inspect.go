// The twin of inspect.rs: answers with what the layer for Go made of a request, as text.
package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"my-handler/sockeye/httphandler"
)

func init() { httphandler.Serve(http.HandlerFunc(inspect)) }

func main() {}

// bodyBytesMax is what `/limit` and `/early` read.
const bodyBytesMax = 10

func inspect(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if path == "/limit" || path == "/early" {
		if r.ContentLength > bodyBytesMax {
			tooLarge(w)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, bodyBytesMax)
	}
	if path == "/early" {
		w.(http.Flusher).Flush()
		if _, err := io.Copy(w, r.Body); err != nil {
			panic(http.ErrAbortHandler)
		}
		return
	}
	var body []byte
	var err error
	if path != "/unread" {
		if body, err = io.ReadAll(r.Body); err != nil {
			if _, ok := err.(*http.MaxBytesError); ok {
				tooLarge(w)
			}
			return
		}
	}
	text := fmt.Sprintf("%s %s host=%s version=%d.%d keep=%t body=%s", r.Method, r.RequestURI,
		r.Host, r.ProtoMajor, r.ProtoMinor, !r.Close, body)
	w.Header().Set("Content-Type", "text/plain")
	if path == "/stream" {
		// Every byte is a chunk of its own.
		for _, c := range []byte(text) {
			w.Write([]byte{c})
			w.(http.Flusher).Flush()
		}
		return
	}
	if number, found := strings.CutPrefix(path, "/status/"); found {
		status, _ := strconv.Atoi(number)
		if status < 200 {
			panic("a final status is 200 at least")
		}
		w.WriteHeader(status)
	}
	io.WriteString(w, text)
}

func tooLarge(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	http.Error(w, "request body is larger than 10 bytes", http.StatusRequestEntityTooLarge)
}
