package socket

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// Opener opens seats. Open is called on the goroutine of the socket that asks,
// with a context that ends with the socket or after Config.OpenTimeout. What
// it refuses should be a *Refusal; any other error is told to the browser as
// CodeHomeserver and logged.
type Opener interface {
	Open(ctx context.Context, hello Hello) (Seat, error)
}

// Hello is what a browser asks for.
type Hello struct {
	// Call is the last part of the link: "lobby" or an unguessable name. It
	// has 1 to 64 characters of a-z, 0-9 and "-".
	Call string
	// Name is how others see the person: 1 to 64 characters, no control
	// characters, no space around it. "Guest" when the browser gave none.
	Name string
	// Pass is the pass phrase of the call, "" without.
	Pass string
	// Party is the device of an earlier seat in this call, which the browser
	// has proven: it was let in before. The zero Party asks for a new device.
	Party message.Party
	// Address is where the browser comes from, as Config.Address tells.
	Address string
}

// Seat is one Matrix device in the room of a call, for one browser.
//
// Run is called once, on a goroutine of its own; Enter and Leave one at a time
// from another; Send and Place from any. Close comes last, after Run has
// returned or instead of it.
type Seat interface {
	// Place says who and where the device is. It does not change, but for the
	// credentials of ICE servers.
	Place() Place
	// Run follows the room and gives what happens to the listener, the state
	// of the call first. It returns nil when ctx ends, else why the device
	// cannot go on.
	Run(ctx context.Context, to Listener) error
	// Enter makes the device a member as wished, and returns when the homeserver
	// has taken it. If it is a member already, what differs is changed; a
	// membership with another session ID is left first.
	Enter(ctx context.Context, wish Presence) error
	// Leave takes the membership back; without one it does nothing. The device
	// may enter again.
	Leave(ctx context.Context) error
	// Send sends a signal to one device and returns at once. done is called
	// once, on any goroutine.
	Send(to message.Party, signal message.Signal, done func(error))
	// SendKey sends the key of the browser's frames to one device, inside Olm
	// and in no other way. done is called as Send's.
	SendKey(to message.Party, key message.MediaKey, done func(error))
	// Report hands on what the browser sees to devices in the room that no
	// gateway of ours serves; it returns at once and may do nothing.
	Report(report json.RawMessage)
	// Close lets go of the device. With Gone it leaves the call and the room
	// and signs the device out; with Returns it does none of that, because the
	// browser is expected to come back to another process.
	Close(ctx context.Context, why Fate) error
}

// Presence is what a membership says.
type Presence struct {
	Session string
	// Feeds are message.PurposeUserMedia and message.PurposeScreenShare, or one of
	// them.
	Feeds []string
	// Via is the forwarding member by which the device gets everything, zero for
	// none (message.Route).
	Via message.Party
}

func (p Presence) same(other Presence) bool {
	return p.Session == other.Session && p.Via == other.Via && slices.Equal(p.Feeds, other.Feeds)
}

// Fate is why a seat is closed.
type Fate uint8

const (
	// Gone: the browser has left, or stayed away too long.
	Gone Fate = iota
	// Returns: this process ends, the browser does not.
	Returns
)

// Place says who and where a seat is.
type Place struct {
	Self message.Party
	// Name is the display name of the device's user.
	Name string
	Room Room
	// ICEServers for new connections; RelayOnly when media has to go through
	// TURN (decision D29).
	ICEServers []ICEServer
	RelayOnly  bool
	// EncryptFrames: the members of the call encrypt sound and picture once
	// more, from end to end. EncryptForwarded: what goes by a member that forwards.
	EncryptFrames, EncryptForwarded bool
	// MaxMembers is the largest call that the seat may be in.
	MaxMembers int
}

// Room is the room of a call and the two sessions a guest is in there.
type Room struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// ConfID is the MSC3401 conference, SlotID the MatrixRTC slot.
	ConfID string `json:"conf_id"`
	SlotID string `json:"slot_id"`
	// Encrypted is true when the room has m.room.encryption.
	Encrypted bool `json:"encrypted"`
}

// ICEServer is one entry of a peer connection's server list.
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// Listener takes what a seat has to say. Its methods do not block and may be
// called from any goroutine, in the order in which things happened.
type Listener interface {
	// State is the whole call state of the room, each time it changed.
	State(State)
	// Signal is a call message that came for the device.
	Signal(Signal)
	// ICEServers are new credentials.
	ICEServers([]ICEServer)
	// Reports are what devices see that no gateway of ours serves.
	Reports([]Report)
	// Distrusted are the devices whose latest message was refused, all of them
	// each time that changes.
	Distrusted([]Distrust)
}

// State is the call state of a room. The receiver may keep it.
type State struct {
	// Events are the call objects, slots and member events
	// (membership.Facts.State), Sticky the sticky members (MSC4354).
	Events []membership.Event
	Sticky []membership.Sticky
	// Members are the joined users with their display names.
	Members []Member
}

// Member is a joined user of the room.
type Member struct {
	UserID string `json:"user_id"`
	Name   string `json:"name"`
}

// Distrust is why a device is not listened to: a sentence for people.
type Distrust struct {
	Party message.Party
	Words string
}

// Signal is a call message as it came. Encrypted means that the seat's Olm has
// proven From; else the device is a claim.
type Signal struct {
	From      message.Party
	Encrypted bool
	Type      string
	Content   json.RawMessage
}

// Report is what one party sees on its links.
type Report struct {
	Party message.Party
	At    time.Time
	// Content is a JSON object: {"links":[…]}, see docs/protocol.md.
	Content json.RawMessage
}
