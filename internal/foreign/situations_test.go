package foreign

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"meshfocus/mesh/headless"
)

// situation is one row of the grid.
type situation struct {
	name  string
	about string // what it stands for, in a few words
	kinds []Kind // that it is tried with; nil: all
	empty bool   // the room has no object of a call yet
	stops bool   // the relay, so that nobody else may need it meanwhile
	home  string // the only homeserver that it is tried on; "": any
	run   func(*scene)
}

func (s situation) concerns(home Home, kind Kind) bool {
	if s.home != "" && s.home != home.Name {
		return false
	}
	if s.kinds == nil {
		return kind != Raw && kind != LiveKit43
	}
	return slices.Contains(s.kinds, kind)
}

// situations is the whole table.
func situations() []situation {
	return slices.Concat(callSituations(), changeSituations(), restartSituations(), guestSituations(), wireSituations(), liveKitSituations())
}

// find gives the situation of a name.
func find(t testing.TB, name string) situation {
	t.Helper()
	for _, s := range situations() {
		if s.name == name {
			return s
		}
	}
	t.Fatalf("no situation is called %q", name)
	return situation{}
}

// try plays a situation in a room of its own.
func (s situation) try(t testing.TB, b *bench, home Home, kind Kind) {
	t.Helper()
	scene := emptyScene(t, b, home, kind, 0)
	if !s.empty {
		home.StartCall(t, scene.host, scene.room, confID)
	}
	s.run(scene)
}

// The names of users order them: the lesser one of a pair places the call.
const (
	first  = "a" // calls our party
	second = "b"
	middle = "m" // our party
	last   = "z" // is called by our party
)

// callSituations is who meets whom.
func callSituations() []situation {
	return []situation{
		{name: "calls", about: "the peer calls our party", run: func(s *scene) { meet(s, first) }},
		{name: "is called", about: "our party calls the peer", run: func(s *scene) { meet(s, last) }},
		{name: "three", about: "two of the kind and our party, every pair", run: func(s *scene) {
			s.allFlow(s.joined(s.kind, first), s.party(middle), s.joined(s.kind, last))
		}},
		{name: "late", about: "our party is first and the peers come into its call", run: func(s *scene) {
			party := s.party(middle)
			s.until("our party is in", func() (bool, string) { return party.Status().State == "joined", party.Status().State })
			s.allFlow(party, s.joined(s.kind, last), s.joined(s.kind, first))
		}},
		{name: "all at once", about: "the two kinds that use Olm and two of ours in one mesh, every pair", kinds: []Kind{JSSDK36, Hydrogen}, run: allAtOnce},
		{name: "mixed", about: "all kinds in one room, clear and Olm at once: our party and our page have media with each", kinds: []Kind{JSSDK43}, run: mixed},
		{name: "our page", about: "the peer calls our signed-in page, and is called by it", kinds: Kinds(), run: func(s *scene) {
			s.both(s.joined(Page, middle))
		}},
		{name: "through relay", about: "both ends use a TURN server only", run: func(s *scene) {
			party := s.party(middle, func(c *headless.Config) { c.Relay = headless.RelayAlways })
			peers := []*Peer{s.peer(s.kind, first), s.peer(s.kind, last)}
			for _, peer := range peers {
				peer.Join(Wish{Room: s.room, Wait: true, Relay: true})
			}
			s.star(party, peers...)
			for _, peer := range peers {
				if path := link(peer, party).Path; path != "relay relay" {
					s.Errorf("the path is %q, want relays at both ends", path)
				}
			}
		}},
		{name: "no call yet", about: "our party makes the object of the call, which the peer's client needs", empty: true, run: func(s *scene) {
			party := s.party(middle)
			s.allFlow(party, s.joined(s.kind, first))
		}},
		{name: "no power", about: "our party may not make the object of the call, and says so", empty: true, kinds: []Kind{JSSDK43}, run: noPower},
		{name: "simulcast", about: "the peer answers our offer with three layers", run: simulcast},
	}
}

// meet lets a peer and our party have a call and looks at what was recorded.
func meet(s *scene, name string) {
	recordings := s.TempDir()
	peer := s.joined(s.kind, name)
	party := s.party(middle, func(c *headless.Config) { c.RecordDir = recordings })
	s.allFlow(peer, party)
	party.stop(s)
	s.checkRecordings(party)
}

// allAtOnce has js-sdk 36 and Hydrogen on both sides of our two parties.
func allAtOnce(s *scene) {
	other := map[Kind]Kind{JSSDK36: Hydrogen, Hydrogen: JSSDK36}[s.kind]
	s.allFlow(s.joined(s.kind, first), s.party(second), s.party(middle), s.joined(other, last))
}

// mixed leaves out the pairs that cannot talk: js-sdk 43 sends in the clear
// and reads no Olm here, the others the other way round.
func mixed(s *scene) {
	party, page := s.party(middle), s.joined(Page, middle+middle)
	clear, olm, hydrogen := s.joined(JSSDK43, first), s.joined(JSSDK36, second), s.joined(Hydrogen, last)
	s.star(party, page, clear, olm, hydrogen)
	s.star(page, clear, olm, hydrogen)
	s.allFlow(olm, hydrogen)
}

func noPower(s *scene) {
	s.room = s.home.Room(s, s.host, 100)
	party := s.party(middle)
	s.until("our party is in the slot and says why nothing else", func() (bool, string) {
		now := party.Status()
		return now.State == "joined" && strings.Contains(now.Trouble, "power level"), now.State + ": " + now.Trouble
	})
	if content, there := s.home.State(s, s.host, s.room, "org.matrix.msc3401.call", confID); there {
		s.Errorf("a call object is there: %v", content)
	}
}

func simulcast(s *scene) {
	peer := OpenWith(s, s.workshop, s.chromium, s.kind, s.account(last), LargeCamera)
	peer.Join(Wish{Room: s.room, Wait: true})
	party := s.party(middle)
	s.allFlow(peer, party)
	s.until("three layers arrive", func() (bool, string) {
		layers := party.layers(peer)
		return len(layers) == 3, fmt.Sprintf("they are %v; the peer sends %d", layers, link(peer, party).Layers)
	})
}
