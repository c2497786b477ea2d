package jsep

import (
	"fmt"
	"strings"
)

// text is a description while it is written.
type text struct{ strings.Builder }

// line adds a line.
func (t *text) line(format string, values ...any) {
	fmt.Fprintf(&t.Builder, format, values...)
	t.WriteString("\r\n")
}

// write gives our description. The transport stands in every section that is
// taken, its candidates in the first: that one speaks for the bundle (RFC 9143
// section 10). The role is none in an offer, which leaves it open; a bundle
// and mixed header extensions are only answered to who offers them.
func (s Session) write(local Transport, sections []Section, role Role, group, mixed bool) string {
	var t text
	t.line("v=0")
	t.line("o=- %d %d IN IP4 127.0.0.1", s.config.ID, s.version)
	t.line("s=-")
	t.line("t=0 0")
	if group {
		t.line("a=group:BUNDLE%s", mids(sections))
	}
	if mixed {
		t.line("a=extmap-allow-mixed")
	}
	t.line("a=msid-semantic: WMS *")
	if local.Lite {
		t.line("a=ice-lite")
	}
	first := true
	for _, section := range sections {
		if section.Refused {
			t.refuse(section)
			continue
		}
		t.begin(section)
		t.transport(local, role)
		if first {
			t.candidates(local)
			first = false
		}
		if section.Kind == Data {
			t.line("a=sendrecv")
			s.writeData(&t, section)
			continue
		}
		layers := section.Layers
		if role == 0 { // an offer
			layers = section.wanted
		}
		if !section.willing.Receives() {
			layers = nil
		}
		t.medium(section, layers)
		t.sender(section, s.config.CName)
	}
	return t.String()
}

// mids gives those of the sections that are taken, each after a space.
func mids(sections []Section) string {
	var list strings.Builder
	for _, section := range sections {
		if !section.Refused {
			list.WriteString(" " + section.Mid)
		}
	}
	return list.String()
}

// refuse writes a section that is not taken, with the formats it came with
// (RFC 3264 section 6).
func (t *text) refuse(s Section) {
	formats := s.line.formats
	if formats == "" {
		formats = "0"
	}
	t.line("m=%s 0 %s %s", s.line.media, s.line.proto, formats)
	t.line("c=IN IP4 0.0.0.0")
	if s.Mid != "" {
		t.line("a=mid:%s", s.Mid)
	}
	t.line("a=inactive")
}

// begin writes the m-line.
func (t *text) begin(s Section) {
	formats := s.line.formats
	if s.Kind != Data {
		var numbers []string
		for _, f := range s.Formats {
			numbers = append(numbers, fmt.Sprint(f.In.Media))
			if f.In.RTX != 0 {
				numbers = append(numbers, fmt.Sprint(f.In.RTX))
			}
		}
		formats = strings.Join(numbers, " ")
	}
	t.line("m=%s 9 %s %s", s.line.media, s.line.proto, formats)
	t.line("c=IN IP4 0.0.0.0")
	t.line("a=mid:%s", s.Mid)
}

// transport writes ICE and DTLS.
func (t *text) transport(local Transport, role Role) {
	t.line("a=ice-ufrag:%s", local.Ufrag)
	t.line("a=ice-pwd:%s", local.Password)
	t.line("a=ice-options:trickle")
	for _, f := range local.Fingerprints {
		t.line("a=fingerprint:%s %s", f.Algorithm, f.Value)
	}
	t.line("a=setup:%s", role.setup())
}

func (t *text) candidates(local Transport) {
	for _, candidate := range local.Candidates {
		t.line("a=candidate:%s", strings.TrimPrefix(candidate, "candidate:"))
	}
	if local.Complete {
		t.line("a=end-of-candidates")
	}
}

// writeData writes the rest of a section of data channels, in the form that it
// came in.
func (s Session) writeData(t *text, section Section) {
	if section.line.proto == "DTLS/SCTP" {
		t.line("a=sctpmap:%s webrtc-datachannel 1024", section.line.formats)
	} else {
		t.line("a=sctp-port:%d", defaultSCTP.Port)
	}
	t.line("a=max-message-size:%d", s.config.MaxMessage)
}

// medium writes what packets look like.
func (t *text) medium(s Section, layers []string) {
	t.line("a=rtcp-mux")
	if s.ReducedSize {
		t.line("a=rtcp-rsize")
	}
	for _, e := range s.Extensions {
		if e.Direction == SendReceive {
			t.line("a=extmap:%d %s", e.ID, e.URI)
		} else {
			t.line("a=extmap:%d/%s %s", e.ID, e.Direction, e.URI)
		}
	}
	for _, f := range s.Formats {
		t.format(f)
	}
	if s.streamReports {
		t.line("a=rtcp-fb:* %s", streamReports)
	}
	for _, rid := range layers {
		t.line("a=rid:%s recv", rid)
	}
	if len(layers) > 0 {
		t.line("a=simulcast:recv %s", strings.Join(layers, ";"))
	}
	t.line("a=%s", s.willing)
}

// format writes one format and its retransmissions.
func (t *text) format(f Format) {
	name := fmt.Sprintf("%s/%d", f.Codec.Name, f.Codec.Clock)
	if f.Codec.Channels > 0 {
		name += fmt.Sprintf("/%d", f.Codec.Channels)
	}
	t.line("a=rtpmap:%d %s", f.In.Media, name)
	if f.declared != "" {
		t.line("a=fmtp:%d %s", f.In.Media, f.declared)
	}
	for _, feedback := range f.Feedback {
		t.line("a=rtcp-fb:%d %s", f.In.Media, feedback)
	}
	if f.In.RTX != 0 {
		t.line("a=rtpmap:%d rtx/%d", f.In.RTX, f.Codec.Clock)
		t.line("a=fmtp:%d apt=%d", f.In.RTX, f.In.Media)
	}
}

// sender writes what we send.
func (t *text) sender(s Section, cname string) {
	if !s.willing.Sends() {
		return
	}
	stream := s.Local.Stream
	if stream == "" {
		stream = "-"
	}
	t.line("a=msid:%s %s", stream, s.Local.ID)
	source := s.Local.Sources[0]
	ssrcs := []uint32{source.SSRC}
	if s.repairs() && source.RTX != 0 {
		ssrcs = append(ssrcs, source.RTX)
		t.line("a=ssrc-group:FID %d %d", source.SSRC, source.RTX)
	}
	for _, ssrc := range ssrcs {
		t.line("a=ssrc:%d cname:%s", ssrc, cname)
		t.line("a=ssrc:%d msid:%s %s", ssrc, stream, s.Local.ID)
	}
}

// repairs reports whether any format has retransmissions.
func (s Section) repairs() bool {
	for _, f := range s.Formats {
		if f.In.RTX != 0 {
			return true
		}
	}
	return false
}
