package focus

import (
	"fmt"
	"testing"

	"meshfocus/focus/transport"
)

// Three parties get each other's sound and pictures.
func TestSession_ThreePartiesGetEachOther(t *testing.T) {
	s := session(t, Config{})
	names := []string{"alice", "bob", "carol"}
	var guests []*guest
	for _, name := range names {
		guests = append(guests, join(t, s, name, network(t, transport.Config{}),
			transport.ConnConfig{Audio: microphone(t, name), Video: camera(t, name)}))
	}
	until(t, "all is published", func() bool { return len(s.Tracks()) == 6 })
	for _, g := range guests {
		if all := g.party.SubscribeAll(Wish{}); len(all) != 4 {
			t.Fatalf("%s subscribes to %d tracks", g.name, len(all))
		}
	}
	for _, g := range guests {
		for _, name := range names {
			for _, medium := range []string{"audio", "video"} {
				key := fmt.Sprintf("%s/%s-%s", name, name, medium)
				if name == g.name {
					continue
				}
				until(t, fmt.Sprintf("%s gets %s", g.name, key), func() bool { return g.got(key).samples > 50 })
				if got := g.got(key); got.dropped > 0 || medium == "video" && got.keys == 0 {
					t.Errorf("%s got %s as %+v", g.name, key, got)
				}
			}
		}
		if own := g.got(g.name + "/" + g.name + "-video"); own.samples > 0 {
			t.Errorf("%s gets itself", g.name)
		}
	}
}
