package transport

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/pion/webrtc/v4"
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
	// DataChannel puts a data channel into our first offer, labelled as
	// js-sdk does it. One of the other side is always accepted.
	DataChannel bool
	Log         *slog.Logger // nil: the network's
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
// It owns a Pion peer connection; a loop that hands out events; and a loop
// for each track sent, each track received and the reports of each. All end
// with Close.
type Conn struct {
	network *Network
	lane    *lane // set once, by the network
	name    string
	peer    string
	log     *slog.Logger
	pc      *webrtc.PeerConnection
	events  *mailbox
	relay   bool // set once: addresses are not told
	data    bool // set once: a data channel is offered

	// turn holds one token: whoever has it negotiates.
	turn chan struct{}
	done chan struct{}  // closed when Close begins
	wg   sync.WaitGroup // every goroutine of ours
	shut sync.Once
	gone chan struct{} // closed when Close has ended

	life  context.Context    // set once: ends when Close begins
	letGo context.CancelFunc // set once: ends it

	audio, video *outlet // set once

	// Owned by whoever has the turn.
	sending map[*outlet]bool

	mu          sync.Mutex // guards all below; no call leaves under it
	closed      bool
	state       State
	generations generations
	held        []Candidate // for a description that has not come
	gathering   *gathering
	tracks      []*RemoteTrack
}

// NewConn makes a connection. Nothing leaves the machine before an offer is
// made or accepted.
func (n *Network) NewConn(config ConnConfig) (*Conn, error) {
	log := config.Log
	if log == nil {
		log = n.log
	}
	log = log.With("conn", config.Name)
	c := &Conn{
		network: n, name: config.Name, peer: config.Peer, log: log, events: newMailbox(), relay: config.RelayOnly, data: config.DataChannel,
		turn: make(chan struct{}, 1), done: make(chan struct{}), gone: make(chan struct{}),
		sending: make(map[*outlet]bool),
	}
	lane, err := n.enter(c)
	if err != nil {
		return nil, fmt.Errorf("connection %s: %w", config.Name, err)
	}
	defer n.making.Done()
	c.life, c.letGo = context.WithCancel(context.Background())
	c.pc, err = lane.api(c.life, config.RelayOnly).NewPeerConnection(configuration(config, log))
	if err != nil {
		n.leave(c)
		c.letGo()
		return nil, fmt.Errorf("connection %s: %w", config.Name, err)
	}
	c.audio, c.video = c.outlets(config.Audio, config.Video)
	c.gathering = c.newGathering()
	c.listen()
	c.wg.Go(c.events.run)
	return c, nil
}

func configuration(config ConnConfig, log *slog.Logger) webrtc.Configuration {
	policy := webrtc.ICETransportPolicyAll
	if config.RelayOnly {
		policy = webrtc.ICETransportPolicyRelay
	}
	return webrtc.Configuration{
		ICEServers:         usableServers(config.ICEServers, log),
		ICETransportPolicy: policy,
		BundlePolicy:       webrtc.BundlePolicyMaxBundle,
		RTCPMuxPolicy:      webrtc.RTCPMuxPolicyRequire,
	}
}

// outlets makes our ends of the two media. Silence joins the stream of the
// video, so that the other side sees one stream.
func (c *Conn) outlets(audio, video *LocalTrack) (*outlet, *outlet) {
	stream := SilentStreamID
	var picture *outlet
	if video != nil {
		stream = video.StreamID()
		picture = newOutlet(Video, video.ID(), video.StreamID(), video)
	}
	if audio == nil {
		return newOutlet(Audio, silentTrackID, stream, c.network.silent.get()), picture
	}
	return newOutlet(Audio, audio.ID(), audio.StreamID(), audio), picture
}

// listen connects Pion's callbacks. None of them waits.
func (c *Conn) listen() {
	c.pc.OnICECandidate(func(candidate *webrtc.ICECandidate) { c.current().add(candidate) })
	c.pc.OnConnectionStateChange(func(webrtc.PeerConnectionState) { c.noteState() })
	c.pc.OnTrack(c.trackStarted)
	c.pc.OnDataChannel(func(*webrtc.DataChannel) {}) // accepted, nothing is said on it
}

// Name is what the connection is called in logs.
func (c *Conn) Name() string { return c.name }

// Events delivers what happens to the connection, in order. It is closed by
// Close; what was not read by then is lost.
func (c *Conn) Events() <-chan Event { return c.events.out }

// SetICEServers sets what is used at the next ICE restart, and at the first
// gathering if that has not begun. Unusable servers are left out.
func (c *Conn) SetICEServers(servers []ICEServer) error {
	config := c.pc.GetConfiguration()
	config.ICEServers = usableServers(servers, c.log)
	return c.pc.SetConfiguration(config)
}

// ReplaceAudio sends another track instead, without negotiation; nil sends
// silence. The codec must be one that was negotiated, as Opus always is.
func (c *Conn) ReplaceAudio(track *LocalTrack) error {
	if track == nil {
		track = c.network.silent.get()
	}
	return c.replace(c.audio, Audio, track)
}

// ReplaceVideo sends another track instead, without negotiation; nil sends
// nothing. Errors: ErrNotNegotiated if the connection was made without video,
// ErrCodecNotNegotiated. What was sent before goes on then.
func (c *Conn) ReplaceVideo(track *LocalTrack) error {
	if c.video == nil {
		return ErrNotNegotiated
	}
	return c.replace(c.video, Video, track)
}

func (c *Conn) replace(o *outlet, kind Kind, track *LocalTrack) error {
	if track != nil && track.Kind() != kind {
		return fmt.Errorf("connection %s: a track of %s in place of %s", c.name, track.Kind(), kind)
	}
	select {
	case <-c.done:
		return ErrClosed
	default:
		return o.replace(track)
	}
}

// Close ends the connection. It returns when nothing of it runs any more, for
// every caller. Not to be called by the goroutine that writes a track of it.
func (c *Conn) Close() error {
	var err error
	c.shut.Do(func() {
		defer close(c.gone)
		c.mu.Lock()
		c.closed = true
		gathering := c.gathering
		c.mu.Unlock()
		close(c.done)
		gathering.finish()
		c.letGo()
		c.turn <- struct{}{} // whoever negotiates has seen done; keep the turn
		err = c.pc.GracefulClose()
		close(c.events.stop)
		c.wg.Wait()
		c.network.leave(c)
	})
	<-c.gone
	if err != nil {
		return fmt.Errorf("connection %s: %w", c.name, err)
	}
	return nil
}

// spawn runs a loop of the connection; it reports false when that is closing.
func (c *Conn) spawn(run func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.wg.Go(run)
	return true
}

// take waits for the turn to negotiate.
func (c *Conn) take(ctx context.Context) error {
	select {
	case <-c.done:
		return ErrClosed
	default:
	}
	select {
	case c.turn <- struct{}{}:
		return nil
	case <-c.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Conn) give() { <-c.turn }

// noteState tells where the connection is, if that is news. Pion's callbacks
// come in no order: only the present state counts.
func (c *Conn) noteState() {
	state := c.present()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || state == c.state || state == StateNew {
		return
	}
	c.state = state
	c.events.put(StateChanged{state})
}

func (c *Conn) present() State {
	switch c.pc.ConnectionState() {
	case webrtc.PeerConnectionStateConnecting:
		return StateConnecting
	case webrtc.PeerConnectionStateConnected:
		return StateConnected
	case webrtc.PeerConnectionStateDisconnected:
		return StateDisconnected
	case webrtc.PeerConnectionStateFailed:
		return StateFailed
	case webrtc.PeerConnectionStateClosed:
		return StateClosed
	}
	return StateNew
}

// State says where the connection is.
func (c *Conn) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return StateClosed
	}
	return c.state
}

// current gives the gathering of the present ICE generation.
func (c *Conn) current() *gathering {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gathering
}

func (c *Conn) newGathering() *gathering {
	return newGathering(func(batch []Candidate) { c.events.put(CandidatesFound{batch}) }, c.relay)
}

// trackStarted is called when the first packet of a track came.
func (c *Conn) trackStarted(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	t := newRemoteTrack(c, track, receiver)
	if !c.spawn(t.read) {
		return
	}
	c.spawn(t.readReports)
	c.mu.Lock()
	c.tracks = append(c.tracks[max(len(c.tracks)-maxTracks+1, 0):len(c.tracks):len(c.tracks)], t)
	c.mu.Unlock()
	c.events.put(TrackAdded{t})
}
