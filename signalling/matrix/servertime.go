package matrix

import (
	"net/http"
	"sync"
	"time"
)

// serverTime estimates how far the homeserver's clock is ahead of ours, from
// the Date headers of its answers (RFC 9110, section 6.6.1; whole seconds).
//
// Each answer bounds the difference: its Date was true at some moment between
// request and response. Bounds are intersected; should they contradict each
// other, a clock was set, and the last answer counts. The estimate is the
// smallest correction that fits, hence none at all while our clock may be
// right. It serves instants that others compare with their clocks or the
// homeserver's: created_ts, expires_ts, expires.
//
// Any goroutine may call it.
type serverTime struct {
	mutex sync.Mutex
	// guarded by mutex
	known     bool
	low, high time.Duration // bounds of the difference
}

// dateResolution is the step of Date headers.
const dateResolution = time.Second

// heard takes the Date of an answer to a request sent and answered then.
func (s *serverTime) heard(date, sent, received time.Time) {
	low, high := date.Sub(received), date.Add(dateResolution).Sub(sent)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if !s.known || low > s.high || high < s.low {
		s.known, s.low, s.high = true, low, high
		return
	}
	s.low, s.high = max(s.low, low), min(s.high, high)
}

// ahead is how far the homeserver's clock is before ours; negative behind.
func (s *serverTime) ahead() time.Duration {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return min(max(0, s.low), s.high)
}

// at translates an instant of our clock; the zero instant stays.
func (s *serverTime) at(local time.Time) time.Time {
	if local.IsZero() {
		return local
	}
	return local.Add(s.ahead())
}

// listener is a transport that hears what time it is at the other end.
type listener struct {
	http.RoundTripper
	clock *serverTime
}

// RoundTrip is that of the transport within.
func (l listener) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := time.Now()
	answer, err := l.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		l.clock.heard(date, sent, time.Now())
	}
	return answer, nil
}

// CloseIdleConnections reaches the transport within; http.Client asks for it.
func (l listener) CloseIdleConnections() {
	if closer, ok := l.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

// ServerAhead is how far the homeserver's clock is before ours, as far as its
// answers tell, and zero while ours may be right. Any goroutine may call it.
func (a *Account) ServerAhead() time.Duration { return a.clock.ahead() }
