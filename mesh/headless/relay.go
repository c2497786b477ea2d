package headless

import (
	"fmt"
	"strings"

	"meshfocus/mesh"
	"meshfocus/signalling/membership"
)

// RelayPolicy says when media goes through TURN only, so that peers do not
// learn our addresses (decision D29).
type RelayPolicy uint8

const (
	// RelayAuto relays in public rooms, where anybody may come in and ask,
	// if a TURN server is known. Without one it connects directly.
	RelayAuto RelayPolicy = iota
	// RelayAlways connects through TURN or not at all.
	RelayAlways
	// RelayNever uses whatever way works.
	RelayNever
)

var relayNames = [...]string{"auto", "always", "never"}

// String gives the name that ParseRelayPolicy reads.
func (r RelayPolicy) String() string { return relayNames[r] }

// ParseRelayPolicy reads "auto", "always" or "never"; "" is auto.
func ParseRelayPolicy(name string) (RelayPolicy, error) {
	if name == "" {
		return RelayAuto, nil
	}
	for i, known := range relayNames {
		if name == known {
			return RelayPolicy(i), nil
		}
	}
	return 0, fmt.Errorf("relay policy %q is unknown; use auto, always or never", name)
}

// relayOnly applies the policy to a room.
func (p *Participant) relayOnly(facts membership.Facts) bool {
	switch p.config.Relay {
	case RelayAlways:
		return true
	case RelayNever:
		return false
	}
	return mesh.RelayInPublicRooms(facts) && p.turn.relays.Load()
}

// isRelay reports whether a server URL is a TURN server's.
func isRelay(url string) bool {
	return strings.HasPrefix(url, "turn:") || strings.HasPrefix(url, "turns:")
}
