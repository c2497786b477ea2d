package mesh

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// Signaller carries call messages to devices.
type Signaller interface {
	// Send queues a message and never blocks. It calls done once, from any
	// goroutine: with nil when the homeserver took the message, with an error
	// when it is given up. Until then the signaller retries by itself.
	Send(to message.Party, s message.Signal, done func(error))
}

// Connector makes connections.
type Connector interface {
	NewConn(ConnRequest) (Conn, error)
}

// ConnRequest says what a connection is for.
type ConnRequest struct {
	membership.Key
	Peer     message.Party
	CallID   string
	Outgoing bool // we place the call
	// RelayOnly: the peer must not learn our addresses (D29).
	RelayOnly bool
	// Forwards: the peer says that it passes on what it gets.
	Forwards bool
}

// Conn is what is used of a *transport.Conn. Each method that takes a context
// returns when it ends; Close returns when nothing of the connection runs.
type Conn interface {
	CreateOffer(context.Context, transport.OfferOptions) (transport.Description, error)
	AcceptOffer(ctx context.Context, offer transport.Description, gather time.Duration) (transport.Description, error)
	AcceptAnswer(context.Context, transport.Description) error
	AddCandidates([]transport.Candidate) error
	SetICEServers([]transport.ICEServer) error
	Events() <-chan transport.Event
	Stats() transport.Stats
	Close() error
}

// Encryption says when cleartext messages are refused (D23).
type Encryption uint8

// The modes. EncryptByRoom is the default.
const (
	// EncryptByRoom requires encryption in encrypted rooms.
	EncryptByRoom Encryption = iota
	// EncryptRequire requires it everywhere.
	EncryptRequire
	// EncryptNotRequired answers cleartext everywhere ("prefer" and "off").
	EncryptNotRequired
)

// DefaultMaxMembers is the size of a mesh at which every member sends its
// media seven times (D6).
const DefaultMaxMembers = 8

// defaultGather: host candidates take milliseconds, a STUN server one round
// trip; what takes longer is sent later (js-sdk: 200 ms as well).
const defaultGather = 200 * time.Millisecond

// Config is what a Registry needs. Self, SessionID, Signaller and Connector
// are required.
type Config struct {
	Self message.Party
	// SessionID is ours in every membership and envelope: one fresh random
	// value for each start.
	SessionID string
	Signaller Signaller
	Connector Connector
	// MaxMembers of a session, ourselves included; 0 means DefaultMaxMembers.
	MaxMembers int
	Encryption Encryption
	// RelayOnly decides for a room whether only relays are used; nil: never.
	// See RelayInPublicRooms.
	RelayOnly func(membership.Facts) bool
	// ICEServers gives fresh servers before an ICE restart, because TURN
	// credentials expire; nil: those of the connection's making are kept.
	ICEServers func(context.Context) ([]transport.ICEServer, error)
	// Gather is how long a description waits for candidates; 0: 200 ms.
	Gather time.Duration
	// Streams says what our media streams are for, by stream ID, until
	// SetStreams says otherwise; those that are not listed are user media.
	Streams message.StreamMetadata
	// OnTrack is told of each track that a peer sends, OnLink of each change
	// of a link. Both are called from the peer's loop and must not block.
	OnTrack func(Track)
	OnLink  func(Link)
	// OnSessions is told of the sessions of a room that we have entered, after
	// each change, from the registry's loop. It must not block, nor change them.
	OnSessions func(roomID string, sessions []membership.Session)
	// Frames encrypts frames once more, from end to end, with keys that Keys
	// carries; both or neither. Nil: frames are as the connections have them. A
	// member that forwards gets no key, and the others in its sessions get them
	// although we do not meet them.
	Frames Frames
	Keys   KeySender
	// Seed feeds the randomness of one peer; nil: from the system.
	Seed func() [32]byte
	Log  *slog.Logger // nil: discarded
}

// RelayInPublicRooms is the stand of decision D29: where anybody may join,
// answering a call must not tell them our addresses.
func RelayInPublicRooms(facts membership.Facts) bool { return facts.JoinRule == "public" }

// Track is media that a peer sends us.
type Track struct {
	Link   Link
	Remote *transport.RemoteTrack
	// Stream says what the track's stream is for. Peers that do not say send
	// user media.
	Stream message.Stream
}

func (c Config) withDefaults() Config {
	if c.MaxMembers <= 0 {
		c.MaxMembers = DefaultMaxMembers
	}
	if c.Gather <= 0 {
		c.Gather = defaultGather
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.RelayOnly == nil {
		c.RelayOnly = func(membership.Facts) bool { return false }
	}
	if c.OnSessions == nil {
		c.OnSessions = func(string, []membership.Session) {}
	}
	if c.OnTrack == nil {
		c.OnTrack = func(Track) {}
	}
	if c.OnLink == nil {
		c.OnLink = func(Link) {}
	}
	if c.Seed == nil {
		c.Seed = func() (seed [32]byte) {
			_, _ = rand.Read(seed[:]) // never fails (crypto/rand)
			return seed
		}
	}
	return c
}

// requireEncryption applies the mode to a room.
func (c Config) requireEncryption(facts membership.Facts) bool {
	switch c.Encryption {
	case EncryptRequire:
		return true
	case EncryptNotRequired:
		return false
	}
	return facts.Encrypted
}
