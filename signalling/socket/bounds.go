package socket

import (
	"net"
	"net/http"
	"net/netip"
	"time"
)

// bucket is a token bucket. The zero bucket is full at its first use.
type bucket struct {
	tokens float64
	filled time.Time
}

// take takes tokens and reports whether there were enough; else it takes none
// and tells how long until there are.
func (b *bucket) take(cost, rate float64, burst int, now time.Time) (wait time.Duration, ok bool) {
	if b.filled.IsZero() {
		b.tokens = float64(burst)
	} else {
		b.tokens = min(float64(burst), b.tokens+rate*now.Sub(b.filled).Seconds())
	}
	b.filled = now
	if b.tokens >= cost {
		b.tokens -= cost
		return 0, true
	}
	if rate <= 0 {
		return time.Hour, false
	}
	return time.Duration((cost - b.tokens) / rate * float64(time.Second)), false
}

// visitors counts sockets per address and holds back who comes too often. Not
// safe for concurrent use.
type visitors struct {
	config Config
	total  int
	known  map[string]*visitor
}

type visitor struct {
	sockets int
	connect bucket
}

// visitorsKept bounds the addresses that are remembered without a socket; past
// it, those that have been quiet long enough to count as new are dropped.
const visitorsKept = 10_000

func newVisitors(config Config) visitors {
	return visitors{config: config, known: map[string]*visitor{}}
}

// admit counts a socket in, or says why not.
func (v *visitors) admit(address string, now time.Time) *Refusal {
	who := v.known[address]
	if who == nil {
		v.forget(now)
		who = &visitor{}
		v.known[address] = who
	}
	wait, ok := who.connect.take(1, v.config.ConnectRate, v.config.ConnectBurst, now)
	switch {
	case !ok:
		return Refuse(CodeTooFast, "Too many connections come from your network at once; please wait a moment.").After(max(wait, time.Second))
	case who.sockets >= v.config.MaxPerAddress:
		return Refuse(CodeServerFull, "There are already %d connections from your network, which is the most that is allowed.", who.sockets).After(10 * time.Second)
	case v.total >= v.config.MaxSockets:
		return Refuse(CodeServerFull, "This server has as many connections as it can hold; please try again later.").After(10 * time.Second)
	}
	who.sockets++
	v.total++
	return nil
}

// dismiss counts a socket out.
func (v *visitors) dismiss(address string) {
	v.known[address].sockets--
	v.total--
}

// forget makes room when too many addresses are known: those without a socket
// whose bucket is full again are as good as new.
func (v *visitors) forget(now time.Time) {
	if len(v.known) < visitorsKept {
		return
	}
	for address, who := range v.known {
		quiet := now.Sub(who.connect.filled).Seconds()*v.config.ConnectRate >= float64(v.config.ConnectBurst)
		if who.sockets == 0 && (quiet || len(v.known) >= 2*visitorsKept) {
			delete(v.known, address)
		}
	}
}

// remoteAddress is the address of a request's sender. Who has an IPv6 network
// can choose among 2^64 addresses, so that its first 64 bits are what counts.
func remoteAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	address = address.Unmap().WithZone("")
	if address.Is6() {
		if network, err := address.Prefix(64); err == nil {
			return network.String()
		}
	}
	return address.String()
}
