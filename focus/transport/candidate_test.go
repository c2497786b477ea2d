package transport

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
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
	return conn, read(t, offer.SDP).Transport.Ufrag
}

func TestAddCandidates_OneBadOneDoesNotSpoilTheBatch(t *testing.T) {
	t.Parallel() // waits most of the time
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
	good := newVictim(t, "127.0.0.1")
	batch = append(batch, good.candidates("127.0.0.1")[0], Candidate{Candidate: "rubbish", UsernameFragment: &other})
	err := conn.AddCandidates(batch)
	if !errors.Is(err, ErrBadCandidate) {
		t.Errorf("error %v, want ErrBadCandidate", err)
	}
	if faults := strings.Count(err.Error(), "\n") + 1; faults != len(bad)-1 {
		t.Errorf("%d faults, want %d:\n%v", faults, len(bad)-1, err)
	}
	if udp, _ := good.heard(t, true, false); !udp {
		t.Error("the good candidate is not asked")
	}
}

func TestAddCandidates_SortsGenerations(t *testing.T) {
	var g generations
	steps := []struct {
		describe string
		ufrag    string
		want     generation
	}{
		{"", "", unknownGeneration},
		{"", "a", unknownGeneration},
		{"a", "a", currentGeneration},
		{"", "", currentGeneration},
		{"", "b", unknownGeneration},
		{"b", "b", currentGeneration},
		{"", "a", formerGeneration},
		{"b", "b", currentGeneration},
		{"", "a", formerGeneration},
		{"a", "a", currentGeneration}, // nobody should
		{"", "b", formerGeneration},
	}
	for i, step := range steps {
		if step.describe != "" {
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
	t.Parallel() // waits most of the time
	for _, wanted := range []bool{true, false} {
		here, other := newVictim(t, "127.0.0.1"), newVictim(t, "127.0.0.1")
		conn, _ := described(t, Config{MDNS: wanted})
		conn.network.resolve = func(_ context.Context, name string) (netip.Addr, error) {
			if name != "here.local" {
				return netip.Addr{}, errors.New("nobody has it")
			}
			return netip.MustParseAddr("127.0.0.1"), nil
		}
		if err := conn.AddCandidates([]Candidate{
			here.candidates("gone.local")[0], here.candidates("here.local")[0], other.candidates("127.0.0.1")[0],
		}); err != nil {
			t.Errorf("AddCandidates: %v", err)
		}
		if udp, _ := other.heard(t, true, false); !udp {
			t.Error("the candidate with an address is not asked")
		}
		if udp, _ := here.heard(t, wanted, false); udp != wanted {
			t.Errorf("the address behind the name is asked: %v, want %v", udp, wanted)
		}
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
		if ufrag := candidate.ufrag(); ufrag != "" && !strings.Contains(text, ufrag) {
			t.Errorf("fragment %q of %q", ufrag, text)
		}
		if !strings.ContainsAny(text, "\r\n") && !candidate.end() {
			sdp := withCandidates("v=0\r\ns=-\r\nm=audio 9 x 0\r\na=ice-ufrag:u\r\nm=video 9 x 0\r\n", []Candidate{candidate}, true)
			if stripCandidates(sdp) == sdp {
				t.Errorf("%q is not found again in %q", text, sdp)
			}
		}
	})
}

// FuzzAcceptOffer gives a hostile offer to all that a connection is made of.
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
