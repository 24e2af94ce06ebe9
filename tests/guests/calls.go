// The twin of calls.rs: makes any single call of the layer for Go on request and answers with what
// it returned, in the same words but for the time.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"my-handler/sockeye"
	"my-handler/sockeye/handler"
)

func init() { handler.Serve(serve) }

func main() {}

func serve(conn *sockeye.Conn) bool {
	line := make([]byte, 4096)
	for {
		count, err := conn.RecvUntil(line, "\n", sockeye.NoTimeout)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil {
			return false
		}
		for command := range strings.SplitSeq(strings.TrimSpace(string(line[:count])), " | ") {
			words := strings.Split(command, " ")
			if words[0] == "hand-back" || words[0] == "let-go" {
				return words[0] == "hand-back"
			}
			verb, quiet := strings.CutPrefix(words[0], "-")
			fields, err := call(conn, verb, words[1:])
			answer := fmt.Sprintf("%s ok %s\n", verb, fields)
			if err != nil {
				answer = fmt.Sprintf("%s error=%s%s\n", verb, name(err), fields)
			}
			os.Stdout.WriteString(answer)
			if !quiet {
				conn.SetDeadline(time.Time{})
				conn.Write([]byte(answer))
			}
		}
	}
}

func call(conn *sockeye.Conn, verb string, words []string) (string, error) {
	bytes := make([]byte, 1<<20)
	switch verb {
	case "recv":
		count, err := conn.Recv(bytes[:number(words[0])], timeout(words[1]))
		return received(bytes[:count], err)
	case "recv-until":
		count, err := conn.RecvUntil(bytes[:number(words[1])], text(words[0]), timeout(words[2]))
		return received(bytes[:count], err)
	case "send", "send-filler":
		conn.SetWriteDeadline(deadline(words[1]))
		sent := []byte(text(words[0]))
		if verb == "send-filler" {
			sent = bytes[:number(words[0])]
		}
		count, err := conn.Write(sent)
		if err != nil {
			return fmt.Sprintf(" sent=%d", count), err
		}
		return "", nil
	case "send-more":
		_, err := conn.WriteMore([]byte(text(words[0])))
		return "", err
	case "next":
		return fmt.Sprintf("value=%t", conn.Next()), nil
	case "next-until":
		count, err := conn.NextUntil(bytes[:number(words[1])], text(words[0]), timeout(words[2]))
		if count == 0 && err == nil {
			return "value=false", nil
		}
		return received(bytes[:count], err)
	case "no-delay":
		return "", conn.SetNoDelay(words[0] == "on")
	case "closing":
		return fmt.Sprintf("value=%t", conn.Closing()), nil
	case "peer":
		return fmt.Sprintf("addr=%v", conn.RemoteAddr()), nil
	case "local":
		return fmt.Sprintf("addr=%v", conn.LocalAddr()), nil
	case "shutdown":
		switch words[0] {
		case "receive":
			return "", conn.CloseRead()
		case "send":
			return "", conn.CloseWrite()
		}
		return "", errors.Join(conn.CloseRead(), conn.CloseWrite())
	}
	return callFile(conn, verb, words)
}

func callFile(conn *sockeye.Conn, verb string, words []string) (string, error) {
	var head []byte
	if verb == "send-with-file" {
		head, words = []byte(text(words[0])), words[1:]
	}
	file, err := sockeye.Open(text(words[0]))
	if err != nil {
		return "", err
	}
	defer file.Close()
	switch verb {
	case "open":
		return "", nil
	case "stat":
		info, err := file.Stat()
		if err != nil {
			return "", err
		}
		identity := info.Sys().(*sockeye.Stat).Identity
		return fmt.Sprintf("size=%d identity=%d", info.Size(), identity), nil
	case "read":
		bytes := make([]byte, number(words[2]))
		count, err := file.ReadAt(bytes, int64(number(words[1])))
		return received(bytes[:count], err)
	}
	conn.SetWriteDeadline(deadline(words[3]))
	offset, length := int64(number(words[1])), int64(number(words[2]))
	sent, err := conn.SendWithFile(head, file, offset, length)
	if err != nil {
		return fmt.Sprintf(" sent=%d", sent), err
	}
	return fmt.Sprintf("sent=%d", sent-int64(len(head))), nil
}

func received(bytes []byte, err error) (string, error) {
	if err != nil && err != io.EOF {
		return "", err
	}
	escaped := strings.NewReplacer("\n", `\n`, "\r", `\r`).Replace(string(bytes))
	return fmt.Sprintf("bytes=%d text=%s", len(bytes), escaped), nil
}

// name returns the name of an error as the contract spells it.
func name(err error) string {
	for known, name := range map[error]string{
		os.ErrDeadlineExceeded: "timeout",
		syscall.ECONNRESET:     "connection-reset",
		syscall.EPIPE:          "connection-broken",
		syscall.ECONNABORTED:   "connection-aborted",
		net.ErrClosed:          "invalid-state",
		syscall.EINVAL:         "invalid-argument",
		syscall.EACCES:         "access-denied",
		syscall.ENOENT:         "not-found",
		syscall.EISDIR:         "is-directory",
		syscall.ENXIO:          "not-regular-file",
		syscall.ENAMETOOLONG:   "name-too-long",
		sockeye.ErrTooLarge:    "too-large",
	} {
		if errors.Is(err, known) {
			return name
		}
	}
	return err.Error()
}

func number(word string) uint64 {
	number, err := strconv.ParseUint(word, 10, 64)
	if err != nil {
		panic(err)
	}
	return number
}

// timeout returns what `100ms`, `1h` or `none` stands for.
func timeout(word string) time.Duration {
	if word == "none" {
		return sockeye.NoTimeout
	}
	timeout, err := time.ParseDuration(word)
	if err != nil {
		panic(err)
	}
	return timeout
}

// deadline returns when a timeout ends that begins now.
func deadline(word string) time.Time {
	if timeout := timeout(word); timeout >= 0 {
		return time.Now().Add(timeout)
	}
	return time.Time{}
}

// text returns what a word stands for, which two quotes are for nothing.
func text(word string) string {
	if word == "''" {
		return ""
	}
	return word
}
