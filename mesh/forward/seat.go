package forward

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"meshfocus/focus"
	"meshfocus/focus/transport"
	"meshfocus/mesh"
	"meshfocus/signalling/message"
)

// label is the data channel that peers speak on (MSC3898).
const label = "datachannel"

const (
	// answerTime is how long an offer on the channel waits. The way is that of the media,
	// so it is a machine that is busy, or one that does not mean to.
	answerTime = 20 * time.Second
	// pingEvery and pongTime are MSC3898's: three pings without a pong are the end.
	pingEvery = 30 * time.Second
	mostPings = 3
	// tellAgain is how long a peer that takes nothing from its channel has peace.
	tellAgain = time.Second
)

// seat is one connection of the mesh: a mesh.Conn towards it, a party towards the
// focus.
//
// Its loop hears the party, and negotiates over the data channel when the mesh does not
// (exchanges). It ends with Close, which closes the party.
type seat struct {
	host      *Host          // set once
	place     place          // set once
	peer      message.Party  // set once
	callID    string         // set once
	session   *focus.Session // set once
	party     *focus.Party   // set once
	log       *slog.Logger   // set once
	silent    func()         // gives the silence back
	out       chan transport.Event
	exchanges *exchanges         // set once
	life      context.Context    // ends with Close
	end       context.CancelFunc //
	ended     chan struct{}      // closed when the loop has ended
	shut      sync.Once

	// Owned by the loop.
	open     bool      // the peer has a channel
	due      time.Time // the answer on the channel, if there is an offer
	untold   bool      // it was not told of the streams as they are, or of layers that rest
	tellNext time.Time
	resting  map[focus.Key]focus.LayersResting // as the focus said last
	pings    int
	nextPing time.Time
}

func newSeat(h *Host, r mesh.ConnRequest, party *focus.Party, silent func()) *seat {
	s := &seat{
		host: h, place: place{party.Session().Key(), party.Key()}, peer: r.Peer, callID: r.CallID,
		session: party.Session(), party: party, silent: silent, log: h.config.Log.With("conn", party.Key()),
		out: make(chan transport.Event), ended: make(chan struct{}), resting: make(map[focus.Key]focus.LayersResting),
	}
	s.life, s.end = context.WithCancel(context.Background())
	s.exchanges = newExchanges(s.life, party)
	return s
}

// CreateOffer is that of mesh.Conn.
func (s *seat) CreateOffer(ctx context.Context, options transport.OfferOptions) (transport.Description, error) {
	return s.exchanges.offer(ctx, options)
}

// AcceptAnswer is that of mesh.Conn.
func (s *seat) AcceptAnswer(ctx context.Context, answer transport.Description) error {
	return s.exchanges.settle(ctx, answer)
}

// AcceptOffer is that of mesh.Conn.
func (s *seat) AcceptOffer(ctx context.Context, offer transport.Description, gather time.Duration) (transport.Description, error) {
	return s.exchanges.answer(ctx, offer, gather)
}

// AddCandidates is that of mesh.Conn.
func (s *seat) AddCandidates(batch []transport.Candidate) error { return s.party.AddCandidates(batch) }

// SetICEServers is that of mesh.Conn.
func (s *seat) SetICEServers(servers []transport.ICEServer) error {
	return s.party.SetICEServers(servers)
}

// Events is that of mesh.Conn: candidates and states. What is received is forwarded
// and no track of ours.
func (s *seat) Events() <-chan transport.Event { return s.out }

// Stats is that of mesh.Conn.
func (s *seat) Stats() transport.Stats {
	stats, err := s.party.Stats(s.life)
	if err != nil {
		return transport.Stats{State: transport.StateClosed}
	}
	c := stats.Connection
	told := transport.Stats{State: c.State, Pair: c.Pair, RTT: c.RoundTrip}
	for _, track := range s.session.Tracks() {
		if track.Owner == s.party.Key() {
			told.Received = append(told.Received, received(track))
		}
	}
	for _, share := range stats.Shares {
		told.Sent = append(told.Sent, sent(share))
	}
	return told
}

// Close is that of mesh.Conn.
func (s *seat) Close() error {
	s.shut.Do(func() {
		s.end()
		s.party.Leave()
		<-s.ended
		s.silent()
		s.host.forget(s)
	})
	<-s.ended
	return nil
}

// run is the loop.
func (s *seat) run() {
	defer close(s.ended)
	defer close(s.out)
	for s.life.Err() == nil {
		ctx, cancel := s.life, context.CancelFunc(func() {})
		if next := s.next(); !next.IsZero() {
			ctx, cancel = context.WithDeadline(s.life, next)
		}
		event, err := s.party.Next(ctx)
		cancel()
		switch {
		case err == nil:
			s.handle(event)
		case errors.Is(err, context.DeadlineExceeded):
			s.late(time.Now())
		default:
			return
		}
	}
}

// next is when something is due, zero if nothing is.
func (s *seat) next() time.Time {
	if !s.open {
		return time.Time{}
	}
	next := s.nextPing
	if s.exchanges.offered.Load() && s.due.Before(next) {
		next = s.due
	}
	if s.untold && s.tellNext.Before(next) {
		next = s.tellNext
	}
	return next
}

// late does what is due.
func (s *seat) late(now time.Time) {
	switch {
	case s.untold && !now.Before(s.tellNext):
		s.tellStreams()
		s.tellResting()
	case s.exchanges.offered.Load() && !now.Before(s.due):
		s.fail("no answer on the channel")
	case !now.Before(s.nextPing) && s.pings == mostPings:
		s.fail("no pong on the channel")
	case !now.Before(s.nextPing):
		s.pings++
		s.nextPing = now.Add(pingEvery)
		s.send(message.FocusMessage{Kind: message.FocusPing})
	}
}

// fail has the mesh make another call. It would renew ICE first, and is told, while an
// offer on the channel is open, that this is no time to.
func (s *seat) fail(why string) {
	s.log.Info("connection failed", "err", why)
	s.open = false
	s.exchanges.forsake()
	s.tell(transport.StateChanged{State: transport.StateFailed})
}

// tell passes an event on to the mesh.
func (s *seat) tell(event transport.Event) {
	select {
	case s.out <- event:
	case <-s.life.Done():
	}
}

func (s *seat) handle(event focus.Event) {
	switch e := event.(type) {
	case focus.CandidatesFound:
		s.tell(transport.CandidatesFound{Candidates: e.Candidates})
	case focus.StateChanged:
		s.tell(transport.StateChanged{State: e.State})
	case focus.ChannelReady:
		if e.Label == label {
			s.open, s.pings, s.nextPing = true, 0, time.Now().Add(pingEvery)
			s.tellStreams()
			s.tellResting()
			if err := s.exchanges.again(); err != nil {
				s.fail(err.Error())
			}
			s.negotiate()
		}
	case focus.TrackPublished, focus.TrackChanged, focus.TrackEnded:
		s.tellStreams()
	case focus.LayersResting:
		s.resting[e.Track.Key] = e
		s.tellResting()
	case focus.NegotiationNeeded:
		s.exchanges.wanted.Store(true)
		s.negotiate()
	case focus.MessageReceived:
		if e.Label == label {
			s.hear(e.Data)
		}
	}
}
