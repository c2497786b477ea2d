package jsep

import (
	"fmt"
	"slices"
)

// Answer answers an offer, first or later (RFC 9429 section 5.3). Our tracks go
// on the first section of their kind that the other side takes media on, now
// or in a later offer; what it sends is always taken.
//
// Errors: ErrState while an offer of ours is open: whoever gives way in a glare
// withdraws it. ErrDescription, ErrWish.
func (s Session) Answer(offer Description, local Transport, wish Wish) (Session, string, error) {
	if s.Open() {
		return s, "", fmt.Errorf("%w: an offer of ours is open", ErrState)
	}
	if err := s.mayWrite(local, wish); err != nil {
		return s, "", err
	}
	if len(offer.sections) < len(s.sections) {
		return s, "", fmt.Errorf("%w: %d m-lines after %d", ErrDescription, len(offer.sections), len(s.sections))
	}
	role, err := s.settle(offer, true)
	if err != nil {
		return s, "", err
	}
	sections := make([]Section, len(offer.sections))
	for i, m := range offer.sections {
		var before Section
		if i < len(s.sections) {
			before = s.sections[i]
		}
		if sections[i], err = s.consider(before, m, i); err != nil {
			return s, "", err
		}
	}
	untangle(sections)
	if !slices.ContainsFunc(sections, func(s Section) bool { return !s.Refused }) {
		return s, "", fmt.Errorf("%w: nothing in common on any m-line", ErrDescription)
	}
	bind(sections, wish, false)
	for i := range sections {
		sections[i].follow(wish)
		sections[i].meet()
	}
	s.chooseArrivals(sections, s.arrivals())
	next := s
	next.version++
	next.sections, next.role, next.remote, next.mixed = sections, role, offer.Transport, offer.mixed
	next.vacant = nil // it has them, or another place for them
	next.origin = offer.origin
	return next, next.write(local, sections, role, offer.bundled, offer.mixed), nil
}

// consider gives what can be made of a section of an offer; before is what was
// agreed in its place.
func (s Session) consider(before Section, m media, place int) (Section, error) {
	former := before.Mid != "" && !before.Refused
	if former && m.mid != before.Mid && !(m.refused && m.mid == "") {
		return Section{}, fmt.Errorf("%w: m-line %d was mid %s and is %s", ErrDescription, place, before.Mid, m.mid)
	}
	if former && m.kind != before.Kind {
		return Section{}, fmt.Errorf("%w: m-line %d was %s and is %s", ErrDescription, place, before.Kind, m.line.media)
	}
	section := Section{Mid: m.mid, Kind: m.kind, Refused: !m.usable(), line: m.line}
	if former || section.Refused {
		section.Name, section.wanted = before.Name, before.wanted
	}
	if section.Refused {
		return section, nil
	}
	if m.kind == Data {
		section.SCTP, section.theirs = m.sctp, m.direction
		return section, nil
	}
	section.Formats = common(s.config.Codecs, m.kind, m.payloads)
	if section.Refused = len(section.Formats) == 0; section.Refused {
		return section, nil
	}
	section.Extensions = commonExtensions(s.config.Extensions[m.kind], m.extensions)
	section.streamReports = m.streamed && s.config.StreamReports
	section.learn(m)
	return section, nil
}

// learn takes over what the other side says of what it sends.
func (s *Section) learn(m media) {
	s.ReducedSize, s.theirs = m.reduced, m.direction
	s.Remote, s.Layers = Track{}, nil
	if m.direction.Sends() {
		s.Remote, s.Layers, s.wanted = m.track, m.layers, m.layers
	}
}

// meet settles the direction.
func (s *Section) meet() {
	s.Direction = s.willing & s.theirs.Reverse()
	if !s.Direction.Receives() {
		s.Remote, s.Layers = Track{}, nil
	}
	if !s.Direction.Sends() {
		s.Local = Track{}
	}
	s.willing = s.Direction
}

// Accept takes the answer to our offer (RFC 9429 section 5.11).
//
// Errors: ErrState if no offer of ours is open, ErrDescription.
func (s Session) Accept(answer Description) (Session, error) {
	if !s.Open() {
		return s, fmt.Errorf("%w: no offer of ours is open", ErrState)
	}
	if len(answer.sections) != len(s.offered) {
		return s, fmt.Errorf("%w: %d m-lines answer %d", ErrDescription, len(answer.sections), len(s.offered))
	}
	role, err := s.settle(answer, false)
	if err != nil {
		return s, err
	}
	sections := slices.Clone(s.offered)
	for i, m := range answer.sections {
		if err := sections[i].hear(m, i); err != nil {
			return s, err
		}
	}
	s.chooseArrivals(sections, Untold)
	next := s
	next.began = s.began || s.sections == nil
	next.sections, next.offered = sections, nil
	next.role, next.remote, next.mixed = role, answer.Transport, answer.mixed
	next.origin = answer.origin
	return next, nil
}

// hear takes over what an answer says of a section.
func (s *Section) hear(m media, place int) error {
	fail := func(format string, values ...any) error {
		return fmt.Errorf("%w: m-line %d: %s", ErrDescription, place, fmt.Sprintf(format, values...))
	}
	switch {
	case m.line.media != s.line.media:
		return fail("%.20q answers %s", m.line.media, s.line.media)
	case m.mid != s.Mid && m.mid != "":
		return fail("mid %s answers mid %s", m.mid, s.Mid)
	case m.refused || s.Refused:
		*s = Section{Mid: s.Mid, Kind: s.Kind, Name: s.Name, Refused: true, line: s.line}
		return nil
	case m.fault != "":
		return fail("%s", m.fault)
	case s.Kind == Data:
		s.SCTP, s.Direction = m.sctp, SendReceive
		return nil
	}
	unasked := func(rid string) bool { return !slices.Contains(s.wanted, rid) }
	m.layers = slices.DeleteFunc(slices.Clone(m.layers), unasked)
	s.Formats = answered(s.Formats, m.payloads)
	if len(s.Formats) == 0 {
		return fail("it takes none of the formats offered")
	}
	s.Extensions = answeredExtensions(s.Extensions, m.extensions)
	s.streamReports = s.streamReports && m.streamed
	s.learn(m)
	s.meet()
	return nil
}
