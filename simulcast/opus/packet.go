// Package opus says of a packet of sound how long it lasts and whether anything
// is in it, and takes redundant sound apart.
//
// Opus follows RFC 6716 section 3 and, in RTP, RFC 7587; redundancy ("red")
// RFC 2198. Sound has no layers and is never dropped, so there is little to
// know: Inspect is called by the read loop for each packet, Parse where the
// length matters, and Unpack or Primary where a subscriber has not negotiated
// redundancy. Forward error correction is inside of Opus and passes as it is.
// All functions are pure, allocate nothing and take any input. Durations are in
// samples of 48 kHz, which is the unit of timestamps; sizes in bytes.
package opus

import "meshfocus/simulcast"

// SampleRate is that of timestamps, whatever was encoded (RFC 7587 section 4.1).
const SampleRate = 48_000

// Packet is what the first bytes of an Opus packet say.
type Packet struct {
	// Frames is how many frames there are, Samples how long they last together.
	Frames  uint8
	Samples uint16
	Stereo  bool
	// Silent: nothing is in it, as encoders in discontinuous transmission send
	// at the beginning of silence and now and then during it.
	Silent bool
}

// samples are those of a frame by the configuration (RFC 6716 table 2).
var samples = [32]uint16{
	480, 960, 1920, 2880, 480, 960, 1920, 2880, 480, 960, 1920, 2880, // SILK
	480, 960, 480, 960, // hybrid
	120, 240, 480, 960, 120, 240, 480, 960, 120, 240, 480, 960, 120, 240, 480, 960, // CELT
}

const (
	mostSamples = 5760 // 120 ms
	// silentSize: libopus says that what it makes of silence, which is two bytes
	// at most, need not be sent.
	silentSize = 2
)

// Parse reads the table of contents, the first byte and, if need be, the second
// (RFC 6716 section 3.1). It fails with ErrShort or ErrFrames. With end-to-end
// encryption only the first byte is in the clear: Parse may fail, or Samples be
// wrong, for packets of several frames.
func (p *Packet) Parse(payload []byte) error {
	*p = Packet{}
	if len(payload) == 0 {
		return ErrShort
	}
	head := payload[0]
	p.Stereo, p.Silent = head&0x04 != 0, Silent(payload)
	switch head & 3 {
	case 0:
		p.Frames = 1
	case 1, 2:
		p.Frames = 2
	case 3:
		if len(payload) < 2 {
			return ErrShort
		}
		p.Frames = payload[1] & 0x3f
	}
	p.Samples = uint16(p.Frames) * samples[head>>3]
	if p.Samples == 0 || p.Samples > mostSamples {
		return ErrFrames
	}
	return nil
}

// Silent reports whether a packet is one of discontinuous transmission, and not
// padding. It takes no look at the bytes.
func Silent(payload []byte) bool { return len(payload) > 0 && len(payload) <= silentSize }

// Inspect says into info what there is to say of a packet of sound, redundant
// or not: it is a whole frame, and decoding can begin with it. A packet without
// payload is Padding.
func Inspect(payload []byte, info *simulcast.Info) {
	*info = simulcast.Plain(simulcast.Opus)
	if len(payload) == 0 {
		info.Padding = true
		return
	}
	info.Start, info.End, info.Key = true, true, true
}
