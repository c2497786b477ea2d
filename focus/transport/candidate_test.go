package transport

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
)

const hostCandidate = "candidate:1 1 udp 2130706431 192.0.2.7 50000 typ host"

// described gives a connection that has applied an offer with one generation.
func described(t *testing.T, config Config) (conn *Conn, ufrag string) {
	t.Helper()
	offer, err := newConn(t, listen(t, Config{}), ConnConfig{}).CreateOffer(t.Context(), OfferOptions{Gather: patience})
	if err != nil {
		t.Fatal(err)
	}
	conn = newConn(t, listen(t, config), ConnConfig{})
	offer.SDP = stripCandidates(offer.SDP)
	if _, err := conn.AcceptOffer(t.Context(), offer, 0); err != nil {
		t.Fatal(err)
	}
	return conn, outlineOf(t, offer.SDP).ufrags[0]
}

func TestAddCandidates_OneBadOneDoesNotSpoilTheBatch(t *testing.T) {
	conn, ufrag := described(t, Config{})
	other := "other"
	bad := []string{
		"candidate:", // an end marker, not bad
		"nonsense",
		"candidate:1 1 udp",
		"candidate:1 1 udp 2130706431 192.0.2.7 99999999 typ host",
		"candidate:1 1 udp 2130706431 not-an-address 50000 typ host",
		strings.Repeat("x", 10000),
	}
	var batch []Candidate
	for _, text := range bad {
		batch = append(batch, Candidate{Candidate: text, UsernameFragment: &ufrag})
	}
	batch = append(batch, Candidate{Candidate: hostCandidate, UsernameFragment: &ufrag}, Candidate{Candidate: "rubbish", UsernameFragment: &other})
	err := conn.AddCandidates(batch)
	if !errors.Is(err, ErrBadCandidate) {
		t.Errorf("error %v, want ErrBadCandidate", err)
	}
	if faults := strings.Count(err.Error(), "\n") + 1; faults != len(bad)-1 {
		t.Errorf("%d faults, want %d:\n%v", faults, len(bad)-1, err)
	}
	await(t, "the good candidate", func() bool { return hasRemote(conn, "192.0.2.7") })
}

// hasRemote reports whether the ICE agent has a candidate of an address.
func hasRemote(conn *Conn, address string) bool {
	for _, stats := range conn.pc.GetStats() {
		if candidate, ok := stats.(webrtc.ICECandidateStats); ok && candidate.Type == webrtc.StatsTypeRemoteCandidate && candidate.IP == address {
			return true
		}
	}
	return false
}

func TestAddCandidates_SortsGenerations(t *testing.T) {
	var g generations
	steps := []struct {
		describe []string
		ufrag    string
		want     generation
	}{
		{nil, "", unknownGeneration},
		{nil, "a", unknownGeneration},
		{[]string{"a"}, "a", currentGeneration},
		{nil, "", currentGeneration},
		{nil, "b", unknownGeneration},
		{[]string{"b", "c"}, "b", currentGeneration},
		{nil, "c", currentGeneration},
		{nil, "a", formerGeneration},
		{[]string{"b", "c"}, "b", currentGeneration},
		{nil, "a", formerGeneration},
	}
	for i, step := range steps {
		if step.describe != nil {
			if restart := g.replacedBy(step.describe); restart != (i == 5) {
				t.Errorf("step %d: restart %v", i, restart)
			}
			g.advance(step.describe)
		}
		if got := g.place(step.ufrag); got != step.want {
			t.Errorf("step %d: %q is %d, want %d", i, step.ufrag, got, step.want)
		}
	}
}

func TestAddCandidates_HoldsNoMoreThanItMust(t *testing.T) {
	conn := newConn(t, listen(t, Config{}), ConnConfig{})
	batch := make([]Candidate, maxHeldCandidates+10)
	for i := range batch {
		batch[i].Candidate = hostCandidate
	}
	if err := conn.AddCandidates(batch); !errors.Is(err, ErrBadCandidate) {
		t.Errorf("error %v, want ErrBadCandidate for what is too much", err)
	}
	if len(conn.held) != maxHeldCandidates {
		t.Errorf("%d held, want %d", len(conn.held), maxHeldCandidates)
	}
}

func TestAddCandidates_LooksUpHiddenAddresses(t *testing.T) {
	conn, _ := described(t, Config{MDNS: true})
	asked := make(chan string, 2)
	conn.network.resolve = func(_ context.Context, name string) (netip.Addr, error) {
		asked <- name
		if name == "gone.local" {
			return netip.Addr{}, errors.New("nobody has it")
		}
		return netip.MustParseAddr("192.0.2.99"), nil
	}
	if err := conn.AddCandidates([]Candidate{
		{Candidate: strings.Replace(hostCandidate, "192.0.2.7", "gone.local", 1)},
		{Candidate: strings.Replace(hostCandidate, "192.0.2.7", "here.local", 1)},
		{Candidate: hostCandidate},
	}); err != nil {
		t.Errorf("AddCandidates: %v", err)
	}
	await(t, "the address behind the name", func() bool { return hasRemote(conn, "192.0.2.99") })
	await(t, "the other candidate", func() bool { return hasRemote(conn, "192.0.2.7") })
	<-asked
	<-asked
}

func TestNames_GiveUpOnAnUnknownName(t *testing.T) {
	n := listen(t, Config{MDNS: true})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if addr, err := n.names.lookup(ctx, "5c3f0a3e-0000-4000-8000-000000000000.local"); err == nil {
		t.Errorf("found %s", addr)
	}
}

func FuzzAddCandidates(f *testing.F) {
	for _, seed := range []string{
		hostCandidate, "candidate:", "", "candidate:1 2 tcp 1 ::1 9 typ relay raddr 0.0.0.0 rport 9 tcptype active ufrag x",
		"candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 10.0.17.148 rport 46154 generation 0 ufrag EEtu network-cost 999",
		"candidate:1 1 udp 1 x.local 1 typ host",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		candidate := Candidate{Candidate: text}
		_ = candidate.end()
		_ = candidate.hiddenName()
		if ufrag := candidate.ufrag(); ufrag != "" && !strings.Contains(text, ufrag) {
			t.Errorf("fragment %q of %q", ufrag, text)
		}
		if use, err := candidate.check(); err != nil && (use || !errors.Is(err, ErrBadCandidate)) {
			t.Errorf("check(%q) = %v, %v", text, use, err)
		}
		if !strings.ContainsAny(text, "\r\n") && !candidate.end() {
			sdp := insertCandidates("v=0\r\ns=-\r\nm=audio 9 x 0\r\na=ice-ufrag:u\r\nm=video 9 x 0\r\n", []Candidate{candidate}, true)
			if stripCandidates(sdp) == sdp {
				t.Errorf("%q is not found again in %q", text, sdp)
			}
		}
	})
}

func FuzzReadOutline(f *testing.F) {
	f.Add("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:u\r\na=sendonly\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		o, err := readOutline(text)
		if err != nil {
			if !errors.Is(err, ErrBadDescription) {
				t.Errorf("error of no kind: %v", err)
			}
			return
		}
		if len(o.ufrags) == 0 || len(o.media) == 0 {
			t.Errorf("%+v passes", o)
		}
	})
}

// FuzzAcceptOffer gives a hostile offer to all of Pion.
func FuzzAcceptOffer(f *testing.F) {
	n, err := Listen(Config{Loopback: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = n.Close() })
	conn, err := n.NewConn(ConnConfig{DataChannel: true})
	if err != nil {
		f.Fatal(err)
	}
	offer, err := conn.CreateOffer(f.Context(), OfferOptions{Gather: patience})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(offer.SDP)
	f.Add(stripCandidates(strings.ReplaceAll(offer.SDP, "a=mid", "a=x")))
	f.Fuzz(func(t *testing.T, sdp string) {
		conn, err := n.NewConn(ConnConfig{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_, _ = conn.AcceptOffer(t.Context(), Description{TypeOffer, sdp}, 0)
	})
}
