package homeserver_test

import (
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"
)

// patience is how long a test waits for what should happen soon.
const patience = 60 * time.Second

// move tells everybody where the homeserver is now.
func (v *village) move(address string) {
	v.clerk.base = address
	for _, p := range v.parties {
		p.base = address
	}
}

// compare asks the restarted server for everything it had acknowledged, then
// repeats every request that may not have got an answer, and expects that all
// of it happened exactly once.
func (v *village) compare(t *testing.T, round int) {
	t.Helper()
	v.clerk.compare(t)
	said := v.awaitDelayed(t)
	for _, p := range v.parties {
		p.isKnown(t)
		p.compareSaid(t, said)
		p.compareDelayed(t, said)
		p.compareNumbers(t)
		p.compareDeviceKeys(t)
		p.repeat(t)
	}
	said = v.said(t)
	for _, p := range v.parties {
		for _, a := range p.messages {
			if said[a.id] != 1 {
				t.Errorf("message %s is there %d times after it was repeated", a.id, said[a.id])
			}
		}
	}
	v.compareTold(t)
	if round == rounds-1 {
		v.compareKeys(t)
	}
}

// said counts the room's events by the id in their content.
func (v *village) said(t *testing.T) map[string]int {
	t.Helper()
	said := make(map[string]int)
	for from := ""; ; {
		query := url.Values{"dir": {"b"}, "limit": {"1000"}}
		if from != "" {
			query.Set("from", from)
		}
		var answer struct {
			End   string `json:"end"`
			Chunk []struct {
				Content struct {
					ID any `json:"id"`
				} `json:"content"`
			} `json:"chunk"`
		}
		must(t, v.parties[0].call(t.Context(), "GET", inRoom(v.room, "messages")+"?"+query.Encode(), nil, &answer))
		for _, event := range answer.Chunk {
			if id, ok := event.Content.ID.(string); ok {
				said[id]++
			}
		}
		if answer.End == "" {
			return said
		}
		from = answer.End
	}
}

// awaitDelayed waits for the short delayed events that were acknowledged: those
// that were due while the server was down are sent now.
func (v *village) awaitDelayed(t *testing.T) map[string]int {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		said, missing := v.said(t), ""
		for _, p := range v.parties {
			for _, d := range p.delayed {
				if d.short && d.acked && said[d.id] == 0 {
					missing = d.id
				}
			}
		}
		if missing == "" {
			return said
		}
		if time.Now().After(deadline) {
			t.Errorf("delayed event %s was acknowledged and never sent", missing)
			return said
		}
		// The next look is a long poll of its own: it ends when something
		// is sent.
		p := v.parties[0]
		if _, err := p.take(t.Context(), 100*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

func (p *party) compareSaid(t *testing.T, said map[string]int) {
	for _, a := range p.messages {
		if count := said[a.id]; count > 1 || a.acked && count == 0 {
			t.Errorf("message %s is there %d times (acknowledged: %v)", a.id, count, a.acked)
		}
	}
}

// compareDelayed checks what is still scheduled and what was sent against what
// was acknowledged.
func (p *party) compareDelayed(t *testing.T, said map[string]int) {
	scheduled := p.scheduled(t)
	for _, d := range p.delayed {
		sent, there := said[d.id], slices.Contains(scheduled, d.given)
		switch {
		case sent > 1:
			t.Errorf("delayed event %s was sent %d times", d.id, sent)
		case sent == 1 && there:
			t.Errorf("delayed event %s was sent and is still scheduled", d.id)
		case !d.acked || d.fate == fateUnknown:
		case d.fate == fateSent && sent != 1:
			t.Errorf("delayed event %s was sent by request and is not there", d.id)
		case d.fate == fateCancelled && (there || sent > 0):
			t.Errorf("delayed event %s was cancelled (scheduled: %v, sent: %d)", d.id, there, sent)
		case d.fate == fateScheduled && !d.short && !there:
			t.Errorf("delayed event %s was scheduled and is gone", d.id)
		}
	}
}

// scheduled lists the delay IDs the server still has.
func (p *party) scheduled(t *testing.T) []string {
	t.Helper()
	var ids []string
	for from := ""; ; {
		var answer struct {
			Delayed []struct {
				ID string `json:"delay_id"`
			} `json:"delayed_events"`
			Next string `json:"next_batch"`
		}
		path := delayedAPI + "?status=scheduled"
		if from != "" {
			path += "&from=" + url.QueryEscape(from)
		}
		must(t, p.call(t.Context(), "GET", path, nil, &answer))
		for _, d := range answer.Delayed {
			ids = append(ids, d.ID)
		}
		if answer.Next == "" {
			return ids
		}
		from = answer.Next
	}
}

// compareNumbers checks the values that were overwritten: what is there is the
// newest acknowledged or something tried after it.
func (p *party) compareNumbers(t *testing.T) {
	for _, c := range []struct {
		what, path string
		register   register
	}{
		{"account data", p.dataPath(), p.data},
		{"state", inRoom(p.room, "state", "org.example.number", "of "+p.user), p.state},
	} {
		var answer struct {
			Number int `json:"number"`
		}
		err := p.call(t.Context(), "GET", c.path, nil, &answer)
		if c.register.acked == 0 && isRefused(err) {
			continue
		}
		if err != nil || answer.Number < c.register.acked || answer.Number > c.register.tried {
			t.Errorf("%s of %s is %d (%v), want %d to %d", c.what, p.user, answer.Number, err, c.register.acked, c.register.tried)
		}
	}
}

func (p *party) compareDeviceKeys(t *testing.T) {
	var answer struct {
		Devices map[string]map[string]struct {
			Keys map[string]string `json:"keys"`
		} `json:"device_keys"`
	}
	must(t, p.call(t.Context(), "POST", "keys/query", object{"device_keys": object{p.user: []string{}}}, &answer))
	if got := answer.Devices[p.user][p.device].Keys["ed25519:"+p.device]; got != "ed of "+p.user {
		t.Errorf("device key of %s is %q", p.user, got)
	}
}

// repeat sends the newest messages once more under their transaction IDs, as
// a client does that got no answer.
func (p *party) repeat(t *testing.T) {
	ctx := t.Context()
	for _, a := range newest(p.messages) {
		if err := p.send(ctx, a); err != nil {
			t.Errorf("repeat: %v", err)
		}
	}
	for _, a := range newest(p.told) {
		if err := p.tell(ctx, &a.to.visitor, a.id, entry{ID: a.id}); err != nil {
			t.Errorf("repeat: %v", err)
		}
		a.acked = true
	}
}

// newest are the attempts that a client could still be repeating.
func newest(attempts []*attempt) []*attempt {
	return attempts[max(0, len(attempts)-20):]
}

// compareTold lets everybody read what is left for them. Each message, also
// the repeated ones, was then heard once.
func (v *village) compareTold(t *testing.T) {
	ctx := t.Context()
	for _, p := range v.parties {
		for events := 1; events > 0; {
			var err error
			events, err = p.take(ctx, 0)
			must(t, err)
		}
	}
	for _, p := range v.parties {
		for _, a := range p.told {
			if count := a.to.heard[a.id]; a.acked && count != 1 || count > 1 {
				t.Errorf("message %s to %s was heard %d times", a.id, a.to.user, count)
			}
		}
	}
}

// compareKeys claims every key that is left. None was ever given out twice,
// and only claims without an answer may have taken any with them.
func (v *village) compareKeys(t *testing.T) {
	ctx := t.Context()
	given, uploaded, lost := make(map[string]int), 0, 0
	for i, p := range v.parties {
		taker := v.parties[(i+1)%len(v.parties)]
		for found := true; found; {
			var err error
			found, err = taker.claimFrom(ctx, p)
			must(t, err)
		}
	}
	for _, p := range v.parties {
		lost += p.unanswered
		for _, key := range p.claimed {
			if given[key]++; given[key] > 1 {
				t.Errorf("key %s was given out %d times", key, given[key])
			}
		}
	}
	for _, p := range v.parties {
		for _, a := range p.keys {
			if a.acked {
				uploaded++
				if given[a.id] == 0 {
					lost--
				}
			}
		}
	}
	if lost < 0 {
		t.Errorf("%d of %d one-time keys are gone that nobody claimed", -lost, uploaded)
	}
}

// summary says how much was at stake.
func (v *village) summary() string {
	var messages, told, delayed, keys, numbers int
	for _, p := range v.parties {
		messages += len(p.messages)
		told += len(p.told)
		delayed += len(p.delayed)
		keys += len(p.keys)
		numbers += p.data.acked + p.state.acked
	}
	return fmt.Sprintf("%d messages, %d to-device messages, %d delayed events, %d one-time keys, %d values, %d accounts, %d sessions, %d rooms",
		messages, told, delayed, keys, numbers, len(v.clerk.accounts), len(v.clerk.sessions), len(v.clerk.rooms))
}
