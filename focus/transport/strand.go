package transport

import (
	"errors"
	"math/rand/v2"
	"sync"

	"meshfocus/focus/lane"
	"meshfocus/focus/transport/jsep"
	"meshfocus/focus/transport/link"
	"meshfocus/simulcast"
)

// strand is what one connection is made of: the session descriptions (jsep), the
// way and the keys (link), and the media (lane.End).
//
//	jsep.Session ── what was agreed ─┬─▶ link.Link ── path, keys ─▶ lane.End
//	                                 └─▶ arrivals, departures ────▶ lane.End
//
// Its loop takes in what the link has to say, until close.
type strand struct {
	x    *exchange  // set once
	of   user       // set once
	link *link.Link // set once
	end  *lane.End  // set once
	// fixed: our offers hold the lines of the first exchange and no other. Set
	// once.
	fixed bool
	data  bool // set once: channels are offered

	// Owned by whoever has the turn.
	session    jsep.Session
	connecting bool                // the link was told to connect
	restarting bool                // the link has a generation that waits for the peer's
	arriving   map[string]*arrival // by the mid of the section

	mu         sync.Mutex // guards all below; calls under it go to the lane alone
	lines      []line
	departing  map[string]*departure // by the name of the line
	open       bool                  // an offer of ours
	begun      bool                  // the first exchange is complete
	mid        string                // of the section that speaks for the bundle
	place      uint16                // and its place
	live       bool                  // has been connected: what is sent before is lost, key frames first
	resumed    bool                  // a restart was agreed on, and its path is not known yet
	closed     bool
	channelled bool // data channels were agreed
}

// line is what we would like of one m-section.
type line struct {
	BundleLine
	sends bool // also while there is nothing to send
}

// newStrand makes the strand of an exchange. Nothing leaves the machine yet.
func newStrand(x *exchange, config exchangeConfig, of user) error {
	cname := x.berth.cname
	s := &strand{
		x: x, of: of, fixed: config.fixed, data: config.data,
		session:  jsep.New(jsep.Config{ID: rand.Uint64() >> 1, CName: cname, Server: true, StreamReports: true, PreferStreams: x.network.config.ECN, Numbers: jsep.ExtensionNumbers()}),
		arriving: make(map[string]*arrival), departing: make(map[string]*departure),
	}
	s.end = s.lane().NewEnd(lane.EndConfig{
		Name: x.name, CName: cname, Adaptive: config.adaptive, Uplink: config.uplink,
		Write: func(datagram []byte) (int, error) { return s.link.Write(datagram) },
	})
	var err error
	if s.link, err = x.berth.link(config.relayOnly, s.end.Receive); err != nil {
		s.end.Close()
		return err
	}
	if err := s.use(usableServers(config.servers, x.log)); err != nil {
		s.end.Close()
		return errors.Join(err, s.link.Close())
	}
	x.strand = s
	return nil
}

// lane carries the media.
func (s *strand) lane() *lane.Lane { return s.x.berth.lane }

// listen is the loop that takes in what the link has to say.
func (s *strand) listen() {
	for event := range s.link.Events() {
		switch e := event.(type) {
		case link.CandidateFound:
			s.found(e)
		case link.GatheringDone:
			if g := s.x.current(); g.ufrag == e.Ufrag {
				g.exhausted()
			}
		case link.PathChanged:
			s.end.SetPath(e.Path.Local, e.Path.Remote, e.Path.Direct)
			s.end.SetRoundTrip(s.link.RoundTrip())
			if s.renewed() && s.link.State() == StateConnected {
				s.x.noteState(StateConnected, true)
			}
		case link.Secured:
			// A connection that was closed meanwhile has no use for keys.
			if err := s.end.Secure(e.Seal, e.Open); err != nil && !errors.Is(err, lane.ErrClosed) {
				s.x.log.Warn("keys for media", "err", err)
			}
		case link.StateChanged:
			if e.Err != nil {
				s.x.log.Info("connection failed", "err", e.Err)
			}
			if e.State == StateConnected {
				s.goLive()
			}
			s.x.noteState(s.link.State(), false)
		case link.ChannelOpened:
			s.of.hear(ChannelOpened{e.Channel})
		}
	}
}

// found passes a candidate of ours on, if it is of the present generation.
func (s *strand) found(e link.CandidateFound) {
	g := s.x.current()
	if g.ufrag != e.Ufrag {
		return
	}
	s.mu.Lock()
	mid, place := s.mid, s.place
	s.mu.Unlock()
	g.found(Candidate{Candidate: e.Candidate, Mid: &mid, MLineIndex: &place, UsernameFragment: &e.Ufrag})
}

// renewed reports, once, that a restart has been agreed on.
func (s *strand) renewed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	resumed := s.resumed
	s.resumed = false
	return resumed
}

// goLive begins to send what was agreed, the first time that there is a way.
func (s *strand) goLive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live {
		return
	}
	s.live = true
	s.sendAll()
}

// The states of a negotiation, as WebRTC names them.
const (
	stable    = "stable"
	offerOpen = "have-local-offer"
)

// signalling is the state of the negotiation.
func (s *strand) signalling() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open {
		return offerOpen
	}
	return stable
}

// use sets the servers of the next gathering; all are usable.
func (s *strand) use(servers []ICEServer) error {
	s.link.SetSTUN(stunAddresses(servers))
	return s.link.SetRelays(relays(servers))
}

// pair gives the way media takes, zero before there is one.
func (s *strand) pair() CandidatePair {
	path, ok := s.link.Path()
	if !ok {
		return CandidatePair{}
	}
	pair := CandidatePair{Local: path.LocalType, Remote: path.RemoteType, Protocol: "udp", LocalAddress: path.Local.String()}
	if path.TCP {
		pair.Protocol = "tcp"
	}
	return pair
}

// close ends the strand and returns when nothing of it runs.
func (s *strand) close() error {
	s.of.over()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end.Close()
	err := s.link.Close()
	for mid := range s.arriving {
		s.stop(mid)
	}
	return err
}

// everything is the aim of who wants all there is.
var everything = simulcast.Layer{Spatial: simulcast.Streams - 1, Temporal: 3}
