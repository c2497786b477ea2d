package record

import (
	"encoding/binary"

	"github.com/at-wat/ebml-go/webm"

	"meshfocus/focus/transport"
	"meshfocus/focus/transport/frame"
)

// Track types (RFC 9559 section 5.1.4.1.3).
const (
	videoTrack = 1
	audioTrack = 2
)

// seekPreRoll is how much sound a decoder must hear before it is right, in
// nanoseconds (RFC 7845 section 4.6 says 80 ms).
const seekPreRoll = 80_000_000

// describe makes the head of a track from its first sample; false if the
// sample does not tell what has to stand there.
func describe(label string, sample transport.Sample) (webm.TrackEntry, bool) {
	entry := webm.TrackEntry{Name: label, TrackType: videoTrack}
	switch sample.Codec {
	case transport.Opus:
		entry.TrackType = audioTrack
		entry.CodecID = "A_OPUS"
		entry.CodecPrivate = opusHead()
		entry.SeekPreRoll = seekPreRoll
		entry.Audio = &webm.Audio{SamplingFrequency: 48000, Channels: 2}
		return entry, true
	case transport.VP8:
		entry.CodecID = "V_VP8"
	case transport.VP9:
		entry.CodecID = "V_VP9"
	case transport.AV1:
		entry.CodecID = "V_AV1"
		entry.CodecPrivate = frame.AV1Config(sample.Data)
	case transport.H264:
		entry.CodecID = "V_MPEG4/ISO/AVC"
		entry.CodecPrivate = frame.AVCConfig(sample.Data)
	}
	needsPrivate := sample.Codec == transport.AV1 || sample.Codec == transport.H264
	if entry.CodecID == "" || needsPrivate && entry.CodecPrivate == nil {
		return entry, false
	}
	entry.Video = &webm.Video{PixelWidth: uint64(max(sample.Width, 1)), PixelHeight: uint64(max(sample.Height, 1))}
	return entry, true
}

// opusHead is the identification header (RFC 7845 section 5.1): two channels,
// which decodes mono as well, and nothing to skip, since we come in the middle
// of a stream and its times are the file's.
func opusHead() []byte {
	head := append([]byte("OpusHead"), 1, 2)
	head = binary.LittleEndian.AppendUint16(head, 0)     // pre-skip
	head = binary.LittleEndian.AppendUint32(head, 48000) // input rate
	return append(head, 0, 0, 0)                         // gain, mapping family
}

// stored gives the data of a sample as Matroska has it.
func stored(sample transport.Sample) []byte {
	switch sample.Codec {
	case transport.H264:
		return frame.AVC(sample.Data)
	case transport.AV1:
		return frame.WithoutDelimiters(sample.Data)
	}
	return sample.Data
}
