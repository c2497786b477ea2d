package negotiate

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"sort"
	"strings"
	"time"

	"pgregory.net/rapid"

	"meshfocus/signalling/message"
)

// world is two machines, the road between them and the connections they ask
// for, all in one event queue with a clock of its own.
type world struct {
	t        rapid.TB
	now      time.Time
	queue    []planned
	order    int
	random   *rand.Rand
	ends     [2]*end
	linkDown bool
	// road decides about each message: how long it takes, how often it
	// arrives (0 is lost).
	road func(from int, s message.Signal) (delay time.Duration, copies int)
	sent []message.Signal
	fail func(s message.Signal) bool // the signaller gives it up
}

type planned struct {
	at    time.Time
	order int
	do    func()
}

type end struct {
	world   *world
	index   int
	party   message.Party
	session string
	incarn  int
	machine *Machine
	conns   map[string]*conn
	opened  int
	reports []Action
	sent    int
	log     []string
}

// conn is a connection that behaves: it finds its way when both descriptions
// have crossed and the link is up, and notices when it is gone.
type conn struct {
	callID        string
	local, remote string // ICE credentials
	connected     bool
	epoch         int
}

var (
	alice = message.Party{UserID: "@alice:example.org", DeviceID: "AAA"}
	bob   = message.Party{UserID: "@bob:example.org", DeviceID: "BBB"}
	start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func newWorld(t rapid.TB, seed uint64) *world {
	w := &world{t: t, now: start, random: rand.New(rand.NewPCG(seed, 1))}
	w.road = func(int, message.Signal) (time.Duration, int) { return 50 * time.Millisecond, 1 }
	for i, party := range []message.Party{alice, bob} {
		w.ends[i] = &end{world: w, index: i, party: party}
	}
	for i := range w.ends {
		w.boot(i)
	}
	return w
}

// boot starts an end afresh, as a new client instance.
func (w *world) boot(i int) {
	e := w.ends[i]
	e.incarn++
	e.session = fmt.Sprintf("session-%d-%d", i, e.incarn)
	e.conns = map[string]*conn{}
	e.machine = New(Config{
		Self: e.party, Peer: w.ends[1-i].party, SelfSession: e.session,
		RoomID: "!room:example.org", ConfID: "m.call#ROOM", SlotID: "m.call#ROOM",
		Random: rand.New(rand.NewPCG(w.random.Uint64(), 2)),
	})
}

// meet tells both ends of the other's present membership.
func (w *world) meet() {
	for i := range w.ends {
		w.handle(i, Event{Kind: MemberJoined, SessionID: w.ends[1-i].session})
	}
}

func (w *world) after(d time.Duration, do func()) {
	w.order++
	w.queue = append(w.queue, planned{w.now.Add(d), w.order, do})
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	until := w.now.Add(d)
	for {
		sort.SliceStable(w.queue, func(a, b int) bool {
			x, y := w.queue[a], w.queue[b]
			return x.at.Before(y.at) || x.at.Equal(y.at) && x.order < y.order
		})
		next, tick := until, -1
		for i, e := range w.ends {
			if at := e.machine.Deadline(); !at.IsZero() && at.Before(next) {
				next, tick = at, i
			}
		}
		if len(w.queue) > 0 && !w.queue[0].at.After(next) {
			p := w.queue[0]
			w.queue = w.queue[1:]
			w.now = p.at
			p.do()
			continue
		}
		if next.After(w.now) {
			w.now = next
		}
		if tick < 0 {
			return
		}
		w.handle(tick, Event{Kind: Tick})
	}
}

// handle gives one end an event and does what it asks for.
func (w *world) handle(i int, event Event) {
	e := w.ends[i]
	actions := e.machine.Handle(event, w.now)
	checkInvariants(w.t, e.machine)
	for _, a := range actions {
		e.log = append(e.log, a.Kind.String())
		w.do(i, a)
	}
	if len(e.conns) > 1 {
		w.t.Fatalf("%v has %d connections at once", e.party, len(e.conns))
	}
	w.ice()
}

func (w *world) do(i int, a Action) {
	e := w.ends[i]
	c := e.conns[a.CallID]
	reply := func(d time.Duration, event Event) {
		event.CallID = a.CallID
		incarnation := e.incarn
		w.after(d, func() {
			if e.incarn == incarnation {
				w.handle(i, event)
			}
		})
	}
	switch a.Kind {
	case OpenConn:
		e.opened++
		e.conns[a.CallID] = &conn{callID: a.CallID}
	case CloseConn:
		delete(e.conns, a.CallID)
	case CreateOffer:
		w.order++
		c.local, c.remote = fmt.Sprintf("u%d", w.order), ""
		reply(20*time.Millisecond, Event{Kind: OfferReady, Description: w.describe("offer", c.local)})
	case AcceptOffer:
		w.order++
		c.remote, c.local = ufrag(a.Description), fmt.Sprintf("u%d", w.order)
		reply(20*time.Millisecond, Event{Kind: AnswerReady, Description: w.describe("answer", c.local)})
	case AcceptAnswer:
		c.remote = ufrag(a.Description)
		reply(5*time.Millisecond, Event{Kind: AnswerApplied})
	case Report:
		e.reports = append(e.reports, a)
	case Send:
		w.send(i, a.Signal)
	}
}

func (w *world) describe(kind, credentials string) message.Description {
	sdp := "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendrecv\r\na=msid:stream-" + credentials +
		" track\r\na=ice-ufrag:" + credentials + "\r\na=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\n"
	return message.Description{Type: kind, SDP: sdp}
}

var ufragLine = regexp.MustCompile(`a=ice-ufrag:(\w+)`)

func ufrag(d message.Description) string {
	if found := ufragLine.FindStringSubmatch(d.SDP); found != nil {
		return found[1]
	}
	return "?"
}

func (w *world) send(i int, s message.Signal) {
	e := w.ends[i]
	e.sent++
	w.sent = append(w.sent, s)
	incarnation := e.incarn
	result := Event{Kind: SendTaken, Signal: s}
	if w.fail != nil && w.fail(s) {
		result = Event{Kind: SendFailed, Signal: s, Detail: "given up"}
	} else {
		delay, copies := w.road(i, s)
		for n := range copies {
			w.after(delay+time.Duration(n)*100*time.Millisecond, func() { w.deliver(i, s) })
		}
	}
	w.after(10*time.Millisecond, func() {
		if e.incarn == incarnation {
			w.handle(i, result)
		}
	})
}

// deliver does what the envelope checks of mesh do.
func (w *world) deliver(from int, s message.Signal) {
	to := w.ends[1-from]
	if s.DestSessionID != to.session || s.SenderSessionID != to.machine.Session() {
		return
	}
	w.handle(1-from, Event{Kind: Received, Signals: []message.Signal{s}})
}

// ice compares what the connections at both ends know of each other.
func (w *world) ice() {
	for i, e := range w.ends {
		other := w.ends[1-i]
		for id, c := range e.conns {
			o := other.conns[id]
			way := o != nil && !w.linkDown && c.remote != "" && c.remote == o.local && c.local == o.remote
			if way == c.connected {
				continue
			}
			c.connected = way
			c.epoch++
			if way {
				w.iceLater(i, c, 50*time.Millisecond, ConnConnected)
				continue
			}
			w.iceLater(i, c, 5*time.Second, ConnDisconnected)
			w.iceLater(i, c, 30*time.Second, ConnFailed)
		}
	}
}

func (w *world) iceLater(i int, c *conn, d time.Duration, kind EventKind) {
	epoch := c.epoch
	w.after(d, func() {
		if c.epoch == epoch && w.ends[i].conns[c.callID] == c {
			w.handle(i, Event{Kind: kind, CallID: c.callID})
		}
	})
}

func (w *world) cut()  { w.linkDown = true; w.ice() }
func (w *world) heal() { w.linkDown = false; w.ice() }

// crash ends a client without a word and starts it again; the other end
// learns of the new session after a while.
func (w *world) crash(i int, away time.Duration) {
	w.boot(i)
	w.ice()
	session := w.ends[i].session
	w.after(away, func() {
		if w.ends[i].session != session {
			return
		}
		w.handle(i, Event{Kind: MemberJoined, SessionID: w.ends[1-i].session})
		w.handle(1-i, Event{Kind: MemberJoined, SessionID: session})
	})
}

// bothConnected fails unless the two ends are connected on one call.
func (w *world) bothConnected() {
	w.t.Helper()
	a, b := w.ends[0].machine, w.ends[1].machine
	if a.State() != Connected || b.State() != Connected || a.CallID() != b.CallID() {
		w.t.Fatalf("not connected on one call at %v: %v %q and %v %q\nsent: %s",
			w.now.Sub(start), a.State(), a.CallID(), b.State(), b.CallID(), w.words())
	}
}

// words lists what was sent, by kind.
func (w *world) words() string {
	var words []string
	for _, s := range w.sent {
		word := s.Kind.String()
		if s.Reason != "" {
			word += " " + string(s.Reason)
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// checkInvariants holds for every machine after every event.
func checkInvariants(t rapid.TB, m *Machine) {
	t.Helper()
	if m.state.Live() != (m.call != nil) {
		t.Fatalf("state %v with call %v", m.state, m.call)
	}
	for timer, at := range m.timers {
		if at.IsZero() {
			continue
		}
		step := table[m.state][timerEvents[timer]]
		if same(step, exchangeStep) {
			step = exchanges[m.call.exchange][timerEvents[timer]]
		}
		if same(step, unarmed) {
			t.Fatalf("timer for %v runs in state %v", timerEvents[timer], m.state)
		}
		if !at.After(m.now) {
			t.Fatalf("timer for %v is overdue", timerEvents[timer])
		}
	}
	if len(m.inbox.held) > maxHeld || len(m.inbox.dead) > maxTombstones || len(m.inbox.calls) > maxHeld {
		t.Fatalf("inbox grew: %d held, %d dead, %d calls", len(m.inbox.held), len(m.inbox.dead), len(m.inbox.calls))
	}
}
