package main

import (
	"io"
	"net/http"
	"strconv"

	"my-handler/sockeye"
	"my-handler/sockeye/httphandler"
)

// The host calls what is served here; main itself does not run.
func init() {
	http.HandleFunc("GET /{$}", hello)
	http.HandleFunc("POST /echo", echo)
	http.HandleFunc("GET /files/{name...}", files)
	http.HandleFunc("/", notFound)
	http.HandleFunc("/{$}", allow("GET, HEAD"))
	http.HandleFunc("/echo", allow("POST"))
	http.HandleFunc("/files/{name...}", allow("GET, HEAD"))
	httphandler.Serve(nil)
}

func main() {}

func hello(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	io.WriteString(w, "Hello, World!\n")
}

// echo sends the body back while it arrives.
func echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/octet-stream")
	if r.ContentLength >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	if _, err := io.Copy(w, r.Body); err != nil {
		// The client is told 408 or 400 where nothing was sent yet, or finds the answer cut.
		panic(http.ErrAbortHandler)
	}
}

// files sends a file of the directory that `--root` grants; its bytes do not come through here.
func files(w http.ResponseWriter, r *http.Request) {
	file, err := sockeye.Open(r.PathValue("name"))
	if err != nil {
		// fs.ErrNotExist; or a directory, or a path that leads out of the root, which is no news
		// for a client.
		notFound(w, r)
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		panic(err)
	}
	http.ServeContent(w, r, info.Name(), info.ModTime(), file)
}

func notFound(w http.ResponseWriter, r *http.Request) {
	http.Error(w, "not found", http.StatusNotFound)
}

// allow answers to all methods but those that a path has a handler for.
func allow(methods string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", methods)
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	}
}
