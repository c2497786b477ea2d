package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"path/filepath"
	"sync"
	"time"

	"meshfocus/signalling/homeserver/journal"
)

// Server stands in front of one homeserver. Its fields are set once.
type Server struct {
	config     Config
	log        *slog.Logger
	homeserver *homeserver
	transport  *http.Transport
	proxy      *httputil.ReverseProxy
	book       *book
	manage     *limiter
	store      *journal.Journal // nil: memory only
}

// New reads what is waiting and starts nothing; the homeserver need not
// answer yet. ErrConfig, ErrKey and the journal's errors say what to do about
// them. After New, Run has to be called, if only to let go of the data.
func New(config Config) (*Server, error) {
	config, base, err := config.complete()
	if err != nil {
		return nil, err
	}
	s := &Server{config: config, log: config.Log, transport: newTransport(), manage: newLimiter(config.Manage)}
	s.homeserver = newHomeserver(base, s.transport)
	s.proxy = s.newProxy()
	var vault *vault
	if config.DataDir != "" {
		if s.store, err = journal.Open(filepath.Join(config.DataDir, dataFile), config.Log); err != nil {
			return nil, fmt.Errorf("upstream: %w", err)
		}
		if vault, err = openVault(config.KeyFile); err != nil {
			return nil, fmt.Errorf("upstream: %w", errors.Join(err, s.store.Close()))
		}
	}
	s.book = newBook(s.store, vault)
	if err := s.book.load(); err != nil {
		return nil, fmt.Errorf("upstream: %w", errors.Join(err, s.store.Close()))
	}
	return s, nil
}

const (
	// maxSending is how many delayed events are under way at once. When a
	// homeserver comes back there may be many.
	maxSending = 16
	// drainTime is how long Run waits at its end for those under way.
	drainTime = 5 * time.Second
)

// Run sends delayed events when they are due and writes the journal. It blocks
// until ctx ends, and returns nil then, or until the journal breaks, whose
// error it returns. Run can be called once; it owns the agenda and waits for
// every attempt that it has started.
func (s *Server) Run(ctx context.Context) error {
	written := make(chan error, 1)
	flush, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	if s.store != nil {
		go func() { written <- s.store.Run(flush) }()
	}
	broken, ended := s.runAgenda(ctx, written)
	stop()
	if s.store != nil && !ended {
		broken = <-written
	}
	if s.store != nil {
		broken = errors.Join(broken, s.store.Close())
	}
	s.transport.CloseIdleConnections()
	return broken
}

// runAgenda ends with ctx or with the journal's writer; ended is true then.
func (s *Server) runAgenda(ctx context.Context, written <-chan error) (broken error, ended bool) {
	sending, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	var underway sync.WaitGroup
	free := make(chan struct{}, maxSending)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-s.book.alarm:
		case broken = <-written:
			giveUp()
			underway.Wait()
			return broken, true
		case <-ctx.Done():
			stop := time.AfterFunc(drainTime, giveUp)
			underway.Wait()
			stop.Stop()
			return nil, false
		}
		jobs, lost, next := s.book.due(time.Now(), maxSending-len(free))
		for _, r := range lost {
			s.log.Warn("a delayed event cannot be sent, because its device is logged out", "room", r.Room, "type", r.Type)
		}
		for _, j := range jobs {
			free <- struct{}{}
			underway.Go(func() {
				s.perform(sending, j)
				<-free
				s.book.wake() // there may be others that found no place
			})
		}
		if !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
}

// perform sends one event and enters what came of it.
func (s *Server) perform(ctx context.Context, j job) (outcome, journal.Position) {
	o := s.homeserver.deliver(ctx, j)
	if ctx.Err() != nil {
		o = outcome{verdict: interrupted}
	}
	late := time.Since(j.due())
	p := s.book.finish(j, o, time.Now())
	log := s.log.With("room", j.Room, "type", j.Type, "sender", j.owner.User)
	switch o.verdict {
	case sent:
		log.Info("delayed event sent", "late", max(late, 0), "asked", !j.queued)
	case refused:
		log.Warn("the homeserver refused a delayed event; it is dropped", "status", o.status)
	case loggedOut, expired:
		s.homeserver.forgetCaller(j.owner.Token, j.owner.Assert)
		log.Warn("the token of a delayed event no longer works; it is dropped", "soft", o.verdict == expired)
	case unanswered:
		log.Warn("a delayed event could not be sent; trying again", "late", max(late, 0))
	}
	return o, p
}
