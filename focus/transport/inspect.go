package transport

import (
	"github.com/pion/rtp/codecs"

	"meshfocus/focus/transport/frame"
)

// Inspect says of an encoded frame whether decoding can start with it and, if
// its header tells, the size of the picture. It never fails: what is not a
// frame of the codec is no key frame. Every packet of sound is a key frame.
func Inspect(codec Codec, data []byte) frame.Header {
	switch codec {
	case Opus:
		return frame.Header{Key: len(data) > 0}
	case VP8:
		return frame.VP8(data)
	case VP9:
		return frame.VP9(data)
	case H264:
		return frame.H264(data)
	case AV1:
		return frame.AV1(data)
	}
	return frame.Header{}
}

// beginsKeyFrame reports whether the payload of one RTP packet begins a key
// frame.
func beginsKeyFrame(codec Codec, payload []byte) bool {
	switch codec {
	case VP8:
		var packet codecs.VP8Packet
		data, err := packet.Unmarshal(payload)
		return err == nil && packet.S == 1 && packet.PID == 0 && frame.VP8(data).Key
	case VP9:
		var packet codecs.VP9Packet
		_, err := packet.Unmarshal(payload)
		return err == nil && packet.B && !packet.P
	case H264:
		var packet codecs.H264Packet
		data, err := packet.Unmarshal(payload)
		return err == nil && frame.H264(data).Key
	case AV1:
		// RTP Payload Format For AV1 section 4.4: N marks the first packet of
		// a coded video sequence, which begins with a key frame.
		return len(payload) > 1 && payload[0]&0x08 != 0
	}
	return codec == Opus
}
