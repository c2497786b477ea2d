package history

import (
	"slices"
	"time"

	"meshfocus/signalling/message"
)

// ringSlack is how long before the session a notification may have been sent,
// by clocks that differ.
const ringSlack = time.Minute

// rung is a notification.
type rung struct {
	message.Notification
	eventID, sender string
	at, ends        time.Time
	declined        []string // who said no to it
	done            bool     // it is told in a session
}

// refusal is who declined a notification that has not been read yet, and when
// the first of them did.
type refusal struct {
	users []string
	at    time.Time
}

func (r *Reader) readNotification(e *Event) {
	n, err := message.ParseNotification(e.Type, e.Content)
	if err != nil || n.Withdrawn {
		return
	}
	is := &rung{Notification: n, eventID: e.EventID, sender: e.Sender, at: e.SentAt, ends: n.Expiry(e.SentAt, e.SentAt)}
	if known := r.declines[e.EventID]; known != nil {
		is.declined = known.users
		delete(r.declines, e.EventID)
	}
	if !slices.ContainsFunc(r.rings, func(n *rung) bool { return n.eventID == e.EventID }) {
		r.rings = append(r.rings, is)
	}
}

func (r *Reader) readDecline(e *Event) {
	d, err := message.ParseDecline(e.Content)
	if err != nil {
		return
	}
	known := r.declines[d.Notification]
	if known == nil {
		known = &refusal{}
		r.declines[d.Notification] = known
	}
	known.at = e.SentAt
	if !slices.Contains(known.users, e.Sender) {
		known.users = append(known.users, e.Sender)
	}
}

// attach tells a session about the notifications that called others to it.
func (r *Reader) attach(s *Session) {
	for _, n := range r.rings {
		if n.done || n.Slot != s.Slot || n.at.Before(s.Start.Add(-ringSlack)) || n.at.After(s.End) {
			continue
		}
		if !slices.ContainsFunc(s.Participants, func(p Participant) bool { return p.UserID == n.sender }) {
			continue
		}
		r.tell(s, n)
	}
	r.settle(s)
}

// settle puts the names in order. Who declined one notification has not missed
// another.
func (r *Reader) settle(s *Session) {
	s.Missed = slices.DeleteFunc(s.Missed, func(name string) bool { return slices.Contains(s.Declined, name) })
	slices.Sort(s.Missed)
	slices.Sort(s.Declined)
}

// tell writes into a session what came of a notification.
func (r *Reader) tell(s *Session, n *rung) {
	n.done, s.Rung = true, true
	if s.Intent == "" {
		s.Intent = n.Intent
	}
	for _, name := range n.declined {
		if name != n.sender && (n.Mentions.Room || n.Mentions.Name(name)) {
			s.Declined = with(s.Declined, name)
		}
	}
	called := n.Mentions.Users
	if n.Mentions.Room && r.options.Self != "" {
		called = with(slices.Clone(called), r.options.Self)
	}
	pending := n.ends.After(r.options.Now) && (s.Running || s.Anchor)
	for _, name := range called {
		came := slices.ContainsFunc(s.Participants, func(p Participant) bool { return p.UserID == name })
		if name != n.sender && !came && !pending {
			s.Missed = with(s.Missed, name)
		}
	}
}

func with(names []string, name string) []string {
	if slices.Contains(names, name) {
		return names
	}
	return append(names, name)
}

// unanswered gives the notifications that belong to no session that is known.
func (r *Reader) unanswered(border time.Time) (done []Session) {
	for _, n := range r.rings {
		if n.done || n.at.Before(border) || r.covered(n) || r.reaches(n.Slot, n.at, border) {
			continue
		}
		s := Session{Slot: n.Slot, Start: n.at, End: n.at, Initiator: n.sender, Anchor: true}
		r.tell(&s, n)
		r.settle(&s)
		done = append(done, s)
	}
	return done
}

// covered reports whether a session that is not complete may tell of it.
func (r *Reader) covered(n *rung) bool {
	return slices.ContainsFunc(r.clusters[n.Slot], func(c *cluster) bool {
		return !n.at.Before(c.start.Add(-ringSlack)) && !n.at.After(c.end)
	})
}
