package homeserver

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Mode says who may register an account.
type Mode string

const (
	// RegistrationOpen lets anybody register.
	RegistrationOpen Mode = "open"
	// RegistrationToken asks for one of Config.RegistrationTokens.
	RegistrationToken Mode = "token"
	// RegistrationClosed leaves EnsureUser as the only way.
	RegistrationClosed Mode = "closed"
)

// TurnServers is what voip/turnServer answers.
type TurnServers struct {
	URIs []string // turn:, turns: or stun:
	// Credentials makes a user name and password for one user; it may be nil
	// when Username and Password are fixed.
	Credentials        func(userID string, lifetime time.Duration) (username, password string)
	Username, Password string
	Lifetime           time.Duration // how long the credentials work; 0 = one day
}

// Config is everything the server can be told. The zero value with a
// ServerName is a server in memory with closed registration.
type Config struct {
	// ServerName is the part after the colon of every ID.
	ServerName string
	// BaseURL is what .well-known/matrix/client names; "" derives it from the
	// request's Host.
	BaseURL string
	// DataDir holds the journal; "" keeps everything in memory.
	DataDir string

	Registration       Mode // "" = closed
	RegistrationTokens []string
	// Reserved says which localparts nobody may register, because the host
	// gives them out (EnsureUser); nil reserves none.
	Reserved func(localpart string) bool
	Guests   bool // guests may register and join rooms that let them

	Turn *TurnServers // nil = none
	// Transports is the list that rtc/transports answers, in order of
	// preference; entries are objects with a string "type".
	Transports []json.RawMessage

	// MaxDelay is the longest delay of a delayed event; 0 = 24 h, and below 0
	// there are none, which /versions then says.
	MaxDelay time.Duration
	// MaxDelayedPerUser is how many a user may have scheduled; 0 = 100.
	MaxDelayedPerUser int

	// RateLimits by class; a missing class is not limited. SetRateLimit
	// changes them while the server runs.
	RateLimits map[Class]Limit

	Log *slog.Logger // nil discards
}

const (
	defaultMaxDelay   = 24 * time.Hour
	defaultMaxDelayed = 100
	defaultTurnTTL    = 24 * time.Hour
)

// complete fills in defaults and says what cannot work.
func (c Config) complete() (Config, error) {
	if c.ServerName == "" || strings.ContainsAny(c.ServerName, " /@#!?") {
		return c, fmt.Errorf("%w: server name is %q; it must be a host name with an optional port", ErrConfig, c.ServerName)
	}
	switch c.Registration {
	case "":
		c.Registration = RegistrationClosed
	case RegistrationOpen, RegistrationClosed:
	case RegistrationToken:
		if len(c.RegistrationTokens) == 0 {
			return c, fmt.Errorf("%w: registration by token needs at least one token", ErrConfig)
		}
	default:
		return c, fmt.Errorf("%w: registration is %q; it must be open, token or closed", ErrConfig, c.Registration)
	}
	for i, transport := range c.Transports {
		var entry struct {
			Type string `json:"type"`
		}
		if json.Unmarshal(transport, &entry) != nil || entry.Type == "" {
			return c, fmt.Errorf("%w: transport %d must be an object with a string type", ErrConfig, i)
		}
	}
	if c.MaxDelay == 0 {
		c.MaxDelay = defaultMaxDelay
	}
	if c.MaxDelayedPerUser == 0 {
		c.MaxDelayedPerUser = defaultMaxDelayed
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
