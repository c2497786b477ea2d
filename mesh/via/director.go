package via

import (
	"cmp"
	"slices"
	"time"

	"meshfocus/mesh"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

const (
	// outage is how long a connection may be interrupted before the others are
	// connected to directly: ICE mends what is shorter (docs/protocol.md).
	outage = 5 * time.Second
	// drought is how long nothing of what was asked for may come. A focus asks the
	// sender for a key frame first, and a link mends itself in outage.
	drought = 8 * time.Second
	// firstRest is how long a focus is left alone after it has failed us; it doubles
	// with each time that follows within calm, up to lastRest.
	firstRest = 15 * time.Second
	lastRest  = 5 * time.Minute
	calm      = 2 * time.Minute
)

// Limits are how long a focus may fail us before everybody is connected directly;
// 0 stands for the usual.
type Limits struct {
	Outage  time.Duration // its connection is interrupted: 5 s
	Drought time.Duration // nothing of what was asked for comes: 8 s
}

// Facts are what a Director decides by.
type Facts struct {
	Sessions []membership.Session // those that we are in
	Focus    map[message.Party]Connection
	// Direct are the parties that we are connected to.
	Direct map[message.Party]bool
}

// Connection is how we stand with a member that forwards.
type Connection struct {
	Up    bool
	Since time.Time // of Up
	Open  bool      // there is a data channel
	// Flows is when all was well the last time: the connection came up, the channel
	// was opened or closed, something that we asked for came, or nothing was to be
	// expected.
	Flows time.Time
}

// Decision is what is to be.
type Decision struct {
	// Focus is whose data channel is to be opened; the zero Party: nobody's.
	Focus message.Party
	// Via is what our membership is to say.
	Via message.Party
	// Want are those whose tracks are to be got from Focus.
	Want map[message.Party]bool
	// Words say how we get the others' media, and why so.
	Words string
}

// Director decides by whom everything is got. It belongs to one goroutine.
type Director struct {
	self   message.Party
	limits Limits
	via    message.Party
	since  time.Time // of via
	rests  map[message.Party]rest
	want   map[message.Party]bool
}

// rest is a focus that has failed us.
type rest struct {
	until  time.Time
	length time.Duration
	why    string
}

// NewDirector begins with a direct connection to everybody.
func NewDirector(self message.Party, limits Limits) *Director {
	limits.Outage, limits.Drought = cmp.Or(limits.Outage, outage), cmp.Or(limits.Drought, drought)
	return &Director{self: self, limits: limits, rests: map[message.Party]rest{}}
}

// Decide says what is to be now. It is asked again with all facts that change, and
// a few times a second while Focus is somebody.
func (d *Director) Decide(f Facts, now time.Time) Decision {
	focus, there := d.choose(f, now)
	if d.via != (message.Party{}) && d.via != focus {
		d.via = message.Party{} // it has gone
	}
	if !there {
		d.want = nil
		return Decision{Words: "nobody in the call forwards, so everybody is connected directly"}
	}
	c := f.Focus[focus]
	switch why := d.limits.trouble(c, now); {
	case d.via == focus && why != "":
		d.fail(focus, why, now)
	case d.via != focus && why == "" && c.Open && !now.Before(d.rests[focus].until):
		d.via, d.since = focus, now
	}
	d.want = d.wants(f, focus)
	return Decision{Focus: focus, Via: d.via, Want: d.want, Words: d.words(focus, c, now)}
}

// choose finds the focus: the one that we have if it is still there, else the one
// that has been there longest and has not failed us of late.
func (d *Director) choose(f Facts, now time.Time) (focus message.Party, there bool) {
	all := d.forwarders(f.Sessions)
	if slices.Contains(all, d.via) {
		return d.via, true
	}
	for _, party := range all {
		if !now.Before(d.rests[party].until) {
			return party, true
		}
	}
	if len(all) > 0 {
		return all[0], true
	}
	return message.Party{}, false
}

// forwarders lists those that forward, the one that mesh.Forwarder takes first.
func (d *Director) forwarders(sessions []membership.Session) (all []message.Party) {
	for _, session := range sessions {
		for first, there := mesh.Forwarder(session, d.self); there; first, there = mesh.Forwarder(session, d.self) {
			at := slices.IndexFunc(session.Members, func(m membership.Member) bool { return m.Party == first })
			session.Members = session.Members[at+1:]
			if !slices.Contains(all, first) {
				all = append(all, first)
			}
		}
	}
	return all
}

// trouble says in words why nothing can be had by a connection; "" if it can.
func (l Limits) trouble(c Connection, now time.Time) string {
	switch {
	case !c.Up && now.Sub(c.Since) >= l.Outage:
		return "it is out of reach"
	case c.Up && !c.Open && now.Sub(c.Flows) >= l.Outage:
		return "its data channel is closed"
	case c.Up && c.Open && now.Sub(c.Flows) >= l.Drought:
		return "nothing comes from it"
	}
	return ""
}

// fail takes back what was said.
func (d *Director) fail(focus message.Party, why string, now time.Time) {
	r := rest{length: firstRest, why: why}
	if before := d.rests[focus]; now.Sub(d.since) < calm && before.length > 0 {
		r.length = min(2*before.length, lastRest)
	}
	r.until = now.Add(r.length)
	d.rests[focus], d.via = r, message.Party{}
}

// wants lists whose tracks are to be got from the focus: those that say the same as
// we do, and of those that did those who are not connected to us yet.
func (d *Director) wants(f Facts, focus message.Party) map[message.Party]bool {
	want := map[message.Party]bool{}
	for _, session := range f.Sessions {
		for _, m := range session.Members {
			if m.Party == d.self || m.Party == focus {
				continue
			}
			shared := d.via == focus && m.Via == focus
			if shared || d.want[m.Party] && !f.Direct[m.Party] {
				want[m.Party] = true
			}
		}
	}
	return want
}

func (d *Director) words(focus message.Party, c Connection, now time.Time) string {
	r := d.rests[focus]
	switch {
	case d.via == focus:
		return "everything comes by " + focus.String()
	case now.Before(r.until):
		return "everybody is connected directly, since " + focus.String() + " has failed us: " + r.why
	case c.Up:
		return "connected to " + focus.String() + ", waiting for its data channel"
	}
	return "connecting to " + focus.String() + ", which forwards"
}
