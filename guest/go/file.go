package sockeye

import (
	"io"
	"io/fs"
	"path"
	"syscall"
	"time"
	"unicode/utf8"
	"unsafe"
)

// File is a regular file beneath the directory that the operator granted (`--root`), open for
// reading. It stands for the content that was opened, whatever becomes of its path. As with
// os.File, it can be a directory, too, where it comes from FS or OpenDirectory.
//
// Close it: the operator limits how many files an instance holds, and an instance that leaves one
// open is not used again. Errors are of type *fs.PathError and hold what package os gives.
type File struct {
	handle    uint32
	name      string
	offset    int64
	directory *entries // where it is one
	closed    bool
}

var (
	_ fs.ReadDirFile    = (*File)(nil)
	_ io.ReadSeekCloser = (*File)(nil)
	_ io.ReaderAt       = (*File)(nil)
)

// Open opens the regular file at a path that is relative to the granted directory. Links and `..`
// are followed as long as they stay beneath it.
//
// The error holds
//   - fs.ErrNotExist: nothing is there;
//   - fs.ErrPermission: the path leads out of the directory, or the file may not be read, or no
//     directory was granted;
//   - syscall.EISDIR, ENXIO: something else than a regular file is there;
//   - syscall.EINVAL, ENAMETOOLONG: the path is empty, too long, no UTF-8, or contains a NUL;
//   - syscall.EMFILE, ENOBUFS: too many files are open in this instance, or at the host.
func Open(name string) (*File, error) {
	// What is no UTF-8 ends an instance before the host sees it.
	if !utf8.ValidString(name) {
		return nil, pathError("open", name, syscall.EINVAL)
	}
	hostOpenFile(unsafe.Pointer(unsafe.StringData(name)), uint32(len(name)),
		unsafe.Pointer(&result))
	if err := result.err(); err != nil {
		return nil, pathError("open", name, err)
	}
	return &File{handle: result.words[1], name: name}, nil
}

// Read reads up to len(p) bytes and moves on behind them.
func (f *File) Read(p []byte) (int, error) {
	count, err := f.read(p, f.offset)
	f.offset += int64(count)
	return count, err
}

// ReadAt reads len(p) bytes at an offset; fewer come with an error, at the end with io.EOF.
func (f *File) ReadAt(p []byte, offset int64) (int, error) {
	total := 0
	for total < len(p) {
		count, err := f.read(p[total:], offset+int64(total))
		total += count
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// read makes one call, which may give less than there is: the host has a limit of its own.
func (f *File) read(p []byte, offset int64) (int, error) {
	if f.closed {
		return 0, pathError("read", f.name, fs.ErrClosed)
	}
	if f.directory != nil {
		return 0, pathError("read", f.name, syscall.EISDIR)
	}
	if len(p) == 0 {
		return 0, nil
	}
	defer leave()
	hostRead(f.handle, uint64(offset), land(p), unsafe.Pointer(&result))
	if err := result.err(); err != nil {
		return 0, pathError("read", f.name, err)
	}
	if result.words[2] == 0 {
		return 0, io.EOF
	}
	return int(result.words[2]), nil
}

// Seek sets where Read goes on.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += f.offset
	case io.SeekEnd:
		stat, err := f.stat()
		if err != nil {
			return 0, err
		}
		offset += stat.Size
	default:
		return 0, pathError("seek", f.name, syscall.EINVAL)
	}
	if offset < 0 {
		return 0, pathError("seek", f.name, syscall.EINVAL)
	}
	f.offset = offset
	return offset, nil
}

// Close closes the file.
func (f *File) Close() error {
	if f.closed {
		return pathError("close", f.name, fs.ErrClosed)
	}
	f.closed = true
	if f.directory != nil {
		hostDropDirectory(f.handle)
	} else {
		hostDropFile(f.handle)
	}
	return nil
}

// Stat looks at the file. Sys of what it returns is a *Stat.
func (f *File) Stat() (fs.FileInfo, error) {
	stat, err := f.stat()
	if err != nil {
		return nil, err
	}
	if f.directory != nil {
		return info{path.Base(f.name), fs.ModeDir | 0o555, &stat}, nil
	}
	return info{path.Base(f.name), 0o444, &stat}, nil
}

func (f *File) stat() (Stat, error) {
	if f.closed {
		return Stat{}, pathError("stat", f.name, fs.ErrClosed)
	}
	if f.directory != nil {
		return Stat{}, nil
	}
	hostStat(f.handle, unsafe.Pointer(&result))
	if result.isError() {
		return Stat{}, pathError("stat", f.name, result.errorAt(2))
	}
	return Stat{
		Size:     int64(result.long(2)),
		Modified: time.Unix(int64(result.long(4)), int64(result.words[6])),
		Identity: result.long(8),
	}, nil
}

// Stat is what is known of an open file, all from one moment.
type Stat struct {
	Size     int64 // in bytes
	Modified time.Time
	// Identity differs between files that were at the same path one after the other. With the
	// rest it makes an entity tag.
	Identity uint64
}

// info is a Stat, or a directory, as an fs.FileInfo.
type info struct {
	name string
	mode fs.FileMode
	stat *Stat
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.stat.Size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return i.stat.Modified }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return i.stat }
