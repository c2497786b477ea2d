package packet

import (
	"encoding/binary"
	"slices"
)

// passed are the extensions that go from publisher to subscriber as they are.
// Numbers and times of leaving are ours, mid and the layers' names are each
// connection's own, and an allocation of layers is for us alone. An offset of
// sending and a timing of stages are no longer true when we send.
const passed Extensions = 1<<AudioLevel | 1<<Orientation | 1<<ColourSpace | 1<<ContentType |
	1<<PlayoutDelay | 1<<AbsCaptureTime | 1<<Descriptor

// Lengths of the elements that are stamped on leaving.
const (
	sendTimeLen        = 3
	transportNumberLen = 2
)

// Fields is what a packet's header says to one subscriber.
type Fields struct {
	SSRC, Timestamp uint32
	Sequence        uint16
	PayloadType     uint8
	Marker, Padding bool
	// TransportNumber counts what leaves on the connection and SendTime is when,
	// in AbsSendTime's units. Each goes along if the subscriber has a number for
	// its extension.
	TransportNumber uint16
	SendTime        uint32
	// Own are elements of ours, which go before the publisher's of the same
	// meaning: a mid until it is known, a descriptor that was renumbered, an
	// orientation whose packet was left out. An empty Value is sent as such,
	// where the two-byte form is allowed. The two above are not among them.
	Own []Element
}

// Element is one of a header extension.
type Element struct {
	Extension Extension
	Value     []byte // up to 255 bytes
}

// Writer writes the headers of packets to one subscriber, with the numbers that
// extensions have there. It does not change, so that all streams of a connection
// may share it.
type Writer struct {
	numbers [extensions]uint8
	known   Extensions // those with a number
	passing Extensions
	mixed   bool // whether the two-byte form is allowed
	long    bool // whether a number needs it
}

// NewWriter makes a writer for a subscriber's numbers. twoByte tells whether the
// subscriber takes the two-byte form (a=extmap-allow-mixed, RFC 8285 section 6);
// without it elements of more than 16 bytes or none, and those whose number is
// above 14, are left out.
func NewWriter(numbers *Numbers, twoByte bool) *Writer {
	w := &Writer{numbers: numbers.number, mixed: twoByte}
	for e := None + 1; e < extensions; e++ {
		number := w.numbers[e]
		if number == 0 || number > 14 && !twoByte {
			continue
		}
		w.known |= 1 << e
		w.long = w.long || number > 14
	}
	w.passing = w.known & passed
	return w
}

// Knows reports whether the subscriber has a number for an extension.
func (w *Writer) Knows(e Extension) bool { return w.known.Has(e) }

// Append appends the header that p leaves with; p may be nil, for packets of
// padding alone. The payload follows, and padding behind it. Within dst's
// capacity nothing is allocated.
func (w *Writer) Append(dst []byte, f *Fields, p *Packet) []byte {
	start := len(dst)
	dst = slices.Grow(dst, HeaderLen)[:start+HeaderLen]
	header := dst[start : start+HeaderLen]
	header[0], header[1] = 2<<6, f.PayloadType
	if f.Marker {
		header[1] |= 0x80
	}
	if f.Padding {
		header[0] |= 0x20
	}
	binary.BigEndian.PutUint16(header[2:], f.Sequence)
	binary.BigEndian.PutUint32(header[4:], f.Timestamp)
	binary.BigEndian.PutUint32(header[8:], f.SSRC)
	if w.known == 0 {
		return dst
	}
	return w.appendExtension(dst, start, f, p)
}

// appendExtension appends profile, length and elements, if there are any, to the
// header that begins at start.
func (w *Writer) appendExtension(dst []byte, start int, f *Fields, p *Packet) []byte {
	passing := Extensions(0)
	if p != nil {
		passing = w.passing & p.Elements.has
	}
	for i := range f.Own {
		passing &^= 1 << f.Own[i].Extension
	}
	form := form{two: w.long || w.mixed && w.needsTwoByte(passing, f, p)}
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	if w.known.Has(AbsSendTime) {
		dst = form.append(dst, w.numbers[AbsSendTime], sendTimeLen)
		dst = append(dst, byte(f.SendTime>>16), byte(f.SendTime>>8), byte(f.SendTime))
	}
	if w.known.Has(TransportNumber) {
		dst = form.append(dst, w.numbers[TransportNumber], transportNumberLen)
		dst = binary.BigEndian.AppendUint16(dst, f.TransportNumber)
	}
	for i := range f.Own {
		own := &f.Own[i]
		if w.known.Has(own.Extension) && form.fits(len(own.Value)) {
			dst = form.append(dst, w.numbers[own.Extension], len(own.Value))
			dst = append(dst, own.Value...)
		}
	}
	for passing != 0 {
		var e Extension
		e, passing = passing.next()
		if value := p.Elements.Value(p.Bytes, e); form.fits(len(value)) {
			dst = form.append(dst, w.numbers[e], len(value))
			dst = append(dst, value...)
		}
	}
	if len(dst) == at+4 {
		return dst[:at]
	}
	for (len(dst)-at)&3 != 0 {
		dst = append(dst, 0)
	}
	dst[start] |= 0x10
	binary.BigEndian.PutUint16(dst[at:], form.profile())
	binary.BigEndian.PutUint16(dst[at+2:], uint16((len(dst)-at-4)/4))
	return dst
}

// needsTwoByte reports whether an element does not fit into the one-byte form.
func (w *Writer) needsTwoByte(passing Extensions, f *Fields, p *Packet) bool {
	one := form{}
	for i := range f.Own {
		if w.known.Has(f.Own[i].Extension) && !one.fits(len(f.Own[i].Value)) {
			return true
		}
	}
	for passing != 0 {
		var e Extension
		e, passing = passing.next()
		if !one.fits(int(p.Elements.len[e])) {
			return true
		}
	}
	return false
}

// form is how elements are written: RFC 8285 section 4.2's, or two: section 4.3's.
type form struct{ two bool }

func (f form) profile() uint16 {
	if f.two {
		return twoByteProfile
	}
	return oneByteProfile
}

// fits reports whether an element of the length can be written.
func (f form) fits(length int) bool {
	if f.two {
		return length <= 255
	}
	return length >= 1 && length <= 16
}

// append appends what stands before an element.
func (f form) append(dst []byte, number uint8, length int) []byte {
	if f.two {
		return append(dst, number, byte(length))
	}
	return append(dst, number<<4|byte(length-1))
}
