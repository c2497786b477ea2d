package headless

import (
	"errors"
	"log/slog"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/signalling/matrix"
)

// ErrSource: a source of media cannot be used. The message names it and says
// what would be right.
var ErrSource = errors.New("cannot publish")

// Config says who takes part in which call, and with what. Account and Room
// are needed.
type Config struct {
	Account matrix.Config
	// Room is an ID (!…) or an alias (#…); it is joined if we are not in it.
	Room string
	// CallID is an MSC3401 conference to join besides the room's slot; empty
	// for none.
	CallID string
	// Publish names sources: files, or rtp://host:port?codec=name. At most
	// one of sound and one of picture.
	Publish []string
	// Clip is sent instead of Publish, from memory.
	Clip *Clip
	// RecordDir takes one file per remote participant; empty records nothing.
	RecordDir string
	// Media says where media comes and goes. Each participant has sockets of
	// its own: two ends of one connection cannot share a port, because ICE
	// tells the packets of a port apart by where they come from.
	Media transport.Config
	// ICEServers are used besides those that the homeserver names.
	ICEServers []transport.ICEServer
	// Relay says when media goes through TURN only.
	Relay RelayPolicy
	// MaxMembers is the largest call to join; 0 means mesh.DefaultMaxMembers.
	MaxMembers int
	// LeaveDelay is how long after a crash the homeserver ends our
	// membership; 0 means 30 s.
	LeaveDelay time.Duration
	// OnStatus is given a new Status once a second and must not block.
	OnStatus func(Status)
	Log      *slog.Logger // nil: nothing is logged
}

// Clip is a picture (IVF) and a sound (Ogg Opus) in memory that loop together.
type Clip struct{ Video, Audio []byte }

func (c Config) withDefaults() Config {
	if c.OnStatus == nil {
		c.OnStatus = func(Status) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
