package jsep

import (
	"fmt"
	"slices"
)

// Config is what does not change about our side during a negotiation.
type Config struct {
	// ID is the session id of our o= line and has to be random, below 2^63
	// (RFC 9429 section 5.2.1). CName is the name of our clock in RTCP.
	ID    uint64
	CName string
	// Codecs and Extensions are what is offered and taken, in order of
	// preference. Nil takes those of the functions of the same names. Neither
	// may be changed later.
	Codecs     []Codec
	Extensions map[Kind][]string
	// Numbers are those of header extensions in our first offer, 1 to 14, where
	// they are free; nil: the lowest. It may not be changed later.
	Numbers map[string]uint8
	// MaxMessage is the longest message we take on a data channel, in bytes;
	// 0 is 64 KiB.
	MaxMessage uint32
	// StreamReports: we tell arrivals as RFC 8888 has it, too, and understand it.
	StreamReports bool
	// PreferStreams: of a peer that knows both we choose StreamReports, which carry back what
	// becomes of ECN marks.
	PreferStreams bool
	// Server: be the DTLS server if the other side leaves us the choice, as an
	// offer of a browser does; in our own offers the choice is theirs. The
	// server chooses the profile of SRTP.
	Server bool
}

// Session is where a negotiation stands. It is a value; the zero Session is of
// no use, New gives the first.
type Session struct {
	config   Config
	version  uint64
	sections []Section // as agreed last
	offered  []Section // ours that is open; nil if there is none
	vacant   []Section // behind sections: what an offer had that was withdrawn
	began    bool      // the first offer was ours
	role     Role
	remote   Transport
	origin   origin // of the description that remote is of
	mixed    bool
}

// Section is an m-section as both sides have it, seen from our side.
type Section struct {
	Mid  string
	Kind Kind
	// Name is that of the Line which lives here, or was refused here; "" if
	// there is none.
	Name string
	// Refused: nothing goes over the section. It stays because m-lines are
	// told apart by their place; another may take it.
	Refused bool
	// Direction is what both agreed to.
	Direction Direction
	// Formats come in the order in which the other side would like to get
	// them; of what we send the first should be taken that we have.
	Formats    []Format
	Extensions []Extension
	// ReducedSize: RTCP need not be compound (RFC 5506).
	ReducedSize bool
	// Arrivals is how each side tells when the other's packets came.
	Arrivals Arrivals
	// Local is what we send, Remote what the other side does, as far as
	// Direction lets them.
	Local, Remote Track
	// Layers are the rids that the other side sends, the first the smallest if
	// it follows our order; nil for one encoding without a name.
	Layers []string
	// SCTP is what the other side said of its data channels.
	SCTP SCTP

	willing Direction // ours, as last written
	theirs  Direction // as they said it last
	wanted  []string  // the rids to ask for in an offer of ours
	line    mline     // to be repeated

	streamReports bool // both know them, or in an offer of ours we do
}

// Agreement is the table of what both sides have agreed to.
type Agreement struct {
	// Remote is the other side's transport, with the candidates of its last
	// description.
	Remote Transport
	// Role is ours in DTLS. Controlling is ours in ICE (RFC 8445 section 6.1.1):
	// it is with who made the first offer, unless the other side is lite.
	Role        Role
	Controlling bool
	// Mixed: one- and two-byte header extensions may come on one stream.
	Mixed bool
	// Sections are in the order of the m-lines. The slices in it are shared:
	// they are not to be changed.
	Sections []Section
}

// New begins a negotiation.
func New(config Config) Session {
	if config.Codecs == nil {
		config.Codecs = Codecs()
	}
	if config.Extensions == nil {
		config.Extensions = Extensions()
	}
	if config.MaxMessage == 0 {
		config.MaxMessage = defaultSCTP.MaxMessage
	}
	return Session{config: config}
}

// Open reports whether an offer of ours waits for its answer.
func (s Session) Open() bool { return s.offered != nil }

// Withdraw goes back from an offer of ours that is open (RFC 9429 section 4.1.10.2):
// the other side may offer, or we do something else. It may have taken the offer all
// the same. So its version is used up, our next offer has its m-lines in their places,
// and an answer to it that comes behind another description of theirs is Stale.
// An offer that restarts ICE is not to be withdrawn: its credentials are out.
func (s Session) Withdraw() Session {
	if s.Open() {
		s.vacant = slices.Clone(s.offered[len(s.sections):])
		for i := range s.vacant {
			s.vacant[i].Name = ""
		}
		s.offered = nil
	}
	return s
}

// Agreed gives what was agreed last. It has no sections before the first
// exchange is complete.
func (s Session) Agreed() Agreement {
	return Agreement{
		Remote: s.remote, Role: s.role, Controlling: s.began || s.remote.Lite,
		Mixed: s.mixed, Sections: slices.Clone(s.sections),
	}
}

// Tagged gives mid and place of the section that speaks for the bundle in what
// we wrote last: candidates found later are sent under its name.
func (s Session) Tagged() (mid string, place int) {
	sections := s.sections
	if s.Open() {
		sections = s.offered
	}
	place = slices.IndexFunc(sections, func(s Section) bool { return !s.Refused })
	if place < 0 {
		return "", 0
	}
	return sections[place].Mid, place
}

// Restarts reports whether the other side has new ICE credentials, which it
// restarts ICE with (RFC 8839 section 4.4.1.1.1). It is false of the first
// description.
func (s Session) Restarts(d Description) bool {
	return s.sections != nil && (s.remote.Ufrag != d.Transport.Ufrag || s.remote.Password != d.Transport.Password)
}

// settle gives our role. It is chosen once for each certificate of the other
// side: what later descriptions say of it does not count, because some say
// "active" whatever they are (RFC 8842 section 5.5 wants the role kept).
func (s Session) settle(d Description, offered bool) (Role, error) {
	if s.role != 0 && s.remote.sameCertificate(d.Transport) {
		return s.role, nil
	}
	switch {
	case d.setup == "active" || d.setup == "" && !offered:
		return Server, nil
	case d.setup == "passive":
		return Client, nil
	case offered && (d.setup == "actpass" || d.setup == ""):
		if s.config.Server {
			return Server, nil
		}
		return Client, nil
	}
	return 0, fmt.Errorf("%w: a=setup:%.20s, not active, passive or, in an offer, actpass", ErrDescription, d.setup)
}

// bind gives each line of a wish that has no section yet one that exists, if
// there is one of its kind that nobody lives in, or who does is not wished for
// any more: those that send first, on what the other side would take media on,
// then those that only receive. In an offer of ours what nobody used can be
// used, too.
func bind(sections []Section, wish Wish, offering bool) {
	empty := func(s Section) bool {
		_, wanted := wish.line(s.Name)
		return !wanted && !s.Refused
	}
	for _, sends := range []bool{true, false} {
		for _, line := range wish.Lines {
			lives := func(s Section) bool { return s.Name == line.Name && !s.Refused }
			free := func(s Section) bool {
				return empty(s) && s.Kind == line.Kind && (!sends || s.theirs.Receives() || offering && s.theirs == Inactive)
			}
			if (line.Track != nil) != sends || slices.ContainsFunc(sections, lives) {
				continue
			}
			if i := slices.IndexFunc(sections, free); i >= 0 {
				sections[i].Name = line.Name
			}
		}
	}
}

// follow sets what a section wants of us by the line that lives in it.
func (s *Section) follow(wish Wish) {
	line, _ := wish.line(s.Name)
	s.Local = Track{}
	s.willing = ReceiveOnly
	if line.Name != "" {
		s.willing = line.direction()
	}
	if line.Track != nil {
		s.Local = *line.Track
	}
	if s.Kind == Data {
		s.willing = SendReceive
	}
	if s.Refused {
		s.willing = Inactive
	}
}
