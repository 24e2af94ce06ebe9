package main

import (
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"my-handler/sockeye"
	"my-handler/sockeye/handler"
)

// lineTimeout is how long a line may take.
const lineTimeout = 30 * time.Second

// The host calls what is served here; main itself does not run.
func init() { handler.Serve(echo) }

func main() {}

// echo sends lines back until one says `quit`, and hands an idle connection back to the host.
func echo(conn *sockeye.Conn) (handBack bool) {
	line := make([]byte, 4096)
	for {
		count, err := conn.RecvUntil(line, "\n", lineTimeout)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if isIdle(conn) {
				return true
			}
			conn.Write([]byte("timeout\n"))
			return false
		case errors.Is(err, sockeye.ErrTooLarge):
			conn.Write([]byte("line too long\n"))
			return false
		case err != nil && err != io.EOF:
			return false
		case strings.TrimRight(string(line[:count]), "\r\n") == "quit":
			return false
		}
		// At the end, these are what came before it without a line's end.
		if _, failed := conn.Write(line[:count]); failed != nil || err == io.EOF {
			return false
		}
		// An idle client costs no instance from here on.
		if !conn.Next() {
			return true
		}
	}
}

// isIdle says whether nothing came, rather than the start of a line.
func isIdle(conn *sockeye.Conn) bool {
	_, err := conn.Recv(make([]byte, 1), 0)
	return errors.Is(err, os.ErrDeadlineExceeded)
}
