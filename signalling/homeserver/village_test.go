package homeserver_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"
)

// village is everybody in the durability test, and each keeps the books on
// what the homeserver acknowledged to them.
type village struct {
	room    string
	parties []*party
	clerk   *clerk
}

// attempt is one thing that was asked for. Attempts that got no answer before
// the kill may or may not have happened.
type attempt struct {
	id    string // unique in the test, in the content and the transaction ID
	acked bool
	given string // the event or delay ID in the answer
	to    *party // of a to-device message
}

// party is one user with one device. What follows the visitor is owned by
// write, except heard and since, which are read's; compare has all to itself.
type party struct {
	visitor
	room    string
	others  []*party
	counter int

	messages, told []*attempt
	delayed        []*delayed
	// data and state are values that are overwritten: newest number that was
	// acknowledged, and newest that was tried.
	data, state register
	keys        []*attempt // one-time keys uploaded
	claimed     []string   // names of the keys of others we were given
	unanswered  int        // claims without an answer

	heard map[string]int // to-device content id -> how often
	since string
}

type register struct{ acked, tried int }

// delayed is one scheduled event. want is what was acknowledged about it.
type delayed struct {
	attempt
	short bool // due within the test
	fate  fate
}

type fate uint8

const (
	fateScheduled fate = iota
	fateCancelled      // acknowledged
	fateSent           // acknowledged
	fateUnknown        // an action got no answer
)

// settle makes the parties, and lets them into one room.
func settle(t *testing.T, client *http.Client, server *victim) *village {
	t.Helper()
	ctx := t.Context()
	v := &village{}
	for i := range parties {
		p := &party{heard: make(map[string]int), visitor: server.device(t, client, fmt.Sprintf("party%d", i))}
		must(t, p.call(ctx, "POST", "keys/upload", object{"device_keys": p.deviceKeys()}, nil))
		v.parties = append(v.parties, p)
	}
	var created struct {
		Room string `json:"room_id"`
	}
	must(t, v.parties[0].call(ctx, "POST", "createRoom", object{
		"preset":                       "public_chat",
		"power_level_content_override": object{"state_default": 0},
	}, &created))
	v.room = created.Room
	for i, p := range v.parties {
		p.room = v.room
		for j, other := range v.parties {
			if i != j {
				p.others = append(p.others, other)
			}
		}
		must(t, p.call(ctx, "POST", "join/"+url.PathEscape(v.room), object{}, nil))
	}
	v.clerk = newClerk(t, client, server.address)
	return v
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (p *party) deviceKeys() object {
	return object{
		"user_id": p.user, "device_id": p.device, "algorithms": []string{"m.olm.v1.curve25519-aes-sha2"},
		"keys": object{
			"curve25519:" + p.device: "curve of " + p.user, "ed25519:" + p.device: "ed of " + p.user,
		},
		"signatures": object{p.user: object{"ed25519:" + p.device: "signature"}},
	}
}

// next is an attempt with an id of its own.
func (p *party) next(kind string) *attempt {
	p.counter++
	return &attempt{id: kind + strconv.Itoa(p.counter) + p.user}
}

// write does one thing after the other, at random, until there is no answer,
// and counts them out as long as somebody counts.
func (p *party) write(ctx context.Context, done chan<- struct{}) error {
	deeds := []func(context.Context) error{
		p.say, p.say, p.whisper, p.whisper, p.whisper, p.setState, p.setData,
		p.schedule, p.schedule, p.decide, p.upload, p.claim,
	}
	for {
		if err := deeds[rand.IntN(len(deeds))](ctx); err != nil {
			return err
		}
		select {
		case done <- struct{}{}:
		default:
		}
	}
}

func (p *party) say(ctx context.Context) error {
	a := p.next("message")
	p.messages = append(p.messages, a)
	return p.send(ctx, a)
}

// send sends a message, perhaps once more. A repetition must give the event ID
// that was given before.
func (p *party) send(ctx context.Context, a *attempt) error {
	var answer struct {
		Event string `json:"event_id"`
	}
	if err := p.call(ctx, "PUT", inRoom(p.room, "send", "org.example.word", a.id), entry{ID: a.id}, &answer); err != nil {
		return err
	}
	if a.acked && a.given != answer.Event {
		return fmt.Errorf("message %s was %s and became %s: %w", a.id, a.given, answer.Event, errTwice)
	}
	a.acked, a.given = true, answer.Event
	return nil
}

// errTwice says that something happened a second time.
var errTwice = errors.New("it was done twice")

func (p *party) whisper(ctx context.Context) error {
	a := p.next("told")
	a.to = p.others[rand.IntN(len(p.others))]
	p.told = append(p.told, a)
	if err := p.tell(ctx, &a.to.visitor, a.id, entry{ID: a.id}); err != nil {
		return err
	}
	a.acked = true
	return nil
}

func (p *party) setState(ctx context.Context) error {
	return p.state.set(func(number int) error {
		return p.call(ctx, "PUT", inRoom(p.room, "state", "org.example.number", "of "+p.user), object{"number": number}, nil)
	})
}

func (p *party) setData(ctx context.Context) error {
	return p.data.set(func(number int) error {
		return p.call(ctx, "PUT", p.dataPath(), object{"number": number}, nil)
	})
}

func (p *party) dataPath() string {
	return "user/" + url.PathEscape(p.user) + "/account_data/org.example.number"
}

func (r *register) set(put func(number int) error) error {
	r.tried++
	if err := put(r.tried); err != nil {
		return err
	}
	r.acked = r.tried
	return nil
}

// schedule asks for an event later: soon, so that it is due before, during or
// after the time the server is down, or long after the test.
func (p *party) schedule(ctx context.Context) error {
	d := &delayed{attempt: *p.next("delayed"), short: rand.IntN(2) == 0}
	p.delayed = append(p.delayed, d)
	delay := 10 * time.Minute
	if d.short {
		delay = rand.N(400 * time.Millisecond)
	}
	var answer struct {
		Delay string `json:"delay_id"`
	}
	path := inRoom(p.room, "send", "org.example.word", d.id) +
		"?org.matrix.msc4140.delay=" + strconv.FormatInt(delay.Milliseconds()+1, 10)
	if err := p.call(ctx, "PUT", path, entry{ID: d.id}, &answer); err != nil {
		return err
	}
	d.acked, d.given = true, answer.Delay
	return nil
}

// decide restarts, cancels or sends one of the events that are far off.
func (p *party) decide(ctx context.Context) error {
	for range 10 {
		if len(p.delayed) == 0 {
			return nil
		}
		d := p.delayed[rand.IntN(len(p.delayed))]
		if d.short || !d.acked || d.fate != fateScheduled {
			continue
		}
		action, fate := "restart", fateScheduled
		switch rand.IntN(4) {
		case 0:
			action, fate = "cancel", fateCancelled
		case 1:
			action, fate = "send", fateSent
		}
		if fate != fateScheduled {
			d.fate = fateUnknown
		}
		if err := p.call(ctx, "POST", delayedAPI+"/"+d.given, object{"action": action}, nil); err != nil {
			return err
		}
		d.fate = fate
		return nil
	}
	return nil
}

const keyAlgorithm = "signed_curve25519"

func (p *party) upload(ctx context.Context) error {
	a := p.next("key")
	p.keys = append(p.keys, a)
	if err := p.call(ctx, "POST", "keys/upload", object{
		"one_time_keys": object{keyAlgorithm + ":" + a.id: object{"key": a.id}},
	}, nil); err != nil {
		return err
	}
	a.acked = true
	return nil
}

func (p *party) claim(ctx context.Context) error {
	_, err := p.claimFrom(ctx, p.others[rand.IntN(len(p.others))])
	return err
}

// claimFrom takes one key of another; found says whether there was one.
func (p *party) claimFrom(ctx context.Context, other *party) (found bool, err error) {
	var answer struct {
		Keys map[string]map[string]map[string]struct {
			Key string `json:"key"`
		} `json:"one_time_keys"`
	}
	p.unanswered++
	if err := p.call(ctx, "POST", "keys/claim", object{
		"one_time_keys": object{other.user: object{other.device: keyAlgorithm}},
	}, &answer); err != nil {
		return false, err
	}
	p.unanswered--
	for _, key := range answer.Keys[other.user][other.device] {
		p.claimed = append(p.claimed, key.Key)
		found = true
	}
	return found, nil
}

// read is the sync loop: it remembers where it is once it has taken what the
// answer holds, as a client that stores both does.
func (p *party) read(ctx context.Context) error {
	for {
		if _, err := p.take(ctx, 2*time.Second); err != nil {
			return err
		}
	}
}

func (p *party) take(ctx context.Context, timeout time.Duration) (events int, err error) {
	answer, err := p.sync(ctx, p.since, timeout)
	if err != nil {
		return 0, err
	}
	for _, event := range answer.ToDevice.Events {
		p.heard[event.Content.ID]++
	}
	p.since = answer.NextBatch
	return len(answer.ToDevice.Events), nil
}
