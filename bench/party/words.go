package party

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"meshfocus/bench/clip"
	"meshfocus/bench/playout"
	"meshfocus/focus/transport/jsep"
	"meshfocus/focus/transport/srtp"
)

// pictured are the codecs of pictures as Chromium offers them.
var pictured = map[clip.Codec]jsep.Codec{
	clip.VP8:  {Name: "VP8", Preferred: jsep.PayloadTypes{Media: 96, RTX: 97}},
	clip.VP9:  {Name: "VP9", Parameters: "profile-id=0", Preferred: jsep.PayloadTypes{Media: 98, RTX: 99}},
	clip.H264: {Name: "H264", Parameters: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", Preferred: jsep.PayloadTypes{Media: 106, RTX: 107}},
	clip.AV1:  {Name: "AV1", Parameters: "level-idx=5;profile=0;tier=0", Preferred: jsep.PayloadTypes{Media: 45, RTX: 46}},
}

// codecs: that of the pictures with what Chromium says of it, and Opus of those who are
// faithful. It is not numbered over the transport, so that what estimates by that is
// alike for all.
func codecs(config Config) []jsep.Codec {
	picture := pictured[config.Codec]
	picture.Kind, picture.Clock = jsep.Video, clock
	picture.Feedback = []string{"goog-remb", transportWide, "ccm fir", "nack", "nack pli"}
	all := []jsep.Codec{picture}
	if config.Faithful {
		all = append(all, jsep.Codec{
			Kind: jsep.Audio, Name: "opus", Clock: playout.SoundClock, Channels: 2, Parameters: "minptime=10;useinbandfec=1",
			Preferred: jsep.PayloadTypes{Media: 111},
		})
	}
	return all
}

// transportWide is the word for reports by transport-wide numbers.
const transportWide = "transport-cc"

// extensions are those that servers look at.
func extensions() map[jsep.Kind][]string {
	return map[jsep.Kind][]string{jsep.Audio: {jsep.ExtensionMid, jsep.ExtensionAudioLevel}, jsep.Video: {
		jsep.ExtensionMid, jsep.ExtensionAbsSendTime, jsep.ExtensionTransportSeq, jsep.ExtensionRID, jsep.ExtensionRepairedRID,
	}}
}

// wire is how packets go. The ciphers belong to the loop.
type wire struct {
	seal   *srtp.Sealer
	open   *srtp.Opener
	remote netip.AddrPort

	sending bool
	mid     string // of what we send
	// voice and voiceMid are of the sound that we send, heard the payload type of what
	// we receive.
	voice    numbers
	voiceMid string
	heard    uint8
	// out and in are the numbers of what leaves and of what arrives.
	out, in numbers
	// transportWide: the other side wants to know by transport-wide numbers when
	// what arrived; maximum: how much may come (REMB), if not the former.
	transportWide, maximum bool
	reduced                bool // RTCP need not be compound
	nack                   bool // the other side sends again what it is asked for
}

// numbers are payload types, and those of header extensions; 0 is none.
type numbers struct {
	media, repair                           uint8
	mid, rid, repaired, sendTime, transport uint8
	level                                   uint8
}

// String says in words what was agreed to beyond pictures, for tables.
func (w *wire) String() string {
	var words []string
	for _, word := range []struct {
		is   bool
		text string
	}{
		{w.nack, "nack"}, {max(w.in.repair, w.out.repair) != 0, "rtx"}, {w.transportWide, "twcc"}, {w.maximum, "remb"},
		{max(w.in.sendTime, w.out.sendTime) != 0, "abs-send-time"},
	} {
		if word.is {
			words = append(words, word.text)
		}
	}
	return strings.Join(words, " ")
}

// takeNumbers notes with which numbers packets leave and arrive. All sections of
// a connection mean the same by a number (RFC 9143 sections 9.1.1 and 12).
func (e *End) takeNumbers(agreement jsep.Agreement) error {
	for _, section := range agreement.Sections {
		if section.Refused || len(section.Formats) == 0 {
			if section.Name == "" {
				continue
			}
			return fmt.Errorf("%w: %s of %s", ErrRefused, section.Name, e.Name)
		}
		switch section.Kind {
		case jsep.Video:
			e.change(func(w *wire) { w.take(section) })
		case jsep.Audio:
			e.change(func(w *wire) { w.takeVoice(section) })
		}
	}
	return nil
}

func (w *wire) takeVoice(section jsep.Section) {
	if section.Direction.Sends() && section.Name != "" {
		w.voice, w.voiceMid = numbersOf(section, section.Formats[0].Out), section.Mid
	}
	if section.Direction.Receives() {
		w.heard = section.Formats[0].In.Media
	}
}

func (w *wire) take(section jsep.Section) {
	format := section.Formats[0]
	agreed := func(word string) bool { return slices.Contains(format.Feedback, word) }
	w.reduced, w.nack = section.ReducedSize, agreed("nack")
	if section.Direction.Sends() && section.Name != "" {
		w.sending, w.mid = true, section.Mid
		w.out = numbersOf(section, format.Out)
		w.transportWide = agreed(transportWide) && w.out.transport != 0
	}
	if section.Direction.Receives() {
		w.in = numbersOf(section, format.In)
		w.transportWide = agreed(transportWide) && w.in.transport != 0
		w.maximum = !w.transportWide && agreed("goog-remb")
	}
}

// numbersOf reads a section; numbers above 14 take a form that we do not write.
func numbersOf(section jsep.Section, types jsep.PayloadTypes) numbers {
	n := numbers{media: types.Media, repair: types.RTX}
	places := map[string]*uint8{
		jsep.ExtensionMid: &n.mid, jsep.ExtensionRID: &n.rid, jsep.ExtensionRepairedRID: &n.repaired,
		jsep.ExtensionAbsSendTime: &n.sendTime, jsep.ExtensionTransportSeq: &n.transport,
		jsep.ExtensionAudioLevel: &n.level,
	}
	for _, extension := range section.Extensions {
		if place := places[extension.URI]; place != nil && extension.ID < 15 {
			*place = extension.ID
		}
	}
	return n
}

// layered makes an offer one of several layers, if there are (RFC 8853): their sources
// are not named then, as in Chromium's, but known by the rids on their packets. The
// picture is what the offer ends with; of what stands before it, a sound, the source
// stays named: packets without a rid are nothing to some servers otherwise.
func layered(offer string, sources []*source) string {
	at := strings.LastIndex(offer, "m=video")
	if len(sources) < 2 || sources[0].rid == "" || at < 0 {
		return offer
	}
	kept := []string{offer[:at]}
	for line := range strings.Lines(offer[at:]) {
		if !strings.HasPrefix(line, "a=ssrc") {
			kept = append(kept, line)
		}
	}
	var rids []string
	for _, s := range sources {
		if s.rid == "" {
			continue
		}
		rids = append(rids, s.rid)
		kept = append(kept, "a=rid:"+s.rid+" send\r\n")
	}
	kept = append(kept, "a=simulcast:send "+strings.Join(rids, ";")+"\r\n")
	return strings.Join(kept, "")
}
