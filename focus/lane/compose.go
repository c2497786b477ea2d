package lane

import (
	"meshfocus/focus/packet"
	"meshfocus/simulcast"
	"meshfocus/simulcast/dependency"
	"meshfocus/simulcast/opus"
	"meshfocus/simulcast/vp8"
	"meshfocus/simulcast/vp9"
)

// ownElements is how many elements of a header extension are ours at most: mid,
// playout delay, descriptor, orientation.
const ownElements = 4

// elements are those that a packet leaves with in place of its publisher's. They are
// good until the next call.
func (s *sender) elements(sub *Subscription, source *packet.Packet, with *leaving) []packet.Element {
	own := s.own[:0]
	if !sub.sent.known && len(sub.sent.mid) > 0 {
		own = append(own, packet.Element{Extension: packet.MID, Value: sub.sent.mid})
	}
	own = sub.sent.delay.append(own, &s.delay)
	if source == nil {
		return own
	}
	if with.marks.has(numbered) {
		if value := s.descriptor(source, with); value != nil {
			own = append(own, packet.Element{Extension: packet.Descriptor, Value: value})
		}
	}
	if with.extras != nil && with.extras.orientation != nil {
		own = append(own, packet.Element{Extension: packet.Orientation, Value: with.extras.orientation})
	}
	return own
}

// descriptor is the packet's dependency descriptor with its number in this stream,
// nil if it has none.
func (s *sender) descriptor(source *packet.Packet, with *leaving) []byte {
	value := source.Value(packet.Descriptor)
	if with.extras != nil && with.extras.descriptor != nil {
		value = with.extras.descriptor
	}
	if len(value) == 0 || len(value) > len(s.scratch) {
		return nil
	}
	patched := s.scratch[:copy(s.scratch[:], value)]
	dependency.PatchNumber(patched, with.frame)
	return patched
}

// body gives the payload as the subscriber gets it: the packet's own bytes if
// nothing changes, else a copy that it puts behind what is written.
func (s *sender) body(written *[]byte, format *outFormat, f *packet.Fields,
	source *packet.Packet, with *leaving, original []byte,
) []byte {
	at := len(*written)
	*written = append(*written, original...)
	if source == nil {
		return (*written)[at:]
	}
	payload := source.Payload()
	switch {
	case with.marks.has(doubled) && format.red == 0:
		payload = primary(payload)
	case with.marks.has(doubled):
		*written = appendRedundant(*written, payload, format.payloadType)
		return (*written)[at:]
	case with.pictureID == simulcast.Absent && with.tl0 == simulcast.Absent:
	case with.codec == simulcast.VP8:
		*written = appendVP8(*written, payload, with)
		return (*written)[at:]
	case with.codec == simulcast.VP9:
		start := len(*written)
		*written = append(*written, payload...)
		vp9.Patch((*written)[start:], int32(with.pictureID), with.tl0)
		return (*written)[at:]
	}
	if original == nil {
		return payload
	}
	*written = append(*written, payload...)
	return (*written)[at:]
}

// appendVP8 appends a payload with the picture ID and TL0PICIDX it leaves with. Who
// was told IDs of 15 bits before goes on with them.
func appendVP8(dst, payload []byte, with *leaving) []byte {
	start := len(dst)
	var d vp8.Descriptor
	if with.pictureBits <= 7 || d.Parse(payload) != nil || d.PictureBits >= with.pictureBits {
		dst = append(dst, payload...)
		vp8.Patch(dst[start:], int32(with.pictureID), with.tl0)
		return dst
	}
	frame := payload[d.Size:]
	if d.PictureID != simulcast.Absent {
		d.PictureID, d.PictureBits = int32(with.pictureID), with.pictureBits
	}
	if d.TL0 != simulcast.Absent {
		d.TL0 = with.tl0
	}
	return append(d.Append(dst), frame...)
}

// primary is the sound of now alone, nothing if the payload is none.
func primary(payload []byte) []byte {
	block, err := opus.Primary(payload)
	if err != nil {
		return nil
	}
	return block.Data
}

// appendRedundant appends a redundant payload (RFC 2198 section 3) with the payload
// type that its blocks have with the subscriber. All of them are of one codec.
func appendRedundant(dst, payload []byte, payloadType uint8) []byte {
	start := len(dst)
	dst = append(dst, payload...)
	for at := start; at < len(dst); at += 4 {
		more := dst[at] & 0x80
		dst[at] = more | payloadType
		if more == 0 {
			break
		}
	}
	return dst
}
