package focus

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// roster is who is in a session, what they publish and what they get of it. It is
// pure: every change of it answers with what follows, for whom.
type roster struct {
	members map[string]*member
	tracks  map[Key]*publication
	named   uint64 // names that were made
}

// member is one party.
type member struct {
	shares map[Key]*share
	asked  []*share // the same, in the order in which it asked; another slice once one is gone
	lines  uint64   // that were ever named
	hears  map[ear]bool
	// remarks are what is said of its streams, as it calls them.
	remarks map[string]Remark
}

// ear is one party's messages on data channels of one label.
type ear struct{ owner, label string }

// publication is a track that somebody publishes.
type publication struct {
	Track
	mid string // of the section it arrives in
}

// share is one party's subscription of one track.
type share struct {
	line string // the line that it is sent on
	wish Wish
	of   *publication
}

// change is what follows from one step: which tracks are muted now or not any more,
// whose lines are others, and who is to hear what, in order.
type change struct {
	settled []Track
	lines   []string
	notices []notice
}

type notice struct {
	to    string
	event Event
}

func newRoster() roster {
	return roster{members: make(map[string]*member), tracks: make(map[Key]*publication)}
}

// join takes a party in and tells it what there is.
func (r *roster) join(party string) (change, error) {
	if r.members[party] != nil {
		return change{}, ErrTaken
	}
	r.members[party] = &member{shares: make(map[Key]*share), hears: make(map[ear]bool)}
	var c change
	for _, track := range r.published() {
		c.tell(party, TrackPublished{track})
	}
	return c, nil
}

// leave takes a party out with all that it publishes and gets.
func (r *roster) leave(party string) (c change) {
	if r.members[party] == nil {
		return c
	}
	delete(r.members, party)
	for _, track := range r.published() {
		if track.Owner == party {
			c.join(r.end(track.Key))
		}
	}
	for _, m := range r.members {
		maps.DeleteFunc(m.hears, func(e ear, _ bool) bool { return e.owner == party })
	}
	return c
}

// publish enters what arrives in a section of a party's connection. What arrived there
// before under other names, or as another track, has ended.
func (r *roster) publish(party, mid string, track Track) (c change) {
	if r.members[party] == nil {
		return c
	}
	track.Owner = party
	if before := r.arriving(party, mid); before != nil {
		if before.Stream == track.Stream && before.ID == track.ID && before.media == track.media {
			return c
		}
		c = r.end(before.Key)
	}
	track.Key = r.name(track)
	p := &publication{Track: track, mid: mid}
	r.tracks[track.Key] = p
	if r.remark(p) {
		c.settled = append(c.settled, p.Track)
	}
	c.tellAll(r, party, TrackPublished{p.Track})
	return c
}

// unpublish ends what arrives in a section.
func (r *roster) unpublish(party, mid string) change {
	if p := r.arriving(party, mid); p != nil {
		return r.end(p.Key)
	}
	return change{}
}

// mute says that a track is muted, or not any more.
func (r *roster) mute(key Key, muted bool) (c change) {
	if p := r.tracks[key]; p != nil && p.Muted != muted {
		p.Muted = muted
		c.settled = append(c.settled, p.Track)
		c.tellAll(r, p.Owner, TrackChanged{p.Track})
	}
	return c
}

// size says how large the pictures of a track are; smaller ones are no news.
func (r *roster) size(key Key, width, height int) (c change) {
	p := r.tracks[key]
	if p == nil || width <= p.Width && height <= p.Height {
		return c
	}
	p.Width, p.Height = max(width, p.Width), max(height, p.Height)
	c.tellAll(r, p.Owner, TrackChanged{p.Track})
	return c
}

// subscribe gives a party a share, or the share it has another wish. Only a new one
// needs another line.
func (r *roster) subscribe(party string, key Key, wish Wish) (c change, err error) {
	m, p := r.members[party], r.tracks[key]
	switch {
	case m == nil:
		return c, ErrClosed
	case p == nil || p.Owner == party:
		return c, fmt.Errorf("%w: %s", ErrUnknown, key)
	case m.shares[key] != nil:
		m.shares[key].wish = wish
		return c, nil
	}
	m.lines++
	sh := &share{line: fmt.Sprintf("share-%d", m.lines), wish: wish, of: p}
	m.shares[key], m.asked = sh, append(m.asked, sh)
	return change{lines: []string{party}}, nil
}

// unsubscribe takes a share back.
func (r *roster) unsubscribe(party string, key Key) (c change) {
	if m := r.members[party]; m != nil && m.shares[key] != nil {
		gone := slices.Index(m.asked, m.shares[key])
		delete(m.shares, key)
		m.asked = slices.Concat(m.asked[:gone], m.asked[gone+1:])
		c.lines = []string{party}
	}
	return c
}

// hear has a party get another's messages on channels of a label, or no longer.
func (r *roster) hear(party string, e ear, on bool) {
	m := r.members[party]
	switch {
	case m == nil:
	case on && r.members[e.owner] != nil && e.owner != party:
		m.hears[e] = true
	case !on:
		delete(m.hears, e)
	}
}

// hearers are those who get a party's messages.
func (r *roster) hearers(e ear) (parties []string) {
	for _, party := range slices.Sorted(maps.Keys(r.members)) {
		if r.members[party].hears[e] {
			parties = append(parties, party)
		}
	}
	return parties
}

// shares gives what a party gets, in the order in which it asked. They are the
// roster's: nobody changes the slice.
func (r *roster) shares(party string) []*share {
	m := r.members[party]
	if m == nil {
		return nil
	}
	return m.asked
}

// published gives all tracks by owner and name.
func (r *roster) published() []Track {
	tracks := make([]Track, 0, len(r.tracks))
	for _, p := range r.tracks {
		tracks = append(tracks, p.Track)
	}
	slices.SortFunc(tracks, func(a, b Track) int {
		return cmp.Or(strings.Compare(a.Owner, b.Owner), strings.Compare(a.Key.Stream, b.Key.Stream), strings.Compare(a.Key.Track, b.Key.Track))
	})
	return tracks
}

// arriving gives what arrives in a section.
func (r *roster) arriving(party, mid string) *publication {
	for _, p := range r.tracks {
		if p.Owner == party && p.mid == mid {
			return p
		}
	}
	return nil
}

// end takes a track out: those who have a share of it lose it.
func (r *roster) end(key Key) (c change) {
	p := r.tracks[key]
	delete(r.tracks, key)
	for _, party := range slices.Sorted(maps.Keys(r.members)) {
		c.join(r.unsubscribe(party, key))
	}
	c.tellAll(r, p.Owner, TrackEnded{p.Track})
	return c
}

// longestName is what RFC 8830 section 2 lets a stream or a track be called.
const longestName = 64

// name finds what a track is called in the session. A stream is one owner's alone, so
// that subscribers can tell by it whose it is.
func (r *roster) name(t Track) Key {
	key := Key{t.Stream, t.ID}
	foreign := func(p *publication) bool { return p.Key.Stream == key.Stream && p.Owner != t.Owner }
	for !isName(key.Stream) || r.any(foreign) {
		key.Stream = r.another("stream")
	}
	for !isName(key.Track) || r.tracks[key] != nil {
		key.Track = r.another(t.Kind.String())
	}
	return key
}

func (r *roster) any(is func(*publication) bool) bool {
	for _, p := range r.tracks {
		if is(p) {
			return true
		}
	}
	return false
}

func (r *roster) another(of string) string {
	r.named++
	return fmt.Sprintf("%s-%d", of, r.named)
}

// isName reports whether text can stand in a=msid: a token that is not "-", which
// means that there is no stream.
func isName(text string) bool {
	separator := func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]`, c) }
	return text != "" && text != "-" && len(text) <= longestName && !strings.ContainsFunc(text, separator)
}

func (c *change) tell(to string, event Event) { c.notices = append(c.notices, notice{to, event}) }

// tellAll tells everybody but one.
func (c *change) tellAll(r *roster, but string, event Event) {
	for _, party := range slices.Sorted(maps.Keys(r.members)) {
		if party != but {
			c.tell(party, event)
		}
	}
}

// join adds what follows from another step.
func (c *change) join(other change) {
	for _, party := range other.lines {
		if !slices.Contains(c.lines, party) {
			c.lines = append(c.lines, party)
		}
	}
	c.settled = append(c.settled, other.settled...)
	c.notices = append(c.notices, other.notices...)
}
