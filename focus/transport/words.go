package transport

import (
	"errors"
	"fmt"
	"slices"

	"meshfocus/focus/transport/jsep"
	"meshfocus/focus/transport/link"
)

// The words of a strand: offers and answers of ours and of the other side.

// offer makes an offer and applies it; restart: with another ICE generation, if
// there was one before. It is without candidates, and so are answers.
func (s *strand) offer(restart bool) (string, error) {
	if restart && s.described() {
		if err := s.renew(); err != nil {
			return "", err
		}
	}
	session, text, err := s.session.Offer(s.transport(), s.wish(true))
	if err != nil {
		return "", explain(err)
	}
	s.note(session)
	return text, s.gather()
}

// described reports whether anything was ever agreed.
func (s *strand) described() bool { return len(s.session.Agreed().Sections) > 0 }

// answer applies an offer of the other side and gives the answer to it.
func (s *strand) answer(offer jsep.Description) (string, error) {
	if s.session.Stale(offer) {
		return "", ErrStale
	}
	if s.session.Restarts(offer) {
		if err := s.renew(); err != nil {
			return "", err
		}
	}
	session, text, err := s.session.Answer(offer, s.transport(), s.wish(false))
	if err != nil {
		return "", err
	}
	s.note(session)
	if err := s.gather(); err != nil {
		return "", err
	}
	return text, s.meet()
}

// withdraw goes back from our offer, which restarted nothing.
func (s *strand) withdraw() error {
	if s.restarting {
		return ErrWrongState
	}
	s.note(s.session.Withdraw())
	return nil
}

// settle applies the answer to our offer.
func (s *strand) settle(answer jsep.Description) error {
	if s.session.Stale(answer) {
		return ErrStale
	}
	session, err := s.session.Accept(answer)
	if err != nil {
		return err
	}
	s.note(session)
	return s.meet()
}

// explain puts an error of jsep or of a link into this package's words.
func explain(err error) error {
	switch {
	case errors.Is(err, jsep.ErrDescription):
		return fmt.Errorf("%w: %w", ErrBadDescription, err)
	case errors.Is(err, link.ErrClosed):
		return fmt.Errorf("%w: %w", ErrClosed, err)
	case errors.Is(err, jsep.ErrState):
		return fmt.Errorf("%w: %w", ErrWrongState, err)
	}
	return err
}

// note keeps where the negotiation stands.
func (s *strand) note(session jsep.Session) {
	s.session = session
	mid, place := session.Tagged()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = session.Open()
	s.begun = s.begun || s.described()
	s.mid, s.place = mid, uint16(place)
}

// renew begins another ICE generation.
func (s *strand) renew() error {
	if _, err := s.link.Restart(); err != nil {
		return err
	}
	s.restarting = true
	s.x.renewGathering()
	return nil
}

// gather looks for candidates, once in each generation.
func (s *strand) gather() error {
	if !s.x.current().begin() {
		return nil
	}
	return s.link.Gather()
}

// transport is our end of the wire as descriptions have it. Candidates go
// their own way.
func (s *strand) transport() jsep.Transport {
	credentials, fingerprint := s.link.Credentials(), s.link.Fingerprint()
	return jsep.Transport{
		Ufrag: credentials.Ufrag, Password: credentials.Password, Trickle: true,
		Fingerprints: []jsep.Fingerprint{{Algorithm: fingerprint.Algorithm, Value: fingerprint.Value}},
	}
}

// wish is what we would like, to be offered or to be answered with.
func (s *strand) wish(offer bool) jsep.Wish {
	s.mu.Lock()
	defer s.mu.Unlock()
	wish := jsep.Wish{Data: s.data && !(s.fixed && s.begun)}
	agreed := s.session.Agreed().Sections
	lives := func(name string) bool {
		return slices.ContainsFunc(agreed, func(a jsep.Section) bool { return a.Name == name })
	}
	for _, l := range s.lines {
		if offer && s.fixed && s.begun && !lives(l.Name) {
			continue
		}
		each := jsep.Line{Name: l.Name, Kind: jsepKind(l.Kind), SendOnly: l.SendOnly && l.sends, Layers: l.Layers}
		if l.sends {
			each.Track = &jsep.Track{Stream: l.StreamID, ID: l.TrackID, Sources: []jsep.Source{s.departureOf(l.Name, l.Kind).source}}
		}
		wish.Lines = append(wish.Lines, each)
	}
	return wish
}

// meet puts what was agreed into force.
func (s *strand) meet() error {
	agreed := s.session.Agreed()
	if err := s.connect(agreed); err != nil {
		return err
	}
	s.end.SetIncoming(s.incoming(agreed))
	s.depart(agreed)
	s.channel(agreed)
	s.of.agreed()
	return nil
}

// connect tells the link what it needs to know of the other side.
func (s *strand) connect(agreed jsep.Agreement) error {
	peer := link.Credentials{Ufrag: agreed.Remote.Ufrag, Password: agreed.Remote.Password}
	switch {
	case !s.connecting:
		s.connecting = true
		var fingerprints []link.Fingerprint
		for _, f := range agreed.Remote.Fingerprints {
			fingerprints = append(fingerprints, link.Fingerprint{Algorithm: f.Algorithm, Value: f.Value})
		}
		err := s.link.Connect(link.Peer{
			Credentials: peer, Fingerprints: fingerprints, Lite: agreed.Remote.Lite,
			Controlling: agreed.Controlling, Client: agreed.Role == jsep.Client,
		})
		if errors.Is(err, link.ErrFingerprint) {
			return fmt.Errorf("%w: %w", ErrBadDescription, err)
		}
		return err
	case s.restarting:
		s.restarting = false
		s.mu.Lock()
		s.resumed = true
		s.mu.Unlock()
		return s.link.Resume(peer)
	}
	return nil
}

// channel opens the way for data channels if both have them.
func (s *strand) channel(agreed jsep.Agreement) {
	s.mu.Lock()
	before := s.channelled
	s.channelled = before || slices.ContainsFunc(agreed.Sections, func(section jsep.Section) bool { return section.Kind == jsep.Data && !section.Refused })
	now := s.channelled
	s.mu.Unlock()
	if now && !before {
		s.link.StartData()
	}
}

// hasChannels reports whether data channels were agreed.
func (s *strand) hasChannels() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.channelled
}

func jsepKind(kind Kind) jsep.Kind {
	if kind == Audio {
		return jsep.Audio
	}
	return jsep.Video
}

func kindOf(kind jsep.Kind) Kind {
	if kind == jsep.Audio {
		return Audio
	}
	return Video
}
