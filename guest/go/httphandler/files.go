package httphandler

import (
	"net/http"
	"path"

	"my-handler/sockeye"
)

// Files is the directory that the operator granted, for http.FileServer: what that sends goes from
// the host's page cache to the network.
var Files http.FileSystem = files{}

type files struct{}

func (files) Open(name string) (http.File, error) {
	name = path.Clean("/" + name)[1:]
	if name == "" {
		name = "."
	}
	file, err := sockeye.FS.Open(name)
	if err != nil {
		return nil, err
	}
	return file.(http.File), nil
}
