package focus

import (
	"maps"

	"meshfocus/focus/lane"
)

// Remark is what is said of one stream of a party: what it is for, in words that are
// the holders' own, and what of it is muted. Nothing of a muted track is forwarded.
type Remark struct {
	Label                  string
	AudioMuted, VideoMuted bool
	// Screen: its pictures are read, and come before all others where not all fits.
	Screen bool
}

// muted is what the remark says of tracks of a kind.
func (r Remark) muted(kind lane.Kind) bool {
	if kind == lane.Audio {
		return r.AudioMuted
	}
	return r.VideoMuted
}

// Describe says what the party's streams are, by what it calls them itself. It holds
// for what is published now and later, until the next Describe; streams that are not
// named stay as they are. Everybody is told of what changes. Tracks of others are not
// touched.
func (p *Party) Describe(remarks map[string]Remark) {
	remarks = maps.Clone(remarks)
	p.say(func() { p.session.apply(p.session.roster.describe(p.key, remarks)) })
}

// describe keeps what is said of a party's streams and applies it to its tracks.
func (r *roster) describe(party string, remarks map[string]Remark) (c change) {
	m := r.members[party]
	if m == nil {
		return c
	}
	m.remarks = remarks
	for _, track := range r.published() {
		p := r.tracks[track.Key]
		if p.Owner == party && r.remark(p) {
			c.settled = append(c.settled, p.Track)
			c.tellAll(r, party, TrackChanged{p.Track})
		}
	}
	return c
}

// remark applies what is said of a track's stream, false if it changes nothing.
func (r *roster) remark(p *publication) bool {
	said, ok := r.members[p.Owner].remarks[p.Stream]
	before := p.Track
	if ok {
		p.Label, p.Muted, p.Screen = said.Label, said.muted(p.Kind), said.Screen
	}
	return p.Track != before
}
