// Package stats serves the status page: who is in which call and how every
// link is doing, live.
//
// It is not about collecting: a source is asked for a Status once a second,
// and what it answers is shown. The page is plain HTML, CSS and one module,
// without remote assets, under a strict Content-Security-Policy; it gets its
// data over a websocket and falls back to saying that the daemon is gone.
package stats

import "time"

// Status is one picture of the daemon. JSON names are part of docs/metrics.md.
type Status struct {
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Taken   time.Time `json:"taken"`
	// Homeserver is the base URL clients use, ServerName the part of user IDs
	// after the colon, if that is ours to say; Lobby is an alias or empty.
	Homeserver string `json:"homeserver"`
	ServerName string `json:"server_name"`
	Lobby      string `json:"lobby,omitempty"`
	// Users, Rooms and DelayedEvents count what the embedded homeserver holds.
	Users         int     `json:"users"`
	Rooms         int     `json:"rooms"`
	DelayedEvents int     `json:"delayed_events"`
	Parties       []Party `json:"parties"`
	Calls         Calls   `json:"calls"`
	// Upstream is about a homeserver that we stand in front of; nil without.
	Upstream *Upstream `json:"upstream,omitempty"`
	// Forwarding is what is passed on between others; nil if nothing is to be.
	Forwarding *Forwarding `json:"forwarding,omitempty"`
}

// Upstream is what we add to a homeserver of others. Its address is none of
// the viewers' business.
type Upstream struct {
	// Answers says whether it answered when it was last looked at, nil before
	// that; Adds what it lacked then: "delayed events", "transports".
	Answers *bool    `json:"answers"`
	Adds    []string `json:"adds"`
	// Waiting are delayed events that are not due, Tokens those that are kept
	// to send them with, one for each device.
	Waiting int `json:"events_waiting"`
	Tokens  int `json:"tokens_kept"`
	// Sent and Failed count delayed events since the start; MostLateMs is how
	// long after its time one was sent at worst.
	Sent       uint64 `json:"events_sent"`
	Failed     uint64 `json:"events_failed"`
	MostLateMs int64  `json:"most_late_ms"`
}

// Calls counts what goes on on the call page.
type Calls struct {
	// Links are the calls that can be joined, the lobby not among them.
	Links int `json:"links_made"`
	// Sockets are browsers that are connected; Seats the guests' devices, of
	// which Away have no browser at the moment; Rooms the calls they are in.
	Sockets int `json:"sockets"`
	Seats   int `json:"seats"`
	Away    int `json:"away"`
	Rooms   int `json:"calls_now"`
	// Refused sockets came from pages of other sites or were too many; Dropped
	// ones were too slow, silent, too large or too fast.
	Refused uint64 `json:"refused"`
	Dropped uint64 `json:"dropped"`
}

// Party is one device of this process in one call.
type Party struct {
	Party string `json:"party"` // @user:server/DEVICE
	Role  string `json:"role"`  // what it is for, in a word or two
	Room  string `json:"room"`
	State string `json:"state"` // "joining", "joined", "leaving" or "left"
	// MediaPort is the UDP and TCP port of its media.
	MediaPort int `json:"media_port,omitempty"`
	// Trouble says in words why the call is not as it should be.
	Trouble string `json:"trouble,omitempty"`
	// Way says in words by which way media come, where that is not direct to all.
	Way   string `json:"way,omitempty"`
	Links []Link `json:"links"`
}

// Link is one party's view of one remote device. Rates are means over the
// last second, measured here.
type Link struct {
	Peer  string `json:"peer"`  // @user:server/DEVICE
	State string `json:"state"` // see docs/metrics.md
	// SinceMs is how long the link is in this state, ConnectMs the time from
	// seeing the member to being connected, 0 before that.
	SinceMs   int64 `json:"since_ms"`
	ConnectMs int64 `json:"connect_ms"`
	// RTTMs is 0 while unknown. Loss is a percentage of packets.
	RTTMs            float64 `json:"rtt_ms"`
	LossInPercent    float64 `json:"loss_in_percent"`
	LossOutPercent   float64 `json:"loss_out_percent"`
	InBitsPerSecond  float64 `json:"in_bits_per_second"`
	OutBitsPerSecond float64 `json:"out_bits_per_second"`
	// BytesIn and BytesOut count media since the link's connection began.
	BytesIn  uint64 `json:"bytes_in"`
	BytesOut uint64 `json:"bytes_out"`
	// Media says what arrives, such as "VP8 320x180" and "Opus".
	Media []string `json:"media"`
	// Layers are the encodings of the picture that arrive, the smallest first,
	// such as "q 320x180"; more than one with simulcast.
	Layers []string `json:"layers"`
	// Sends says which size of our picture is sent, such as "vp8 640x360", Because in words
	// why nothing better; Carries what is thought of the way. All are absent where nothing
	// is estimated.
	Sends   string      `json:"sends,omitempty"`
	Because string      `json:"because,omitempty"`
	Carries *ForwardWay `json:"carries,omitempty"`
	// Path is the way media takes, this end first: "host ⇄ relay, udp".
	Path string `json:"path"`
	// Behind is the member by which the peer's media come; "" for one that is
	// connected to. What is told of the connection is that of the way to it.
	Behind string `json:"behind,omitempty"`
	// Encrypted tells whether the negotiation was authenticated by Olm; of one with
	// Behind whether frames are sealed with keys that came so, and Behind has none.
	Encrypted bool `json:"encrypted"`
	// FramesOpened counts the peer's frames that were opened, where frames are
	// encrypted from end to end; Unread says why they cannot be read.
	FramesOpened uint64 `json:"frames_opened,omitempty"`
	Unread       string `json:"unread,omitempty"`
	// MessagesSent and MessagesReceived count to-device messages of the pair.
	MessagesSent     int `json:"messages_sent"`
	MessagesReceived int `json:"messages_received"`
	// Attempts counts calls placed or taken; Reason is why the last one ended.
	Attempts int    `json:"attempts"`
	Reason   string `json:"reason,omitempty"`
}
