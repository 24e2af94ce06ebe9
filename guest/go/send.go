package sockeye

import (
	"io"
	"net"
	"syscall"
	"unsafe"
)

// sendMore says that more bytes follow soon.
const sendMore = 1

// Write sends all of p. It returns when the network has every byte, which is not when the peer has
// received them; with an error, how many of them are gone.
func (c *Conn) Write(p []byte) (int, error) { return c.write(p, 0) }

// WriteMore does what Write does and says that more follows soon, or the end of the connection:
// the host may hold the last of it back to fill a packet. (MSG_MORE)
func (c *Conn) WriteMore(p []byte) (int, error) { return c.write(p, sendMore) }

func (c *Conn) write(p []byte, flags uint32) (int, error) {
	sent, err := c.send("write", func(sent int64, has uint32, timeout uint64) {
		rest := p[sent:]
		hostSend(c.handle, unsafe.Pointer(unsafe.SliceData(rest)), uint32(len(rest)), flags,
			has, timeout, unsafe.Pointer(&result))
	})
	if err != nil {
		return int(sent), err
	}
	return len(p), nil
}

// Sendfile sends length bytes of the file from offset and returns how many were sent: fewer without
// an error only where the file ends first, or has changed since it was opened or Stat last looked.
// End the connection then where the peer was told a length.
//
// The bytes go from the host's page cache to the network and never enter the instance's memory.
func (c *Conn) Sendfile(file *File, offset, length int64) (int64, error) {
	return c.SendWithFile(nil, file, offset, length)
}

// SendWithFile sends all of p and behind it a part of the file, as a head and its body, with one
// call of the host. It returns how many bytes were sent, those of p included.
func (c *Conn) SendWithFile(p []byte, file *File, offset, length int64) (int64, error) {
	if file.closed {
		return 0, opError("sendfile", net.ErrClosed)
	}
	if length < 0 || file.directory != nil {
		return 0, opError("sendfile", syscall.EINVAL)
	}
	var before int64
	sent, err := c.send("sendfile", func(sent int64, has uint32, timeout uint64) {
		before = sent
		rest := p[min(sent, int64(len(p))):]
		ofFile := max(sent-int64(len(p)), 0)
		hostSendWithFile(c.handle, unsafe.Pointer(unsafe.SliceData(rest)), uint32(len(rest)),
			file.handle, uint64(offset+ofFile), uint64(length-ofFile), has, timeout,
			unsafe.Pointer(&result))
	})
	if err != nil {
		return sent, err
	}
	return max(before, int64(len(p))) + int64(result.long(2)), nil
}

// send makes a call that sends, and makes it again for what is behind the bytes that are gone
// where there is no deadline and the peer took something in the time of a call. With an error it
// returns how many bytes are gone.
func (c *Conn) send(op string, call func(sent int64, has uint32, timeout uint64)) (int64, error) {
	if c.closed {
		return 0, opError(op, net.ErrClosed)
	}
	for sent := int64(0); ; {
		timeout, err := remaining(c.writeDeadline)
		if err != nil {
			return sent, opError(op, err)
		}
		has, nanoseconds := option(timeout)
		call(sent, has, nanoseconds)
		if !result.isError() {
			return sent, nil
		}
		gone := int64(result.long(6))
		sent += gone
		if err := result.errorAt(2); !isTimeout(err) || gone == 0 || has != 0 {
			return sent, opError(op, err)
		}
	}
}

// ReadFrom sends what the reader holds; what is in a File, also behind an io.LimitedReader, does
// not enter the instance's memory. This is what io.Copy and io.CopyN use.
func (c *Conn) ReadFrom(r io.Reader) (int64, error) {
	file, length, err := RestOfFile(r)
	if err != nil {
		return 0, err
	}
	if file == nil {
		return io.Copy(struct{ io.Writer }{c}, r)
	}
	sent, err := c.Sendfile(file, file.offset, length)
	Advance(r, sent)
	return sent, err
}

// RestOfFile returns the file that a reader consists of, and how many bytes the reader has left; no
// file where it is another reader than a File or an io.LimitedReader of one. It is for writers that
// send files by Sendfile, with Advance behind it.
func RestOfFile(r io.Reader) (file *File, length int64, err error) {
	length = -1
	if limited, ok := r.(*io.LimitedReader); ok {
		r, length = limited.R, max(limited.N, 0)
	}
	file, ok := r.(*File)
	if !ok || file.directory != nil {
		return nil, 0, nil
	}
	stat, err := file.stat()
	if err != nil {
		return nil, 0, err
	}
	rest := max(stat.Size-file.offset, 0)
	if length < 0 || rest < length {
		length = rest
	}
	return file, length, nil
}

// Advance takes bytes off a reader that RestOfFile knows, which were sent by other means than Read.
func Advance(r io.Reader, sent int64) {
	if limited, ok := r.(*io.LimitedReader); ok {
		limited.N -= sent
		r = limited.R
	}
	r.(*File).offset += sent
}
