package headless

import (
	"errors"
	"log/slog"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/mesh"
	"meshfocus/mesh/forward"
	"meshfocus/mesh/via"
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
	// for none. Whoever is in both with a peer meets it in the slot.
	CallID string
	// ConferenceOnly leaves the slot out, as GroupCall clients do. It needs a
	// CallID.
	ConferenceOnly bool
	// Profile is the form of our membership in the slot.
	Profile matrix.Profile
	// Intent is what the call is meant to be: "audio", "video" or "" (MSC4143,
	// m.call.intent). It limits nothing.
	Intent string
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
	// AsItComes sends to each peer what we publish, or forward by a house of our own, at once
	// and as large as it is. Else it is paced, and each peer gets the size of our picture
	// that its way carries, with one uplink for all (transport.ConnConfig.Adaptive).
	AsItComes bool
	// MaxMembers is the largest call to join; 0 means mesh.DefaultMaxMembers.
	MaxMembers int
	// LeaveDelay is how long after a crash the homeserver ends our
	// membership; 0 means 30 s.
	LeaveDelay time.Duration
	// EncryptFrames says when sound and picture are encrypted once more, from
	// end to end. On, all in the call have to do the same; auto seals what a focus
	// forwards, in encrypted rooms, and leaves alone what goes directly.
	EncryptFrames mesh.FramePolicy
	// Via says by which way everybody's media come and go.
	Via ViaPolicy
	// ViaLimits are how long a focus may fail us.
	ViaLimits via.Limits
	// Forward: what the others send is passed on to those who ask for it over their
	// data channels (mesh/forward); nothing is published or recorded then. House does
	// it, for any number of participants, instead of Media; it stays the caller's. Nil:
	// one of our own.
	Forward bool
	House   *forward.House
	// OnDemand: Run joins nothing; calls are made by Call.
	OnDemand bool
	// OnStatus is given a new Status once a second and must not block.
	OnStatus func(Status)
	Log      *slog.Logger // nil: nothing is logged
}

// Clip is a picture (IVF) and a sound (Ogg Opus) in memory that loop together.
type Clip struct{ Video, Audio []byte }

func (c Config) withDefaults() Config {
	if !c.Forward {
		c.House = nil
	}
	if c.OnStatus == nil {
		c.OnStatus = func(Status) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
