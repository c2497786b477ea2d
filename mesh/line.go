package mesh

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"meshfocus/focus/transport"
	"meshfocus/internal/mailbox"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/message"
)

// line runs one connection of one call. Its loop does the slow steps in the
// order in which the peer's loop asked for them; a second one passes on what
// the connection says. It owns the Conn; jobs are sent to it, results go to
// the peer's mailbox. It ends with hangUp, when the Conn is closed.
type line struct {
	callID string
	config *Config
	log    *slog.Logger
	jobs   *mailbox.Tray[negotiate.Action]
	report func(any)       // into the peer's mailbox
	former <-chan struct{} // closed when the pair's former connection is gone
	cancel context.CancelFunc
	gone   chan struct{} // closed when the connection is gone

	mu   sync.Mutex
	conn Conn // guarded by mu; nil before it is open and after it is closed
}

// lineGone tells the peer that a connection has ended for good.
type lineGone struct{ callID string }

// newTrack tells the peer of a track.
type newTrack struct {
	callID string
	remoteTrack
}

// run opens the connection, does what is asked and closes it when ctx ends.
func (l *line) run(ctx context.Context, request ConnRequest) {
	defer l.report(lineGone{l.callID})
	defer close(l.gone)
	select {
	case <-l.former:
	case <-ctx.Done():
		<-l.former // whoever waits for us waits for it too
		return
	}
	conn, err := l.config.Connector.NewConn(request)
	if err != nil {
		l.failed(fmt.Errorf("open a connection: %w", err))
		<-ctx.Done()
		return
	}
	l.hold(conn)
	var listening sync.WaitGroup
	listening.Go(func() { l.listen(conn) })
	l.work(ctx, conn)
	l.hold(nil)
	if err := conn.Close(); err != nil {
		l.log.Warn("connection did not close well", "err", err)
	}
	listening.Wait()
}

func (l *line) work(ctx context.Context, conn Conn) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.jobs.Wake():
		}
		for _, job := range l.jobs.Take() {
			if ctx.Err() != nil {
				return
			}
			l.do(ctx, conn, job)
		}
	}
}

// do is one slow step. Its result goes back as an event of the machine.
func (l *line) do(ctx context.Context, conn Conn, job negotiate.Action) {
	result := negotiate.Event{CallID: l.callID}
	var description transport.Description
	var err error
	switch job.Kind {
	case negotiate.CreateOffer:
		if job.Restart {
			l.refreshServers(ctx, conn)
		}
		options := transport.OfferOptions{Restart: job.Restart, Gather: l.config.Gather}
		description, err = conn.CreateOffer(ctx, options)
		result.Kind = negotiate.OfferReady
	case negotiate.AcceptOffer:
		description, err = conn.AcceptOffer(ctx, toTransport(job.Description), l.config.Gather)
		result.Kind = negotiate.AnswerReady
	case negotiate.AcceptAnswer:
		err = conn.AcceptAnswer(ctx, toTransport(job.Description))
		result.Kind = negotiate.AnswerApplied
	case negotiate.AddCandidates:
		if err := conn.AddCandidates(candidatesToTransport(job.Candidates)); err != nil {
			l.log.Debug("candidates not added", "err", err)
		}
		return
	default:
		return
	}
	if err != nil {
		l.failed(err)
		return
	}
	result.Description = toMessage(description)
	l.report(result)
}

func (l *line) failed(err error) {
	event := negotiate.Event{Kind: negotiate.StepFailed, CallID: l.callID, Detail: err.Error()}
	if errors.Is(err, transport.ErrBadDescription) {
		event.Reason = message.ReasonSetRemoteDescription
	}
	l.report(event)
}

// refreshServers gives an ICE restart TURN credentials that are still valid.
// Without new ones the old may do.
func (l *line) refreshServers(ctx context.Context, conn Conn) {
	if l.config.ICEServers == nil {
		return
	}
	servers, err := l.config.ICEServers(ctx)
	if err == nil {
		err = conn.SetICEServers(servers)
	}
	if err != nil {
		l.log.Warn("no fresh ICE servers for the restart", "err", err)
	}
}

// listen passes on what the connection says until it is closed.
func (l *line) listen(conn Conn) {
	for event := range conn.Events() {
		switch event := event.(type) {
		case transport.CandidatesFound:
			l.report(negotiate.Event{
				Kind: negotiate.LocalCandidates, CallID: l.callID,
				Candidates: candidatesToMessage(event.Candidates),
			})
		case transport.StateChanged:
			if kind, ok := connEvents[event.State]; ok {
				l.report(negotiate.Event{Kind: kind, CallID: l.callID})
			}
		case transport.TrackAdded:
			l.report(newTrack{l.callID, remoteTrack{event.Track.StreamID(), event.Track}})
		}
	}
}

// connEvents are the states of a connection that the machine cares for.
var connEvents = map[transport.State]negotiate.EventKind{
	transport.StateConnected:    negotiate.ConnConnected,
	transport.StateDisconnected: negotiate.ConnDisconnected,
	transport.StateFailed:       negotiate.ConnFailed,
}

func (l *line) hold(conn Conn) {
	l.mu.Lock()
	l.conn = conn
	l.mu.Unlock()
}

// stats asks the connection, if there is one, on the caller's goroutine.
func (l *line) stats() (transport.Stats, bool) {
	l.mu.Lock()
	conn := l.conn
	l.mu.Unlock()
	if conn == nil {
		return transport.Stats{}, false
	}
	return conn.Stats(), true
}

// hangUp ends the line without waiting for it.
func (l *line) hangUp() { l.cancel() }
