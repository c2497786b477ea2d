package matrix

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"maunium.net/go/mautrix"

	"meshfocus/signalling/message"
)

// Account is one user on one device of a homeserver, logged in.
//
// It owns the sync loop and the outbox loop, which Run starts and ends. All
// that they share with callers stands behind leaf mutexes (rooms, outbox
// mailbox, caches).
//
// Subscribe, Send, JoinRoom, TurnServers, Transports and NewMembership may be
// called from any goroutine, before Run and while it runs. Open logs in and
// publishes the device's keys, so that peers can write to it at once.
//
// It ends when Run's context does, or with ErrBadToken; Close then lets go of
// the store and of idle connections. It does not log out.
type Account struct {
	// set once by Open
	config   Config
	log      *slog.Logger
	client   *mautrix.Client
	party    message.Party
	features map[string]bool // unstable_features of /versions
	crypto   *olmMachine     // nil with EncryptOff
	store    *accountStore   // nil without StateDir

	rooms  *rooms
	outbox *outbox
	turn   *turnCache
	advice *transportCache
	inbox  *inbox
	noted  noted
	clock  serverTime
	synced atomic.Int64   // when the last sync was answered, in milliseconds
	deaf   atomic.Bool    // the latest sync failed
	dice   func() float64 // in [0, 1), for jitter

	closing sync.Once
}

// Open logs in, asks the homeserver who we are and what it can do, and
// prepares encryption. Its errors read as one line and carry ErrUnreachable,
// ErrBadLogin, ErrBadToken, ErrForeignKeys, ErrStateInUse or
// ErrStateMismatch.
func Open(ctx context.Context, config Config) (*Account, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("matrix account: %w", err)
	}
	config = config.withDefaults()
	account := &Account{config: config, log: config.Log, turn: newTurnCache(), advice: newTransportCache(), dice: rand.Float64}
	err := account.open(ctx)
	if err != nil {
		account.Close()
		return nil, err
	}
	return account, nil
}

func (a *Account) open(ctx context.Context) (err error) {
	if a.config.StateDir != "" {
		if a.store, err = openAccountStore(a.config.StateDir); err != nil {
			return err
		}
	}
	base, err := findHomeserver(ctx, a.config.Homeserver, a.config.Transport)
	if err != nil {
		return err
	}
	a.client = newClient(base, listener{a.config.Transport, &a.clock})
	if err = a.askVersions(ctx); err != nil {
		return err
	}
	if err = a.authenticate(ctx); err != nil {
		return err
	}
	a.log = a.log.With("account", a.party.String())
	a.rooms = newRooms()
	a.inbox = newInbox(a)
	a.outbox = newOutbox(a)
	if a.config.Encrypt == EncryptOff {
		a.warnOfKeys(ctx)
		return nil
	}
	a.crypto, err = openOlm(ctx, a)
	return err
}

// askVersions learns the unstable features, and whether there is a homeserver
// at all.
func (a *Account) askVersions(ctx context.Context) error {
	var versions struct {
		Versions []string        `json:"versions"`
		Unstable map[string]bool `json:"unstable_features"`
	}
	err := a.patiently(ctx, func(ctx context.Context) error {
		return a.call(ctx, http.MethodGet, clientPath("versions"), nil, nil, &versions)
	})
	if err == nil && len(versions.Versions) == 0 {
		err = errors.New("the answer to /_matrix/client/versions names no version")
	}
	if err != nil {
		return unreachable(a.client.HomeserverURL, err)
	}
	a.features = versions.Unstable
	return nil
}

// Party is who we are: the user and device the homeserver knows us as.
func (a *Account) Party() message.Party { return a.party }

// Encrypts reports whether the account has Olm at all.
func (a *Account) Encrypts() bool { return a.crypto != nil }

// DelaysEvents reports whether the homeserver advertises MSC4140.
func (a *Account) DelaysEvents() bool { return a.features[message.FeatureDelayedEvents] }

// JoinRoom joins a room by ID or alias; being in it already is fine. It gives
// the room ID. Refusals carry ErrNotAllowed or ErrNotFound.
func (a *Account) JoinRoom(ctx context.Context, room string) (roomID string, err error) {
	var answer struct {
		RoomID string `json:"room_id"`
	}
	err = a.patiently(ctx, func(ctx context.Context) error {
		return a.call(ctx, http.MethodPost, clientPath("v3", "join", room), nil, struct{}{}, &answer)
	})
	if err != nil {
		return "", a.explain("join room "+room, err)
	}
	return answer.RoomID, nil
}

// Run syncs and sends until the context ends (then it returns the context's
// error) or the access token is refused (ErrBadToken). Network trouble and
// server errors never end it. Call it once.
func (a *Account) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	var outbox sync.WaitGroup
	outbox.Go(func() {
		if err := a.outbox.run(ctx); err != nil {
			stop(err)
		}
	})
	err := a.syncLoop(ctx)
	stop(err)
	outbox.Wait()
	if cause := context.Cause(ctx); errors.Is(cause, ErrBadToken) {
		return cause
	}
	return err
}

// Logout ends the device on the homeserver and forgets the stored account.
// The account is of no use afterwards; Close it.
func (a *Account) Logout(ctx context.Context) error {
	err := a.patiently(ctx, func(ctx context.Context) error {
		return a.call(ctx, http.MethodPost, clientPath("v3", "logout"), nil, struct{}{}, nil)
	})
	if err != nil {
		return a.explain("log out", err)
	}
	if a.store != nil {
		return a.store.forget()
	}
	return nil
}

// Close releases the store and idle connections. Run must have returned.
// Closing twice is fine.
func (a *Account) Close() error {
	var err error
	a.closing.Do(func() {
		if a.crypto != nil {
			err = a.crypto.close()
		}
		if a.store != nil {
			err = errors.Join(err, a.store.close())
		}
		if a.client != nil {
			a.client.Client.CloseIdleConnections()
		}
	})
	return err
}

// heardAt is when the last sync was answered.
func (a *Account) heardAt() time.Time { return time.UnixMilli(a.synced.Load()) }

// maySleep is how long sync may say nothing without a reason for doubt.
func (a *Account) maySleep() time.Duration {
	if a.deaf.Load() {
		return deafness
	}
	return silence
}

// random gives a number in [0, 1) for jitter.
func (a *Account) random() float64 { return a.dice() }
