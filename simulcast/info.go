package simulcast

// Layer is one encoding of a source: spatial is the index of the encoding by
// picture size, 0 the smallest; temporal is the highest temporal layer of it.
type Layer struct{ Spatial, Temporal int8 }

// None is the layer of those who get nothing.
var None = Layer{-1, -1}

// Codec is what a source is encoded with, as far as forwarding it differs.
type Codec uint8

// The codecs that are told apart. Other is forwarded as it is.
const (
	Other Codec = iota
	Opus
	VP8
	VP9
	AV1
	H264
)

// Absent is the value of numbers that a packet does not carry.
const Absent = -1

// Info is what a packet says of its place in the stream, read once when it
// arrives. The zero value is not "nothing known": parsers set Absent.
type Info struct {
	Codec Codec
	// Spatial is the spatial layer inside one SSRC (SVC); streams of simulcast
	// have 0 here, their layer is known by the SSRC. Temporal is 0 if unknown.
	Spatial, Temporal int8
	// Start and End: the first and the last packet of a frame of one spatial
	// layer. End of H.264, VP8 and, without dependency descriptor, AV1 is the
	// marker bit; a packet of sound is a frame.
	Start, End bool
	// Key: decoding can begin with this packet, which is a Start (rows "Key
	// frame start" of the table of codecs). With SVC: of the whole super-frame.
	Key bool
	// UpSwitch: a receiver of lower temporal layers may go up to Temporal with
	// this frame (VP8's Y, VP9's U, AV1's switch indication).
	UpSwitch bool
	// Reach: whoever gets the frame may go up to this temporal layer with it,
	// which is above the frame's own where a lower layer is all that the higher
	// ones need from before (dependency descriptor only; else 0).
	Reach int8
	// Independent: the frame refers to no earlier picture (VP9's P is 0), so that
	// a receiver of the layers below it in the same super-frame may go up to its
	// spatial layer with it.
	Independent bool
	// InterPredicted: a frame of a spatial layer depends on the one below in the
	// same super-frame (VP9's D).
	InterPredicted bool
	// Needless has bit n set if receivers of spatial layer n can do without the
	// frame, which is of a lower one (VP9's Z; decode targets it is not present in).
	// Silent has it set if the publisher says that n is not sent at present (decode
	// targets that are not active).
	Needless, Silent uint8
	// Padding: the packet has no payload.
	Padding bool
	// PictureID is VP8's or VP9's, of PictureBits 7 or 15; TL0 is TL0PICIDX;
	// KeyIndex VP8's KEYIDX; FrameNumber the dependency descriptor's. Absent if
	// the packet has none.
	PictureID   int32
	PictureBits uint8
	TL0         int16
	KeyIndex    int8
	FrameNumber int32
	// Width and Height of the picture in pixels, where a key frame says so.
	Width, Height uint16
	// Targets is the bit mask of decode targets the frame belongs to, Switches
	// of those of them that can be switched to with it, Chains of those chains it is
	// part of, and Active of the decode targets that are active (AV1 dependency
	// descriptor); 0 if there is no descriptor.
	Targets, Switches, Chains, Active uint32
}

// Plain is the Info of a packet that says nothing of itself: what it does not
// carry is Absent.
func Plain(codec Codec) Info {
	return Info{
		Codec:     codec,
		PictureID: Absent, TL0: Absent, KeyIndex: Absent, FrameNumber: Absent,
	}
}
