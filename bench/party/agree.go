package party

import (
	"fmt"

	"meshfocus/focus/transport/jsep"
	"meshfocus/focus/transport/link"
	"meshfocus/focus/transport/srtp"
)

// agreed does what follows from a description of the other side: connecting
// after the first, and taking up what each says of our packets. e.mu is held.
func (e *End) agreed() error {
	agreement := e.session.Agreed()
	if err := e.takeNumbers(agreement); err != nil || e.connected {
		return err
	}
	remote := agreement.Remote
	peer := link.Peer{
		Credentials: link.Credentials{Ufrag: remote.Ufrag, Password: remote.Password},
		Controlling: agreement.Controlling, Client: agreement.Role == jsep.Client,
	}
	for _, f := range remote.Fingerprints {
		peer.Fingerprints = append(peer.Fingerprints, link.Fingerprint(f))
	}
	if err := e.link.Connect(peer); err != nil {
		return err
	}
	e.connected = true
	for _, candidate := range append(remote.Candidates, e.early...) {
		if err := e.addCandidate(candidate); err != nil {
			return fmt.Errorf("candidate %q: %w", candidate, err)
		}
	}
	return nil
}

// change replaces the wire by one that differs. It is called by the listener and
// under e.mu.
func (e *End) change(by func(*wire)) {
	for {
		before := e.wire.Load()
		after := &wire{}
		if before != nil {
			*after = *before
		}
		by(after)
		if e.wire.CompareAndSwap(before, after) {
			return
		}
	}
}

// listen hears what the link has to say.
func (e *End) listen() {
	for event := range e.link.Events() {
		switch event := event.(type) {
		case link.CandidateFound:
			e.candidates = append(e.candidates, event.Candidate)
		case link.GatheringDone:
			close(e.gathered) // there is one generation
		case link.PathChanged:
			e.change(func(w *wire) { w.remote = event.Path.Remote })
		case link.Secured:
			e.secure(event)
		case link.StateChanged:
			e.changed(event)
		}
	}
}

// changed takes a new state. Some seconds of silence are no end: checks go on, and where
// a crowd comes in their answers may be late. Without any for as long as consent lasts it
// has failed (RFC 7675 section 5.1).
func (e *End) changed(to link.StateChanged) {
	switch to.State {
	case link.StateConnected:
		select {
		case <-e.ready: // before
		default:
			close(e.ready)
		}
	case link.StateFailed:
		e.fail(fmt.Errorf("%w: is %s: %w", ErrConnect, to.State, errorOr(to.Err)))
	}
}

// secure takes the keys.
func (e *End) secure(keys link.Secured) {
	seal, err := srtp.NewSealer(keys.Seal)
	if err != nil {
		e.fail(err)
		return
	}
	open, err := srtp.NewOpener(keys.Open)
	if err != nil {
		e.fail(err)
		return
	}
	e.change(func(w *wire) { w.seal, w.open = seal, open })
}

// fail says why the connection is none, once.
func (e *End) fail(err error) {
	select {
	case e.failed <- err:
	default:
	}
}

func errorOr(err error) error {
	if err == nil {
		return ErrConnect
	}
	return err
}
