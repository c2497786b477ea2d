package transport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"meshfocus/focus/lane"
	"meshfocus/focus/packet"
	"meshfocus/focus/transport/jsep"
)

// departure is one of our lines as the other side has agreed to get it.
type departure struct {
	source jsep.Source
	agreed *lane.SubscriptionConfig // nil while it is not sent
	sub    *lane.Subscription       // nil until there is something to send
	mid    string                   // of the section that sub was made for
}

// departureOf gives what is known of a line that sends. Its numbers stay the
// same as long as we live.
// s.mu is held.
func (s *strand) departureOf(name string, kind Kind) *departure {
	d := s.departing[name]
	if d == nil {
		d = &departure{source: jsep.Source{SSRC: rand.Uint32() | 1}} // odd,
		if kind == Video {
			d.source.RTX = rand.Uint32()&^1 | 2 // even: never the same
		}
		s.departing[name] = d
	}
	return d
}

// depart brings what leaves in accord with what was agreed.
func (s *strand) depart(agreed jsep.Agreement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, d := range s.departing {
		d.agreed = outgoing(agreed, name, d.source)
		wanted := slices.ContainsFunc(s.lines, func(l line) bool { return l.Name == name })
		if d.agreed == nil && !wanted {
			if d.sub != nil {
				d.sub.Close()
			}
			delete(s.departing, name)
		}
	}
	s.sendAll()
}

// outgoing is how the other side wants to get a line, nil if it does not.
func outgoing(agreed jsep.Agreement, name string, source jsep.Source) *lane.SubscriptionConfig {
	i := slices.IndexFunc(agreed.Sections, func(section jsep.Section) bool {
		return section.Name == name && !section.Refused && section.Direction.Sends() && len(section.Local.Sources) > 0
	})
	if i < 0 {
		return nil
	}
	section := agreed.Sections[i]
	config := &lane.SubscriptionConfig{SSRC: source.SSRC, MID: section.Mid}
	var numbers packet.Numbers
	for _, e := range section.Extensions {
		if known := packet.ExtensionOf(e.URI); known != packet.None && e.Direction.Sends() {
			_ = numbers.Set(known, e.ID) // jsep has seen to it that they differ
		}
	}
	config.Writer = packet.NewWriter(&numbers, agreed.Mixed)
	for _, f := range section.Formats {
		config.Formats = append(config.Formats, laneFormat(f, f.Out))
		if f.Out.RTX != 0 {
			config.RTX = source.RTX
		}
	}
	return config
}

// sendAll brings what leaves in accord with what was agreed. s.mu is held.
func (s *strand) sendAll() {
	for i := range s.lines {
		if err := s.send(&s.lines[i]); err != nil {
			s.x.log.Info("line is not sent", "line", s.lines[i].Name, "err", err)
		}
	}
}

// supply has a line send a track from now on; nil is nothing. What was not
// agreed yet begins when it is. Errors: ErrCodecNotNegotiated, ErrClosed.
func (s *strand) supply(name string, track *lane.Track) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	for i := range s.lines {
		if s.lines[i].Name == name {
			s.lines[i].Send = track
			return s.send(&s.lines[i])
		}
	}
	return ErrNotNegotiated
}

// send is sendAll for one line. s.mu is held.
func (s *strand) send(l *line) error {
	d := s.departing[l.Name]
	if d == nil || d.agreed == nil {
		if d != nil && d.sub != nil {
			return explainLane(d.sub.Replace(nil))
		}
		return nil
	}
	if d.sub != nil && d.mid == d.agreed.MID {
		if d.sub.Track() == l.Send {
			return nil
		}
		return explainLane(d.sub.Replace(l.Send))
	}
	if d.sub != nil { // the line has moved; its numbers go on
		d.sub.Close()
		d.sub = nil
	}
	if l.Send == nil || !s.live || s.closed {
		return nil
	}
	config := *d.agreed
	config.First = l.First
	sub, err := s.end.Subscribe(l.Send, config)
	if err != nil {
		return explainLane(err)
	}
	d.sub, d.mid = sub, config.MID
	return nil
}

// codecs gives those that the other side takes on a line; false if it does not
// take anything.
func (s *strand) codecs(name string) (codecs []Codec, agreed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.departing[name]
	if d == nil || d.agreed == nil {
		return nil, false
	}
	for _, f := range d.agreed.Formats {
		codecs = append(codecs, codecFrom(f.Codec))
	}
	return codecs, true
}

// explainLane puts an error of a lane into this package's words.
func explainLane(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, lane.ErrFormat):
		return fmt.Errorf("%w: %w", ErrCodecNotNegotiated, err)
	case errors.Is(err, lane.ErrClosed):
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return err
}

// subscription gives what leaves on a line, nil if nothing does.
func (s *strand) subscription(name string) *lane.Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.departing[name]; d != nil {
		return d.sub
	}
	return nil
}
