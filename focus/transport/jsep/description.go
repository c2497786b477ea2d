package jsep

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Description is a description of the other side, read. It is a value.
type Description struct {
	// Transport is that of the bundle.
	Transport Transport

	origin   origin
	setup    string
	bundled  bool // it has a bundle; an answer may have one only then
	mixed    bool // RFC 8285 section 6: one- and two-byte forms may alternate
	sections []media
}

// media is an m-section of the other side.
type media struct {
	kind       Kind
	line       mline
	mid        string
	fault      string // why it cannot be taken; "" if it can
	refused    bool   // the other side does not want it (any more)
	direction  Direction
	payloads   []payload
	extensions []Extension
	reduced    bool // RFC 5506
	streamed   bool // RFC 8888
	track      Track
	layers     []string
	sctp       SCTP
}

// SCTP are the parameters of data channels (RFC 8841 sections 5 and 6).
// MaxMessage is bytes; 0 means any size.
type SCTP struct {
	Port       uint16
	MaxMessage uint32
}

// defaultSCTP is what counts where nothing is said (RFC 8841 section 6.1; the
// port is what everybody uses).
var defaultSCTP = SCTP{Port: 5000, MaxMessage: 64 << 10}

// Read reads an offer or an answer. Errors wrap ErrDescription.
func Read(text string) (Description, error) {
	session, parts, err := split(text)
	if err != nil {
		return Description{}, err
	}
	group := bundle(session)
	d := Description{origin: readOrigin(text), bundled: group != nil}
	mids := make(map[string]bool)
	for i, p := range parts {
		m := readMedia(session, p)
		switch {
		case !isToken(m.mid, 64) && (m.mid != "" || !m.refused):
			return Description{}, fmt.Errorf("%w: m-line %d has no mid, or one that is no token", ErrDescription, i)
		case m.mid != "" && mids[m.mid]:
			return Description{}, fmt.Errorf("%w: mid %s comes twice", ErrDescription, m.mid)
		}
		mids[m.mid] = true
		d.sections = append(d.sections, m)
	}
	d.leaveUnbundled(group)
	tagged := d.tagged(group)
	if tagged < 0 {
		return Description{}, fmt.Errorf("%w: %s", ErrDescription, d.nothing())
	}
	d.mixed = session.has("extmap-allow-mixed") || parts[tagged].attributes.has("extmap-allow-mixed")
	if d.setup, _ = session.first("setup"); parts[tagged].attributes.has("setup") {
		d.setup, _ = parts[tagged].attributes.first("setup")
	}
	d.Transport, err = readTransport(session, parts[tagged].attributes, parts)
	return d, err
}

// bundle gives the mids of the first bundle (RFC 9143 section 5).
func bundle(session attributes) []string {
	for _, a := range session {
		if words := strings.Fields(a.value); a.key == "group" && len(words) > 0 && words[0] == "BUNDLE" {
			return words[1:]
		}
	}
	return nil
}

// leaveUnbundled marks the sections that want a transport of their own, which
// we do not have: max-bundle (RFC 9429 section 4.1.1).
func (d *Description) leaveUnbundled(group []string) {
	taken := 0
	for i := range d.sections {
		m := &d.sections[i]
		if m.usable() && len(group) > 0 && !slices.Contains(group, m.mid) || m.usable() && len(group) == 0 && taken > 0 {
			m.fault = "it is outside of the bundle"
		}
		if m.usable() {
			taken++
		}
	}
}

// tagged gives the section that speaks for the bundle, the first in its order
// (RFC 9143 section 7.2); -1 if no section can be taken.
func (d *Description) tagged(group []string) int {
	best, rank := -1, 0
	for i, m := range d.sections {
		if place := slices.Index(group, m.mid); m.usable() && (best < 0 || place < rank) {
			best, rank = i, place
		}
	}
	return best
}

// nothing says why nothing can be taken.
func (d *Description) nothing() string {
	for i, m := range d.sections {
		if m.fault != "" {
			return fmt.Sprintf("no m-line can be used; m-line %d: %s", i, m.fault)
		}
	}
	return "every m-line is refused"
}

// usable reports whether the section can be talked about.
func (m media) usable() bool { return !m.refused && m.fault == "" }

// readMedia reads one section.
func readMedia(session attributes, p part) media {
	m := media{line: p.line, direction: readDirection(session, p.attributes)}
	m.mid, _ = p.attributes.first("mid")
	// Without bundle-only, port 0 is a refusal (RFC 9143 section 6).
	m.refused = p.line.port == "0" && !p.attributes.has("bundle-only")
	switch p.line.media {
	case "audio":
		m.kind = Audio
	case "video":
		m.kind = Video
	case "application":
		m.kind = Data
	}
	switch {
	case m.kind == 0:
		m.fault = "it is of no kind we know"
	case m.kind == Data:
		m.readData(p)
	default:
		m.readMedium(p)
	}
	return m
}

// readDirection gives the direction as the other side sees it; sendrecv where
// nothing is said.
func readDirection(session, section attributes) Direction {
	for _, from := range []attributes{section, session} {
		for _, a := range from {
			if d, ok := parseDirection(a.key); ok && a.value == "" {
				return d
			}
		}
	}
	return SendReceive
}

// readData reads a section of data channels, also one of the form before
// RFC 8841, whose port stands on the m-line.
func (m *media) readData(p part) {
	m.direction = SendReceive // it means nothing here
	m.sctp = defaultSCTP
	port, _ := p.attributes.first("sctp-port")
	switch p.line.proto {
	case "UDP/DTLS/SCTP", "TCP/DTLS/SCTP":
		if p.line.formats != "webrtc-datachannel" {
			m.fault = "it is SCTP for something else"
			return
		}
	case "DTLS/SCTP":
		port = p.line.formats
	default:
		m.fault = "its protocol is not SCTP over DTLS"
		return
	}
	if number, err := strconv.ParseUint(port, 10, 16); err == nil && number > 0 {
		m.sctp.Port = uint16(number)
	}
	if value, ok := p.attributes.first("max-message-size"); ok {
		if number, err := strconv.ParseUint(value, 10, 64); err == nil {
			m.sctp.MaxMessage = uint32(min(number, 1<<31))
		}
	}
}

// mediaProtocols are the words for SRTP under DTLS keys with feedback
// (RFC 5764 section 8); the last is of those who wrote before it (RFC 9429
// section 5.1.2).
var mediaProtocols = []string{"UDP/TLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVPF", "RTP/SAVPF"}

// readMedium reads a section of sound or pictures.
func (m *media) readMedium(p part) {
	if !slices.Contains(mediaProtocols, p.line.proto) {
		m.fault = "its protocol is not SRTP with feedback"
		return
	}
	if !p.attributes.has("rtcp-mux") && p.line.port != "0" {
		m.fault = "it has no rtcp-mux" // RFC 9429 section 4.1.1: required
		return
	}
	m.payloads = readPayloads(p)
	m.reduced = p.attributes.has("rtcp-rsize")
	m.streamed = tellsByStream(p.attributes)
	m.track = readTrack(p.attributes)
	m.layers = sentLayers(p.attributes)
	for _, a := range p.attributes {
		if a.key == "extmap" && len(m.extensions) < 64 {
			if e, ok := parseExtension(a.value); ok {
				m.extensions = append(m.extensions, e)
			}
		}
	}
}

// readPayloads reads the formats of a section in their order, retransmissions
// put with what they repeat.
func readPayloads(p part) []payload {
	known := make(map[uint8]*payload)
	var all []*payload
	for word := range strings.FieldsSeq(p.line.formats) {
		number, err := strconv.ParseUint(word, 10, 7)
		if err != nil || known[uint8(number)] != nil || number >= 64 && number < 96 { // RFC 5761 section 4: those would look like RTCP
			continue
		}
		fresh := &payload{number: uint8(number)}
		known[fresh.number] = fresh
		all = append(all, fresh)
	}
	for _, a := range p.attributes {
		word, value, _ := strings.Cut(a.value, " ")
		number, err := strconv.ParseUint(word, 10, 7)
		target := known[uint8(number)]
		if a.key == "rtcp-fb" && word == "*" {
			for _, each := range all {
				each.understand(value)
			}
		}
		if err != nil || target == nil {
			continue
		}
		switch a.key {
		case "rtpmap":
			target.readMap(value)
		case "fmtp":
			target.parameters = strings.TrimSpace(value)
		case "rtcp-fb":
			target.understand(value)
		}
	}
	var formats []payload
	for _, each := range all {
		if strings.EqualFold(each.name, "rtx") {
			apt, err := strconv.ParseUint(parseParameters(each.parameters)["apt"], 10, 7)
			if repaired := known[uint8(apt)]; err == nil && repaired != nil && repaired.rtx == 0 {
				repaired.rtx = each.number
			}
		}
	}
	for _, each := range all {
		if each.name != "" && !strings.EqualFold(each.name, "rtx") {
			formats = append(formats, *each)
		}
	}
	return formats
}

// readMap reads the value of a=rtpmap after the number: name/clock/channels.
func (p *payload) readMap(value string) {
	words := strings.Split(strings.TrimSpace(value), "/")
	if len(words) < 2 {
		return
	}
	clock, err := strconv.ParseUint(words[1], 10, 32)
	if err != nil {
		return
	}
	p.name, p.clock = words[0], uint32(clock)
	if len(words) > 2 {
		channels, _ := strconv.ParseUint(words[2], 10, 8)
		p.channels = uint8(channels)
	}
}

// understand notes the value of an a=rtcp-fb after the number.
func (p *payload) understand(value string) {
	const most = 32
	if len(p.feedback) < most {
		p.feedback = append(p.feedback, strings.Join(strings.Fields(value), " "))
	}
}
