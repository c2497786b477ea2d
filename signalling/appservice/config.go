package appservice

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
)

// Config is what a registration and its user share.
type Config struct {
	// Homeserver is the base URL, such as "https://matrix.example.org".
	Homeserver string
	// ServerName is the part of user IDs behind the colon. Registration
	// needs it; Open learns it and compares.
	ServerName string
	// ID names the service among others of the homeserver, default
	// "meshfocus".
	ID string
	// ASToken is our token with the homeserver, HSToken its with us; see
	// NewToken.
	ASToken, HSToken string
	// SenderLocalpart is the user who makes rooms and invites, default
	// "meshfocus".
	SenderLocalpart string
	// UserPrefix begins the localparts of guests, default "web-". Users so
	// named belong to us alone.
	UserPrefix string
	// CreateDevices asks for MSC4190 in the registration: needed where users
	// log in elsewhere (matrix-authentication-service).
	CreateDevices bool
	// Transport carries the requests; nil is http.DefaultTransport.
	Transport http.RoundTripper
}

// NewToken makes a token for a registration: 128 random bits.
func NewToken() string { return rand.Text() }

// localpart is what a user name may consist of (Matrix, user identifiers).
var localpart = regexp.MustCompile(`^[a-z0-9._=/+-]+$`)

func (c Config) withDefaults() Config {
	fill := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	fill(&c.ID, "meshfocus")
	fill(&c.SenderLocalpart, "meshfocus")
	fill(&c.UserPrefix, "web-")
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	return c
}

// Validate says what is wrong and what would be right. It is for Open; the
// homeserver's address may be missing in a registration.
func (c Config) Validate() error {
	base, err := url.Parse(c.Homeserver)
	switch {
	case err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https":
		return fmt.Errorf("homeserver %q is no address: give a URL like https://matrix.example.org", c.Homeserver)
	case c.UserPrefix != "" && !localpart.MatchString(c.UserPrefix):
		return fmt.Errorf("user prefix %q: use lower-case letters, digits and ._=/+-", c.UserPrefix)
	}
	return c.validateTokens()
}

func (c Config) validateTokens() error {
	switch {
	case c.ASToken == "":
		return errors.New("as_token is empty: take the one of the registration")
	case c.ASToken == c.HSToken:
		return errors.New("as_token and hs_token are the same: whoever sees one would have both")
	}
	return nil
}
