package matrix

import (
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
		fake := newFake()
		gate := &gate{inner: fake.mux}
		test(t, &house{t: t, gate: gate, room: fakeRoom, issue: fake.issue, fake: fake, transport: direct{gate}})
	})
}

// direct carries requests to a handler without a network.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	inner := r.Clone(r.Context())
	inner.RequestURI = r.URL.RequestURI()
	if inner.Body == nil {
		inner.Body = http.NoBody
	}
	recorder := httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.handler.ServeHTTP(recorder, inner)
	}()
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-done:
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
