package contest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"meshfocus/bench/party"
	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
	"meshfocus/focus/transport/srtp"
)

// picky is a server that lets in whom it likes, without a word. It ends a context when so
// many have asked.
type picky struct {
	rival.Server
	likes func(name string) bool
	asked atomic.Int64
	until int64
	end   context.CancelFunc
}

func (p *picky) Subscribe(_ context.Context, end *party.End, _ []*party.End) (err error) {
	if p.likes(end.Name) {
		err = end.Direct(end.Address())
	}
	if p.asked.Add(1) == p.until {
		p.end()
	}
	return err
}

func nobody(string) bool { return false }

// crowd has a crowd ask a server that ends the match when so many have asked. It gives how
// many had asked in the end.
func crowd(t *testing.T, size, until int, likes func(name string) bool) (asked int, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server := &picky{likes: likes, until: int64(until), end: cancel}
	m := matchOf(t, size, server)
	err = m.subscribe(ctx, nil)
	return int(server.asked.Load()), err
}

// matchOf makes a match of so many subscribers, who are the server's.
func matchOf(t *testing.T, size int, server rival.Server) *match {
	load, err := party.New(party.Config{Address: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Profile: srtp.AES128GCM})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := load.Close(); err != nil {
			t.Error(err)
		}
	})
	return &match{
		scenario: scenario.Scenario{Name: "crowd", Publishers: 1, Subscribers: size}, server: server, load: load,
		result: &report.Round{Rival: "picky", Figures: report.Figures{}}, counted: time.Hour,
	}
}

func TestMatch_BringsACrowdInByAndBy(t *testing.T) {
	t.Parallel()
	asked, err := crowd(t, together+8, together, nobody)
	if !errors.Is(err, party.ErrConnect) || !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	if asked != together {
		t.Errorf("%d ask while nobody is connected, want %d", asked, together)
	}
}

func TestMatch_OneWhoIsSlowHoldsUpNobody(t *testing.T) {
	t.Parallel()
	const size = 2*together + 8
	asked, err := crowd(t, size, size, func(name string) bool { return name != "subscriber0" })
	if asked != size {
		t.Errorf("%d asked beside one who did not come in, want %d", asked, size)
	}
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "of 72 were in: no connection: subscriber") {
		t.Errorf("it ended with %v", err)
	}
}

func TestMatch_SaysHowManyAreIn(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m := matchOf(t, 3, &picky{likes: func(name string) bool { return name == "subscriber1" }})
	m.counted = time.Millisecond
	var said string
	m.config.Say = func(format string, arguments ...any) {
		said = fmt.Sprintf(format, arguments...)
		if strings.HasPrefix(said, "  crowd, picky: 1 of 3 are in") {
			cancel()
		}
	}
	if err := m.subscribe(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v, and said last %q", err, said)
	}
}
