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
	// after the colon; Lobby is an alias or empty.
	Homeserver string `json:"homeserver"`
	ServerName string `json:"server_name"`
	Lobby      string `json:"lobby,omitempty"`
	// Users, Rooms and DelayedEvents count what the embedded homeserver holds.
	Users         int     `json:"users"`
	Rooms         int     `json:"rooms"`
	DelayedEvents int     `json:"delayed_events"`
	Parties       []Party `json:"parties"`
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
	Links   []Link `json:"links"`
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
	// Path is the way media takes, this end first: "host ⇄ relay, udp".
	Path string `json:"path"`
	// Encrypted tells whether the negotiation was authenticated by Olm.
	Encrypted bool `json:"encrypted"`
	// MessagesSent and MessagesReceived count to-device messages of the pair.
	MessagesSent     int `json:"messages_sent"`
	MessagesReceived int `json:"messages_received"`
	// Attempts counts calls placed or taken; Reason is why the last one ended.
	Attempts int    `json:"attempts"`
	Reason   string `json:"reason,omitempty"`
}
