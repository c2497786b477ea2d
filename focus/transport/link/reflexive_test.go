package link

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"meshfocus/internal/turnserver"
)

func TestGather_TellsHowThePortLooksFromOutside(t *testing.T) {
	nat := netip.MustParseAddrPort("203.0.113.9:4242")
	l := newLane(t)
	e := newEnd(t, Config{Port: l.port, STUN: []string{turnserver.STUN(t, nat), turnserver.STUN(t, nat), "nowhere", turnserver.STUN(t, l.port.Locals()[0])}})
	want := fmt.Sprintf(" 1 udp %d 203.0.113.9 4242 typ srflx raddr 127.0.0.1 rport %d ufrag %s",
		srflxPriority, l.port.Locals()[0].Port(), e.Credentials().Ufrag)
	candidates := e.candidates()
	found := 0
	for _, candidate := range candidates {
		if strings.HasSuffix(candidate, want) {
			found++
		}
		if parsed, err := parseCandidate(candidate); parsed == nil || err != nil {
			t.Errorf("candidate %q: %v", candidate, err)
		}
	}
	if found != 1 || len(candidates) != 2 {
		t.Errorf("candidates are %q, want one from outside and one of the socket", candidates)
	}
}

func TestGather_TellsNothingNewBesideAnExternalAddress(t *testing.T) {
	outside := netip.MustParseAddr("203.0.113.9")
	e := newEnd(t, Config{
		Port: newLane(t).port, STUN: []string{turnserver.STUN(t, netip.AddrPortFrom(outside, 4242))},
		External: func(netip.Addr) []netip.Addr { return []netip.Addr{outside} },
	})
	if candidates := e.candidates(); len(candidates) != 2 || strings.Contains(strings.Join(candidates, ""), "srflx") {
		t.Errorf("candidates are %q", candidates)
	}
}

func TestGather_AsksTheServersOfItsTime(t *testing.T) {
	a, b := newEnd(t, Config{Port: newLane(t).port}), newEnd(t, Config{Port: newLane(t).port})
	a.SetSTUN([]string{turnserver.STUN(t, netip.MustParseAddrPort("203.0.113.1:1"))})
	connect(t, a, b)
	if !strings.Contains(strings.Join(a.told, ""), "203.0.113.1 1 typ srflx") {
		t.Errorf("candidates are %q", a.told)
	}
	a.SetSTUN([]string{turnserver.STUN(t, netip.MustParseAddrPort("203.0.113.2:2"))})
	restart(t, a, b)
	if told := strings.Join(a.told, ""); !strings.Contains(told, "203.0.113.2 2 typ srflx") || strings.Contains(told, "203.0.113.1") {
		t.Errorf("after a restart candidates are %q", a.told)
	}
}

func TestGather_DoesNotWaitLongForASilentServer(t *testing.T) {
	t.Parallel() // waits most of the time
	e := newEnd(t, Config{Port: newLane(t).port, STUN: []string{turnserver.STUN(t, netip.AddrPort{})}})
	begin := time.Now()
	if candidates := e.candidates(); len(candidates) != 1 {
		t.Errorf("candidates are %q", candidates)
	}
	if took := time.Since(begin); took < stunPatience {
		t.Errorf("it took %s, which is no time for an answer", took)
	}
}

func TestLink_CloseDoesNotWaitForASTUNServer(t *testing.T) {
	var took time.Duration
	for range 5 { // a busy machine may hold one of them up
		e := newEnd(t, Config{Port: newLane(t).port, STUN: []string{turnserver.STUN(t, netip.AddrPort{})}})
		if err := e.Gather(); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if took = time.Since(begin); took < stunPatience/2 {
			return
		}
	}
	t.Errorf("Close took %s", took)
}
