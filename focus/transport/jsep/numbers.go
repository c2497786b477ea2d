package jsep

import "slices"

// numbers are the payload types and extension numbers of one bundle, where
// each means the same in every section (RFC 9143 sections 9.1.1 and 12).
type numbers struct {
	payloads   map[uint8]bool
	codecs     map[identity]PayloadTypes
	extensions map[string]uint8
	ids        map[uint8]bool
	preferred  map[string]uint8 // extensions
}

// numbers gives those in use, and sets apart those we would like.
func (s Session) numbers(sections []Section) *numbers {
	n := &numbers{preferred: s.config.Numbers, payloads: map[uint8]bool{}, codecs: map[identity]PayloadTypes{}, extensions: map[string]uint8{}, ids: map[uint8]bool{}}
	for _, section := range sections {
		for _, f := range section.Formats {
			n.payloads[f.In.Media], n.payloads[f.In.RTX] = true, true
			if known, ok := n.codecs[f.Codec.identity()]; !ok || known.RTX == 0 {
				n.codecs[f.Codec.identity()] = f.In
			}
		}
		for _, e := range section.Extensions {
			n.extensions[e.URI], n.ids[e.ID] = e.ID, true
		}
	}
	return n
}

// untangle takes away what would mean two things in the bundle: of formats and
// extensions of different meanings under one number the first counts. Nobody
// may offer such (RFC 9143 section 9.1.1), and what has no number cannot come. A
// section that nothing is left of is refused.
func untangle(sections []Section) {
	type meaning struct {
		codec  identity
		repair bool
	}
	formats, extensions := map[uint8]meaning{}, map[uint8]string{}
	for i := range sections {
		s := &sections[i]
		s.Formats = slices.DeleteFunc(slices.Clone(s.Formats), func(f Format) bool { return !claim(formats, f.In.Media, meaning{f.Codec.identity(), false}) })
		for j := range s.Formats {
			if f := &s.Formats[j]; f.In.RTX != 0 && !claim(formats, f.In.RTX, meaning{f.Codec.identity(), true}) {
				f.In.RTX, f.Out.RTX = 0, 0
			}
		}
		s.Extensions = slices.DeleteFunc(slices.Clone(s.Extensions), func(e Extension) bool { return !claim(extensions, e.ID, e.URI) })
		if s.Kind != Data && len(s.Formats) == 0 {
			s.Refused = true
		}
	}
}

// claim notes what a number means; it reports false if it means something else
// already.
func claim[M comparable](where map[uint8]M, number uint8, meaning M) bool {
	was, taken := where[number]
	if !taken {
		where[number] = meaning
	}
	return !taken || was == meaning
}

// payloadTypes gives the numbers of a codec: those it has, those it prefers,
// or others that are free.
func (n *numbers) payloadTypes(codec Codec) (PayloadTypes, bool) {
	if known, ok := n.codecs[codec.identity()]; ok {
		return known, true
	}
	var in PayloadTypes
	if in.Media = n.free(codec.Preferred.Media); in.Media == 0 {
		return in, false
	}
	if codec.Preferred.RTX != 0 {
		in.RTX = n.free(codec.Preferred.RTX)
	}
	n.codecs[codec.identity()] = in
	return in, true
}

// free takes a number, the one preferred if it can be had; 0 if there is none
// left. Dynamic numbers are 96 to 127, then 35 to 63 (RFC 5761 section 4).
func (n *numbers) free(preferred uint8) uint8 {
	if preferred != 0 && !n.payloads[preferred] {
		n.payloads[preferred] = true
		return preferred
	}
	for i := range uint8(61) {
		number := 96 + i
		if number > 127 {
			number = 35 + i - 32
		}
		if !n.payloads[number] {
			n.payloads[number] = true
			return number
		}
	}
	return 0
}

// ExtensionNumbers is how Firefox numbers header extensions in offers of its own,
// for Config.Numbers. Where ours differ, it gives the rest of its own higher
// numbers when it offers later, and then refuses its own offer, because 15 is
// none (Firefox 153).
func ExtensionNumbers() map[string]uint8 {
	return map[string]uint8{
		ExtensionAudioLevel: 1, ExtensionMid: 3, ExtensionAbsSendTime: 4, ExtensionTransportSeq: 7,
		ExtensionRID: 8, ExtensionRepairedRID: 9,
	}
}

// extension gives the number of a header extension: the one it has, the one
// preferred, or the lowest free one of the one-byte form.
func (n *numbers) extension(uri string) (uint8, bool) {
	if id, ok := n.extensions[uri]; ok {
		return id, true
	}
	if id := n.preferred[uri]; id != 0 && !n.ids[id] {
		n.ids[id], n.extensions[uri] = true, id
		return id, true
	}
	for id := uint8(1); id < 15; id++ {
		if !n.ids[id] {
			n.ids[id], n.extensions[uri] = true, id
			return id, true
		}
	}
	return 0, false
}
