package sockeye

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"syscall"
	"unicode/utf8"
	"unsafe"
)

// FS is the directory that the operator granted, for template.ParseFS, fs.WalkDir and the like.
//
// It can be used as long as a connection is served, not in func init. To serve files, take
// httphandler.Files: what http.FileServerFS sends passes through the instance's memory.
var FS fs.FS = granted{}

type granted struct{}

func (granted) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, pathError("open", name, fs.ErrInvalid)
	}
	file, err := Open(name)
	if errors.Is(err, syscall.EISDIR) {
		file, err = OpenDirectory(name)
	}
	if err != nil {
		return nil, err
	}
	return file, nil
}

// OpenDirectory opens a directory for ReadDir, with the rules and errors of Open; the granted
// directory itself is `.`.
func OpenDirectory(name string) (*File, error) {
	if !utf8.ValidString(name) {
		return nil, pathError("open", name, syscall.EINVAL)
	}
	hostOpenDirectory(unsafe.Pointer(unsafe.StringData(name)), uint32(len(name)),
		unsafe.Pointer(&result))
	if err := result.err(); err != nil {
		return nil, pathError("open", name, err)
	}
	return &File{handle: result.words[1], name: name, directory: new(entries)}, nil
}

// entries are those of a directory that ReadDir has not returned yet.
type entries struct {
	read []fs.DirEntry
	end  bool
}

// entriesBytes is room for what the host returns at once: 256 entries today, whose names have 255
// bytes at most.
const entriesBytes = 128 << 10

// entryWords is the length of a `directory-entry`: the address and length of its name, its kind.
const entryWords = 3

// ReadDir returns the next entries of a directory, in the order of the file system: n at most and
// io.EOF at the end, or all of them where n is not above zero. Names that are no UTF-8 are left
// out, and so are `.` and `..`.
func (f *File) ReadDir(n int) ([]fs.DirEntry, error) {
	if f.closed || f.directory == nil {
		return nil, pathError("readdir", f.name, syscall.ENOTDIR)
	}
	d := f.directory
	for !d.end && (n <= 0 || len(d.read) < n) {
		if err := f.readEntries(); err != nil {
			return nil, pathError("readdir", f.name, err)
		}
	}
	count := len(d.read)
	if n > 0 {
		count = min(count, n)
		if count == 0 {
			return nil, io.EOF
		}
	}
	some := d.read[:count:count]
	d.read = d.read[count:]
	return some, nil
}

// Readdir does what ReadDir does and looks at each entry. It makes a File an http.File.
func (f *File) Readdir(n int) ([]fs.FileInfo, error) {
	some, err := f.ReadDir(n)
	infos := make([]fs.FileInfo, 0, len(some))
	for _, entry := range some {
		// What is gone by now is no entry.
		if info, err := entry.Info(); err == nil {
			infos = append(infos, info)
		}
	}
	return infos, err
}

func (f *File) readEntries() error {
	buffer := make([]byte, entriesBytes)
	defer leave()
	land(buffer)
	hostReadDirectory(f.handle, unsafe.Pointer(&result))
	if err := result.err(); err != nil {
		return err
	}
	address, count := result.words[1], result.words[2]
	f.directory.end = count == 0
	for i := range count {
		record := landed(address+i*entryWords*4, entryWords*4)
		words := (*[entryWords]uint32)(unsafe.Pointer(&record[0]))
		name := string(landed(words[0], words[1]))
		f.directory.read = append(f.directory.read, entry{f.name, name, kinds[uint8(words[2])&3]})
	}
	return nil
}

// kinds are the cases of the contract's `entry-kind`.
var kinds = [4]fs.FileMode{0, fs.ModeDir, fs.ModeSymlink, fs.ModeIrregular}

// entry is an fs.DirEntry.
type entry struct {
	directory, name string
	kind            fs.FileMode
}

func (e entry) Name() string      { return e.name }
func (e entry) IsDir() bool       { return e.kind.IsDir() }
func (e entry) Type() fs.FileMode { return e.kind }

// Info looks at what the entry leads to.
func (e entry) Info() (fs.FileInfo, error) {
	if e.IsDir() {
		return info{e.name, e.kind | 0o555, new(Stat)}, nil
	}
	file, err := FS.Open(path.Join(e.directory, e.name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return file.Stat()
}
