package upstream

import (
	"encoding/json"
	"time"

	"meshfocus/signalling/homeserver/journal"
)

// job is one event on its way: a copy of what is needed to send it.
type job struct {
	record
	owner  sessionRecord
	queued bool // by the agenda, not by a client that said "send"
}

// verdict is what the homeserver made of a job.
type verdict uint8

const (
	sent        verdict = iota
	refused             // for good: the event is dropped, as Synapse does
	loggedOut           // the token is no longer known, and will not be
	expired             // the token may be renewed by its device (soft logout)
	unanswered          // may be repeated
	interrupted         // by our own end; to be sent by the next process
)

// outcome is a verdict with what came with it.
type outcome struct {
	verdict verdict
	after   time.Duration // the homeserver's wish, with unanswered; 0 = none
	status  int           // of a refusal, with its body
	body    []byte
	eventID string // with sent
}

// Standard errors of what was not sent and nobody said why.
var (
	failureLoggedOut = json.RawMessage(`{"errcode":"` + codeUnknownToken + `","error":"the device that scheduled it is logged out"}`)
	failureGivenUp   = json.RawMessage(`{"errcode":"` + codeUnknown + `","error":"the homeserver did not take it"}`)
)

// fate is what becomes of an event that is not tried again.
func (o outcome) fate(asked bool) fate {
	var said struct {
		Code string `json:"errcode"`
	}
	switch {
	case o.verdict == sent:
		return fate{sent: true, asked: asked, eventID: o.eventID}
	case o.verdict == loggedOut, o.verdict == expired:
		return fate{failure: failureLoggedOut}
	case json.Unmarshal(o.body, &said) == nil && said.Code != "":
		return fate{failure: o.body}
	}
	return fate{failure: failureGivenUp}
}

const (
	firstPause = time.Second
	mostPause  = 30 * time.Second
	// giveUp is how long after its time an event is tried. Whoever came back
	// meanwhile has restarted it, so late leaves meet only who is gone.
	giveUp = 24 * time.Hour
)

// due takes what is to be sent now, at most so many. lost have no token any
// more and are forgotten. next is when to come back, zero when an alarm will
// tell.
func (b *book) due(now time.Time, most int) (jobs []job, lost []record, next time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(jobs) < most {
		e, any := b.agenda.Take(now)
		if !any {
			break
		}
		switch {
		case e.owner.Token == "":
			lost = append(lost, e.record)
			b.drop(e, outcome{verdict: loggedOut}.fate(false), now)
		case e.owner.busy:
			e.owner.held = append(e.owner.held, e)
		case e.sending != nil: // a client was faster
		default:
			e.owner.busy = true
			jobs = append(jobs, e.start(true))
		}
	}
	if at, any := b.agenda.Next(); any && at.After(now) {
		next = at
	}
	return jobs, lost, next
}

// take starts an event before its time; busy as in restart. A job without a
// token cannot be sent.
func (b *book) take(id string) (j job, busy <-chan struct{}, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.events[id]
	if e == nil || e.sending != nil {
		return job{}, sendingOf(e), e != nil
	}
	b.agenda.Strike(&e.when)
	return e.start(false), nil, true
}

func (e *event) start(queued bool) job {
	e.sending = make(chan struct{})
	return job{record: e.record, owner: e.owner.sessionRecord, queued: queued}
}

// finish enters what came of a job.
func (b *book) finish(j job, o outcome, now time.Time) journal.Position {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.events[j.ID]
	if e == nil {
		return 0 // its session was lost meanwhile, and finished it
	}
	b.settle(e, j.queued)
	switch o.verdict {
	case loggedOut, expired:
		if e.owner.Token != "" && e.owner.Token != j.owner.Token { // renewed meanwhile
			b.appoint(e, now)
			return 0
		}
		p := b.lose(e.owner, o.verdict == expired, now)
		if b.events[j.ID] != e {
			return p
		}
	case refused:
		if !j.queued && now.Before(e.due()) { // it may be allowed by then (MSC4140, "send")
			b.appoint(e, e.due())
			return 0
		}
	case unanswered:
		if now.Sub(e.due()) < giveUp {
			e.failures++
			b.appoint(e, later(e.due(), now.Add(pause(e.failures, o.after))))
			return 0
		}
	case interrupted:
		return 0
	}
	return b.drop(e, o.fate(!j.queued), now)
}

// settle ends the sending of an event and lets the next of its sender go.
func (b *book) settle(e *event, queued bool) {
	if e.sending != nil {
		close(e.sending)
		e.sending = nil
	}
	if !queued {
		return
	}
	e.owner.busy = false
	for _, next := range e.owner.held {
		if b.events[next.ID] == next && !next.when.Waits() {
			b.appoint(next, next.when.At())
		}
	}
	e.owner.held = nil
	b.wake()
}

// pause is the time until the next attempt: doubling, or what was asked for.
func pause(failures int, wished time.Duration) time.Duration {
	return max(min(firstPause<<min(failures-1, 10), mostPause), min(wished, giveUp))
}

func later(x, y time.Time) time.Time {
	if x.After(y) {
		return x
	}
	return y
}

// lose takes away a token that no longer works. Events of an expired one wait
// for the device to show its new one; those of a logged out device are gone.
// Called under the lock.
func (b *book) lose(s *session, renewable bool, now time.Time) journal.Position {
	s.Token = ""
	if renewable {
		return b.put(s)
	}
	var p journal.Position
	for _, e := range b.events {
		if e.owner == s {
			b.settle(e, false)
			p = b.drop(e, outcome{verdict: loggedOut}.fate(false), now)
		}
	}
	return p
}

// forget is lose for whoever holds the token.
func (b *book) forget(token string, renewable bool, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.sessions {
		if s.Token == token {
			b.lose(s, renewable, now)
		}
	}
}

// forgetUser is forget for every device of a user.
func (b *book) forgetUser(user string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.sessions {
		if s.User == user {
			b.lose(s, false, now)
		}
	}
}

// holds says whether a token is one of ours.
func (b *book) holds(token string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.sessions {
		if s.Token == token {
			return true
		}
	}
	return false
}

// leaves lists the state that the holder of a token has scheduled, and every
// device of a user, if one is named.
func (b *book) leaves(token, user string) (ids []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		if e.Key != nil && (e.owner.Token == token || user != "" && e.owner.User == user) {
			ids = append(ids, e.ID)
		}
	}
	return ids
}
