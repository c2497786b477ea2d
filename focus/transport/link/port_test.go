package link

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

var (
	here  = netip.MustParseAddrPort("192.0.2.1:5000")
	there = netip.MustParseAddrPort("198.51.100.2:6000")
	other = netip.MustParseAddrPort("198.51.100.3:6000")
)

// silentPort sends nothing and remembers the last datagram.
func silentPort() (*Port, *[]byte) {
	var last []byte
	return NewPort(func(datagram []byte, _, _ netip.AddrPort) error {
		last = append([]byte(nil), datagram...)
		return nil
	}, here), &last
}

func open(t *testing.T, p *Port, ufrag string) *slot {
	t.Helper()
	conn, err := mux{p}.GetConn(ufrag, mux{p}.GetListenAddresses()[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.(*slot)
}

func build(t *testing.T, setters ...stun.Setter) []byte {
	t.Helper()
	m, err := stun.Build(setters...)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

// asks has a slot ask an address, and gives the answer that would come.
func asks(t *testing.T, s *slot, to netip.AddrPort) []byte {
	t.Helper()
	request, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername("theirs:ours"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.WriteToAddrPort(request.Raw, to); err != nil {
		t.Fatal(err)
	}
	return build(t, stun.NewTransactionIDSetter(request.TransactionID), stun.BindingSuccess)
}

// got reports whether a datagram waits in a slot, and takes it.
func got(s *slot) bool {
	select {
	case <-s.inbox:
		return true
	default:
		return false
	}
}

var record = []byte{22, 0xfe, 0xfd} // the beginning of DTLS

func TestPort_FindsARequestByItsUserName(t *testing.T) {
	p, _ := silentPort()
	a, b := open(t, p, "aaaa"), open(t, p, "bbbb")
	if !p.Receive(build(t, stun.TransactionID, stun.BindingRequest, stun.NewUsername("bbbb:peer")), here, there) {
		t.Error("nobody wanted the request")
	}
	if got(a) || !got(b) {
		t.Error("the request went to another")
	}
	// The address of a socket for both families.
	wide := func(a netip.AddrPort) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr().As16()), a.Port())
	}
	if !p.Receive(build(t, stun.TransactionID, stun.BindingRequest, stun.NewUsername("aaaa:peer")), wide(here), wide(there)) || !got(a) {
		t.Error("IPv4 as IPv6 has it was not understood")
	}
	if p.Receive(build(t, stun.TransactionID, stun.BindingRequest, stun.NewUsername("cccc:peer")), here, there) {
		t.Error("somebody wanted a request for nobody")
	}
}

func TestPort_FindsAnAnswerByItsQuestion(t *testing.T) {
	p, _ := silentPort()
	a, b := open(t, p, "aaaa"), open(t, p, "bbbb")
	answerA, answerB := asks(t, a, there), asks(t, b, there)
	if p.Receive(answerA, here, other) {
		t.Error("an answer from another address was taken")
	}
	if !p.Receive(answerB, here, there) || got(a) || !got(b) {
		t.Error("the answer to b did not get there")
	}
	if p.Receive(answerB, here, there) {
		t.Error("an answer was taken twice")
	}
}

func TestPort_GivesDTLSToWhosePeerHasAnswered(t *testing.T) {
	p, _ := silentPort()
	a, b := open(t, p, "aaaa"), open(t, p, "bbbb")
	if p.Receive(record, here, there) {
		t.Error("DTLS from nowhere was taken")
	}
	// Who answers that it is somebody else proves nothing.
	asks(t, a, there)
	p.Receive(build(t, stun.NewTransactionIDSetter(a.asked[0]), stun.BindingError), here, there)
	got(a)
	if p.Receive(record, here, there) {
		t.Error("DTLS was taken after a refusal")
	}
	// A request is enough where nobody else is known.
	p.Receive(build(t, stun.TransactionID, stun.BindingRequest, stun.NewUsername("aaaa:peer")), here, there)
	got(a)
	if !p.Receive(record, here, there) || !got(a) {
		t.Error("a did not get DTLS after a request")
	}
	// An answer counts more, and no request takes it away.
	p.Receive(asks(t, b, there), here, there)
	got(b)
	p.Receive(build(t, stun.TransactionID, stun.BindingRequest, stun.NewUsername("aaaa:peer")), here, there)
	got(a)
	if !p.Receive(record, here, there) || got(a) || !got(b) {
		t.Error("b did not get DTLS after an answer")
	}
	// To be asked is not to have answered: b is named as an address by a peer
	// of a, and keeps what it has.
	asks(t, a, there)
	if !p.Receive(record, here, there) || !got(b) {
		t.Error("a question took the address away from b")
	}
	_ = b.Close()
	if p.Receive(record, here, there) {
		t.Error("DTLS was taken for somebody who has gone")
	}
}

func TestPort_GivesDTLSToTheLaterGenerationOfTwoThatHaveProof(t *testing.T) {
	p, _ := silentPort()
	older, later := open(t, p, "aaaa"), open(t, p, "bbbb")
	expect := func(what string, want *slot) {
		t.Helper()
		if !p.Receive(record, here, there) || !got(want) {
			t.Error(what)
		}
	}
	p.Receive(build(t, stun.TransactionID, stun.BindingRequest, stun.NewUsername("bbbb:peer")), here, there)
	got(later)
	p.Receive(asks(t, older, there), here, there)
	got(older)
	expect("an answer to the older did not count more than a request to the later", older)
	p.Receive(asks(t, later, there), here, there)
	got(later)
	expect("an answer to the later did not take over", later)
	p.Receive(asks(t, older, there), here, there)
	got(older)
	expect("consent for the older took DTLS back", later)
}

func TestPort_KeepsNothingOfASlotThatHasGone(t *testing.T) {
	p, _ := silentPort()
	s := open(t, p, "aaaa")
	for range 3 * maxAsked {
		asks(t, s, there)
	}
	if len(p.asked) != maxAsked {
		t.Errorf("%d questions are kept, want %d", len(p.asked), maxAsked)
	}
	for i := range 3 * maxHeard {
		from := netip.AddrPortFrom(there.Addr(), uint16(i+1))
		p.Receive(build(t, stun.TransactionID, stun.BindingRequest, stun.NewUsername("aaaa:peer")), here, from)
	}
	if len(p.claims) != maxHeard || len(s.heard) != maxHeard {
		t.Errorf("%d claims and %d addresses are kept, want %d", len(p.claims), len(s.heard), maxHeard)
	}
	if len(s.inbox) != slotBacklog {
		t.Errorf("%d datagrams wait, want %d", len(s.inbox), slotBacklog)
	}
	_ = s.Close()
	if len(p.asked)+len(p.claims)+len(p.doors) != 0 {
		t.Errorf("left: %d questions, %d claims, %d doors", len(p.asked), len(p.claims), len(p.doors))
	}
}

func TestPort_AsksHowItLooksFromOutside(t *testing.T) {
	sent := make(chan []byte, 1)
	p := NewPort(func(datagram []byte, _, _ netip.AddrPort) error {
		sent <- append([]byte(nil), datagram...)
		return nil
	}, here)
	go func() {
		m := &stun.Message{Raw: <-sent}
		if m.Decode() == nil {
			seen := &stun.XORMappedAddress{IP: other.Addr().AsSlice(), Port: int(other.Port())}
			answer, _ := stun.Build(stun.NewTransactionIDSetter(m.TransactionID), stun.BindingSuccess, seen)
			p.Receive(answer.Raw, here, there)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	seen, err := p.Reflexive(ctx, here, there)
	if err != nil || seen != other {
		t.Errorf("seen as %s, %v, want %s", seen, err, other)
	}
	if len(p.asked) != 0 {
		t.Error("the question is kept")
	}
}

func TestPort_StopsAskingWithTheContext(t *testing.T) {
	p, last := silentPort()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := p.Reflexive(ctx, here, there); err != context.DeadlineExceeded {
		t.Errorf("err is %v", err)
	}
	if len(*last) == 0 || len(p.asked) != 0 {
		t.Error("nothing was asked, or the question is kept")
	}
}

func TestPort_ReceiveTakesNoMedia(t *testing.T) {
	p, _ := silentPort()
	for _, datagram := range [][]byte{nil, {}, {4}, {19}, {64}, {128, 0, 0}, {0}, {22}} {
		if p.Receive(datagram, here, there) {
			t.Errorf("% x was taken", datagram)
		}
	}
}

// FuzzSTUN checks that nothing upsets the parser, and that it finds the same
// user name as Pion's, which takes more than RFC 8489 section 5 allows: other
// first bits, and lengths that are no multiple of four.
func FuzzSTUN(f *testing.F) {
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername("ours:theirs"), stun.Fingerprint)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.Raw)
	f.Add([]byte{0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 6, 0, 3, 'a', 'b', ':', 0})
	f.Fuzz(func(t *testing.T, datagram []byte) {
		ours, ok := parseSTUN(datagram)
		theirs := &stun.Message{Raw: append([]byte(nil), datagram...)}
		var name stun.Username
		if theirs.Decode() != nil || name.GetFrom(theirs) != nil || datagram[0] > 63 || datagram[3]%4 != 0 {
			return
		}
		if !ok {
			t.Fatalf("refused what Pion takes: % x", datagram)
		}
		if got, want := string(ours.ufrag), before(name.String()); got != want {
			t.Errorf("user name begins with %q, Pion says %q", got, want)
		}
	})
}

func before(name string) string {
	for i := range name {
		if name[i] == ':' {
			return name[:i]
		}
	}
	return name
}
