package homeserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"meshfocus/signalling/homeserver/journal"
)

// Server is one homeserver. New makes it, Handler serves it, Run drives it.
//
// Run owns the agenda (delayed events and the ends of typing) and, beside it,
// the journal's writer. Requests reach it only through the model. It ends when
// its context does: requests that are being served are answered, long polls
// at once, later ones get a 503, and what they changed is durable when Run
// returns.
type Server struct {
	config Config
	log    *slog.Logger
	model  *model
	store  *journal.Journal // nil in memory
	router *router
	limits *limiter
	uia    *uiaSessions
	passes *passes
	hashes chan struct{} // bounds passwords hashed at the same time
	// syncing counts the /sync requests that wait.
	syncing atomic.Int64

	closing chan struct{} // closed when Run begins to end

	mu      sync.Mutex // guards what follows; a leaf
	ended   bool
	serving int
	idle    chan struct{} // made by Run, closed when nothing is served
}

// dataFile is the journal's name in Config.DataDir.
const dataFile = "homeserver.db"

// New makes a server and loads its data. The error is ErrConfig, one of the
// journal's (the data is in use, or not ours), or says which value of the data
// could not be read.
func New(config Config) (*Server, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	s := &Server{
		config: config, log: config.Log, limits: newLimiter(config.RateLimits),
		uia: newUIASessions(), passes: newPasses(),
		hashes: make(chan struct{}, 2), closing: make(chan struct{}),
	}
	if config.DataDir != "" {
		s.store, err = journal.Open(filepath.Join(config.DataDir, dataFile), config.Log)
		if err != nil {
			return nil, fmt.Errorf("homeserver: %w", err)
		}
	}
	s.model = newModel(config.ServerName, s.store)
	if err := s.model.load(); err != nil {
		return nil, fmt.Errorf("homeserver: %w", errors.Join(err, s.closeStore()))
	}
	s.router = newRouter(routes())
	return s, nil
}

// drainTime is how long Run waits for requests that are being served.
const drainTime = 5 * time.Second

// Run sends delayed events when they are due and writes the journal. It blocks
// until ctx ends or the journal breaks, whose error it returns; then it lets
// go of the data, which another New may load at once. Run can be called once.
func (s *Server) Run(ctx context.Context) error {
	written := make(chan error, 1)
	flush, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	if s.store != nil {
		go func() { written <- s.store.Run(flush) }()
	}
	var broken error
	for running := true; running; {
		next, any := s.runAgenda(time.Now())
		var due <-chan time.Time
		timer := time.NewTimer(time.Until(next))
		if any {
			due = timer.C
		}
		select {
		case <-due:
		case <-s.model.alarm:
		case broken = <-written:
			running = false
		case <-ctx.Done():
			running = false
		}
		timer.Stop()
	}
	s.drain()
	stop()
	if s.store != nil && broken == nil {
		broken = <-written
	}
	return errors.Join(broken, s.closeStore())
}

func (s *Server) closeStore() error {
	if s.store == nil {
		return nil
	}
	return s.store.Close()
}

// drain turns new requests away and waits for those being served.
func (s *Server) drain() {
	s.mu.Lock()
	s.ended = true
	s.idle = make(chan struct{})
	if s.serving == 0 {
		close(s.idle)
	}
	s.mu.Unlock()
	close(s.closing)
	timer := time.NewTimer(drainTime)
	defer timer.Stop()
	select {
	case <-s.idle:
	case <-timer.C:
		s.log.Warn("requests were still being served at the end")
	}
}

// enter counts a request in; false means that the server has ended.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.serving++
	return true
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serving--
	if s.ended && s.serving == 0 {
		close(s.idle)
	}
}

// Handler serves /_matrix/client, the old /_matrix/media and
// /.well-known/matrix/client. It may be wrapped, and it may stand beside
// other handlers: every other path is answered with M_UNRECOGNIZED.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

func (s *Server) serve(w http.ResponseWriter, hr *http.Request) {
	allowOrigins(w.Header())
	if hr.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if !s.enter() {
		s.answer(w, hr, nil, refuse(http.StatusServiceUnavailable, codeUnknown, "the server is shutting down"))
		return
	}
	defer s.leave()
	out, err := s.dispatch(hr)
	s.answer(w, hr, out, err)
}

// allowOrigins are the headers of client-server API, "Web browser clients".
func allowOrigins(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "X-Requested-With, Content-Type, Authorization")
	h.Set("Access-Control-Max-Age", "86400")
}

// dispatch is the way of every request: find the route, find who asks, count
// against the limits, handle, wait until what was done or seen is durable.
func (s *Server) dispatch(hr *http.Request) (any, error) {
	match, params, refused := s.router.route(hr)
	if refused != nil {
		return nil, refused
	}
	r := &request{Request: hr, params: params, now: time.Now()}
	if err := s.authenticate(r, match.access); err != nil {
		return nil, err
	}
	if wait, ok := s.limits.allow(r.caller(), r.now, match.class, match.endpoint); !ok {
		return nil, limited(wait)
	}
	out, err := match.handle(s, r)
	if err != nil {
		return nil, err
	}
	return out, s.model.wait(hr.Context(), r.seen)
}

// authenticate finds the device behind the access token.
func (s *Server) authenticate(r *request, need access) error {
	if need == anybody {
		return nil
	}
	token := accessToken(r.Request)
	if token == "" {
		if need == optional {
			return nil
		}
		return refuse(http.StatusUnauthorized, codeMissingToken, "the access token is missing")
	}
	d := s.model.bearer(token)
	if d == nil {
		return refuse(http.StatusUnauthorized, codeUnknownToken, "the access token is not known, or not any more")
	}
	r.device, r.user = d, d.user
	if need == users && d.user.Guest {
		return refuse(http.StatusForbidden, codeGuestForbidden, "guests may not do this")
	}
	return nil
}

// accessToken is in the header or, as older clients have it, in the query.
func accessToken(r *http.Request) string {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return strings.TrimSpace(token)
	}
	return r.URL.Query().Get("access_token")
}

// answer writes a value or an error.
func (s *Server) answer(w http.ResponseWriter, hr *http.Request, out any, err error) {
	status := http.StatusOK
	if err != nil {
		var refused *refusal
		if !errors.As(err, &refused) {
			refused = s.failure(hr, err)
		}
		status, out = refused.status, refused.body()
		if after, ok := refused.extra["retry_after_ms"].(int64); ok {
			w.Header().Set("Retry-After", strconv.FormatInt(int64(math.Ceil(float64(after)/1000)), 10))
		}
	}
	data, err := encode(out)
	if err != nil {
		status, data = http.StatusInternalServerError, []byte(`{"errcode":"M_UNKNOWN","error":"the answer cannot be written"}`)
		s.log.Error("answer cannot be written", "path", hr.URL.Path, "err", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	w.Write(data) // an error means that the client is gone
}

// failure is what happened to us and not to the request.
func (s *Server) failure(hr *http.Request, err error) *refusal {
	if hr.Context().Err() != nil {
		return refuse(http.StatusRequestTimeout, codeUnknown, "the request was given up")
	}
	if errors.Is(err, journal.ErrClosed) {
		return refuse(http.StatusServiceUnavailable, codeUnknown, "the server is shutting down")
	}
	s.log.Error("request failed", "method", hr.Method, "path", hr.URL.Path, "err", err)
	return refuse(http.StatusInternalServerError, codeUnknown, "the server could not do it")
}

// nothing is the answer {}.
type nothing struct{}

// Stats is a snapshot for status pages and metrics.
type Stats struct {
	Users, Devices, Rooms, Events int
	Delayed                       int // scheduled delayed events
	Syncing                       int // /sync requests that wait
	Undelivered                   int // to-device messages not yet taken
	Position                      int64
}

// Stats may be called from any goroutine.
func (s *Server) Stats() Stats {
	m := s.model
	m.mu.Lock()
	defer m.mu.Unlock()
	stats := Stats{
		Users: len(m.users), Rooms: len(m.rooms), Events: len(m.events),
		Delayed: len(m.delayed), Position: m.position, Syncing: int(s.syncing.Load()),
	}
	for _, u := range m.users {
		stats.Devices += len(u.devices)
		for _, d := range u.devices {
			stats.Undelivered += len(d.inbox)
		}
	}
	return stats
}
