package inspect

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Config says what to look at, and as whom.
type Config struct {
	// Homeserver is what a person would type into a client: a server name
	// (example.org), a user ID (@me:example.org) or a base URL
	// (https://matrix.example.org).
	Homeserver string
	// Token is an access token. Without one, User and Password log in for the
	// time of the checks. Without any of them what needs an account is skipped.
	Token          string
	User, Password string
	// Room is an ID or alias of a room in which calls are held, "" for none.
	// It is only read.
	Room string
	// Origin is the web page on whose behalf cross-origin rules are tried;
	// "" is one that no server lists by name.
	Origin string
	// Roots are the authorities to believe; nil are the machine's own.
	Roots *x509.CertPool

	// Progress, if set, hears the name of each check that is about to be tried,
	// on the goroutine of Findings.
	Progress func(check string)

	// Patience is the longest time for one answer; 0 = 15 s.
	Patience time.Duration
	// Slow is the time from which an answer is too slow; 0 = 2 s, after which
	// js-sdk gives up restarting a delayed leave.
	Slow time.Duration
	// Delay is that of the delayed event whose arrival is awaited; 0 = 500 ms.
	Delay time.Duration
	// Arrival is how long something that was sent may take to show; 0 = 5 s.
	// A member that is gone must not be seen for longer.
	Arrival time.Duration
}

const (
	defaultOrigin   = "https://call.meshfocus.invalid"
	defaultPatience = 15 * time.Second
	defaultSlow     = 2 * time.Second
	defaultDelay    = 500 * time.Millisecond
	defaultArrival  = 5 * time.Second
)

// complete fills in defaults and says what cannot work.
func (c Config) complete() (Config, error) {
	c.Homeserver = strings.TrimSpace(c.Homeserver)
	if c.Homeserver == "" {
		return c, fmt.Errorf("%w: the homeserver is missing; give a server name such as example.org or a base URL such as https://matrix.example.org", ErrConfig)
	}
	if strings.ContainsAny(c.Homeserver, " \t#!?") {
		return c, fmt.Errorf("%w: %q is no homeserver; give a server name such as example.org or a base URL such as https://matrix.example.org", ErrConfig, c.Homeserver)
	}
	if scheme, _, found := strings.Cut(c.Homeserver, "://"); found {
		if scheme != "http" && scheme != "https" {
			return c, fmt.Errorf("%w: %q begins with %s://; a homeserver speaks https or http", ErrConfig, c.Homeserver, scheme)
		}
		if parsed, err := url.Parse(c.Homeserver); err != nil || parsed.Host == "" || parsed.User != nil {
			return c, fmt.Errorf("%w: the base URL cannot be read; it looks like https://matrix.example.org", ErrConfig)
		}
	}
	if c.Token == "" && (c.User == "") != (c.Password == "") {
		return c, fmt.Errorf("%w: a login needs a user and a password, or a token alone", ErrConfig)
	}
	if c.Room != "" && !strings.HasPrefix(c.Room, "!") && !strings.HasPrefix(c.Room, "#") {
		return c, fmt.Errorf("%w: %q is no room; give an ID (!…) or an alias (#room:example.org)", ErrConfig, c.Room)
	}
	if c.Origin == "" {
		c.Origin = defaultOrigin
	}
	c.Patience = orDefault(c.Patience, defaultPatience)
	c.Slow = orDefault(c.Slow, defaultSlow)
	c.Delay = orDefault(c.Delay, defaultDelay)
	c.Arrival = orDefault(c.Arrival, defaultArrival)
	return c, nil
}

func orDefault(value, otherwise time.Duration) time.Duration {
	if value <= 0 {
		return otherwise
	}
	return value
}
