package matrix

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// Config says who we are and how we talk. Either Token, or UserID with
// Password, or a StateDir that holds an account is needed.
type Config struct {
	// Homeserver is a base URL ("https://matrix.example.org") or a server
	// name ("example.org"), which is looked up by .well-known (not done for
	// a URL, decision D17).
	Homeserver string
	// Token is an access token; user and device are asked from the server.
	Token string
	// UserID ("@bot:example.org" or "bot") and Password log in.
	UserID, Password string
	// DeviceID asks for a device at password login; empty lets the server
	// choose. With Token it is compared with what the server says.
	DeviceID string
	// DeviceName is shown to others; default "meshfocus".
	DeviceName string
	// StateDir keeps token, device and Olm keys (directory 0700, files
	// 0600), so that the same device returns. Empty: all in memory.
	StateDir string
	// ReplaceKeys allows to publish new encryption keys over others that the
	// device already has. Never set it for a token of another client: that
	// client loses its encryption.
	ReplaceKeys bool

	Encrypt EncryptMode
	Trust   TrustPolicy

	// SendLimit is how long a signal may wait for its delivery, default 60 s
	// (the lifetime of an invite in the wild). An invite with a shorter
	// lifetime of its own is given up then.
	SendLimit time.Duration
	// MaxInFlight bounds concurrent to-device requests, default 16.
	MaxInFlight int
	// PollTimeout is the sync long poll, default 30 s.
	PollTimeout time.Duration

	// OneTimeKeys is how many are published, 2 to 50, default 50. Each new
	// Olm session of another device takes one, a fallback key serves when none
	// is left, and making 50 takes 15 ms of processor time: who is in a call
	// for an hour does with fewer.
	OneTimeKeys int

	// Budget is shared by the accounts of one user in a process; nil makes one
	// for this account.
	Budget *Budget

	// Transport carries the requests; nil is a connection pool of its own with
	// the proxy settings of the environment.
	Transport http.RoundTripper

	Log *slog.Logger
}

// usualOneTimeKeys is half of what an Olm account holds, and how far mautrix
// fills them up.
const usualOneTimeKeys = 50

func (c Config) withDefaults() Config {
	if c.DeviceName == "" {
		c.DeviceName = "meshfocus"
	}
	if c.SendLimit <= 0 {
		c.SendLimit = 60 * time.Second
	}
	if c.MaxInFlight <= 0 {
		c.MaxInFlight = 16
	}
	if c.PollTimeout <= 0 {
		c.PollTimeout = 30 * time.Second
	}
	if c.OneTimeKeys <= 0 {
		c.OneTimeKeys = usualOneTimeKeys
	}
	if c.Budget == nil {
		c.Budget = NewBudget()
	}
	if c.Transport == nil {
		c.Transport = newTransport()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Validate says what is wrong with the configuration and what would be right.
func (c Config) Validate() error {
	switch {
	case c.Homeserver == "":
		return errors.New("homeserver is empty: give a URL like https://matrix.example.org or a server name")
	case c.Token != "" && c.Password != "":
		return errors.New("token and password are both given: one of them is enough")
	case c.Password != "" && c.UserID == "":
		return errors.New("password without user: give the user ID too")
	case c.Token == "" && c.Password == "" && c.StateDir == "":
		return errors.New("no credentials: give an access token, or user and password, or a state directory of an earlier run")
	case c.OneTimeKeys == 1 || c.OneTimeKeys < 0 || c.OneTimeKeys > usualOneTimeKeys:
		return fmt.Errorf("%d one-time keys cannot be kept: 2 to %d", c.OneTimeKeys, usualOneTimeKeys)
	case c.Encrypt > EncryptOff:
		return fmt.Errorf("encrypt mode %d is unknown: auto, require, prefer or off", c.Encrypt)
	case int(c.Trust) >= len(trustPolicyNames):
		return fmt.Errorf("trust policy %d is unknown: %s", c.Trust, trustPolicies)
	}
	return nil
}

// EncryptMode says whether signals travel inside Olm (decision D23).
type EncryptMode uint8

const (
	// EncryptAuto is EncryptRequire in encrypted rooms, EncryptPrefer elsewhere.
	EncryptAuto EncryptMode = iota
	// EncryptPrefer sends Olm to every device that has published keys, and
	// cleartext only to a device that has none. It accepts both.
	EncryptPrefer
	// EncryptRequire sends and accepts Olm only.
	EncryptRequire
	// EncryptOff has no Olm at all: we publish no keys, send cleartext and
	// accept nothing else. For js-sdk 37 and later in rooms that allow it.
	EncryptOff
)

var encryptModeNames = [...]string{"auto", "prefer", "require", "off"}

func (m EncryptMode) String() string {
	if int(m) < len(encryptModeNames) {
		return encryptModeNames[m]
	}
	return fmt.Sprintf("EncryptMode(%d)", uint8(m))
}

// ParseEncryptMode reads "auto", "prefer", "require" or "off"; "" is auto.
func ParseEncryptMode(name string) (EncryptMode, error) {
	if name == "" {
		return EncryptAuto, nil
	}
	for i, known := range encryptModeNames {
		if name == known {
			return EncryptMode(i), nil
		}
	}
	return 0, fmt.Errorf("encrypt mode %q is unknown: auto, prefer, require or off", name)
}

// mode gives the mode that counts in one room. Who trusts verified devices
// only cannot talk in cleartext, unless encryption is off altogether.
func (c Config) mode(encryptedRoom bool) EncryptMode {
	switch {
	case c.Encrypt == EncryptOff:
		return EncryptOff
	case c.Encrypt == EncryptRequire, c.Trust == TrustVerified, c.Encrypt == EncryptAuto && encryptedRoom:
		return EncryptRequire
	default:
		return EncryptPrefer
	}
}
