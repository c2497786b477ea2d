package stats

// Forwarding is what this process passes on between others.
type Forwarding struct {
	// Port is the UDP and TCP port of it all.
	Port int `json:"port"`
	// CallsWaiting are calls in which nobody forwards because there are too many.
	CallsWaiting int              `json:"calls_waiting"`
	Sessions     []ForwardSession `json:"sessions"`
}

// ForwardSession is one call, in words: the slot of a room, or a conference in it.
type ForwardSession struct {
	Session string         `json:"session"`
	Speaker string         `json:"speaker,omitempty"` // a party
	Parties []ForwardParty `json:"forwarded_parties"`
}

// ForwardParty is one device that is connected to us.
type ForwardParty struct {
	Party string         `json:"party"`
	State string         `json:"state"`
	Sends []ForwardTrack `json:"sends"`
	Gets  []ForwardShare `json:"gets"`
	// Way is what is thought of the way to it; nil while nothing is estimated.
	Way *ForwardWay `json:"carries,omitempty"`
}

// ForwardWay is what the way to a device is thought to carry. Rates are of IP packets.
type ForwardWay struct {
	// EstimateBitsPerSecond is what it carries, ProvenBitsPerSecond what was seen to
	// arrive of that, PaceBitsPerSecond how fast packets leave.
	EstimateBitsPerSecond float64 `json:"estimate_bits_per_second"`
	ProvenBitsPerSecond   float64 `json:"proven_bits_per_second"`
	PaceBitsPerSecond     float64 `json:"pace_bits_per_second"`
	// QueueMs is how long packets wait on the way, HeldBytes what waits here for its
	// time, DroppedInPercent the share that is lost of late.
	QueueMs          float64 `json:"queue_ms"`
	HeldBytes        uint64  `json:"held_bytes"`
	DroppedInPercent float64 `json:"dropped_in_percent"`
	// Why is why the estimate changed last, in a word, and ChangedMs how long ago.
	Why       string `json:"why"`
	ChangedMs int64  `json:"changed_ms"`
}

// ForwardTrack is what somebody sends.
type ForwardTrack struct {
	Track  string   `json:"track"` // stream/track
	Kind   string   `json:"kind"`  // "audio" or "video"
	For    string   `json:"for"`   // "camera" or "screen"
	Muted  bool     `json:"muted"`
	Layers []string `json:"layers"` // that arrive, in words, the smallest first
	// ArrivesBitsPerSecond is of all layers, Readers how many get it.
	ArrivesBitsPerSecond float64 `json:"arrives_bits_per_second"`
	Readers              int     `json:"readers"`
	// KeyFramesAsked counts requests to its sender.
	KeyFramesAsked int64 `json:"key_frames_asked"`
}

// ForwardShare is what somebody gets.
type ForwardShare struct {
	Track string `json:"track"`
	Owner string `json:"owner"` // whose it is
	// Layer is the one that leaves, in words; empty while nothing does. Wanted is the
	// size in which it is shown, empty for any.
	Layer  string `json:"layer"`
	Wanted string `json:"wanted"`
	// Because says in words why that layer and nothing better; empty while nothing is
	// estimated, and for sound.
	Because string `json:"because"`
	// LostInPercent is what the receiver reports, Resent counts packets that were sent
	// again.
	LostInPercent float64 `json:"lost_in_percent"`
	Resent        uint64  `json:"resent"`
}
