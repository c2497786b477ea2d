package socket

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"

	"meshfocus/signalling/message"
)

const (
	// goodbyeTime is how long closing a seat may take.
	goodbyeTime = 8 * time.Second
	// leaveFirst is how long hang-ups wait for the leave before them.
	leaveFirst = 5 * time.Second
)

// holder holds one seat for one browser: who is connected to it, what the
// browser wants of it, and what waits for the browser.
//
// Its loop (run) owns the order of Enter and Leave; the seat's own loop
// (Seat.Run) calls its Listener methods; sockets attach, wish and detach. All
// of them meet behind mu, a leaf: under it frames are queued, but nobody is
// called who could wait.
//
// It ends when the browser stays away for the time of grace, some time after
// it left, when the device cannot go on, or with the gateway.
type holder struct {
	gateway *Gateway
	call    string
	ended   chan struct{} // closed when the seat is closed and the holder forgotten
	opened  chan struct{} // closed when seat and party, or refusal, are set

	// set once, before opened is closed
	seat    Seat
	self    message.Party
	room    string
	refusal *Refusal
	log     *slog.Logger

	wake chan struct{} // has room for one: the loop is to look again

	mu sync.Mutex
	// guarded by mu
	socket  *connection // nil while detached
	session string
	former  bool // the browser may go on with a session of an earlier process, of which others already send
	wish    wish
	entered wish // what the homeserver has taken
	unsure  bool // an attempt was cut short: entered may be wrong
	busy    context.CancelFunc
	acting  wish      // what busy is about
	until   time.Time // end of grace while detached
	over    bool      // the loop has ended or is about to
	backlog backlog
	written uint64 // number of the last signal that went to a former socket
	state   []byte // newest state frame
	refused []byte // newest frame of distrust; nil before there was any
	present map[string]bool
	report  Report
	fresh   bool        // the report has not been handed round
	parting *time.Timer // a leave is under way, which hang-ups wait for until then; nil otherwise
	goodbye []func()    // the hang-ups that wait
}

// wish is a membership that is wanted or had. The zero wish is none.
type wish struct {
	in       bool
	presence Presence
}

func (w wish) same(other wish) bool {
	return w.in == other.in && (!w.in || w.presence.same(other.presence))
}

func newHolder(g *Gateway, call string) *holder {
	return &holder{
		gateway: g, call: call, log: g.log,
		ended: make(chan struct{}), opened: make(chan struct{}), wake: make(chan struct{}, 1), former: true,
		backlog: backlog{maxMessages: g.config.QueueMessages, maxBytes: g.config.QueueBytes},
	}
}

// nudge makes the loop look again.
func (h *holder) nudge() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// run is the holder's loop. The seat is open.
func (h *holder) run(ctx context.Context) {
	inner, stop := context.WithCancel(ctx)
	defer stop()
	device := make(chan error, 1)
	go func() { device <- h.seat.Run(inner, h) }()
	failed, alive := h.attend(ctx, device)
	fate := Gone
	if ctx.Err() != nil {
		fate = Returns
	}
	h.conclude(failed)
	stop()
	if alive {
		<-device
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbyeTime)
	defer cancel()
	if err := h.seat.Close(closing, fate); err != nil {
		h.log.Warn("a seat was not closed cleanly", "err", err)
	}
}

// attend does what the browser wishes until the seat is to be closed. alive
// tells whether the device's loop still runs; else err is why it does not.
func (h *holder) attend(ctx context.Context, device <-chan error) (err error, alive bool) {
	for {
		acted := h.act(ctx)
		deadline, over := h.deadline(time.Now())
		if over || ctx.Err() != nil {
			return nil, true
		}
		if acted {
			continue
		}
		h.part()
		timer := time.NewTimer(deadline)
		select {
		case <-ctx.Done():
		case <-h.wake:
		case <-timer.C:
		case err := <-device:
			timer.Stop()
			return err, false
		}
		timer.Stop()
	}
}

// deadline gives the time of grace that is left; an hour while a browser is
// connected. When it is over no socket can attach any more.
func (h *holder) deadline(now time.Time) (left time.Duration, over bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.over:
		return 0, true
	case h.socket != nil:
		return time.Hour, false
	}
	left = h.until.Sub(now)
	h.over = left <= 0
	return left, h.over
}

// act brings the membership one step closer to the wish and reports whether
// there was something to do.
func (h *holder) act(ctx context.Context) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h.mu.Lock()
	want := h.wish
	if h.settled() || h.over {
		h.mu.Unlock()
		return false
	}
	h.busy, h.acting = cancel, want
	h.mu.Unlock()

	var err error
	if want.in {
		err = h.seat.Enter(ctx, want.presence)
	} else {
		err = h.seat.Leave(ctx)
	}

	h.mu.Lock()
	defer h.mu.Unlock()
	h.busy = nil
	switch {
	case ctx.Err() != nil: // the wish has changed, or the end has come
		h.unsure = true
	case err != nil && want.in:
		h.log.Warn("a guest could not become a member", "err", err)
		h.entered, h.unsure = wish{}, false
		if h.wish.same(want) {
			h.wish = wish{}
		}
		h.tell(encodeError(asRefusal(err), false))
	default:
		if err != nil {
			h.log.Warn("the homeserver did not take a guest's leave; the delayed leave will do", "err", err)
		}
		h.entered, h.unsure = want, false
		h.settle()
	}
	return true
}

// settled reports whether the membership is as wished. Called under mu.
func (h *holder) settled() bool { return h.busy == nil && !h.unsure && h.wish.same(h.entered) }

// settle tells the browser that its wish is fulfilled. Called under mu.
func (h *holder) settle() {
	if h.socket == nil || !h.settled() {
		return
	}
	for ; h.socket.asked > 0; h.socket.asked-- {
		h.tell(encodeWord("entered"))
	}
	if h.socket.leaving {
		h.tell(encodeWord("left"))
		h.socket.end(closeNormal, "left")
	}
}

// tell queues a frame for the browser, if it is connected. Called under mu.
func (h *holder) tell(text []byte) {
	if h.socket != nil {
		h.socket.push(queued{text: text})
	}
}

// conclude ends the holder's part: nobody can attach any more, and whoever is
// connected is told why. The gateway's end tells its sockets itself.
func (h *holder) conclude(failed error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
	if h.parting != nil { // the seat is closed next, and says no more
		h.parting.Stop()
		h.parting, h.goodbye = nil, nil
	}
	if h.socket == nil || h.gateway.base.Err() != nil {
		return
	}
	refusal := Refuse(CodeGone, "Your place in this call has ended; join again to come back.")
	if failed != nil {
		h.log.Warn("a device cannot go on", "err", failed)
		refusal = Refuse(CodeGone, "The server behind this call has ended your session; join again to come back.")
	}
	h.socket.fail(refusal)
	h.socket = nil
}

// attach connects a socket to the seat and greets it; one that was there
// before is told that it was replaced. An empty or unknown session begins a
// new one; got is the number of the last signal the browser has seen, nil when
// it does not say. False means that the seat is about to be closed.
func (h *holder) attach(c *connection, place Place, session string, got *uint64) bool {
	secret := seatClaim{h.call, h.self, time.Now()}.seal(h.gateway.config.Key)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return false
	}
	h.release()
	resumed := session != "" && (h.session == "" || h.session == session)
	switch {
	case !resumed:
		session, h.former = newSession(), false
		h.backlog.clear()
		h.change(wish{})
	case h.session == "": // of an earlier process, which counted by itself
	case got == nil:
		h.backlog.seen(h.written)
	default:
		h.backlog.seen(*got)
	}
	h.socket, h.session, h.report = c, session, Report{}
	c.push(queued{text: encodeWelcome(place, h.gateway.config.Server, secret, session, resumed)})
	if h.state != nil {
		c.push(queued{kind: kindState, text: h.state})
	}
	if h.refused != nil {
		c.push(queued{kind: kindDistrust, text: h.refused})
	}
	for _, signal := range h.backlog.signals {
		c.push(signal)
	}
	return true
}

// release lets go of the socket that is there. Called under mu.
func (h *holder) release() {
	if old := h.socket; old != nil {
		h.written = old.written.Load()
		h.gateway.counts.replaced.Add(1)
		old.fail(Refuse(CodeReplaced, "This place was opened in another window."))
	}
	h.socket = nil
}

// detach is called by a socket that ends. The time of grace begins.
func (h *holder) detach(c *connection) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.socket != c {
		return
	}
	h.socket, h.written = nil, c.written.Load()
	grace := h.gateway.config.Grace
	if c.leaving {
		grace = min(grace, h.gateway.config.Linger)
	}
	h.until = time.Now().Add(grace)
	h.nudge()
}

// enter asks for a membership on behalf of a socket.
func (h *holder) enter(c *connection, f *enterFrame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.socket != c {
		return
	}
	c.asked++
	h.change(wish{in: true, presence: f.presence(h.session)})
	h.settle()
}

// leave asks for the end of the membership on behalf of a socket, which is
// closed after it.
func (h *holder) leave(c *connection) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.socket != c {
		return
	}
	c.leaving, c.asked, h.former = true, 0, false
	if h.parting == nil {
		h.parting = time.AfterFunc(leaveFirst, h.part)
	}
	h.backlog.clear()
	h.change(wish{})
	h.settle()
}

// hold keeps a hang-up until the leave before it has been taken: who hears of the end
// of a call while it sees the membership may call again (matrix-js-sdk 43.0.0, GroupCall,
// onRetryCallLoop). False means that nothing is to be waited for.
func (h *holder) hold(say func()) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.parting != nil {
		h.goodbye = append(h.goodbye, say)
	}
	return h.parting != nil
}

// part lets hang-ups go that were held.
func (h *holder) part() {
	for _, say := range h.parted() {
		say()
	}
}

func (h *holder) parted() (held []func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.parting != nil {
		h.parting.Stop()
	}
	held, h.goodbye, h.parting = h.goodbye, nil, nil
	return held
}

// change sets the wish. What is under way is cut short if it is no longer
// wanted. Called under mu.
func (h *holder) change(to wish) {
	h.wish = to
	if h.busy != nil && !to.same(h.acting) {
		h.busy()
	}
	h.nudge()
}

// send checks whose word a signal is and hands it to the seat. Who has left may hang
// up still.
func (h *holder) send(c *connection, f *signalFrame) {
	h.mu.Lock()
	session, there := h.session, h.present == nil || h.present[f.To.UserID]
	in := h.socket == c && (h.wish.in || c.leaving && f.hangsUp())
	h.mu.Unlock()
	refusal, field := (*Refusal)(nil), ""
	if f.Key != nil {
		field = forgedKey(*f.Key, session, h.room)
	} else {
		field = forged(f.Signal, h.self, session, h.room)
	}
	switch {
	case field != "":
		refusal = Refuse(CodeBadMessage, "The signal's %s is not that of your seat.", field)
		h.gateway.counts.forged.Add(1)
	case !in:
		refusal = Refuse(CodeNotAllowed, "Signals are for members of the call; enter it first.")
	case !there:
		refusal = Refuse(CodeNotAllowed, "%s is not in this room.", f.To.UserID)
	}
	if refusal != nil {
		c.push(queued{text: encodeSent(f.ID, refusal)})
		return
	}
	h.gateway.counts.signalsOut.Add(1)
	done := func(err error) {
		if err != nil {
			h.log.Debug("a signal was not delivered", "party", f.To.UserID, "err", err)
			c.push(queued{text: encodeSent(f.ID, sendRefusal(err))})
			return
		}
		c.push(queued{text: encodeSent(f.ID, nil)})
	}
	if f.Key != nil {
		h.seat.SendKey(message.Party(f.To), *f.Key, done)
		return
	}
	say := func() { h.seat.Send(message.Party(f.To), f.Signal, done) }
	if !f.hangsUp() || !h.hold(say) {
		say()
	}
}

// seen takes a browser's word for what it has got.
func (h *holder) seen(c *connection, number uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.socket == c {
		h.backlog.seen(number)
	}
}

// setReport takes what the browser sees on its links.
func (h *holder) setReport(c *connection, f *reportFrame) {
	h.mu.Lock()
	ours := h.socket == c
	if ours {
		h.report, h.fresh = Report{Party: h.self, At: time.Now(), Content: f.Report}, true
	}
	h.mu.Unlock()
	if ours {
		h.seat.Report(f.Report)
	}
}

// State is called by the seat.
func (h *holder) State(state State) {
	text := encodeState(state)
	present := make(map[string]bool, len(state.Members))
	for _, member := range state.Members {
		present[member.UserID] = true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state, h.present = text, present
	if h.socket != nil {
		h.socket.push(queued{kind: kindState, text: text})
	}
}

// Signal is called by the seat. While the browser is away signals wait; when
// they are too many it will not catch up, and the seat is given up.
func (h *holder) Signal(signal Signal) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.wish.in && !h.former || h.over {
		return // for a session that is over
	}
	h.gateway.counts.signalsIn.Add(1)
	frame := h.backlog.add(signal)
	if h.socket != nil {
		h.backlog.shrink(h.backlog.last)
		h.socket.push(frame)
		return
	}
	if h.backlog.shrink(h.written); h.backlog.full() {
		h.log.Info("a browser that was away missed too much, its seat is given up", "party", h.self.String())
		h.gateway.counts.givenUp.Add(1)
		h.over = true
		h.nudge()
	}
}

// Reports is called by the seat.
func (h *holder) Reports(reports []Report) {
	reports = slices.DeleteFunc(slices.Clone(reports), func(r Report) bool { return !json.Valid(r.Content) })
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.socket != nil && len(reports) > 0 {
		h.socket.push(queued{text: encodeReports(reports)})
	}
}

// Distrusted is called by the seat.
func (h *holder) Distrusted(devices []Distrust) {
	text := encodeDistrust(devices)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refused = text
	if h.socket != nil {
		h.socket.push(queued{kind: kindDistrust, text: text})
	}
}

// ICEServers is called by the seat.
func (h *holder) ICEServers(servers []ICEServer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.socket != nil {
		h.socket.push(queued{kind: kindICEServers, text: encodeICEServers(servers)})
	}
}
