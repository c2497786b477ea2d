package mesh

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// Snapshot is everything a status page wants to know, at one instant. Nothing
// in it changes any more.
type Snapshot struct {
	At    time.Time
	Rooms []Room // by ID
	// Refused are the latest messages that were not acted upon, newest last.
	Refused []Refused
	// Held counts messages that wait for a membership.
	Held int
}

// Room is one room with its sessions.
type Room struct {
	ID       string
	Sessions []Session // by conference ID
	// Refusals are memberships that do not count, with the rule.
	Refusals []membership.Refusal
}

// Session is one session of a room and our part in it.
type Session struct {
	membership.Session
	// Entered: we are in it.
	Entered bool
	// Links to the other members, by party.
	Links []Link
	// Strangers are members we do not connect to, and why.
	Strangers []Stranger
	// Apart are members we do not connect to because a focus is between us.
	Apart []Apart
}

// Apart is a member whose media come by way of another one, see Between.
type Apart struct {
	Party message.Party
	Focus message.Party
}

// String gives words for a status: whom we do not connect to, and why.
func (a Apart) String() string {
	return a.Party.String() + " is behind " + a.Focus.String()
}

// Stranger is a member that we do not connect to.
type Stranger struct {
	Party message.Party
	Err   error // ErrMeshFull, ErrUnsupportedFocus, ErrMemberFocus, ErrSlotClosed
}

// Refused is a message that was not acted upon.
type Refused struct {
	At   time.Time
	From message.Party
	Kind message.Kind
	Room string // may be empty
	Err  error
}

// Link is how we stand with one remote device.
type Link struct {
	membership.Key
	Peer    message.Party
	Session string // the peer's session ID
	State   negotiate.State
	Since   time.Time // of the state
	// SeenAt is when the device was first seen as a member, ConnectedAt when
	// media could first flow; zero if never.
	SeenAt, ConnectedAt time.Time
	CallID              string
	Caller              bool // it is our part to place the calls
	Attempts            int  // calls placed since the last lasting connection
	// Reason, Words and Detail say why the last call ended; empty if none has.
	Reason message.Reason
	Words  string
	Detail string
	// Encrypted: every message of the present call came encrypted from that
	// device, so its media is authenticated end to end.
	Encrypted bool
	// Distrust says in words why the device is not listened or spoken to; empty
	// if it is (D23, D24).
	Distrust string
	// Sent and Received count call messages of the pair.
	Sent, Received int
	// Streams is what the peer says of its media streams in the present call;
	// nil if it has said nothing.
	Streams message.StreamMetadata
	// Stats of the connection; nil without one.
	Stats *transport.Stats
}

// ConnectTime is how long it took from seeing the member to media; 0 if it
// has not come to that.
func (l Link) ConnectTime() time.Duration {
	if l.ConnectedAt.IsZero() {
		return 0
	}
	return l.ConnectedAt.Sub(l.SeenAt)
}

// Snapshot gives everything as it is now. Any goroutine may call it; it asks
// the connections for statistics and takes as long as they do.
func (r *Registry) Snapshot() Snapshot {
	seen := r.seen.Load()
	s := Snapshot{At: time.Now(), Refused: seen.refused, Held: seen.held}
	for _, room := range seen.rooms {
		room.Sessions = slices.Clone(room.Sessions)
		for i := range room.Sessions {
			if m := seen.meshes[room.Sessions[i].Key]; m != nil {
				room.Sessions[i].Links = m.links()
			}
		}
		s.Rooms = append(s.Rooms, room)
	}
	return s
}

// links gives the state of all pairs of a mesh, by party.
func (m *mesh) links() (links []Link) {
	for _, p := range *m.list.Load() {
		links = append(links, p.status())
	}
	slices.SortFunc(links, func(a, b Link) int {
		return cmp.Or(cmp.Compare(a.Peer.UserID, b.Peer.UserID), cmp.Compare(a.Peer.DeviceID, b.Peer.DeviceID))
	})
	return links
}

// publish makes the registry's present view readable. A session that is over
// is shown for as long as links of it remain.
func (r *Registry) publish() {
	v := &view{meshes: maps.Clone(r.meshes), refused: slices.Clone(r.refused), held: len(r.inbox.held)}
	for _, id := range slices.Sorted(maps.Keys(r.rooms)) {
		known := r.rooms[id]
		shown := Room{ID: id, Refusals: known.result.Refusals}
		listed := map[membership.Key]bool{}
		for _, session := range known.result.Sessions {
			listed[session.Key] = true
			shown.Sessions = append(shown.Sessions, Session{
				Session: session, Entered: r.entered[session.Key], Strangers: known.plan.strangers[session.Key], Apart: known.plan.apart[session.Key],
			})
		}
		for key, m := range r.meshes {
			if key.RoomID == id && !listed[key] {
				shown.Sessions = append(shown.Sessions, Session{Session: m.session, Entered: r.entered[key]})
			}
		}
		slices.SortFunc(shown.Sessions, func(a, b Session) int { return cmp.Compare(a.ConfID, b.ConfID) })
		v.rooms = append(v.rooms, shown)
	}
	r.seen.Store(v)
}
