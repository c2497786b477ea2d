package headless

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"meshfocus/focus/record"
	"meshfocus/mesh"
	"meshfocus/signalling/message"
)

// recorder writes what arrives, one file per remote participant. A participant
// who comes back goes on in the same file. Without a directory it does nothing.
//
// It owns a loop per track, which ends with the track or with close.
type recorder struct {
	dir    string
	log    *slog.Logger
	ctx    context.Context // ends the loops; set once
	cancel context.CancelFunc
	loops  sync.WaitGroup

	mu     sync.Mutex
	closed bool                           // guarded by mu
	byName map[message.Party]*record.File // guarded by mu
	order  []*record.File                 // guarded by mu
}

// newRecorder makes the directory, so that a bad one is known before the call.
func newRecorder(dir string, log *slog.Logger) (*recorder, error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("cannot record: %w", err)
		}
	}
	r := &recorder{dir: dir, log: log, byName: map[message.Party]*record.File{}}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r, nil
}

// take begins to record a track, whose samples the source gives. Without a
// directory the samples are read and dropped if watch is true. It is called
// from peers' loops and does not block.
func (r *recorder) take(track mesh.Track, source record.Track, watch bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.dir == "" && !watch {
		return
	}
	if r.dir == "" {
		r.loops.Go(func() { watchTrack(r.ctx, source) })
		return
	}
	peer := track.Link.Peer
	file := r.byName[peer]
	if file == nil {
		file = record.NewFile(r.dir, peer.UserID+" "+peer.DeviceID, r.log)
		r.byName[peer] = file
		r.order = append(r.order, file)
	}
	label := track.Stream.Purpose + " " + track.Remote.Kind().String()
	r.loops.Go(func() {
		if err := file.Record(r.ctx, label, source); err != nil {
			r.log.Warn("recording stopped", "party", peer.String(), "track", label, "err", err)
		}
	})
}

// watchTrack reads a track until it ends, so that it is known whether it can be.
func watchTrack(ctx context.Context, source record.Track) {
	for {
		if _, err := source.ReadSample(ctx); err != nil {
			return
		}
	}
}

// files names what has been written to, in order of first arrival.
func (r *recorder) files() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for _, file := range r.order {
		if path := file.Path(); path != "" {
			names = append(names, path)
		}
	}
	return names
}

// close finishes the files. Closing twice is fine.
func (r *recorder) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.cancel()
	r.loops.Wait()
	for _, file := range r.order {
		if err := file.Close(); err != nil {
			r.log.Warn("recording not finished", "file", file.Path(), "err", err)
		}
	}
}
