package focus

import (
	"time"

	"meshfocus/focus/lane"
	"meshfocus/internal/unit"
)

// fresh is how long a level counts: clients that send nothing in silence still send
// a packet every 400 ms (RFC 6716 section 2.1.9).
const fresh = 500 * time.Millisecond

// voices is how loud the parties are, each by the loudest track of it that is not
// muted. Who sends no sound has no voice.
func (s *Session) voices(now unit.Instant, tracks []Track) (voices []voice) {
	for _, track := range tracks { // by owner
		if track.Kind != lane.Audio {
			continue
		}
		v := voice{Party: track.Owner, Level: 127}
		if level, speaks, at := track.media.Level(); at != unit.Never && now.Sub(at) < fresh && !track.Muted {
			v.Level, v.Speaks = level, speaks
		}
		last := len(voices) - 1
		switch {
		case last < 0 || voices[last].Party != v.Party:
			voices = append(voices, v)
		case v.Speaks && !voices[last].Speaks || v.Speaks == voices[last].Speaks && v.Level < voices[last].Level:
			voices[last] = v
		}
	}
	return voices
}
