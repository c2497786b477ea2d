package matrix

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// virtual runs a test in virtual time, on the fake homeserver without sockets.
func virtual(t *testing.T, test func(*testing.T, *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(time.Second) }) // cancelled requests arrive still
		fake := newFake()
		gate := &gate{inner: fake.mux}
		test(t, &house{t: t, gate: gate, room: fakeRoom, issue: fake.issue, fake: fake, transport: direct{handler: gate}})
	})
}

// direct carries requests to a handler without a network. Latency, if there,
// is what a request takes on its way there, and an answer on its way back.
type direct struct {
	handler http.Handler
	latency func() time.Duration
}

func (d direct) travel() {
	if d.latency != nil {
		time.Sleep(d.latency())
	}
}

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	inner := r.Clone(r.Context())
	inner.RequestURI = r.URL.RequestURI()
	if inner.Body == nil {
		inner.Body = http.NoBody
	}
	recorder := httptest.NewRecorder()
	done, broken := make(chan struct{}), false
	go func() {
		defer close(done)
		defer func() { broken = recover() == http.ErrAbortHandler }()
		d.travel()
		d.handler.ServeHTTP(recorder, inner)
		d.travel()
	}()
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-done:
		if broken {
			return nil, io.ErrUnexpectedEOF
		}
		return recorder.Result(), nil
	}
}

// pass lets virtual time go by and everything that follows from it happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// now gives the sink's present members of a session.
func (s *sink) now(confID string) []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.members(confID)
}
