package socket

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// Protocol is the websocket subprotocol.
const Protocol = "meshfocus.call.v1"

// Config says who opens seats and within which bounds. Opener is needed; zero
// values get the defaults that are named.
type Config struct {
	Opener Opener
	// Key proves seats (HMAC-SHA256): 32 bytes or more, secret. Kept over a
	// restart, browsers return to their devices. Empty: a random one.
	Key []byte
	// Server is told to browsers, such as "meshfocus 0.3"; may be empty.
	Server string

	// Origins are those of pages that may connect besides pages of the same
	// host: "https://example.org".
	Origins []string
	// Address tells where a request comes from, for the bounds per address;
	// nil takes the remote address (an IPv6 network of 64 bits counts as one).
	// Set it behind a reverse proxy.
	Address func(*http.Request) string

	// MaxSockets and MaxSeats bound the whole, MaxPerAddress the sockets of
	// one address, MaxPerCall the seats of one call. Defaults 1000, 1000, 64
	// and 32.
	MaxSockets, MaxSeats, MaxPerAddress, MaxPerCall int
	// ConnectRate and ConnectBurst bound new sockets per address: 4 a second
	// after 32 at once.
	ConnectRate  float64
	ConnectBurst int
	// FrameRate and FrameBurst bound what one socket sends: 60 a second after
	// 600 at once. A frame counts once for each 4 KiB that it begins.
	FrameRate  float64
	FrameBurst int
	// MaxFrame and MaxReport are sizes: 96 KiB and 8 KiB.
	MaxFrame, MaxReport int
	// QueueMessages and QueueBytes bound what waits for a browser, connected
	// or not: 256 and 1 MiB.
	QueueMessages, QueueBytes int

	HelloTimeout time.Duration // from the connection to its hello: 10 s
	OpenTimeout  time.Duration // opening a seat: 15 s
	Silence      time.Duration // without a frame: 20 s
	WriteTimeout time.Duration // one frame: 10 s
	Grace        time.Duration // a seat without a socket: 30 s
	Linger       time.Duration // a seat that was left, for a reload: 10 s
	SeatLife     time.Duration // how long a seat's secret is good: 7 days
	ReportEvery  time.Duration // 2 s

	// LocalReports gives the reports of this process's own parties in a room,
	// if any. Called by the gateway loop; it must not block.
	LocalReports func(roomID string) []Report

	Log *slog.Logger // nil: nothing is logged
}

func (c Config) withDefaults() Config {
	if len(c.Key) == 0 {
		c.Key = make([]byte, 32)
		_, _ = rand.Read(c.Key) // never fails
	}
	if c.Address == nil {
		c.Address = remoteAddress
	}
	fill(&c.MaxSockets, 1000)
	fill(&c.MaxSeats, 1000)
	fill(&c.MaxPerAddress, 64)
	fill(&c.MaxPerCall, 32)
	fill(&c.ConnectRate, 4)
	fill(&c.ConnectBurst, 32)
	fill(&c.FrameRate, 60)
	fill(&c.FrameBurst, 600)
	fill(&c.MaxFrame, 96<<10)
	fill(&c.MaxReport, 8<<10)
	fill(&c.QueueMessages, 256)
	fill(&c.QueueBytes, 1<<20)
	fill(&c.HelloTimeout, 10*time.Second)
	fill(&c.OpenTimeout, 15*time.Second)
	fill(&c.Silence, 20*time.Second)
	fill(&c.WriteTimeout, 10*time.Second)
	fill(&c.Grace, 30*time.Second)
	fill(&c.Linger, 10*time.Second)
	fill(&c.SeatLife, 7*24*time.Hour)
	fill(&c.ReportEvery, 2*time.Second)
	if c.LocalReports == nil {
		c.LocalReports = func(string) []Report { return nil }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func fill[T int | float64 | time.Duration](field *T, usual T) {
	if *field == 0 {
		*field = usual
	}
}

// Validate says what is wrong with the configuration and what would be right.
// New calls it.
func (c Config) Validate() error {
	c = c.withDefaults()
	switch {
	case c.Opener == nil:
		return errors.New("socket: no opener of seats is given")
	case len(c.Key) < 32:
		return fmt.Errorf("socket: the key for seats has %d bytes, want 32 or more", len(c.Key))
	case min(c.MaxSockets, c.MaxSeats, c.MaxPerAddress, c.MaxPerCall, c.ConnectBurst, c.FrameBurst, c.QueueMessages, c.QueueBytes) < 1:
		return errors.New("socket: a bound is below 1")
	case c.MaxFrame < 1<<10 || c.MaxReport < 1<<8:
		return fmt.Errorf("socket: frames of %d and reports of %d bytes are too small to speak, want 1024 and 256 or more", c.MaxFrame, c.MaxReport)
	case c.ConnectRate < 0 || c.FrameRate < 0:
		return errors.New("socket: a rate is negative")
	case min(c.HelloTimeout, c.OpenTimeout, c.Silence, c.WriteTimeout, c.Grace, c.Linger, c.SeatLife, c.ReportEvery) < 0:
		return errors.New("socket: a time is negative")
	}
	for _, origin := range c.Origins {
		if at, err := url.Parse(origin); err != nil || at.Scheme == "" || at.Host == "" || at.Path != "" {
			return fmt.Errorf("socket: origin %q is none, want something like https://example.org", origin)
		}
	}
	return nil
}
