package party_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"meshfocus/bench/clip"
	"meshfocus/bench/offset"
	"meshfocus/bench/party"
	"meshfocus/bench/rival/ours"
	"meshfocus/bench/rival/plain"
	"meshfocus/focus/transport/srtp"
	"meshfocus/internal/simnet/bottleneck"
)

// TestLoad_FaithfulPartiesSeeAndHear has one who publishes, and two who subscribe: one
// by way of a bottleneck.
func TestLoad_FaithfulPartiesSeeAndHear(t *testing.T) {
	for name, forwarder := range map[string]func() (closer, error){
		"plain": func() (closer, error) { return plain.New() },
		"ours":  func() (closer, error) { return ours.New(ours.Config{Loopback: true}) },
	} {
		for _, codec := range clip.Codecs() {
			t.Run(name+", "+string(codec), func(t *testing.T) {
				t.Parallel()
				made, err := forwarder()
				if err != nil {
					t.Fatal(err)
				}
				seesAndHears(t, made, codec)
			})
		}
	}
}

func TestNew_KnowsItsCodecs(t *testing.T) {
	film := &clip.Film{Codec: clip.AV1}
	for _, config := range []party.Config{{Codec: "h263"}, {Codec: clip.VP8, Film: film}, {Codec: clip.AV1, Film: film, Layers: 2}} {
		if _, err := party.New(config); !errors.Is(err, party.ErrCodec) {
			t.Errorf("%+v: %v", config, err)
		}
	}
}

func seesAndHears(t *testing.T, forwarder closer, codec clip.Codec) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client := serve(t, forwarder)
	own := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	load, err := party.New(party.Config{
		Address: own, Profile: srtp.AES128GCM, Faithful: true, Codec: codec, Clocks: offset.Offset{Ahead: time.Hour},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = load.Close() })
	ann, err := load.Publisher("ann")
	if err != nil {
		t.Fatal(err)
	}
	if ann.Layers() != 1 || !ann.Speaks() {
		t.Errorf("ann has %d layers, and speaks: %v", ann.Layers(), ann.Speaks())
	}
	negotiate(t, ctx, ann, func(offer string) (string, error) { return client.Publish(ctx, "room", "ann", offer) })
	load.Pace(1, 1)
	var all []*party.End
	for _, name := range []string{"ben", "cleo"} {
		end, err := load.Subscriber(name, 1)
		if err != nil {
			t.Fatal(err)
		}
		if name == "cleo" {
			end.Through(func(server netip.AddrPort) (netip.AddrPort, error) {
				path, err := bottleneck.Open(own, server, bottleneck.Config{})
				if err != nil {
					return server, err
				}
				t.Cleanup(path.Close)
				return path.Address(), nil
			})
		}
		negotiate(t, ctx, end, func(offer string) (string, error) {
			return client.Subscribe(ctx, "room", name, []string{"ann"}, 0, offer)
		})
		all = append(all, end)
	}
	for _, end := range all {
		until(t, load, func(party.Counts) bool {
			s := end.Seen()
			return len(s.Pictures) == 1 && len(s.Sounds) == 1 && s.Pictures[0].Frames > 20 && s.Sounds[0].Heard > 20
		})
	}
	// Each wants a key frame to begin with; those who got what was under way anyway do not ask.
	for _, end := range all {
		s := end.Seen().Pictures[0]
		if s.Widths[1280] != s.Frames || s.First == 0 {
			t.Errorf("%s sees %+v", end.Name, s)
		}
	}
	c := load.Counts()
	if c.Broken > 0 || c.Latency.Count() == 0 || c.Latency.Quantile(0) < time.Hour-time.Hour/32 || c.Least < time.Hour {
		t.Errorf("%d broken; with a clock that is an hour ahead the least latency of %d is %v", c.Broken, c.Latency.Count(), c.Least)
	}
	seen, err := load.Leave(all[0])
	if err != nil || seen.Pictures[0].Frames == 0 {
		t.Errorf("who left has seen %+v, %v", seen, err)
	}
	before := all[1].Seen().Pictures[0].Frames
	until(t, load, func(now party.Counts) bool {
		return now.Expected >= c.Expected && all[1].Seen().Pictures[0].Frames > before+10
	})
}
