package matrix

import "fmt"

// Profile is the form in which a membership of the room's call is written
// (decision D1). It is one only: readers cannot tell that two are one device.
type Profile uint8

const (
	// ProfileSession writes into the state of the room, which every client
	// with calls reads.
	ProfileSession Profile = iota
	// ProfileSticky writes a sticky event (MSC4354), for which no power is
	// needed. See MembershipConfig for where that gives way to the state.
	ProfileSticky
	// ProfileFamedly writes into the call of the Dart SDK (Famedly, FluffyChat),
	// which is none of the slot: who reads other forms only does not see us.
	ProfileFamedly
)

var profileNames = [...]string{"session", "sticky", "famedly"}

func (p Profile) String() string {
	if int(p) < len(profileNames) {
		return profileNames[p]
	}
	return fmt.Sprintf("Profile(%d)", uint8(p))
}

// ParseProfile reads "session", "sticky" or "famedly"; "" is session.
func ParseProfile(name string) (Profile, error) {
	if name == "" {
		return ProfileSession, nil
	}
	for i, known := range profileNames {
		if name == known {
			return Profile(i), nil
		}
	}
	return 0, fmt.Errorf("membership profile %q is unknown: session, sticky, famedly", name)
}
