package guest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"meshfocus/mesh"
	"meshfocus/mesh/headless"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
	"meshfocus/signalling/socket"
)

// Seat is one guest's device in one room. It implements socket.Seat.
type Seat struct {
	// set once by Open
	config  Config
	log     *slog.Logger
	account *matrix.Account
	place   socket.Place

	// owned by whoever calls Enter, Leave and Close, one at a time
	member *matrix.Membership
	ended  chan struct{} // closed when member's Run has returned
	stop   context.CancelFunc
	feeds  []string
	via    message.Party
	unsure bool // whether feeds and via are written: a change was cut short

	mu sync.Mutex // a leaf
	// guarded by mu
	ice      []socket.ICEServer
	facts    membership.Facts
	readers  readers
	reported time.Time               // when our report last went to them
	fail     context.CancelCauseFunc // ends Run; nil before it
}

var _ socket.Seat = (*Seat)(nil)

// Open makes a seat: it logs in, sets the name and joins the room. What a
// person can be told comes as *socket.Refusal; other errors are trouble with
// the homeserver.
func Open(ctx context.Context, config Config) (*Seat, error) {
	config = config.withDefaults()
	account, err := matrix.Open(ctx, config.Account)
	if err != nil {
		return nil, fmt.Errorf("guest: %w", err)
	}
	s := &Seat{config: config, account: account, log: config.Log.With("account", account.Party().String()), readers: readers{}}
	if err := s.settle(ctx); err != nil {
		return nil, errors.Join(err, account.Close())
	}
	return s, nil
}

// settle goes into the room and looks around.
func (s *Seat) settle(ctx context.Context) error {
	if err := s.account.SetDisplayName(ctx, s.config.Name); err != nil {
		return fmt.Errorf("guest: %w", err)
	}
	roomID, err := s.account.JoinRoom(ctx, s.config.Room)
	if err != nil {
		return refusalOf(err)
	}
	room, err := s.account.ReadRoom(ctx, roomID)
	if err != nil {
		return refusalOf(err)
	}
	s.facts = room.Facts
	servers, _, err := s.servers(ctx)
	if err != nil {
		s.log.Warn("the homeserver's TURN servers are not known; the guest begins without", "err", err)
	}
	s.ice = servers
	s.place = socket.Place{
		Self: s.account.Party(), Name: s.config.Name, MaxMembers: s.config.MaxMembers,
		EncryptFrames:    s.config.EncryptFrames.Applies(room.Encrypted, false),
		EncryptForwarded: s.config.EncryptFrames.Applies(room.Encrypted, true),
		Room:             socket.Room{ID: roomID, Name: room.Name, ConfID: s.config.ConfID, SlotID: message.SlotRoom, Encrypted: room.Encrypted},
	}
	return nil
}

// refusalOf words what a homeserver refuses.
func refusalOf(err error) error {
	switch {
	case errors.Is(err, matrix.ErrNotFound):
		return fmt.Errorf("guest: %w: %w", socket.Refuse(socket.CodeNoSuchCall, "There is no such call any more."), err)
	case errors.Is(err, matrix.ErrNotAllowed):
		return fmt.Errorf("guest: %w: %w", socket.Refuse(socket.CodeNotAllowed, "The server does not let guests into this call."), err)
	}
	return fmt.Errorf("guest: %w", err)
}

// Place says who and where the guest is.
func (s *Seat) Place() socket.Place {
	s.mu.Lock()
	defer s.mu.Unlock()
	place := s.place
	place.ICEServers = slices.Clone(s.ice)
	place.RelayOnly = s.relayOnly()
	return place
}

// relayOnly applies the policy to the room, as a headless party does
// (decision D29, decision 0004). Called under mu.
func (s *Seat) relayOnly() bool {
	switch s.config.Relay {
	case headless.RelayAlways:
		return true
	case headless.RelayNever:
		return false
	}
	return mesh.RelayInPublicRooms(s.facts) && hasRelay(s.ice)
}

func hasRelay(servers []socket.ICEServer) bool {
	return slices.ContainsFunc(servers, func(server socket.ICEServer) bool {
		return slices.ContainsFunc(server.URLs, func(url string) bool {
			return strings.HasPrefix(url, "turn:") || strings.HasPrefix(url, "turns:")
		})
	})
}

// Run follows the room until ctx ends or the homeserver does not know the
// device any more.
func (s *Seat) Run(ctx context.Context, to socket.Listener) error {
	ctx, fail := context.WithCancelCause(ctx)
	s.mu.Lock()
	s.fail = fail
	s.mu.Unlock()
	var watch sync.WaitGroup
	watch.Go(func() { s.watchServers(ctx, to) })
	s.account.Subscribe(s.place.Room.ID, &sink{seat: s, to: to})
	fail(s.account.Run(ctx))
	watch.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Enter makes the device a member of slot and conference.
func (s *Seat) Enter(ctx context.Context, wish socket.Presence) error {
	if s.member != nil && s.member.SessionID() == wish.Session {
		return s.change(ctx, wish)
	}
	if err := s.Leave(ctx); err != nil {
		return fmt.Errorf("guest: end the earlier session: %w", err)
	}
	if refusal := s.full(time.Now()); refusal != nil {
		return refusal
	}
	member := s.account.NewMembership(matrix.MembershipConfig{
		RoomID: s.place.Room.ID, SessionID: wish.Session, Slot: true, Profile: s.config.Profile, CallID: s.place.Room.ConfID, Feeds: feedsOf(wish.Feeds),
	})
	if err := member.Join(ctx); err != nil {
		s.withdraw(ctx, member)
		return refusalOf(err)
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := member.Run(running); err != nil && !errors.Is(err, context.Canceled) {
			s.abandon(fmt.Errorf("guest: the membership cannot be kept: %w", err))
		}
	}()
	s.member, s.stop, s.ended, s.feeds, s.via, s.unsure = member, stop, ended, wish.Feeds, message.Party{}, false
	return s.change(ctx, wish)
}

// abandon ends Run with an error.
func (s *Seat) abandon(err error) {
	s.mu.Lock()
	fail := s.fail
	s.mu.Unlock()
	if fail != nil {
		fail(err)
	}
}

// withdraw takes back what an attempt to join may have left behind.
func (s *Seat) withdraw(ctx context.Context, member *matrix.Membership) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), withdrawTime)
	defer cancel()
	if err := member.Leave(ctx); err != nil {
		s.log.Debug("an attempt to join could not be taken back; the delayed leave will do", "err", err)
	}
}

// withdrawTime is how long taking back a failed join may take.
const withdrawTime = 2 * time.Second

// change writes what is wished for and not written yet.
func (s *Seat) change(ctx context.Context, wish socket.Presence) error {
	unsure := s.unsure
	s.unsure = true
	if unsure || !slices.Equal(wish.Feeds, s.feeds) {
		if err := s.member.SetFeeds(ctx, feedsOf(wish.Feeds)); err != nil {
			return refusalOf(err)
		}
		s.feeds = wish.Feeds
	}
	if unsure || wish.Via != s.via {
		if err := s.member.SetVia(ctx, wish.Via); err != nil {
			return refusalOf(err)
		}
		s.via = wish.Via
	}
	s.unsure = false
	return nil
}

func feedsOf(purposes []string) []message.Feed {
	feeds := []message.Feed{}
	for _, purpose := range purposes {
		feeds = append(feeds, message.Feed{Purpose: purpose})
	}
	return feeds
}

// full counts the devices in the call, each once whichever forms it wrote.
func (s *Seat) full(now time.Time) *socket.Refusal {
	s.mu.Lock()
	facts := s.facts
	s.mu.Unlock()
	devices := map[message.Party]bool{}
	for _, session := range membership.Compute(facts, now).Sessions {
		if session.ConfID != s.place.Room.ConfID && !message.SameSlot(session.ConfID, s.place.Room.SlotID) {
			continue
		}
		for _, member := range session.Members {
			devices[member.Party] = true
		}
	}
	delete(devices, s.place.Self)
	if len(devices) < s.config.MaxMembers {
		return nil
	}
	return socket.Refuse(socket.CodeRoomFull, "There are already %d in this call, which is the most that it holds.", len(devices))
}

// Leave takes the membership back. The browser says its goodbyes itself.
func (s *Seat) Leave(ctx context.Context) error {
	if s.member == nil {
		return nil
	}
	err := s.member.Leave(ctx)
	s.stop()
	<-s.ended
	s.member = nil
	return err
}

// Send hands a signal to the account's outbox.
func (s *Seat) Send(to message.Party, signal message.Signal, done func(error)) {
	s.account.Send(to, signal, func(err error) { done(undelivered(to, err)) })
}

// SendKey hands a media key to the account's outbox.
func (s *Seat) SendKey(to message.Party, key message.MediaKey, done func(error)) {
	s.account.SendMediaKey(to, key, func(err error) { done(undelivered(to, err)) })
}

// undelivered words why a device did not get a signal, where asking again is
// of no use.
func undelivered(to message.Party, err error) error {
	switch {
	case errors.Is(err, matrix.ErrNoKeys):
		return fmt.Errorf("%w: %w", socket.Refuse(socket.CodeNotAllowed, "This room asks for encryption, and the other device publishes no keys."), err)
	case errors.Is(err, matrix.ErrUntrusted):
		return fmt.Errorf("%w: %w", socket.Refuse(socket.CodeNotAllowed, "%s", distrustWords(to, err)), err)
	}
	return err
}

// Close ends the seat; Run must have returned, or never been called.
func (s *Seat) Close(ctx context.Context, why socket.Fate) error {
	var errs []error
	if why == socket.Gone {
		errs = append(errs, s.Leave(ctx), s.account.LeaveRoom(ctx, s.place.Room.ID), s.account.Logout(ctx))
	} else if s.member != nil {
		s.stop()
		<-s.ended
	}
	return errors.Join(append(errs, s.account.Close())...)
}
