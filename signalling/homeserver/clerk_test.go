package homeserver_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
)

// clerk makes accounts, sessions, rooms, aliases and filters, one after the
// other, and remembers which were acknowledged.
type clerk struct {
	visitor
	counter int

	accounts []*account
	sessions []*session
	rooms    []string // also under the alias of their number
	filters  []string
}

type account struct {
	visitor
	name string
}

// session is a further device of the clerk.
type session struct {
	visitor
	out bool // its logout was acknowledged
}

const clerkPassword = "clerk's password"

func newClerk(t *testing.T, client *http.Client, address string) *clerk {
	t.Helper()
	c := &clerk{visitor: visitor{base: address, http: client}}
	must(t, c.register(t.Context(), "clerk", clerkPassword))
	return c
}

func (c *clerk) work(ctx context.Context) error {
	for {
		for _, deed := range []func(context.Context) error{c.enrol, c.signInAndOut, c.build, c.keepFilter} {
			c.counter++
			if err := deed(ctx); err != nil {
				return err
			}
		}
	}
}

func (c *clerk) stranger() visitor { return visitor{base: c.base, http: c.http} }

func (c *clerk) enrol(ctx context.Context) error {
	a := &account{visitor: c.stranger(), name: fmt.Sprintf("account%d", c.counter)}
	if err := a.register(ctx, a.name, "password of "+a.name); err != nil {
		return err
	}
	c.accounts = append(c.accounts, a)
	return nil
}

func (c *clerk) signInAndOut(ctx context.Context) error {
	s := &session{visitor: c.stranger()}
	if err := s.login(ctx, "clerk", clerkPassword); err != nil {
		return err
	}
	c.sessions = append(c.sessions, s)
	if len(c.sessions)%2 == 0 {
		return nil
	}
	if err := s.call(ctx, "POST", "logout", nil, nil); err != nil {
		c.sessions = c.sessions[:len(c.sessions)-1] // who knows
		return err
	}
	s.out = true
	return nil
}

func (c *clerk) build(ctx context.Context) error {
	var answer struct {
		Room string `json:"room_id"`
	}
	name := fmt.Sprintf("room%d", c.counter)
	if err := c.call(ctx, "POST", "createRoom", object{"room_alias_name": name, "name": name}, &answer); err != nil {
		return err
	}
	c.rooms = append(c.rooms, answer.Room)
	return nil
}

func (c *clerk) keepFilter(ctx context.Context) error {
	var answer struct {
		Filter string `json:"filter_id"`
	}
	path := "user/" + url.PathEscape(c.user) + "/filter"
	if err := c.call(ctx, "POST", path, object{"room": object{"timeline": object{"limit": c.counter}}}, &answer); err != nil {
		return err
	}
	c.filters = append(c.filters, answer.Filter)
	return nil
}

// compare looks for everything the clerk was told is there.
func (c *clerk) compare(t *testing.T) {
	ctx := t.Context()
	for _, a := range c.accounts {
		a.base = c.base
		a.isKnown(t)
	}
	if len(c.accounts) > 0 { // one, because hashing is slow
		last, again := c.accounts[len(c.accounts)-1], c.stranger()
		if err := again.login(ctx, last.name, "password of "+last.name); err != nil {
			t.Errorf("password of %s was acknowledged: %v", last.name, err)
		}
	}
	for _, s := range c.sessions {
		s.base = c.base
		if !s.out {
			s.isKnown(t)
		} else if err := s.call(ctx, "GET", "account/whoami", nil, nil); !isRefused(err) {
			t.Errorf("logout of %s was acknowledged, but its token works: %v", s.device, err)
		}
	}
	var joined struct {
		Rooms []string `json:"joined_rooms"`
	}
	must(t, c.call(ctx, "GET", "joined_rooms", nil, &joined))
	for _, room := range c.rooms {
		if !slices.Contains(joined.Rooms, room) {
			t.Errorf("room %s was acknowledged and is gone", room)
		}
		var aliases struct {
			Aliases []string `json:"aliases"`
		}
		must(t, c.call(ctx, "GET", inRoom(room, "aliases"), nil, &aliases))
		if len(aliases.Aliases) != 1 {
			t.Errorf("room %s has aliases %v, want the one it was made with", room, aliases.Aliases)
		}
	}
	for _, filter := range c.filters {
		if err := c.call(ctx, "GET", "user/"+url.PathEscape(c.user)+"/filter/"+filter, nil, nil); err != nil {
			t.Errorf("filter was acknowledged: %v", err)
		}
	}
}

// isKnown checks that a token is still that of the user and the device.
func (v *visitor) isKnown(t *testing.T) {
	t.Helper()
	var answer signedIn
	if err := v.call(t.Context(), "GET", "account/whoami", nil, &answer); err != nil {
		t.Errorf("token of %s, %s was acknowledged: %v", v.user, v.device, err)
	} else if answer.User != v.user || answer.Device != v.device {
		t.Errorf("token of %s, %s is now that of %s, %s", v.user, v.device, answer.User, answer.Device)
	}
}
