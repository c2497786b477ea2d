package transport

import (
	"context"
	"log/slog"
	"time"

	"meshfocus/focus/lane"
	"meshfocus/focus/transport/link"
	"meshfocus/simulcast"
)

// BundleConfig says what a Bundle is.
type BundleConfig struct {
	// Name stands for the connection in logs.
	Name string
	// Peer stands for the device at the other end; see ConnConfig.
	Peer string
	// ICEServers and RelayOnly are as in ConnConfig.
	ICEServers []ICEServer
	RelayOnly  bool
	// Lines are what we would like; see SetLines.
	Lines []BundleLine
	// Data puts data channels into our offers. Those of the other side are
	// always accepted.
	Data bool
	// Lane is the one of the network that carries the connection; nil: the one
	// with the fewest.
	Lane *lane.Lane
	// Adaptive paces what leaves and chooses layers by what the peer's feedback tells of
	// the path: for sources that answer a request for a key frame.
	Adaptive bool
	Log      *slog.Logger // nil: the network's
}

// BundleLine is what we would like of one section of sound or pictures.
type BundleLine struct {
	// Name tells lines apart and stays the same.
	Name string
	Kind Kind
	// Send is what we send on it; nil receives only. It may be a track of our
	// own or one that arrived on another Bundle, of any lane.
	Send *lane.Track
	// StreamID and TrackID are what a=msid says of it (RFC 8830): tokens of up
	// to 64 characters.
	StreamID, TrackID string
	// SendOnly: nothing is received on it.
	SendOnly bool
	// Layers are the rids that are asked for when the line is first offered, the
	// smallest picture first.
	Layers []string
	// First is the layer that is sent at the beginning; see lane.Subscription.Aim.
	First simulcast.Layer
}

// Bundle is one negotiated connection on a lane with any number of lines. It is
// what a focus uses; a Conn is the same with the lines of a call.
//
// Offers and answers follow the same rules as those of a Conn, one after the other;
// an offer of ours can be withdrawn. As the answering side lines go on the sections of their
// kind that the other side takes media on; what it sends is received whether a
// line asked for it or not. What it has to say arrives in order on Events:
// CandidatesFound, StateChanged, LineReceived, LineEnded and ChannelOpened.
type Bundle struct{ *exchange }

// LineReceived: the other side sends on a section. Whatever arrives on it is of
// Track, which ends with LineEnded. Name is that of the line which lives there,
// "" if none does. It is told again, with the same Track, when the other side
// gives that another name.
type LineReceived struct {
	Name, Mid         string
	Kind              Kind
	StreamID, TrackID string
	Track             *lane.Track
	arrival           *arrival
}

// LineEnded: nothing is received on a section any more.
type LineEnded struct {
	Name, Mid string
	Track     *lane.Track
	arrival   *arrival
}

// ChannelOpened is a data channel that the other side has opened. Whoever gets
// it reads it, or closes it.
type ChannelOpened struct{ Channel *Channel }

// Channel is a data channel.
type Channel = link.Channel

func (LineReceived) event()  {}
func (LineEnded) event()     {}
func (ChannelOpened) event() {}

// NewBundle makes a connection. Nothing leaves the machine before an offer is
// made or accepted. Errors: ErrClosed.
func (n *Network) NewBundle(config BundleConfig) (*Bundle, error) {
	b := &Bundle{}
	var err error
	b.exchange, err = n.newExchange(exchangeConfig{
		name: config.Name, peer: config.Peer, servers: config.ICEServers, relayOnly: config.RelayOnly,
		lane: config.Lane, data: config.Data, adaptive: config.Adaptive, log: config.Log,
	}, b)
	if err != nil {
		return nil, err
	}
	b.SetLines(config.Lines)
	b.begin()
	return b, nil
}

// What its exchange asks of it: see user.

func (b *Bundle) hear(event Event) { b.events.Put(event) }
func (b *Bundle) agreed()          {}
func (b *Bundle) over()            {}

// SetLines says what we would like. New lines, and those that are gone, take
// effect with the next exchange of offer and answer; a line of before whose Send
// is another track changes at once (replaceTrack), and is silent if that is of a
// codec which was not agreed.
func (b *Bundle) SetLines(lines []BundleLine) { b.strand.setLines(lines) }

func (s *strand) setLines(lines []BundleLine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	former := s.lines
	s.lines = nil
	kept := map[string]bool{}
	for _, l := range lines {
		kept[l.Name] = true
		s.lines = append(s.lines, line{BundleLine: l, sends: l.Send != nil})
		if err := s.send(&s.lines[len(s.lines)-1]); err != nil {
			s.x.log.Info("line is not sent", "line", l.Name, "err", err)
		}
	}
	for _, l := range former {
		if d := s.departing[l.Name]; d != nil && d.sub != nil && !kept[l.Name] {
			_ = d.sub.Replace(nil) // it can only be closed, and is silent then
		}
	}
}

// CreateOffer makes an offer and applies it, with the candidates that are found
// until gathering is complete or gather has passed; restart makes new ICE
// credentials. Errors are those of Conn.CreateOffer.
func (b *Bundle) CreateOffer(ctx context.Context, gather time.Duration, restart bool) (Description, error) {
	return b.exchange.CreateOffer(ctx, OfferOptions{Restart: restart, Gather: gather})
}

// Withdraw goes back from our offer: the other side may offer, or we may. Whether the
// other side has taken it does not matter; what was asked for in it is to be offered
// again. Errors: ErrWrongState if no offer of ours is open, or it restarts ICE;
// ErrClosed, ctx's.
func (b *Bundle) Withdraw(ctx context.Context) error { return b.exchange.withdraw(ctx) }

// Subscription gives what we send on a line. It is nil until that was agreed, the
// Bundle was connected for the first time and the line has something to send;
// what is wanted before, BundleLine.First says.
func (b *Bundle) Subscription(name string) *lane.Subscription { return b.strand.subscription(name) }

// End gives the connection as its lane sees it.
func (b *Bundle) End() *lane.End { return b.strand.end }

// Lane gives the lane that carries the connection.
func (b *Bundle) Lane() *lane.Lane { return b.strand.lane() }

// OpenChannel opens a data channel. It waits until there can be one.
func (b *Bundle) OpenChannel(ctx context.Context, label string) (*Channel, error) {
	return b.strand.link.OpenChannel(ctx, label)
}

// BundleStats is a snapshot of a Bundle.
type BundleStats struct {
	State State
	// Pair is the way media takes; zero before there is one.
	Pair CandidatePair
	// RoundTrip is of the last connectivity check on Pair; 0 if unknown.
	RoundTrip time.Duration
	End       lane.EndStats
}

// Stats takes a snapshot.
func (b *Bundle) Stats() BundleStats {
	return BundleStats{State: b.State(), Pair: b.strand.pair(), RoundTrip: b.strand.link.RoundTrip(), End: b.strand.end.Stats()}
}

// Feed gives a track of our own as one that a line of the Bundle can send; nil is
// silence (SilentStreamID). leave gives it back, behind the Bundle's Close.
func (b *Bundle) Feed(t *LocalTrack) (track *lane.Track, leave func()) {
	if t == nil {
		t = b.network.silent.get()
	}
	f := t.feed(b.Lane())
	return f.track, f.leave
}
