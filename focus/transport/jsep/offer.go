package jsep

import (
	"fmt"
	"slices"
	"strconv"
)

// Offer makes an offer of everything that was agreed before and of what the
// wish has beyond it (RFC 9429 sections 5.2.1 and 5.2.2). New credentials in
// local restart ICE. What it says of DTLS leaves the role to the other side,
// also later, when both keep what they have.
//
// Errors: ErrState while an offer is open, ErrWish.
func (s Session) Offer(local Transport, wish Wish) (Session, string, error) {
	if s.Open() {
		return s, "", fmt.Errorf("%w: an offer is open already", ErrState)
	}
	if err := s.mayWrite(local, wish); err != nil {
		return s, "", err
	}
	sections := append(slices.Clone(s.sections), s.vacant...)
	bind(sections, wish, true)
	numbers := s.numbers(sections)
	for _, line := range wish.Lines {
		// A line that was refused is not offered again and again.
		if !slices.ContainsFunc(sections, func(s Section) bool { return s.Name == line.Name }) {
			section := s.extend(sections, line, numbers)
			if len(section.Formats) == 0 {
				return s, "", fmt.Errorf("%w: line %q: no codec for %s, or no number left for one", ErrWish, line.Name, line.Kind)
			}
			sections = append(sections, section)
		}
	}
	if wish.Data && !slices.ContainsFunc(sections, func(s Section) bool { return s.Kind == Data }) {
		sections = append(sections, Section{
			Mid: freeMid(sections), Kind: Data,
			line: mline{media: "application", proto: mediaProtocolOfData, formats: "webrtc-datachannel"},
		})
	}
	for i := range sections {
		sections[i].follow(wish)
		sections[i].streamReports = sections[i].Kind != Data && s.offersStreamReports()
		if s.prefers(sections) && s.arrivals() == StreamReports {
			sections[i].forgetNumbers()
		}
	}
	if !slices.ContainsFunc(sections, func(s Section) bool { return !s.Refused }) {
		return s, "", fmt.Errorf("%w: there is nothing to offer", ErrWish)
	}
	next := s
	next.version++
	next.offered, next.vacant = sections, nil
	return next, next.write(local, sections, 0, true, true), nil
}

// mediaProtocolOfData is what data channels are offered over (RFC 8841).
const mediaProtocolOfData = "UDP/DTLS/SCTP"

// mayWrite looks for mistakes in what the caller gives.
func (s Session) mayWrite(local Transport, wish Wish) error {
	if err := local.check(ErrWish); err != nil {
		return err
	}
	if !isToken(s.config.CName, 64) {
		return fmt.Errorf("%w: the cname is no token", ErrWish)
	}
	for _, candidate := range local.Candidates {
		for _, c := range []byte(candidate) {
			if c < ' ' {
				return fmt.Errorf("%w: a candidate with control characters", ErrWish)
			}
		}
	}
	return wish.check()
}

// extend makes a section for a line.
func (s Session) extend(sections []Section, line Line, numbers *numbers) Section {
	section := Section{
		Mid: freeMid(sections), Kind: line.Kind, Name: line.Name, ReducedSize: true,
		line: mline{media: line.Kind.String(), proto: mediaProtocols[0]},
	}
	if !line.SendOnly {
		section.wanted = slices.Clone(line.Layers)
	}
	for _, codec := range s.config.Codecs {
		if codec.Kind == line.Kind {
			if in, ok := numbers.payloadTypes(codec); ok {
				section.Formats = append(section.Formats, codec.offer(in))
			}
		}
	}
	for _, uri := range s.config.Extensions[line.Kind] {
		if id, ok := numbers.extension(uri); ok {
			section.Extensions = append(section.Extensions, Extension{uri, id, SendReceive})
		}
	}
	return section
}

// freeMid gives a mid that no section has: the place, as browsers do, or a
// later number.
func freeMid(sections []Section) string {
	for n := len(sections); ; n++ {
		mid := strconv.Itoa(n)
		if !slices.ContainsFunc(sections, func(s Section) bool { return s.Mid == mid }) {
			return mid
		}
	}
}
