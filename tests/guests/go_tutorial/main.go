// Handlers as the documentation of net/http and the tutorial at go.dev/doc/articles/wiki have them;
// httphandler is what is added.
package main

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"os"
	"regexp"
	"sync"
	"time"

	"my-handler/sockeye/httphandler"
)

func init() { httphandler.Serve(routes()) }

// A main that calls http.ListenAndServe is in vain here, and adds a server to the component.
func main() {}

type page struct {
	Title string
	Body  []byte
}

var (
	pages = struct {
		sync.Mutex
		byTitle map[string]*page
	}{byTitle: map[string]*page{}}
	validPath = regexp.MustCompile("^/(view|save)/([a-zA-Z0-9]+)$")
)

func routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /items/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "item %s\n", r.PathValue("id"))
	})
	mux.HandleFunc("POST /items/", func(w http.ResponseWriter, r *http.Request) {
		var item struct{ Name string }
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&item); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusCreated)
		json.NewEncoder(w).Encode(item)
	})
	mux.HandleFunc("/view/", makeHandler(viewHandler))
	mux.HandleFunc("/save/", makeHandler(saveHandler))
	mux.HandleFunc("GET /events", events)
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("on purpose") })
	mux.HandleFunc("GET /nil", func(http.ResponseWriter, *http.Request) {
		var p *page
		fmt.Fprint(os.Stderr, p.Title)
	})
	mux.Handle("/static/", http.StripPrefix("/static/", http.FileServer(httphandler.Files)))
	mux.Handle("GET /slow", http.TimeoutHandler(http.HandlerFunc(slow), 50*time.Millisecond, "late"))
	return mux
}

func makeHandler(fn func(http.ResponseWriter, *http.Request, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		match := validPath.FindStringSubmatch(r.URL.Path)
		if match == nil {
			http.NotFound(w, r)
			return
		}
		fn(w, r, match[2])
	}
}

func viewHandler(w http.ResponseWriter, r *http.Request, title string) {
	pages.Lock()
	defer pages.Unlock()
	p, found := pages.byTitle[title]
	if !found {
		http.Redirect(w, r, "/edit/"+title, http.StatusFound)
		return
	}
	// Package html/template works as well, but makes the component half as large again.
	fmt.Fprintf(w, "<h1>%s</h1><div>%s</div>", p.Title, html.EscapeString(string(p.Body)))
}

func saveHandler(w http.ResponseWriter, r *http.Request, title string) {
	pages.Lock()
	defer pages.Unlock()
	pages.byTitle[title] = &page{Title: title, Body: []byte(r.FormValue("body"))}
	http.SetCookie(w, &http.Cookie{Name: "saved", Value: title})
	http.Redirect(w, r, "/view/"+title, http.StatusFound)
}

// events streams, and sends a trailer.
func events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Trailer", "X-Count")
	w.WriteHeader(http.StatusEarlyHints)
	for count := range 3 {
		fmt.Fprintf(w, "data: %d\n\n", count)
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
	}
	w.Header().Set("X-Count", "3")
}

func slow(w http.ResponseWriter, r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-time.After(10 * time.Second):
	}
}
