package transport

import (
	"context"
	"log/slog"
	"sync"
)

// ConnConfig says what a connection is to carry.
type ConnConfig struct {
	// Name stands for the connection in logs.
	Name string
	// Peer stands for the device at the other end. Connections to the same
	// Peer at the same time get different ports; "" is nobody in particular.
	Peer string
	// ICEServers are used from the first gathering on; unusable ones are
	// left out with a line in the log.
	ICEServers []ICEServer
	// RelayOnly uses relays only, so that the other side does not learn our
	// addresses. Without a TURN server nothing can connect then.
	RelayOnly bool
	// Audio is sent; nil sends silence, because js-sdk and Hydrogen drop an
	// offer without a sending audio track.
	Audio *LocalTrack
	// Video is sent; nil receives only.
	Video *LocalTrack
	// Simulcast asks in our first offer for several encodings of the other
	// side's picture; see RemoteTrack for what becomes of them.
	Simulcast bool
	// DataChannel puts a data channel into our first offer, labelled as
	// js-sdk does it. One of the other side is always accepted.
	DataChannel bool
	// Data puts data channels into our first offer without opening one; see
	// OpenChannel.
	Data bool
	// Adaptive paces what is sent, and chooses of Video the layer that fits, by what the
	// peer's feedback tells of the way there. Adaptive connections of a Network share one
	// uplink. A peer that reports no arrivals gets everything as it comes.
	Adaptive bool
	Log      *slog.Logger // nil: the network's
}

// maxTracks is how many tracks the statistics remember. A call has four at a
// time; a screen shared again and again is a new one each time.
const maxTracks = 16

// dataChannelLabel is what js-sdk calls its channel.
const dataChannelLabel = "datachannel"

// Conn is one connection to one remote device.
//
// As the caller it puts everything a call may need into the first offer:
// audio, camera video, screen video, screen audio and, if wanted, a data
// channel. As the callee it uses what the caller offered: our audio goes on
// the first audio line the caller takes media on, our video on the first such
// video line, now or in a later offer.
//
// It ends with Close, and all that it runs.
type Conn struct {
	*exchange
	epoch epoch // set once
	data  bool  // we opened a channel, or need not; owned by whoever has the turn

	ends    sync.Mutex // guards what is below; the strand may be called under it
	ours    []*ourEnd
	ended   bool
	origins map[*arrival]*lineOrigin

	listing sync.Mutex
	tracks  []*RemoteTrack // guarded by listing; the list itself never changes
}

// The lines of a call, in the order of our first offer.
const (
	soundLine       = "sound"
	cameraLine      = "camera"
	screenLine      = "screen"
	screenSoundLine = "screen-sound"
)

// layerNames are the rids that we ask for, the smallest picture first: browsers
// send a quarter, a half and the whole of the size in that order. A peer that
// answers without a word of layers sends one encoding.
var layerNames = []string{"q", "h", "f"}

// NewConn makes a connection. Nothing leaves the machine before an offer is
// made or accepted.
func (n *Network) NewConn(config ConnConfig) (*Conn, error) {
	c := &Conn{epoch: newEpoch(), data: !config.DataChannel, origins: make(map[*arrival]*lineOrigin)}
	var err error
	c.exchange, err = n.newExchange(exchangeConfig{
		name: config.Name, peer: config.Peer, servers: config.ICEServers, relayOnly: config.RelayOnly,
		fixed: true, data: config.DataChannel || config.Data, adaptive: config.Adaptive, uplink: n.uplink, log: config.Log,
	}, c)
	if err != nil {
		return nil, err
	}
	c.ours = c.ourEnds(config.Audio, config.Video)
	c.strand.lines = c.lines(config.Simulcast)
	c.begin()
	return c, nil
}

// OpenChannel opens a data channel. It waits until there can be one: the
// connection is up, and an offer of one side, or the other, had them. It fails
// with the context's error or ErrClosed.
func (c *Conn) OpenChannel(ctx context.Context, label string) (*Channel, error) {
	return c.strand.link.OpenChannel(ctx, label)
}

// lines is everything a call may need.
func (c *Conn) lines(layers bool) []line {
	lines := []line{
		{BundleLine: BundleLine{Name: soundLine, Kind: Audio, First: everything}},
		{BundleLine: BundleLine{Name: cameraLine, Kind: Video, First: everything}},
		{BundleLine: BundleLine{Name: screenLine, Kind: Video}},
		{BundleLine: BundleLine{Name: screenSoundLine, Kind: Audio}},
	}
	if layers {
		lines[1].Layers = layerNames
	}
	for i, end := range c.ours {
		lines[i].sends, lines[i].StreamID, lines[i].TrackID = true, end.streamID, end.id
	}
	return lines
}

// hear takes in what the strand tells; see user.
func (c *Conn) hear(event Event) {
	switch e := event.(type) {
	case LineReceived:
		c.lineReceived(e)
	case LineEnded:
		c.lineEnded(e)
	case ChannelOpened: // nothing is said on it
		c.spawn(func() { drain(e.Channel) })
	}
}

// agreed begins what was waiting for an agreement; see user.
func (c *Conn) agreed() {
	c.sendOurs()
	if !c.data {
		c.openChannel()
	}
}

// openChannel opens the data channel of our first offer, if it was taken.
func (c *Conn) openChannel() {
	c.data = true // once
	if !c.strand.hasChannels() {
		return
	}
	c.spawn(func() {
		if channel, err := c.strand.link.OpenChannel(c.life, dataChannelLabel); err == nil {
			drain(channel)
		}
	})
}

// drain reads a channel until it is closed: what is not read stops all others.
func drain(channel *Channel) {
	buffer := make([]byte, longestMessage)
	for {
		if _, _, err := channel.Read(buffer); err != nil {
			return
		}
	}
}

// longestMessage is what is read of a message on a data channel. Who sends
// longer ones ends the reading.
const longestMessage = 64 << 10

// ReplaceAudio sends another track instead, without negotiation; nil sends
// silence. The codec must be one that was negotiated, as Opus always is.
func (c *Conn) ReplaceAudio(track *LocalTrack) error {
	if track == nil {
		track = c.network.silent.get()
	}
	return c.replace(Audio, track)
}

// ReplaceVideo sends another track instead, without negotiation; nil sends
// nothing. Errors: ErrNotNegotiated if the connection was made without video,
// ErrCodecNotNegotiated. What was sent before goes on then.
func (c *Conn) ReplaceVideo(track *LocalTrack) error { return c.replace(Video, track) }

// arrived notes a track and tells of it.
func (c *Conn) arrived(t *RemoteTrack) {
	c.listing.Lock()
	c.tracks = append(c.tracks[max(len(c.tracks)-maxTracks+1, 0):len(c.tracks):len(c.tracks)], t)
	c.listing.Unlock()
	c.events.Put(TrackAdded{t})
}

// received gives the tracks that have arrived.
func (c *Conn) received() []*RemoteTrack {
	c.listing.Lock()
	defer c.listing.Unlock()
	return c.tracks
}

// The link's states as WebRTC names those of its parts. DTLS begins when ICE
// has a way, and both are up when the link is.
var (
	iceWords = map[State]string{
		StateNew: "new", StateConnecting: "checking", StateConnected: "connected",
		StateDisconnected: "disconnected", StateFailed: "failed", StateClosed: "closed",
	}
	dtlsWords = map[State]string{
		StateNew: "new", StateConnecting: "connecting", StateConnected: "connected",
		StateDisconnected: "connected", StateFailed: "failed", StateClosed: "closed",
	}
)

// Stats takes a snapshot. It is cheap enough for every connection each second.
func (c *Conn) Stats() Stats {
	state := c.strand.link.State()
	stats := Stats{
		State: c.State(), Signalling: c.strand.signalling(), ICE: iceWords[state], DTLS: dtlsWords[state],
		Pair: c.strand.pair(), RTT: c.strand.link.RoundTrip(), Sent: c.sent(),
		Sending: c.strand.end.Stats().Sending,
	}
	for _, track := range c.received() {
		stats.Received = append(stats.Received, track.Stats())
	}
	return stats
}
