package matrix

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// weather is what happens to the requests of one process on their way to the
// homeserver and back.
type weather struct {
	// cut: packets are lost. What is under way goes on when it ends, unless
	// the client has given up.
	cut bool
	// dead: the process is gone; nothing leaves any more.
	dead bool
	// stalled: requests reach the homeserver, which deals with them when the
	// stall is over, whether the client has given up or not.
	stalled bool
	// answer may answer a request in the homeserver's place; true when it did.
	answer func(http.ResponseWriter, *http.Request) bool
}

// road is the way of one process to the homeserver: a transport in virtual
// time, with weather. Its latency is the same each way.
type road struct {
	handler http.Handler
	latency time.Duration
	// ahead is how far the clock of the process is before the homeserver's.
	// All of a test live in one time; instants are translated on the way.
	ahead time.Duration

	mutex   sync.Mutex
	now     weather
	changed chan struct{} // closed with each change
}

func newRoad(handler http.Handler) *road {
	return &road{handler: handler, latency: 20 * time.Millisecond, changed: make(chan struct{})}
}

// set changes the weather.
func (p *road) set(now weather) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.now = now
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *road) look() (weather, <-chan struct{}) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.now, p.changed
}

// until waits for weather that meets the condition.
func (p *road) until(ctx context.Context, condition func(weather) bool) error {
	for {
		now, changed := p.look()
		if condition(now) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func connected(w weather) bool { return !w.cut && !w.dead }

var errDead = errors.New("the process is dead")

// RoundTrip carries a request there and the answer back.
func (p *road) RoundTrip(r *http.Request) (*http.Response, error) {
	if now, _ := p.look(); now.dead {
		return nil, errDead
	}
	inner := r.Clone(context.WithoutCancel(r.Context()))
	inner.RequestURI = r.URL.RequestURI()
	inner.Body = http.NoBody
	if r.Body != nil {
		content, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		inner.Body = io.NopCloser(strings.NewReader(p.outward(content)))
	}
	answers := make(chan *http.Response, 1)
	go p.carry(r.Context(), inner, answers)
	select {
	case answer := <-answers:
		if answer == nil {
			return nil, io.ErrUnexpectedEOF
		}
		return answer, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// carry is the journey of one request. A request that reached a stalled
// homeserver is dealt with though nobody waits for it any more.
func (p *road) carry(ctx context.Context, r *http.Request, answers chan<- *http.Response) {
	time.Sleep(p.latency)
	if p.until(ctx, connected) != nil {
		return
	}
	if now, _ := p.look(); now.stalled {
		_ = p.until(context.Background(), func(w weather) bool { return !w.stalled })
	} else {
		r = r.WithContext(ctx)
	}
	recorder := httptest.NewRecorder()
	recorder.Header().Set("Date", time.Now().Add(-p.ahead).UTC().Format(http.TimeFormat))
	if now, _ := p.look(); now.answer == nil || !now.answer(recorder, r) {
		p.handler.ServeHTTP(recorder, r)
	}
	time.Sleep(p.latency)
	if p.until(ctx, connected) != nil {
		return
	}
	answer := recorder.Result()
	content := recorder.Body.String()
	answer.Body = io.NopCloser(strings.NewReader(p.inward(content)))
	answer.ContentLength = -1
	answers <- answer
}

// Instants in what travels. What the process reads is translated into its own
// time, in which the homeserver lags behind, and back in what it writes.
var instants = regexp.MustCompile(`"(origin_server_ts|created_ts|expires_ts)":(\d+)`)

func (p *road) inward(content string) string { return shift(content, -p.ahead) }

func (p *road) outward(content []byte) string { return shift(string(content), p.ahead) }

func shift(content string, by time.Duration) string {
	if by == 0 {
		return content
	}
	return instants.ReplaceAllStringFunc(content, func(field string) string {
		parts := instants.FindStringSubmatch(field)
		ms, err := strconv.ParseInt(parts[2], 10, 64)
		if err != nil {
			return field
		}
		return `"` + parts[1] + `":` + strconv.FormatInt(ms+by.Milliseconds(), 10)
	})
}

// Weathers.

// limited refuses requests for which of holds, as a homeserver does whose rate
// limit is used up.
func limited(of func(*http.Request) bool, after time.Duration) weather {
	return weather{answer: func(w http.ResponseWriter, r *http.Request) bool {
		if of(r) {
			refuse(w, 429, "M_LIMIT_EXCEEDED", map[string]any{"retry_after_ms": after.Milliseconds()})
			return true
		}
		return false
	}}
}

// broken answers requests for which of holds with a proxy's error.
func broken(of func(*http.Request) bool) weather {
	return weather{answer: func(w http.ResponseWriter, r *http.Request) bool {
		if of(r) {
			w.WriteHeader(http.StatusBadGateway)
			return true
		}
		return false
	}}
}

func isManaging(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.Contains(r.URL.Path, "/delayed_events/")
}
func isSync(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/sync") }
