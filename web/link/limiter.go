package link

import (
	"net"
	"net/http"
	"net/netip"
	"time"
)

// rate is one more attempt every so often, after a burst.
type rate struct {
	every time.Duration
	burst int
}

// limiter remembers, per key, when its attempts are all back (the generic cell
// rate algorithm: one instant is a bucket). Not safe for concurrent use.
type limiter map[string]time.Time

// most bounds the keys that are remembered; past it those that are as good as
// new are dropped.
const most = 10_000

// wait is how long until an attempt is free; 0 means now.
func (l limiter) wait(key string, r rate, now time.Time) time.Duration {
	back := l[key]
	if back.Before(now) {
		return 0
	}
	return max(0, back.Add(r.every).Sub(now)-time.Duration(r.burst)*r.every)
}

// take uses an attempt up.
func (l limiter) take(key string, r rate, now time.Time) {
	if len(l) >= most {
		l.tidy(now)
	}
	back := l[key]
	if back.Before(now) {
		back = now
	}
	l[key] = back.Add(r.every)
}

// give returns one that was taken.
func (l limiter) give(key string, r rate) {
	if back, known := l[key]; known {
		l[key] = back.Add(-r.every)
	}
}

// tidy drops keys whose attempts are all back.
func (l limiter) tidy(now time.Time) {
	for key, back := range l {
		if !back.After(now) {
			delete(l, key)
		}
	}
}

// Addresser tells where a request comes from.
type Addresser func(*http.Request) string

// remoteAddress is the peer's address; of IPv6 its first 64 bits, because who
// has a network can choose among the rest.
func remoteAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if address = address.Unmap().WithZone(""); address.Is6() {
		if network, err := address.Prefix(64); err == nil {
			return network.String()
		}
	}
	return address.String()
}
