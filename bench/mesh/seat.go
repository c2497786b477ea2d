package mesh

import (
	"context"
	"fmt"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/internal/testcard"
	"meshfocus/mesh/headless"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/matrix"
)

// seat is one participant. Its fields are set before it sits down.
type seat struct {
	party *headless.Participant
	came  time.Time // when it was let in
	leave context.CancelFunc
	ended chan struct{}
	err   error // set before ended is closed
}

// open makes a participant of a new account, who waits outside.
func (f *front) open(ctx context.Context, name string) (*seat, error) {
	if err := f.server.EnsureUser(name, ""); err != nil {
		return nil, err
	}
	token, err := f.server.IssueToken(name, "BENCH", name)
	if err != nil {
		return nil, err
	}
	party, err := headless.Open(ctx, headless.Config{
		Account: matrix.Config{Homeserver: f.base, Token: token}, Room: f.room,
		Clip: &headless.Clip{Video: testcard.Video, Audio: testcard.Audio}, Media: transport.Config{Loopback: true},
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &seat{party: party, ended: make(chan struct{})}, nil
}

// sit lets the participant in.
func (s *seat) sit() {
	var inside context.Context
	inside, s.leave = context.WithCancel(context.Background())
	s.came = time.Now()
	go func() {
		defer close(s.ended)
		s.err = s.party.Run(inside)
	}()
}

// stand has the participant leave, and wait does so until it has.
func (s *seat) stand() {
	if s.leave == nil {
		s.sit() // Run closes what Open has opened
	}
	s.leave()
}

func (s *seat) wait() error {
	<-s.ended
	return s.err
}

// connected reports whether media can flow.
func connected(l headless.Link) bool {
	return l.State == negotiate.Connected && !l.ConnectedAt.IsZero()
}

// flowing reports whether sound and a whole picture have come.
func flowing(l headless.Link) bool {
	return connected(l) && heard(l) && !pictured(l).IsZero()
}

func heard(l headless.Link) bool {
	if l.Stats == nil {
		return false
	}
	for _, r := range l.Stats.Received {
		if r.Kind == transport.Audio && r.Frames > 0 {
			return true
		}
	}
	return false
}

// pictured says when the first picture that can be decoded was whole.
func pictured(l headless.Link) (first time.Time) {
	if l.Stats == nil {
		return first
	}
	for _, r := range l.Stats.Received {
		if r.Kind != transport.Video {
			continue
		}
		for _, layer := range r.Layers {
			if at := layer.FirstKeyFrame; !at.IsZero() && (first.IsZero() || at.Before(first)) {
				first = at
			}
		}
	}
	return first
}
