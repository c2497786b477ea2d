// Package record writes what a remote participant sends into one WebM file
// that any player opens.
//
// It takes samples as transport hands them out and knows neither connections
// nor packets; nothing is decoded or encoded. H.264 is not part of WebM: a
// file with it says that it is Matroska, of which WebM is a part (RFC 9559).
//
// A File is created by the first sample that can be kept: video begins with a
// key frame, and who sends nothing leaves no file. Tracks can join at any
// time, because the head of the file has room to be written again. The owner
// runs Record for each track, in a goroutine of its own, and calls Close when
// all have returned; Close writes the index and the duration. A file that was
// never closed plays too, up to its last cluster.
//
// Times in the file are milliseconds since the first sample arrived.
package record

import "errors"

var (
	// ErrClosed: the file was closed before the sample came.
	ErrClosed = errors.New("recording is closed")
	// ErrTooManyTracks: no room is left in the head of the file.
	ErrTooManyTracks = errors.New("recording has no room for another track")
)
