package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"meshfocus/mesh/guest"
	"meshfocus/signalling/appservice"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/message"
	"meshfocus/signalling/socket"
	"meshfocus/web/link"
)

// guestPrefix begins the names of guests' users.
const guestPrefix = "web-"

// reserved are the names that nobody may register: those of guests, who are
// removed when they leave, and of our own users.
func reserved(local string) bool {
	return strings.HasPrefix(local, guestPrefix) || oneOf(local, host, "testcard", "viewer", focusUser) == nil
}

// guestName is the localpart of a guest (mesh/guest makes them).
var guestName = regexp.MustCompile(`^web-[a-z2-7]{8}$`)

// madeCall is the conference ID in rooms of calls that people made.
const madeCall = "call"

// guests seats browsers on devices of the embedded homeserver and sees them
// out again: a guest's user is removed when the seat ends. Those whose browser
// was expected back after a restart, and did not come, are removed by sweep.
type guests struct {
	d      *daemon
	book   *link.Book
	home   lodging // the embedded homeserver
	abroad lodging // where people's calls are, if not at home; else nil

	mu sync.Mutex
	// guarded by mu: localparts with a seat, or whose seat is being closed
	seated map[string]chan struct{}
	// and those without, with when that was first seen
	orphans map[string]time.Time
	// and how many are in a room
	present map[string]int
}

func newGuests(d *daemon) (*guests, error) {
	g := &guests{
		d: d, home: atHome{d.homeserver, d.inside},
		seated: map[string]chan struct{}{}, orphans: map[string]time.Time{}, present: map[string]int{},
	}
	if d.config.Appservice.Homeserver == "" {
		return g, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), lodgeTime)
	defer cancel()
	service, err := appservice.Open(ctx, d.config.Appservice.service())
	if err != nil {
		return nil, fmt.Errorf("guests on another homeserver: %w", err)
	}
	g.abroad = atService{service}
	return g, nil
}

// Open implements socket.Opener.
func (g *guests) Open(ctx context.Context, hello socket.Hello) (socket.Seat, error) {
	at, err := g.admit(hello)
	if err != nil {
		return nil, err
	}
	party := hello.Party
	if party == (message.Party{}) {
		party = guest.NewParty(at.house.serverName())
	}
	local, _, _ := strings.Cut(strings.TrimPrefix(party.UserID, "@"), ":")
	if !guestName.MatchString(local) {
		return nil, fmt.Errorf("%s is no guest", party.UserID)
	}
	release, err := g.hold(ctx, local)
	if err != nil {
		return nil, err
	}
	account, checkOut, err := at.house.lodge(ctx, lodger{local, party.DeviceID, hello.Name, at.roomID})
	if err != nil {
		release()
		return nil, err
	}
	account.StateDir, account.Encrypt, account.Trust, account.Log = g.stateDir(local), matrix.EncryptPrefer, g.d.trust, g.d.log
	leave := func() { checkOut(); g.forgetKeys(local) }
	seat, err := guest.Open(ctx, guest.Config{
		Account: account, Name: hello.Name, Room: at.roomID, ConfID: at.confID,
		Relay: g.d.relay, EncryptFrames: g.d.frames, MaxMembers: g.d.config.Media.MaxMembers, Profile: g.d.config.Membership.ofGuests(), Log: g.d.log,
	})
	if err != nil {
		if hello.Party == (message.Party{}) {
			leave() // nobody knows of it
		}
		release()
		return nil, err
	}
	g.count(at.roomID, 1)
	return &guestSeat{Seat: seat, at: at, forwarding: g.d.forwarding, leave: leave, release: func() { g.count(at.roomID, -1); release() }}, nil
}

// count keeps how many seats there are in a room.
func (g *guests) count(roomID string, more int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.present[roomID] += more; g.present[roomID] == 0 {
		delete(g.present, roomID)
	}
}

// place is a room with the conference in it, and the house that it is in.
type place struct {
	roomID, confID string
	house          lodging
}

// admit decides whether the browser may come. One that has proven its seat
// was let in before.
func (g *guests) admit(hello socket.Hello) (place, error) {
	if hello.Call == lobbyCall {
		if !g.d.config.Lobby.Enabled {
			return place{}, socket.Refuse(socket.CodeNoSuchCall, "This server has no lobby.")
		}
		return place{g.d.homeserver.RoomID(lobbyCall), lobbyCall, g.home}, nil
	}
	enter := func() (link.Call, error) { return g.book.Enter(hello.Call, hello.Pass, hello.Address, time.Now()) }
	if hello.Party != (message.Party{}) {
		enter = func() (link.Call, error) { return g.book.Find(hello.Call, time.Now()) }
	}
	call, err := enter()
	var soon link.TooSoon
	switch {
	case errors.As(err, &soon):
		return place{}, socket.Refuse(socket.CodeTooFast, "Too many wrong pass phrases were tried; please wait a moment.").After(soon.Wait)
	case errors.Is(err, link.ErrPass) && hello.Pass == "":
		return place{}, socket.Refuse(socket.CodeWrongPass, "This call has a pass phrase.")
	case errors.Is(err, link.ErrPass):
		return place{}, socket.Refuse(socket.CodeWrongPass, "The pass phrase is wrong.")
	case err != nil:
		return place{}, socket.Refuse(socket.CodeNoSuchCall, "There is no such call, or not any more.")
	}
	house := g.home
	if g.abroad != nil && g.d.homeserver.Joined(call.Room) == nil {
		house = g.abroad
	}
	return place{call.Room, madeCall, house}, nil
}

// hold waits until the last seat of this user is closed, and takes it.
func (g *guests) hold(ctx context.Context, local string) (release func(), err error) {
	for {
		g.mu.Lock()
		before := g.seated[local]
		if before == nil {
			free := make(chan struct{})
			g.seated[local] = free
			delete(g.orphans, local)
			g.mu.Unlock()
			return sync.OnceFunc(func() {
				g.mu.Lock()
				defer g.mu.Unlock()
				delete(g.seated, local)
				close(free)
			}), nil
		}
		g.mu.Unlock()
		select {
		case <-before:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// guestSeat is a seat whose user goes when the browser does.
type guestSeat struct {
	*guest.Seat
	at             place
	forwarding     *forwarding
	entered        bool // owned by whoever calls Enter, Leave and Close, one at a time
	leave, release func()
}

// Enter implements socket.Seat.
func (s *guestSeat) Enter(ctx context.Context, wish socket.Presence) error {
	err := s.Seat.Enter(ctx, wish)
	if err == nil && !s.entered {
		s.entered = true
		s.forwarding.enter(s.at)
	}
	return err
}

// Leave implements socket.Seat.
func (s *guestSeat) Leave(ctx context.Context) error {
	s.left()
	return s.Seat.Leave(ctx)
}

// left says that the guest is in the call no more.
func (s *guestSeat) left() {
	if s.entered {
		s.entered = false
		s.forwarding.leave(s.at)
	}
}

// Close implements socket.Seat.
func (s *guestSeat) Close(ctx context.Context, why socket.Fate) error {
	defer s.release()
	s.left()
	err := s.Seat.Close(ctx, why)
	if why == socket.Gone {
		s.leave()
		return nil // what could not be taken back went with the user
	}
	return err
}

// orphanTime is how long the user of a guest is kept whose browser is expected
// back; a browser that comes later gets the same name again.
const orphanTime = 5 * time.Minute

// sweep removes guests' users that have had no seat for orphanTime.
func (g *guests) sweep(now time.Time) {
	for _, local := range g.d.homeserver.Localparts(guestPrefix) {
		if guestName.MatchString(local) && g.orphaned(local, now) {
			g.d.homeserver.RemoveUser(local)
			g.forgetKeys(local)
		}
	}
}

// forgetKeys removes what is kept of a guest's device.
func (g *guests) forgetKeys(local string) {
	if dir := g.stateDir(local); dir != "" {
		if err := os.RemoveAll(dir); err != nil {
			g.d.log.Warn("the keys of a guest who is gone stay on disk", "err", err)
		}
	}
}

// stateDir keeps login and keys of a guest's device over a restart, because
// other clients refuse a device that comes back with other keys. In memory
// there is none.
func (g *guests) stateDir(local string) string {
	if g.d.config.Homeserver.Data == "" {
		return ""
	}
	return filepath.Join(g.d.config.Homeserver.Data, "guests", local)
}

func (g *guests) orphaned(local string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.seated[local] != nil {
		return false
	}
	since, known := g.orphans[local]
	if !known {
		g.orphans[local] = now
		return false
	}
	if now.Sub(since) < orphanTime {
		return false
	}
	delete(g.orphans, local)
	return true
}

// tracesTime is how long it is kept that a guest who has left was there. Other
// clients should have heard of the leave by then.
const tracesTime = time.Hour

// housekeeping is the loop that forgets guests and calls that are long gone.
func (g *guests) housekeeping(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-tick.C:
			g.sweep(now)
			g.d.homeserver.Compact(now.Add(-tracesTime))
			if err := g.book.Expire(now, g.busy); err != nil {
				g.d.log.Warn("calls that are over stay in the book", "err", err)
			}
		}
	}
}

// busy says whether a guest, or anybody but the host, is in a room.
func (g *guests) busy(roomID string) bool {
	g.mu.Lock()
	seats := g.present[roomID]
	g.mu.Unlock()
	return seats > 0 || len(g.d.homeserver.Joined(roomID)) > 1
}

// Make implements link.Rooms.
func (g *guests) Make(call, name string) (string, error) {
	if name == "" {
		name = "Call"
	}
	ctx, cancel := context.WithTimeout(context.Background(), lodgeTime)
	defer cancel()
	if g.abroad != nil {
		return g.abroad.makeRoom(ctx, call, name)
	}
	return g.home.makeRoom(ctx, call, name)
}

// Forget implements link.Rooms. A room elsewhere stays: nobody is in it but
// our sender, and no service can remove one.
func (g *guests) Forget(roomID string) { g.d.homeserver.RemoveRoom(roomID) }
