package contest

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"meshfocus/bench/party"
	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
	"meshfocus/focus/transport/srtp"
)

// deaf is a server that answers nobody. It ends a context when so many have asked.
type deaf struct {
	rival.Server
	asked, until int
	end          context.CancelFunc
}

func (d *deaf) Subscribe(context.Context, *party.End, []*party.End) error {
	if d.asked++; d.asked == d.until {
		d.end()
	}
	return nil
}

func TestMatch_BringsACrowdInByAndBy(t *testing.T) {
	t.Parallel()
	load, err := party.New(party.Config{Address: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Profile: srtp.AES128GCM})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := load.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	server := &deaf{until: together, end: cancel}
	m := &match{
		scenario: scenario.Scenario{Publishers: 1, Subscribers: together + 8}, server: server, load: load,
		result: &report.Round{Figures: report.Figures{}},
	}
	if err := m.subscribe(ctx, nil); !errors.Is(err, party.ErrConnect) || !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	if server.asked != together {
		t.Errorf("%d ask while nobody is connected, want %d", server.asked, together)
	}
}
