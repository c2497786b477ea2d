package forward

import (
	"log/slog"
	"strings"
	"sync"

	"meshfocus/focus"
	"meshfocus/focus/lane"
	"meshfocus/focus/transport"
	"meshfocus/mesh"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// Config is what a Host needs; Focus is required.
type Config struct {
	// Focus forwards. It stays the caller's, and is closed behind the Host's mesh.
	// Its Patience is to be below 0: how long a call may be out of reach is the
	// mesh's matter.
	Focus *focus.Focus
	// ICEServers gives those of a new connection; nil: none.
	ICEServers func() []transport.ICEServer
	Log        *slog.Logger // nil: nothing is logged
}

// Host makes connections whose other ends are forwarded to each other: all that are
// in one session of a room.
type Host struct {
	config Config

	mutex sync.Mutex
	seats map[place]*seat // guarded by mutex
}

// place is where a seat is: a session of the focus and a party in it.
type place struct{ session, party string }

// New makes a host.
func New(c Config) *Host {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.ICEServers == nil {
		c.ICEServers = func() []transport.ICEServer { return nil }
	}
	return &Host{config: c, seats: make(map[place]*seat)}
}

// House is a Host with a focus and sockets of its own, which many meshes may share:
// calls of many rooms on one port.
type House struct {
	*Host
	Network *transport.Network
	Focus   *focus.Focus
}

// Leaving is how what is forwarded leaves.
type Leaving uint8

const (
	// AsItFits: at the pace and in the layers that each path carries.
	AsItFits Leaving = iota
	// AsItComes: at once, in the layer that is asked for (focus.Config.AsItComes).
	AsItComes
)

// Open opens the sockets.
func Open(media transport.Config, leaving Leaving) (*House, error) {
	network, err := transport.Listen(media)
	if err != nil {
		return nil, err
	}
	f := focus.New(focus.Config{Network: network, Patience: -1, AsItComes: leaving == AsItComes, Log: media.Log})
	return &House{New(Config{Focus: f, Log: media.Log}), network, f}, nil
}

// Close ends all that is forwarded, behind the meshes.
func (h *House) Close() error {
	h.Focus.Close()
	return h.Network.Close()
}

// layers are the rids that a caller of ours is asked for, the smallest first.
var layers = []string{"q", "h", "f"}

// NewConn makes the connection of one call: mesh.Connector.
func (h *Host) NewConn(r mesh.ConnRequest) (mesh.Conn, error) {
	return h.Connect(r, h.config.ICEServers())
}

// Connect is NewConn with the ICE servers of the call's mesh. The error is
// focus.ErrTaken while there is a connection to the peer in this session, and those of
// Focus.Join.
func (h *Host) Connect(r mesh.ConnRequest, servers []transport.ICEServer) (mesh.Conn, error) {
	party, err := h.config.Focus.Join(sessionOf(r.Key), r.Peer.String(), transport.BundleConfig{
		Name: r.Peer.String(), Peer: r.Peer.String(), ICEServers: servers,
		RelayOnly: r.RelayOnly, Data: true, Log: h.config.Log,
	})
	if err != nil {
		return nil, err
	}
	silence, leave := party.Feed(nil)
	party.SetLines(lines(silence))
	s := newSeat(h, r, party, leave)
	h.mutex.Lock()
	h.seats[s.place] = s
	h.mutex.Unlock()
	go s.run()
	return s, nil
}

// sessionOf names a session of the focus: by the room, for its slot, or by room and
// conference. Room IDs have no spaces.
func sessionOf(k membership.Key) string { return strings.TrimRight(k.RoomID+" "+k.ConfID, " ") }

// lines are what a call may need: js-sdk and Hydrogen drop an offer without a sound
// that is sent.
func lines(silence *lane.Track) []transport.BundleLine {
	return []transport.BundleLine{
		{Name: "sound", Kind: transport.Audio, Send: silence, StreamID: transport.SilentStreamID, TrackID: transport.SilentStreamID},
		{Name: "camera", Kind: transport.Video, Layers: layers},
		{Name: "screen", Kind: transport.Video},
		{Name: "screen-sound", Kind: transport.Audio},
	}
}

// Describe takes what a peer says of its streams by messages between devices
// (mesh.Config.OnLink). What it says on the data channel counts as much: the last word
// holds.
func (h *Host) Describe(l mesh.Link) {
	h.mutex.Lock()
	s := h.seats[place{sessionOf(l.Key), l.Peer.String()}]
	h.mutex.Unlock()
	if s != nil && s.callID == l.CallID && l.Streams != nil {
		s.party.Describe(remarks(l.Streams))
	}
}

// owner says whose a track is.
func (h *Host) owner(at place, t focus.Track) message.Party {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if s := h.seats[place{at.session, t.Owner}]; s != nil {
		return s.peer
	}
	return message.Party{}
}

func (h *Host) forget(s *seat) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.seats[s.place] == s {
		delete(h.seats, s.place)
	}
}
