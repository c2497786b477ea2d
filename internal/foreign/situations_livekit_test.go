package foreign

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"meshfocus/mesh"
)

// liveKitSituations have members of a LiveKit call in the slot of the room,
// who agree on their transports as their library computes them. That we are
// there, too, must not change what it computes, whoever came first.
func liveKitSituations() []situation {
	var all []situation
	for _, mode := range []string{"legacy", "compatibility", "matrix_2_0"} {
		for place, where := range []string{"first", "between", "last"} {
			all = append(all, situation{
				name:  fmt.Sprintf("beside %s: ours %s", mode, where),
				about: "two members of a LiveKit call compute the same transports as without us",
				kinds: []Kind{LiveKit43},
				run:   func(s *scene) { s.besideLiveKit(mode, place) },
			})
		}
	}
	return all
}

// besideLiveKit lets two LiveKit members join, and our party at a place among
// them.
func (s *scene) besideLiveKit(mode string, place int) {
	s.Helper()
	var peers []*Peer
	var ours *party
	for turn := range 3 {
		if turn == place {
			ours = s.party(middle)
			s.until("our party is in the call or has left it at once", func() (bool, string) {
				now := ours.Status()
				return now.State == "joined" || now.State == "left", now.State + ": " + now.Trouble
			})
			continue
		}
		peer := s.peer(LiveKit43, []string{first, second, last}[turn])
		peer.Join(Wish{Room: s.room, Variant: mode})
		peers = append(peers, peer)
	}
	members := 2
	if ours.Status().State == "joined" {
		members = 3
	}
	for _, peer := range peers {
		s.until("a LiveKit member sees all others", func() (bool, string) {
			seen := peer.transports()
			return len(seen) == members, fmt.Sprint(seen)
		})
	}
	for _, peer := range peers {
		seen := peer.transports()
		for at, member := range peers {
			device := member.Self.DeviceID
			want := sfuOf(device)
			if mode == "legacy" && at > 0 {
				want = sfuOf(peers[0].Self.DeviceID)
			}
			if got := seen[device]; !slices.Equal(got, []string{want}) {
				s.Errorf("%s computes %v for %s, want %s only", peer.Self.DeviceID, got, device, want)
			}
		}
	}
	if ours.Status().State == "left" {
		err := <-ours.done
		close(ours.done) // or it is told as a failure
		if !errors.Is(err, mesh.ErrUnsupportedFocus) {
			s.Errorf("our party is not in the call and says %v, want the reason", err)
		}
	}
}

// transports is every transport that the library computed, by device.
func (p *Peer) transports() (all map[string][]string) {
	p.t.Helper()
	p.Ask("peer.transports()", &all)
	return all
}

func sfuOf(device string) string {
	return "https://sfu-of-" + strings.ToLower(device) + ".example"
}
