package upstream

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"path/filepath"
	"time"

	"meshfocus/signalling/message"
)

// Config is what the server is told. URL alone runs, in memory.
type Config struct {
	// URL is the base URL of the homeserver, http or https, with a path if the
	// homeserver has one.
	URL string
	// PublicURL is where clients reach us. With it a .well-known/matrix/client
	// is made up for a homeserver that has none; "" makes up nothing.
	PublicURL string

	// DataDir holds the journal; "" keeps delayed events in memory only.
	DataDir string
	// KeyFile holds the key that seals the journal's values (32 bytes, mode
	// 0600); it is made if it is missing. "" is upstream.key in DataDir. To
	// keep it elsewhere makes a copied DataDir useless.
	KeyFile string

	// Transports is the list that rtc/transports answers, in order of
	// preference: objects with a string "type". Everybody with an account sees
	// them, and in .well-known everybody. None recommends full_mesh.
	Transports []json.RawMessage

	// MaxDelay is the longest delay; 0 = 24 h.
	MaxDelay time.Duration
	// MaxDelayedPerUser is how many events a user may have scheduled; 0 = 100,
	// as with Synapse.
	MaxDelayedPerUser int
	// Manage bounds restarts, cancellations and sendings of each user; zero is
	// 2 a second with bursts of 20.
	Manage Limit

	// TrustedProxies may say who a request comes from (X-Forwarded-*). What
	// others say there is replaced.
	TrustedProxies []netip.Prefix

	Log *slog.Logger // nil discards
}

// Limit is how often something may be done.
type Limit struct {
	PerSecond float64
	Burst     int
}

const (
	defaultMaxDelay   = 24 * time.Hour
	defaultMaxDelayed = 100
	dataFile          = "upstream.db"
	keyFile           = "upstream.key"
)

var defaultManage = Limit{PerSecond: 2, Burst: 20}

// complete fills in defaults and says what cannot work.
func (c Config) complete() (Config, *url.URL, error) {
	base, err := ParseURL(c.URL)
	if err != nil {
		return c, nil, err
	}
	if err := CheckTransports(c.Transports); err != nil {
		return c, nil, err
	}
	if len(c.Transports) == 0 {
		c.Transports = []json.RawMessage{fmt.Appendf(nil, `{"type":%q}`, message.FocusFullMesh)}
	}
	if c.MaxDelay == 0 {
		c.MaxDelay = defaultMaxDelay
	}
	if c.MaxDelayedPerUser == 0 {
		c.MaxDelayedPerUser = defaultMaxDelayed
	}
	if c.Manage == (Limit{}) {
		c.Manage = defaultManage
	}
	if c.KeyFile == "" {
		c.KeyFile = filepath.Join(c.DataDir, keyFile)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, base, nil
}

// ParseURL reads the base URL of a homeserver. ErrConfig says what is wrong
// with it.
func ParseURL(text string) (*url.URL, error) {
	base, err := url.Parse(text)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" ||
		base.RawQuery != "" || base.Fragment != "" || base.User != nil {
		return nil, fmt.Errorf("%w: %q is no base URL of a homeserver; write http://127.0.0.1:8008", ErrConfig, text)
	}
	return base, nil
}

// CheckTransports says whether a list of transports can be served.
func CheckTransports(transports []json.RawMessage) error {
	for i, transport := range transports {
		var entry struct {
			Type string `json:"type"`
		}
		if json.Unmarshal(transport, &entry) != nil || entry.Type == "" {
			return fmt.Errorf(`%w: transport %d is %s; it must be an object with a string "type", such as {"type":"full_mesh"}`, ErrConfig, i+1, transport)
		}
	}
	return nil
}
