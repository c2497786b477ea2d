package mesh

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"meshfocus/internal/mailbox"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// Registry keeps a mesh for every session that we are in.
//
// Its loop owns the facts of all rooms, the sessions computed from them, the
// timer of the next change, the messages that wait, and the meshes. What is
// readable from outside is an immutable snapshot.
//
// It takes facts, messages and orders through its methods. Run ends when its
// context does: hang-ups are handed to the signaller and every mesh, peer and
// connection has ended when it returns.
type Registry struct {
	config  Config // set once
	mailbox *mailbox.Tray[any]
	ended   chan struct{} // closed when Run has returned
	seen    atomic.Pointer[view]

	// Owned by the loop.
	rooms   map[string]*room
	entered map[membership.Key]bool
	meshes  map[membership.Key]*mesh
	running sync.WaitGroup
	inbox   inbox
	refused []Refused
	invites flood
	keys    *keys // nil: frames are not encrypted
}

// room is what is known of one room.
type room struct {
	facts   membership.Facts
	result  membership.Result
	plan    plan
	invited map[message.Party]membership.Key
}

// view is what Snapshot reads.
type view struct {
	rooms   []Room
	meshes  map[membership.Key]*mesh
	refused []Refused
	held    int
}

// maxRefused messages are kept for status pages.
const maxRefused = 32

// Orders to the loop.
type (
	enter    []membership.Key
	leaveAll struct{ meshes chan<- []*mesh }
	check    struct {
		key   membership.Key
		reply chan<- error
	}
	meshEnded struct{ key membership.Key }
	// wish asks something of the peers; of all if none is named.
	wish struct {
		kind    negotiate.EventKind
		parties []message.Party
	}
	// ownStreams are what our streams are for from now on.
	ownStreams struct{ message.StreamMetadata }
)

// NewRegistry makes a registry; Run drives it.
func NewRegistry(config Config) *Registry {
	r := &Registry{
		config: config.withDefaults(), mailbox: mailbox.NewTray[any](), ended: make(chan struct{}),
		rooms: map[string]*room{}, entered: map[membership.Key]bool{}, meshes: map[membership.Key]*mesh{},
		invites: flood{},
	}
	if r.config.Frames != nil {
		r.keys = newKeys()
	}
	r.seen.Store(&view{})
	return r
}

// SetFacts replaces what is known of one room. It never blocks.
func (r *Registry) SetFacts(facts membership.Facts) { r.mailbox.Put(facts) }

// Receive takes the call messages of one delivery, for example of one sync
// response, in order. It never blocks.
func (r *Registry) Receive(batch []Received) { r.mailbox.Put(batch) }

// Enter says that we are a member of these sessions from now on; called as
// soon as the membership request has succeeded. It never blocks.
func (r *Registry) Enter(keys ...membership.Key) { r.mailbox.Put(enter(keys)) }

// SetStreams says what our streams are for from now on, and whether they are
// muted (MSC3077, MSC3291). Peers are told, and so are later ones; sending or
// not is the matter of the tracks. The map must not change any more. It never
// blocks.
func (r *Registry) SetStreams(streams message.StreamMetadata) { r.mailbox.Put(ownStreams{streams}) }

// RestartICE begins ICE anew with some devices, or with all if none is named,
// as when our addresses have changed. It concerns the calls that we placed and
// does nothing for others: their callers restart (decision D25). At most three
// a minute for each peer. It never blocks.
func (r *Registry) RestartICE(parties ...message.Party) {
	r.mailbox.Put(wish{negotiate.RestartWanted, parties})
}

// Renegotiate exchanges descriptions anew with some devices, or with all if
// none is named, once no other exchange is under way. It never blocks.
func (r *Registry) Renegotiate(parties ...message.Party) {
	r.mailbox.Put(wish{negotiate.OfferWanted, parties})
}

// Leave ends our part in all sessions: peers are told, and connections closed
// once the homeserver has the hang-ups or after two seconds. It returns when
// that is done or ctx has ended. Sessions can be entered again afterwards.
func (r *Registry) Leave(ctx context.Context) error {
	reply := make(chan []*mesh, 1)
	r.mailbox.Put(leaveAll{reply})
	var meshes []*mesh
	select {
	case meshes = <-reply:
	case <-r.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("leave the sessions: %w", ctx.Err())
	}
	for _, m := range meshes {
		select {
		case <-m.gone:
		case <-ctx.Done():
			return fmt.Errorf("leave the sessions: %w", ctx.Err())
		}
	}
	return nil
}

// Run is the loop. It returns ctx's error.
func (r *Registry) Run(ctx context.Context) error {
	defer close(r.ended)
	// Meshes outlive ctx by the time it takes to hand over the hang-ups.
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		r.publish()
		r.setTimer(timer)
		select {
		case <-ctx.Done():
			for _, m := range r.meshes {
				m.tell(leave{})
			}
			r.running.Wait()
			return ctx.Err()
		case <-r.mailbox.Wake():
			for _, what := range r.mailbox.Take() {
				r.handle(inner, what)
			}
		case <-timer.C:
			r.timePassed(inner)
		}
	}
}

// setTimer arms the timer for the next change that time alone brings.
func (r *Registry) setTimer(timer *time.Timer) {
	next := r.inbox.deadline()
	if at := r.keysDue(); next.IsZero() || !at.IsZero() && at.Before(next) {
		next = at
	}
	for _, room := range r.rooms {
		if at := room.result.Next; !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	if next.IsZero() {
		timer.Stop()
		return
	}
	timer.Reset(time.Until(next))
}

func (r *Registry) handle(ctx context.Context, what any) {
	switch what := what.(type) {
	case membership.Facts:
		known := r.rooms[what.RoomID]
		if known == nil {
			known = &room{invited: map[message.Party]membership.Key{}}
			known.facts = what
			r.rooms[what.RoomID] = known
		}
		known.facts = what.After(known.facts, time.Now())
		r.compute(ctx, known)
		r.retry(ctx)
	case []Received:
		r.receive(ctx, what)
	case []Refused:
		r.distrusted(what)
	case enter:
		for _, key := range what {
			r.entered[key] = true
		}
		r.assignAll(ctx)
		r.retry(ctx)
	case check:
		what.reply <- r.verdict(what.key)
	case ownStreams:
		r.config.Streams = what.StreamMetadata
		r.tellMeshes(what)
	case wish:
		r.tellMeshes(what)
	case keyReceived:
		r.takeKey(what)
	case keySent:
		r.keyAnswered(what)
	case leaveAll:
		clear(r.entered)
		r.rekey(time.Now())
		for _, m := range r.meshes {
			m.tell(leave{})
		}
		what.meshes <- slices.Collect(maps.Values(r.meshes))
	case meshEnded:
		// Perhaps entered again while it was leaving.
		delete(r.meshes, what.key)
		r.assign(ctx, r.rooms[what.key.RoomID])
	}
}

func (r *Registry) tellMeshes(what any) {
	for _, m := range r.meshes {
		m.tell(what)
	}
}

// timePassed recomputes the rooms whose answer changes now, and lets go of
// messages that have waited for too long.
func (r *Registry) timePassed(ctx context.Context) {
	now := time.Now()
	r.keysTick(now)
	for _, room := range r.rooms {
		if next := room.result.Next; !next.IsZero() && !now.Before(next) {
			r.compute(ctx, room)
		}
	}
	for _, late := range r.inbox.expire(now) {
		r.tooLate(late)
	}
}

// compute brings a room up to date.
func (r *Registry) compute(ctx context.Context, room *room) {
	result := membership.Compute(room.facts, time.Now())
	for _, change := range membership.Diff(room.result.Sessions, result.Sessions) {
		r.config.Log.Debug("membership "+change.Kind.String(),
			"room", change.RoomID, "slot", change.ConfID,
			"party", change.Member.Party.String(), "session", change.Member.SessionID)
		if change.Kind == membership.Left {
			delete(room.invited, change.Member.Party)
		}
	}
	r.succeed(room.result.Sessions, result.Sessions)
	room.result = result
	r.assign(ctx, room)
}

// succeed ends the calls of sessions in whose slot another has begun; its own
// follow when it is assigned (decision D12).
func (r *Registry) succeed(before, after []membership.Session) {
	for _, is := range after {
		for _, was := range before {
			if m := r.meshes[is.Key]; m != nil && is.Succeeds(was) {
				m.tell(succeeded{})
			}
		}
	}
}

func (r *Registry) assignAll(ctx context.Context) {
	for _, room := range r.rooms {
		r.assign(ctx, room)
	}
}

// assign tells the meshes of a room whom they are to connect to.
func (r *Registry) assign(ctx context.Context, room *room) {
	p := pairing{
		self: r.config.Self, maxMembers: r.config.MaxMembers, entered: r.entered,
		met: r.met(room), invited: room.invited,
	}
	in := room.facts.Joined[r.config.Self.UserID]
	room.plan = plan{}
	if in {
		room.plan = p.plan(room.result.Sessions)
	}
	present := map[membership.Key]bool{}
	for _, session := range room.result.Sessions {
		if !r.entered[session.Key] {
			continue
		}
		present[session.Key] = true
		if r.meshes[session.Key] == nil {
			r.start(ctx, session)
		}
	}
	now := time.Now()
	for key, m := range r.meshes {
		if key.RoomID != room.facts.RoomID {
			continue
		}
		over := !in
		switch m.session.Form {
		case message.FormCalls:
			over = over || !present[key]
		case message.FormSession:
			over = over || room.facts.Slot(key.ConfID, now).Status == membership.SlotClosed
		}
		m.tell(assignment{
			members: room.plan.peers[key],
			joined:  room.facts.Joined,
			over:    over,
			relay:   r.config.RelayOnly(room.facts),
			apart:   room.plan.parted,
		})
	}
	r.config.OnSessions(room.facts.RoomID, r.enteredOf(room))
	r.rekey(now)
}

// enteredOf gives the sessions of a room that we have entered.
func (r *Registry) enteredOf(room *room) (sessions []membership.Session) {
	for _, session := range room.result.Sessions {
		if r.entered[session.Key] {
			sessions = append(sessions, session)
		}
	}
	return sessions
}

// met finds out where devices have a live call with us.
func (r *Registry) met(room *room) map[message.Party]membership.Key {
	met := map[message.Party]membership.Key{}
	for key, m := range r.meshes {
		if key.RoomID != room.facts.RoomID {
			continue
		}
		for _, p := range *m.list.Load() {
			if p.link.Load().State.Live() {
				met[p.party] = key
			}
		}
	}
	return met
}

func (r *Registry) start(ctx context.Context, session membership.Session) {
	m := newMesh(&r.config, session, r.config.Streams)
	r.meshes[session.Key] = m
	r.running.Go(func() {
		m.run(ctx)
		r.mailbox.Put(meshEnded{session.Key})
	})
}

// Check tells whether we could take part in a session without harm to those in
// it: nil, ErrUnsupportedFocus, ErrMeshFull or ErrSlotClosed, of a slot with a
// sentence for people. To be asked before joining. It sees all facts that were
// set before, and returns ctx's error if that ends first.
func (r *Registry) Check(ctx context.Context, key membership.Key) error {
	reply := make(chan error, 1)
	r.mailbox.Put(check{key, reply})
	select {
	case err := <-reply:
		return err
	case <-r.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// verdict is the answer to Check.
func (r *Registry) verdict(key membership.Key) error {
	known := r.rooms[key.RoomID]
	if known == nil {
		return nil
	}
	if key.ConfID == message.SlotRoom {
		return r.slotVerdict(known.facts)
	}
	p := pairing{self: r.config.Self, maxMembers: r.config.MaxMembers}
	for _, session := range known.result.Sessions {
		if session.Key != key || len(session.Members) == 0 {
			continue
		}
		if err := p.refuse(session, 0); err != nil {
			return fmt.Errorf("session %s in %s: %w", key.ConfID, key.RoomID, err)
		}
	}
	return nil
}

// slotVerdict is the verdict about the slot of a room, from the plan of joining
// it, or the Dart SDK's call where the others are in that.
func (r *Registry) slotVerdict(facts membership.Facts) error {
	plan := membership.PlanJoin(facts, time.Now(), membership.Abilities{
		Self: r.config.Self, MaxMembers: r.config.MaxMembers, Prefer: message.FormSession, Famedly: true,
	})
	if plan.Join {
		return nil
	}
	err := ErrUnsupportedFocus
	switch plan.Rule {
	case membership.RuleFull:
		err = ErrMeshFull
	case membership.RuleSlotClosed:
		err = ErrSlotClosed
	}
	return fmt.Errorf("%w. %s", err, plan.Why)
}
