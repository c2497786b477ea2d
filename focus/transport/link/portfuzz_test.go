package link

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/pion/stun/v4"
)

// FuzzPort plays any order of what happens to a Port, two bytes a step, and
// checks after each that its tables agree with one another, and after the last
// that nothing is left of slots that have gone.
func FuzzPort(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 1, 0, 2, 0, 3, 1, 4, 0, 5, 0, 5, 1})
	f.Add([]byte{0, 0, 1, 0, 1, 16, 2, 0, 2, 16, 0, 1, 2, 1, 3, 1, 4, 16, 5, 0, 4, 16})
	f.Fuzz(func(t *testing.T, steps []byte) {
		steps = steps[:min(len(steps), 100)] // whatever goes wrong needs a few
		p, last := silentPort()
		slots := map[string]*slot{}
		for ; len(steps) >= 2 && !t.Failed(); steps = steps[2:] {
			name := fmt.Sprintf("slot%d", steps[1]&3)
			peer := netip.AddrPortFrom(there.Addr(), uint16(6000+int(steps[1]>>4)))
			play(p, steps[0]%6, name, slots, peer, *last)
			agree(t, p, slots)
		}
		for name, s := range slots {
			_ = s.Close()
			delete(slots, name)
			agree(t, p, slots)
		}
		if len(p.doors)+len(p.asked)+len(p.claims) != 0 {
			t.Errorf("left: %d doors, %d questions, %d claims", len(p.doors), len(p.asked), len(p.claims))
		}
	})
}

// play is one step.
func play(p *Port, step byte, name string, slots map[string]*slot, peer netip.AddrPort, last []byte) {
	s := slots[name]
	switch {
	case step == 0 && s == nil: // comes
		if conn, err := (mux{p}).GetConn(name, mux{p}.GetListenAddresses()[0]); err == nil {
			slots[name] = conn.(*slot)
		}
	case step == 1 && s != nil: // asks
		if request, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername("theirs:"+name)); err == nil {
			_, _ = s.WriteToAddrPort(request.Raw, peer)
		}
	case step == 2: // is asked
		if request, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(name+":theirs")); err == nil {
			p.Receive(request.Raw, here, peer)
		}
	case step == 3: // is answered what was asked last
		if m, ok := parseSTUN(last); ok {
			if answer, err := stun.Build(stun.NewTransactionIDSetter(m.id), stun.BindingSuccess); err == nil {
				p.Receive(answer.Raw, here, peer)
			}
		}
	case step == 4: // DTLS
		p.Receive(record, here, peer)
	case step == 5 && s != nil: // goes
		_ = s.Close()
		delete(slots, name)
	}
	if s := slots[name]; s != nil {
		got(s)
	}
}

// agree checks the tables of a Port.
func agree(t *testing.T, p *Port, slots map[string]*slot) {
	t.Helper()
	for way, c := range p.claims {
		if _, listed := c.of.claimed[way]; !listed || slots[c.of.door.ufrag] != c.of {
			t.Errorf("%v is claimed by a slot that does not know it, or has gone", way)
		}
	}
	for name, s := range slots {
		if p.doors[s.door] != s {
			t.Errorf("%s is not found by requests", name)
		}
		for way := range s.claimed {
			if p.claims[way].of != s {
				t.Errorf("%s thinks that it has %v", name, way)
			}
		}
	}
	for id, q := range p.asked {
		if slots[q.of.door.ufrag] != q.of {
			t.Errorf("question %x is kept for a slot that has gone", id)
		}
	}
}
