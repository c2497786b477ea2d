package record

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"meshfocus/focus/transport"
)

// Track is where samples come from: a *transport.RemoteTrack.
type Track interface {
	ReadSample(ctx context.Context) (transport.Sample, error)
	RequestKeyFrame()
}

// File is the recording of one participant. All methods may be called from
// any goroutine; Record is meant to be run by one for each track.
type File struct {
	directory string       // set once
	name      string       // set once, safe
	log       *slog.Logger // set once

	mu      sync.Mutex // guards all below; writing to disk is what it is for
	closed  bool
	file    *os.File
	start   time.Time
	muxer   *muxer
	sender  common
	tracks  map[place]*written
	samples int
	failed  error
}

// place is what a track is for, and how it is encoded: a participant who comes
// back goes on in the same track of the file.
type place struct {
	label string
	codec transport.Codec
}

// written is one track of the file.
type written struct {
	number   uint64
	timeline timeline
}

// NewFile prepares a recording in a directory that exists. Nothing is written
// before there is something to write. The name is the participant's and may
// hold anything (see SafeName); if a file of that name exists, the new one is
// numbered. A nil log is silent.
func NewFile(directory, name string, log *slog.Logger) *File {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &File{directory: directory, name: SafeName(name), log: log, tracks: make(map[place]*written)}
}

// Record writes a track until it ends, the context does or the disk fails. The
// label says what the track is for, such as "camera" or "screen"; two tracks
// that run at the same time need different ones. It gives nil for the end of
// the track and of the context. Other tracks of the file go on in any case.
func (f *File) Record(ctx context.Context, label string, track Track) error {
	track.RequestKeyFrame()
	for {
		sample, err := track.ReadSample(ctx)
		switch {
		case errors.Is(err, io.EOF), ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("record %s of %s: %w", label, f.name, err)
		}
		if err := f.write(label, sample); err != nil {
			return fmt.Errorf("record %s of %s: %w", label, f.name, err)
		}
	}
}

// write adds one sample. What comes before a track can begin is left out.
func (f *File) write(label string, sample transport.Sample) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return ErrClosed
	case f.failed != nil:
		return f.failed
	}
	t, ok := f.tracks[place{label, sample.Codec}]
	if !ok {
		var err error
		if t, err = f.begin(label, sample); t == nil || err != nil {
			return err
		}
	}
	at := t.timeline.place(sample, f.start, &f.sender)
	if err := f.muxer.write(t.number, at, sample.KeyFrame, stored(sample)); err != nil {
		f.failed = err
		return err
	}
	f.samples++
	return nil
}

// begin opens the file, if that has not been done, and puts a track into it;
// nil without an error if the sample is none a track can begin with.
func (f *File) begin(label string, sample transport.Sample) (*written, error) {
	entry, ok := describe(label, sample)
	if !ok || !sample.KeyFrame {
		return nil, nil
	}
	if f.file == nil {
		file, err := createFile(f.directory, f.name)
		if err != nil {
			f.failed = err
			return nil, err
		}
		f.file, f.start, f.muxer = file, sample.Arrived, newMuxer(file, sample.Arrived)
		f.log.Info("recording begins", "file", file.Name())
	}
	number, err := f.muxer.addTrack(entry)
	if err != nil {
		return nil, err
	}
	t := &written{number: number}
	f.tracks[place{label, sample.Codec}] = t
	return t, nil
}

// Path is the file, "" if there is none because nothing was recorded.
func (f *File) Path() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return ""
	}
	return f.file.Name()
}

// Samples counts what was written.
func (f *File) Samples() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.samples
}

// Close finishes the file. It can be called again and does nothing then.
// Samples that come later are refused.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	if f.file == nil {
		return nil
	}
	err := errors.Join(f.muxer.finish(), f.file.Close())
	f.log.Info("recording ends", "file", f.file.Name(), "samples", f.samples)
	return err
}
