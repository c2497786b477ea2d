package jsep

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// parameters are those of a=fmtp: names in lower case.
type parameters map[string]string

func parseParameters(text string) parameters {
	p := make(parameters)
	for field := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		if name != "" {
			p[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
		}
	}
	return p
}

// get gives a parameter, or what it means if it is not there.
func (p parameters) get(name, absent string) string {
	if value, ok := p[name]; ok {
		return value
	}
	return absent
}

// sameProfile compares a parameter that is 0 where it is not said.
func sameProfile(name, ours, theirs string) bool {
	return parseParameters(ours).get(name, "0") == parseParameters(theirs).get(name, "0")
}

// h264 is a profile-level-id taken apart.
type h264 struct {
	profile     string
	constraints byte
	level       byte
}

// h264Profiles are those that are told apart (RFC 6184 section 8.1, table 5):
// the first byte, and which bits of the second have to be how.
var h264Profiles = []struct {
	name             string
	idc, mask, value byte
}{
	{"constrained baseline", 0x42, 0x4f, 0x40},
	{"constrained baseline", 0x4d, 0x8f, 0x80},
	{"constrained baseline", 0x58, 0xcf, 0xc0},
	{"baseline", 0x42, 0x4f, 0x00},
	{"baseline", 0x58, 0xcf, 0x80},
	{"main", 0x4d, 0xaf, 0x00},
	{"high", 0x64, 0xff, 0x00},
	{"constrained high", 0x64, 0xff, 0x0c},
}

// parseH264 reads a profile-level-id; it is 42000a where none is given, which
// is baseline in level 1 (RFC 6184 section 8.1).
func parseH264(p parameters) (h264, bool) {
	id, err := hex.DecodeString(p.get("profile-level-id", "42000a"))
	if err != nil || len(id) != 3 {
		return h264{}, false
	}
	for _, known := range h264Profiles {
		if id[0] == known.idc && id[1]&known.mask == known.value {
			return h264{known.name, id[1], id[2]}, true
		}
	}
	return h264{}, false
}

// sameH264 reports whether both have the same profile and packetization mode;
// levels may differ (RFC 6184 section 8.2.2).
func sameH264(ours, theirs parameters) bool {
	a, ok1 := parseH264(ours)
	b, ok2 := parseH264(theirs)
	return ok1 && ok2 && a.profile == b.profile &&
		ours.get("packetization-mode", "0") == theirs.get("packetization-mode", "0")
}

// declareH264 gives the parameters of our answer: our own, at the lower of the
// two levels unless both allow different ones in the two directions.
func declareH264(own, other string) string {
	ours, theirs := parseParameters(own), parseParameters(other)
	a, _ := parseH264(ours)
	b, _ := parseH264(theirs)
	asymmetric := ours["level-asymmetry-allowed"] == "1" && theirs["level-asymmetry-allowed"] == "1"
	id, written := ours["profile-level-id"]
	if asymmetric || !written || !b.below(a) {
		return own
	}
	return strings.Replace(own, "profile-level-id="+id, fmt.Sprintf("profile-level-id=%s%02x%02x", id[:2], b.constraintsFor(a), b.level), 1)
}

// below compares levels. Level 1b lies between 1 and 1.1 and is written as 1.1
// with a bit among the constraints, which is why it is not just a number.
func (p h264) below(other h264) bool {
	if p.level == 11 && other.level == 11 {
		return p.constraints&0x10 != 0 && other.constraints&0x10 == 0
	}
	return p.level < other.level
}

// constraintsFor gives the constraints of another one's profile at the level
// of p.
func (p h264) constraintsFor(other h264) byte {
	const levelBit = 0x10
	return other.constraints&^levelBit | p.constraints&levelBit
}
