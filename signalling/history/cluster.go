package history

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"meshfocus/signalling/message"
)

// cluster is a session that is being put together: stays in one slot that
// overlap, if only by way of others.
type cluster struct {
	id         string
	start, end time.Time
	stays      []*stay
}

// close adds a stay whose beginning is known to the session it overlaps with,
// which may join two of them. Times are half open: what only touches does not
// overlap.
func (r *Reader) close(s *stay) {
	if !s.end.After(s.start) {
		return
	}
	joined := &cluster{id: s.id, start: s.start, end: s.end, stays: []*stay{s}}
	kept := r.clusters[s.id][:0]
	for _, known := range r.clusters[s.id] {
		if !known.overlaps(s.start, s.end) {
			kept = append(kept, known)
			continue
		}
		joined.stays = append(joined.stays, known.stays...)
		if known.start.Before(joined.start) {
			joined.start = known.start
		}
		if known.end.After(joined.end) {
			joined.end = known.end
		}
	}
	clear(r.clusters[s.id][len(kept):])
	r.clusters[s.id] = append(kept, joined)
}

func (c *cluster) overlaps(start, end time.Time) bool {
	return start.Before(c.end) && c.start.Before(end)
}

// sweep gives the sessions to which nothing older than the border can belong,
// and forgets what cannot matter to it. A zero border means that there is
// nothing older.
func (r *Reader) sweep(border time.Time) []Session {
	r.settlePlaces(border)
	var done []Session
	for id, all := range r.clusters {
		r.clusters[id] = slices.DeleteFunc(all, func(c *cluster) bool {
			if c.start.Before(border) || r.reaches(id, c.start, border) {
				return false
			}
			done = append(done, r.session(c))
			return true
		})
		if len(r.clusters[id]) == 0 {
			delete(r.clusters, id)
		}
	}
	done = append(done, r.unanswered(border)...)
	r.forget(border)
	slices.SortFunc(done, func(a, b Session) int {
		if order := b.Start.Compare(a.Start); order != 0 {
			return order
		}
		return cmp.Compare(a.Slot, b.Slot)
	})
	return done
}

// reaches reports whether a stay whose beginning is not known yet lasts beyond
// an instant.
func (r *Reader) reaches(id string, at, border time.Time) bool {
	if border.IsZero() {
		return false
	}
	for _, user := range r.users {
		for _, place := range user.places {
			for _, open := range place.open {
				// Under RuleSeed the slot of an open stay is not settled.
				if (open.id == id || r.options.Rule == RuleSeed) && open.end.After(at) {
					return true
				}
			}
		}
	}
	return false
}

// settlePlaces forgets the places that were written so late that nothing older
// reaches them: a stay that is open there has begun with its last event.
func (r *Reader) settlePlaces(border time.Time) {
	if border.IsZero() {
		return
	}
	for name, user := range r.users {
		maps.DeleteFunc(user.places, func(_ placeKey, p *place) bool {
			if !p.successor.After(border) {
				return false
			}
			for _, open := range p.open {
				r.close(open)
			}
			return true
		})
		if user.gone.After(border) {
			user.gone = time.Time{}
		}
		if len(user.places) == 0 && user.gone.IsZero() {
			delete(r.users, name)
		}
	}
}

// forget drops what else nothing older reaches.
func (r *Reader) forget(border time.Time) {
	maps.DeleteFunc(r.declines, func(_ string, d *refusal) bool { return d.at.After(border) })
	r.rings = slices.DeleteFunc(r.rings, func(n *rung) bool { return n.done })
}

// session is the record of a cluster.
func (r *Reader) session(c *cluster) Session {
	slices.SortFunc(c.stays, func(a, b *stay) int {
		if order := a.start.Compare(b.start); order != 0 {
			return order
		}
		return cmp.Or(cmp.Compare(a.user, b.user), cmp.Compare(a.device, b.device), a.end.Compare(b.end))
	})
	s := Session{Slot: c.id, Start: c.start, End: c.end, Initiator: c.stays[0].user}
	at := map[string]int{}
	for _, stay := range c.stays {
		who, known := at[stay.user]
		if !known {
			who = len(s.Participants)
			at[stay.user] = who
			s.Participants = append(s.Participants, Participant{UserID: stay.user})
		}
		s.Participants[who].Parts = append(s.Participants[who].Parts,
			Part{DeviceID: stay.device, Start: stay.start, End: stay.end, Running: stay.running})
		s.Running = s.Running || stay.running
	}
	s.Intent, s.Topology = consensus(c.stays), topology(c.stays)
	r.attach(&s)
	return s
}

// consensus is the intent of all who state one (MSC4196).
func consensus(stays []*stay) string {
	intent := ""
	for _, s := range stays {
		switch {
		case s.intent == "" || s.intent == intent:
		case intent == "":
			intent = s.intent
		default:
			return ""
		}
	}
	return intent
}

// topology names the transports of the members.
func topology(stays []*stay) string {
	kinds := map[string]bool{}
	for _, s := range stays {
		switch {
		case message.IsMesh(s.focus):
			kinds[message.FocusFullMesh] = true
		case s.focus != "":
			kinds[s.focus] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(kinds)), "+")
}
