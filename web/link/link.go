// Package link keeps the calls that exist as links: an unguessable name each,
// the room behind it, and perhaps a pass phrase.
//
// It is not about who is in a call, nor about what a room is: it asks a Rooms
// to make and to forget one. Whoever knows the link may come, or, where there
// is a pass phrase, whoever knows both; Enter decides that.
//
// A name is 128 random bits in base32, so that guessing one is out of the
// question and only pass phrases need a bound on attempts. Of a pass phrase
// only its Argon2id hash (RFC 9106) is kept. Hashing costs memory and time, so
// that few are hashed at once; no lock is held meanwhile.
//
// How it is driven: Open reads the book from its file, if it has one. Every
// method may be called from any goroutine; nothing runs between calls. Changes
// are in the file before the method returns, except for when a call was last
// used, which is written with the next change or Expire. Instants are
// arguments, or the local clock behind HTTP.
package link

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// Call is one link.
type Call struct {
	// ID is the last part of the link: 26 characters of a-z and 2-7.
	ID string `json:"id"`
	// Room is the ID of the room behind it, Name what people called it.
	Room string `json:"room"`
	Name string `json:"name,omitempty"`
	// Hash is that of the pass phrase, in the PHC string format; empty without.
	Hash string    `json:"hash,omitempty"`
	Made time.Time `json:"made"`
	Used time.Time `json:"used"` // somebody was in it
}

// Rooms makes and forgets the rooms behind links.
type Rooms interface {
	// Make makes a private room for the call and gives its ID.
	Make(call, name string) (roomID string, err error)
	// Forget removes a room that nobody is in.
	Forget(roomID string)
}

// Config says where the book is kept and how thick it may get.
type Config struct {
	// File keeps the calls; empty keeps them in memory.
	File  string
	Rooms Rooms
	// Max is how many calls there may be; 0 means 1000.
	Max int
	// Keep is how long a call is kept that nobody is in; 0 means 30 days.
	Keep time.Duration
	// Closed refuses whoever wants to make a call over HTTP.
	Closed bool
	// Origins are those of pages that may make calls besides our own.
	Origins []string
	// Address tells where a request comes from, for the bounds; nil takes its
	// remote address.
	Address Addresser
	Log     *slog.Logger // nil: nothing is logged
}

// Book holds the calls. See the package comment for how it is driven.
type Book struct {
	config Config
	log    *slog.Logger
	hashes chan struct{} // bounds pass phrases that are hashed at the same time

	mu sync.Mutex
	// guarded by mu
	calls    map[string]*Call
	making   int // calls that are being made and not in calls yet
	attempts limiter
	makers   limiter

	writing sync.Mutex // one writer of the file; taken before mu
}

// Errors of Enter and New.
var (
	// ErrNoCall: there is no such link, or not any more.
	ErrNoCall = errors.New("there is no such call")
	// ErrPass: the call has a pass phrase and this is not it.
	ErrPass = errors.New("the pass phrase is wrong")
	// ErrFull: the book has as many calls as it may.
	ErrFull = errors.New("there are as many calls as this server keeps")
	// ErrName and ErrPhrase: what was asked for cannot be.
	ErrName   = fmt.Errorf("the name is longer than %d characters or has control characters", maxName)
	ErrPhrase = fmt.Errorf("the pass phrase is longer than %d bytes", maxPhrase)
)

// TooSoon is the error of who tries too often.
type TooSoon struct{ Wait time.Duration }

func (e TooSoon) Error() string {
	return fmt.Sprintf("too many attempts; try again in %s", e.Wait.Round(time.Second))
}

// Bounds of what people write: characters of a name, bytes of a pass phrase.
const (
	maxName   = 100
	maxPhrase = 512
)

// Bounds of attempts. Behind one address may be a whole school, hence the
// bursts; one call's pass phrase may be tried by everybody together a few
// thousand times a day.
var (
	perAddress = rate{every: 6 * time.Second, burst: 20}
	perCall    = rate{every: 20 * time.Second, burst: 60}
	makersRate = rate{every: 20 * time.Second, burst: 10}
)

// Open reads the book.
func Open(config Config) (*Book, error) {
	if config.Max == 0 {
		config.Max = 1000
	}
	if config.Keep == 0 {
		config.Keep = 30 * 24 * time.Hour
	}
	if config.Address == nil {
		config.Address = remoteAddress
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	b := &Book{
		config: config, log: config.Log, hashes: make(chan struct{}, 2),
		calls: map[string]*Call{}, attempts: limiter{}, makers: limiter{},
	}
	if err := b.read(); err != nil {
		return nil, fmt.Errorf("calls: %w", err)
	}
	return b, nil
}

// New makes a call. An empty name and an empty pass phrase are fine. Errors
// are ErrFull, ErrName, ErrPhrase, or the room could not be made.
func (b *Book) New(name, phrase string, now time.Time) (Call, error) {
	name = strings.TrimSpace(name)
	if utf8.RuneCountInString(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return Call{}, ErrName
	}
	if len(phrase) > maxPhrase {
		return Call{}, ErrPhrase
	}
	if !b.reserve() {
		return Call{}, ErrFull
	}
	call := Call{ID: strings.ToLower(rand.Text()[:26]), Name: name, Made: now, Used: now}
	if phrase != "" {
		call.Hash = b.hash(phrase)
	}
	var err error
	call.Room, err = b.config.Rooms.Make(call.ID, name)
	b.mu.Lock()
	b.making--
	if err == nil {
		kept := call
		b.calls[call.ID] = &kept
	}
	b.mu.Unlock()
	if err != nil {
		return Call{}, fmt.Errorf("call: %w", err)
	}
	return call, b.write()
}

// reserve takes a place for a call that is being made.
func (b *Book) reserve() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.calls)+b.making >= b.config.Max {
		return false
	}
	b.making++
	return true
}

// id is the shape of a link's last part.
var id = regexp.MustCompile(`^[a-z2-7]{26}$`)

// Enter lets somebody in who knows link and pass phrase. Errors are ErrNoCall,
// ErrPass and TooSoon. Attempts count per address and per call, wrong ones
// only.
func (b *Book) Enter(call, phrase, address string, now time.Time) (Call, error) {
	b.mu.Lock()
	found := b.calls[call]
	if found == nil || !id.MatchString(call) {
		b.mu.Unlock()
		return Call{}, ErrNoCall
	}
	found.Used = now
	entered := *found
	if entered.Hash == "" {
		b.mu.Unlock()
		return entered, nil
	}
	// Taken before the phrase is looked at and given back when it is right, so
	// that many at once cannot pass the bound together.
	wait := max(b.attempts.wait(call, perCall, now), b.attempts.wait(call+" "+address, perAddress, now))
	if wait == 0 {
		b.attempts.take(call, perCall, now)
		b.attempts.take(call+" "+address, perAddress, now)
	}
	b.mu.Unlock()
	switch {
	case wait > 0:
		return Call{}, TooSoon{wait}
	case phrase == "" || len(phrase) > maxPhrase || !b.verify(entered.Hash, phrase):
		return Call{}, ErrPass
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.attempts.give(call, perCall)
	b.attempts.give(call+" "+address, perAddress)
	return entered, nil
}

// Find gives a call to somebody who has been let in before; ErrNoCall.
func (b *Book) Find(call string, now time.Time) (Call, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	found := b.calls[call]
	if found == nil {
		return Call{}, ErrNoCall
	}
	found.Used = now
	return *found, nil
}

// Len is how many calls there are.
func (b *Book) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.calls)
}

// Expire forgets calls that nobody has been in for Config.Keep, with their
// rooms. busy tells whether somebody is in a room now; it must not call back.
func (b *Book) Expire(now time.Time, busy func(roomID string) bool) error {
	b.mu.Lock()
	var gone []Call
	for name, call := range b.calls {
		switch {
		case busy(call.Room):
			call.Used = now
		case now.Sub(call.Used) > b.config.Keep:
			gone = append(gone, *call)
			delete(b.calls, name)
		}
	}
	b.attempts.tidy(now)
	b.makers.tidy(now)
	b.mu.Unlock()
	for _, call := range gone {
		b.config.Rooms.Forget(call.Room)
		b.log.Info("a call is forgotten, nobody has been in it", "room", call.Room, "since", call.Used)
	}
	return b.write()
}
