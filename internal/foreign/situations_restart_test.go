package foreign

import (
	"bytes"
	"os"
	"path/filepath"

	"meshfocus/internal/browser"
	"meshfocus/mesh/headless"
)

// restartSituations is what goes wrong and is put right again.
func restartSituations() []situation {
	return []situation{
		{name: "killed", about: "the peer's browser dies and is back with a new session", run: killed},
		{name: "peer restarts ICE", about: "the peer asks for an ICE restart", run: func(s *scene) {
			party := s.party(middle)
			peers := s.both(party)
			for i, peer := range peers {
				if peer.negotiates(i == 0) {
					s.restarts(peer, party, func() { peer.RestartICE(party.who().UserID) })
				}
			}
			s.star(party, peers...)
		}},
		{name: "we restart ICE", about: "our party, which placed the call, asks for an ICE restart", run: func(s *scene) {
			party, peer := s.party(middle), s.joined(s.kind, last)
			s.allFlow(party, peer)
			s.restarts(peer, party, func() { party.RestartICE() })
			s.allFlow(party, peer)
		}},
		{name: "relay restarts", about: "the TURN server dies under the call and is back", stops: true, run: relayRestarts},
	}
}

// restarts asks for a restart and waits for other ICE credentials.
func (s *scene) restarts(peer *Peer, party *party, ask func()) {
	s.Helper()
	before := link(peer, party).Ufrag
	ask()
	s.until("ICE has restarted", func() (bool, string) {
		now := link(peer, party)
		return now.Ufrag != before && now.State == "connected", "it is " + now.Ufrag + " as before; " + now.String()
	})
}

// killed has a browser for each peer, with a profile that outlives it.
func killed(s *scene) {
	party := s.party(middle)
	accounts, profiles := []Account{s.account(first), s.account(last)}, []string{s.TempDir(), s.TempDir()}
	begin := func() (browsers []*browser.Browser, peers []*Peer) {
		for i := range accounts {
			browsers = append(browsers, browser.Start(s, browser.Profile(profiles[i])))
			peers = append(peers, Open(s, s.workshop, browsers[i], s.kind, accounts[i]))
			peers[i].Join(Wish{Room: s.room, Wait: true})
		}
		s.star(party, peers...)
		return browsers, peers
	}
	browsers, before := begin()
	for i, peer := range before {
		s.until("the peer has stored its keys", func() (is bool, _ string) { peer.Ask("peer.settled()", &is); return is, "" })
		if s.kind == Hydrogen {
			s.until("the browser has stored the session", func() (bool, string) { return remembers(profiles[i], accounts[i]), profiles[i] })
		}
		browsers[i].Kill()
	}
	_, after := begin()
	for i := range after {
		if after[i].Self.SessionID == before[i].Self.SessionID {
			s.Errorf("the session is still %s", after[i].Self.SessionID)
		}
	}
}

// remembers tells whether an account stands in what a profile holds on disk of
// the local storage, in which Hydrogen keeps who is signed in. Chromium writes
// it some seconds later.
func remembers(profile string, account Account) bool {
	files, _ := filepath.Glob(filepath.Join(profile, "Default", "Local Storage", "leveldb", "*.log"))
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && bytes.Contains(text, []byte(account.UserID)) {
			return true
		}
	}
	return false
}

func relayRestarts(s *scene) {
	party := s.party(middle, func(c *headless.Config) { c.Relay = headless.RelayAlways })
	var peers []*Peer
	for _, name := range []string{first, last} {
		peer := s.peer(s.kind, name)
		if !peer.negotiates(name == first) {
			continue // it would call again, half a minute later
		}
		peer.Join(Wish{Room: s.room, Wait: true, Relay: true})
		peers = append(peers, peer)
	}
	s.star(party, peers...)
	s.relay.Stop()
	s.relay.Start()
	s.star(party, peers...)
}
