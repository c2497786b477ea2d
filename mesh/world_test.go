package mesh_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"meshfocus/internal/simnet"
	"meshfocus/mesh"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const roomID = "!room:example.org"

var slot = membership.Key{RoomID: roomID, ConfID: message.SlotRoom}

// world is a room with devices: registries that talk over a simulated road and
// connect over a simulated fabric, and a homeserver that tells everybody the
// facts. It lives inside a synctest bubble.
type world struct {
	t      *testing.T
	began  time.Time
	road   *simnet.Road[message.Signal]
	fabric *simnet.Fabric

	mu      sync.Mutex
	devices map[string]*device
	booted  []*device // former ones too
	order   []string
	state   map[[2]string]membership.Event // by type and state key
	left    map[string]bool                // users that are not in the room
	facts   membership.Facts               // the rest
	lag     map[string]time.Duration       // how late a device learns facts
	events  int
}

// device is one registry, or a scripted peer without one.
type device struct {
	*world
	name     string
	party    message.Party
	session  string
	route    message.Route // of its membership; owned by the test
	registry *mesh.Registry
	cancel   context.CancelFunc
	ended    chan struct{}
	script   func(from message.Party, s message.Signal)

	mu    sync.Mutex
	links []mesh.Link
	conns []*conn
	// stuck: the next connections towards that party never finish a step.
	stuck   string
	refuse  func(s message.Signal) error // what the signaller gives up
	delay   time.Duration                // until the homeserver takes a message; negative: never
	servers int
	padding string         // lines added to own descriptions
	plugs   []*simnet.Plug // of a script
	heard   []message.Signal
	closing time.Duration // how long connections take to close
}

func inWorld(t *testing.T, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		defer w.end()
		test(w)
	})
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		t: t, began: time.Now(), fabric: simnet.NewFabric(), devices: map[string]*device{},
		state: map[[2]string]membership.Event{}, left: map[string]bool{}, lag: map[string]time.Duration{},
		facts: membership.Facts{RoomID: roomID, RoomVersion: "10", Encrypted: true, JoinRule: "invite"},
	}
	w.road = simnet.NewRoad(seed, w.arrive)
	w.road.Set(simnet.Conditions{Delay: 30 * time.Millisecond})
	return w
}

func (w *world) end() {
	for _, d := range w.all() {
		d.stop()
		for _, plug := range d.plugs {
			plug.Close()
		}
	}
	w.road.Close()
	synctest.Wait()
	if open := w.fabric.Open(); open != 0 {
		w.t.Errorf("%d connections were left open", open)
	}
}

func (w *world) all() (devices []*device) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range w.order {
		devices = append(devices, w.devices[name])
	}
	return devices
}

// former gives every device there ever was.
func (w *world) former() []*device {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.booted)
}

// party makes "alice" @alice:example.org/ALICE and "alice/PHONE" that device.
func party(name string) message.Party {
	user, id, ok := strings.Cut(name, "/")
	if !ok {
		id = strings.ToUpper(user)
	}
	return message.Party{UserID: "@" + user + ":example.org", DeviceID: id}
}

// boot starts a device with a fresh session; it is no member yet.
func (w *world) boot(name string, change ...func(*mesh.Config)) *device {
	d := w.device(name)
	config := mesh.Config{
		Self: d.party, SessionID: d.session, Signaller: d, Connector: d,
		OnLink: d.onLink, Seed: w.seed(),
	}
	for _, c := range change {
		c(&config)
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.registry, d.cancel, d.ended = mesh.NewRegistry(config), cancel, make(chan struct{})
	go func() {
		defer close(d.ended)
		if err := d.registry.Run(ctx); !errors.Is(err, context.Canceled) {
			w.t.Errorf("%s: Run returned %v", name, err)
		}
	}()
	d.registry.SetFacts(w.known())
	return d
}

// device makes a device without a registry, for scripts.
func (w *world) device(name string) *device {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events++
	d := &device{world: w, name: name, party: party(name), session: fmt.Sprintf("s%d-%s", w.events, name)}
	if w.devices[name] == nil {
		w.order = append(w.order, name)
	}
	w.devices[name] = d
	w.booted = append(w.booted, d)
	return d
}

// seed gives each registry the same randomness in every run.
func (w *world) seed() func() [32]byte {
	w.mu.Lock()
	first := byte(w.events)
	w.mu.Unlock()
	var mu sync.Mutex
	var count byte
	return func() (seed [32]byte) {
		mu.Lock()
		defer mu.Unlock()
		count++
		seed[0], seed[1] = first, count
		return seed
	}
}

// join makes the device a member of the slot and lets it enter.
func (d *device) join() *device {
	d.world.set(d.sessionEvent(message.FocusFullMesh))
	if d.registry != nil {
		d.registry.Enter(slot)
	}
	return d
}

// sessionEvent is the device's membership in the per-device form.
func (d *device) sessionEvent(focus string) membership.Event {
	content, err := message.SessionContent{
		Application: message.ApplicationCall, DeviceID: d.party.DeviceID, MembershipID: d.session,
		FocusActive: message.Focus{Type: focus}.With(d.route), FociPreferred: []message.Focus{{Type: focus}},
	}.Encode()
	if err != nil {
		d.t.Fatal(err)
	}
	return membership.Event{
		Type: message.TypeCallMember, StateKey: message.SessionStateKey(d.party, message.SlotRoom, "10"),
		Sender: d.party.UserID, Content: content,
	}
}

// says writes the membership anew, with a route.
func (d *device) says(route message.Route) *device {
	d.route = route
	d.world.set(d.sessionEvent(message.FocusFullMesh))
	return d
}

// vanish empties the membership, as a leave or a fired delayed event does.
func (d *device) vanish() {
	event := d.sessionEvent(message.FocusFullMesh)
	event.Content = message.LeftContent()
	d.world.set(event)
}

// leave leaves in order: hang-ups, then the membership.
func (d *device) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := d.registry.Leave(ctx); err != nil {
		d.t.Errorf("%s: %v", d.name, err)
	}
	d.vanish()
}

// stop ends the registry, if there is one.
func (d *device) stop() {
	if d.cancel != nil {
		d.cancel()
		<-d.ended
		d.cancel = nil
	}
}

// crash ends the device without a word: nothing it sends gets out.
func (d *device) crash() {
	for _, other := range d.all() {
		d.road.Block(d.name, other.name, true)
	}
	d.stop()
	for _, other := range d.all() {
		d.road.Block(d.name, other.name, false)
	}
}

// set writes a state event and tells everybody.
func (w *world) set(event membership.Event) {
	w.mu.Lock()
	w.events++
	event.EventID, event.SentAt = fmt.Sprintf("$%06d", w.events), time.Now()
	w.state[[2]string{event.Type, event.StateKey}] = event
	w.mu.Unlock()
	w.announce()
}

// change alters the other facts and tells everybody.
func (w *world) change(alter func(*membership.Facts)) {
	w.mu.Lock()
	alter(&w.facts)
	w.mu.Unlock()
	w.announce()
}

// depart takes a user out of the room.
func (w *world) depart(name string) {
	w.mu.Lock()
	w.left[party(name).UserID] = true
	w.mu.Unlock()
	w.announce()
}

func (w *world) announce() {
	for _, d := range w.all() {
		w.mu.Lock()
		lag := 20*time.Millisecond + w.lag[d.name]
		w.mu.Unlock()
		if d.registry != nil {
			time.AfterFunc(lag, func() { d.registry.SetFacts(w.known()) })
		}
	}
}

// known is the facts of the room as they are now.
func (w *world) known() membership.Facts {
	w.mu.Lock()
	defer w.mu.Unlock()
	facts := w.facts
	facts.Joined = map[string]bool{}
	for _, d := range w.devices {
		facts.Joined[d.party.UserID] = !w.left[d.party.UserID]
	}
	facts.State = nil
	for _, event := range w.state {
		facts.State = append(facts.State, event)
	}
	return facts
}

// Send puts a message on the road; the homeserver takes it at once.
func (d *device) Send(to message.Party, s message.Signal, done func(error)) {
	d.mu.Lock()
	refuse, delay := d.refuse, d.delay
	d.mu.Unlock()
	if refuse != nil {
		if err := refuse(s); err != nil {
			go done(err)
			return
		}
	}
	if delay < 0 {
		return
	}
	time.AfterFunc(delay+5*time.Millisecond, func() {
		for _, other := range d.all() {
			if other.party == to {
				d.road.Send(d.name, other.name, s)
			}
		}
		done(nil)
	})
}

// slow sets how long the homeserver takes for a message; negative: for ever.
func (d *device) slow(delay time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.delay = delay
}

// arrive hands a message to its device.
func (w *world) arrive(from, to string, s message.Signal) {
	w.mu.Lock()
	d, sender := w.devices[to], party(from)
	script := d.script
	w.mu.Unlock()
	switch {
	case script != nil:
		d.mu.Lock()
		d.heard = append(d.heard, s)
		d.mu.Unlock()
		script(sender, s)
	case d.registry != nil:
		d.registry.Receive([]mesh.Received{{From: sender, Encrypted: true, Signal: s}})
	}
}

func (d *device) onLink(l mesh.Link) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.links = append(d.links, l)
}

// history lists the states of the links to a party, in order.
func (d *device) history(to string) (states []negotiate.State) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.links {
		if l.Peer == party(to) {
			states = append(states, l.State)
		}
	}
	return states
}

// link finds the present link to a party; the zero Link without one.
func (d *device) link(to string) mesh.Link {
	for _, room := range d.registry.Snapshot().Rooms {
		for _, session := range room.Sessions {
			for _, l := range session.Links {
				if l.Peer == party(to) {
					return l
				}
			}
		}
	}
	return mesh.Link{}
}

// strangers lists why members are not connected to.
func (d *device) strangers() map[message.Party]error {
	all := map[message.Party]error{}
	for _, room := range d.registry.Snapshot().Rooms {
		for _, session := range room.Sessions {
			for _, s := range session.Strangers {
				all[s.Party] = s.Err
			}
		}
	}
	return all
}

// refusals lists why messages were not acted upon.
func (d *device) refusals() (errs []error) {
	for _, r := range d.registry.Snapshot().Refused {
		errs = append(errs, r.Err)
	}
	return errs
}

// connected fails unless each of these devices is connected to each other one.
func (w *world) connected(names ...string) {
	w.t.Helper()
	synctest.Wait()
	for i, a := range names {
		for _, b := range names[i+1:] {
			here, there := w.devices[a].link(b), w.devices[b].link(a)
			if here.State != negotiate.Connected || there.State != negotiate.Connected || here.CallID != there.CallID {
				w.t.Errorf("%s–%s: %v (%s %s) and %v (%s %s)", a, b,
					here.State, here.Reason, here.Detail, there.State, there.Reason, there.Detail)
			}
		}
	}
}

// unconnected fails if the device still has a connection to the other.
func (w *world) unconnected(name, to string) {
	w.t.Helper()
	synctest.Wait()
	if l := w.devices[name].link(to); l.State.Live() {
		w.t.Errorf("%s is still %v with %s", name, l.State, to)
	}
}

// said lists what one device sent to another, by kind and reason.
func (w *world) said(from, to string) string {
	var words []string
	for _, s := range w.road.Sent() {
		if s.From != from || s.To != to {
			continue
		}
		words = append(words, word(s.Message))
	}
	return strings.Join(words, ", ")
}

// total counts the messages between two devices, both ways.
func (w *world) total(a, b string) (count int) {
	for _, s := range w.road.Sent() {
		if s.From == a && s.To == b || s.From == b && s.To == a {
			count++
		}
	}
	return count
}

func word(s message.Signal) string {
	words := []string{s.Kind.String()}
	if s.Kind == message.Negotiate {
		words = append(words, s.Description.Type)
	}
	if s.Reason != "" {
		words = append(words, string(s.Reason))
	}
	return strings.Join(words, " ")
}

func wait(d time.Duration) {
	time.Sleep(d) // virtual: the bubble's clock
	synctest.Wait()
}

// name is the inverse of party.
func name(p message.Party) string {
	user := strings.TrimSuffix(strings.TrimPrefix(p.UserID, "@"), ":example.org")
	if p.DeviceID == strings.ToUpper(user) {
		return user
	}
	return user + "/" + p.DeviceID
}
