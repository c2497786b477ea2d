package party

import "errors"

var (
	// ErrSystem: the system has not got what the loop is made of.
	ErrSystem = errors.New("synthetic participants need Linux")
	// ErrConnect: the connection did not come about, or ended.
	ErrConnect = errors.New("no connection")
	// ErrCodec: publishers have no pictures in it.
	ErrCodec = errors.New("there are no pictures in this codec")
	// ErrRefused: the server took no picture from us, or gave none.
	ErrRefused = errors.New("the server refused a section")
)
