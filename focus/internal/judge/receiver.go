package judge

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pion/rtp/codecs"

	"meshfocus/simulcast"
)

// Received is one packet as it reached a subscriber. One without payload only
// says that nothing is missing there.
type Received struct {
	Sequence   uint16
	Timestamp  uint32
	Marker     bool
	Payload    []byte
	Descriptor []byte
}

// Receiver is a subscriber's buffer: it puts pictures together and tells which of
// them could be decoded, by their numbers alone.
type Receiver struct {
	// Whole: nothing gets lost, so that a frame that is missing was not sent. Then
	// it is a fault if it is of a chain that the descriptors call active.
	Whole bool

	codec   simulcast.Codec
	packets []arrived
	highest int64
}

type arrived struct {
	Received
	at int64 // sequence number without wrapping
}

// NewReceiver gives a receiver of one codec.
func NewReceiver(codec simulcast.Codec) *Receiver { return &Receiver{codec: codec} }

// Take takes a packet, in the order of arrival.
func (r *Receiver) Take(p Received) {
	if len(r.packets) == 0 {
		r.highest = int64(p.Sequence)
	}
	at := r.highest + int64(int16(p.Sequence-uint16(r.highest)))
	r.highest = max(r.highest, at)
	r.packets = append(r.packets, arrived{p, at})
}

// Shown is a picture that can be shown.
type Shown struct {
	Timestamp uint32
	Data      []byte
}

// Report is what a receiver made of it all.
type Report struct {
	// Shown are the pictures that are whole and have all they refer to.
	Shown []Shown
	// Torn counts pictures of which a part is missing, Waiting those that are
	// whole, but wait for another.
	Torn, Waiting int
	// Faults are what may not happen in any weather.
	Faults []string
}

func (r *Report) fault(format string, values ...any) {
	r.Faults = append(r.Faults, fmt.Sprintf(format, values...))
}

// Report looks at all that was taken, in the order of the numbers.
func (r *Receiver) Report() (report Report) {
	slices.SortStableFunc(r.packets, func(a, b arrived) int { return cmp.Compare(a.at, b.at) })
	for i := 1; i < len(r.packets); i++ {
		if r.packets[i].at == r.packets[i-1].at {
			report.fault("two packets with number %d", r.packets[i].Sequence)
		}
	}
	memory := memory{Receiver: r}
	var newest *accessUnit
	for _, u := range r.units() {
		if newest != nil && int32(u.timestamp-newest.timestamp) <= 0 {
			report.fault("time goes on by %d at number %d", int32(u.timestamp-newest.timestamp), u.packets[0].Sequence)
		}
		newest = u
		switch {
		case !u.whole:
			report.Torn++
			memory.miss()
		case !memory.admits(u, &report):
			report.Waiting++
		default:
			report.Shown = append(report.Shown, Shown{u.timestamp, r.assemble(u, &report)})
		}
	}
	return report
}

// accessUnit is the packets of one picture.
type accessUnit struct {
	timestamp uint32
	packets   []arrived
	whole     bool
	joined    bool // nothing is missing since the picture before
}

// units puts packets of one time together.
func (r *Receiver) units() (units []*accessUnit) {
	var now *accessUnit
	marked, clean, filled := true, true, false // since the last packet with payload
	for i, p := range r.packets {
		clean = clean && (i == 0 || p.at == r.packets[i-1].at+1)
		switch {
		case len(p.Payload) == 0:
			filled = true
			continue
		case now == nil || p.Timestamp != now.timestamp:
			now = &accessUnit{timestamp: p.Timestamp, joined: marked && clean}
			now.whole = now.joined || r.starts(p.Payload)
			units = append(units, now)
		default:
			now.whole = now.whole && clean && !filled
		}
		now.packets = append(now.packets, p)
		marked, clean, filled = p.Marker, true, false
	}
	for _, u := range units {
		u.whole = u.whole && u.packets[len(u.packets)-1].Marker
	}
	return units
}

// starts reports whether the payload shows that it is a picture's first.
func (r *Receiver) starts(payload []byte) bool {
	switch r.codec {
	case simulcast.VP8:
		var p codecs.VP8Packet
		_, err := p.Unmarshal(payload)
		return err == nil && p.S == 1 && p.PID == 0
	case simulcast.VP9:
		var p codecs.VP9Packet
		_, err := p.Unmarshal(payload)
		return err == nil && p.B && (p.SID == 0 || !p.D)
	case simulcast.AV1:
		return payload[0]&0x80 == 0 // Z: goes on from the packet before
	}
	return r.begins(payload)
}

// begins reports whether a key frame begins with the payload, where the codec's
// descriptor shows that (N of the AV1 aggregation header; parameter sets).
func (r *Receiver) begins(payload []byte) bool {
	switch r.codec {
	case simulcast.VP8: // the shortest descriptor, and P of the frame's first byte
		return payload[0] == 0x10 && len(payload) > 1 && payload[1]&1 == 0
	case simulcast.AV1:
		return payload[0]&0x88 == 0x08
	}
	kind := payload[0] & 0x1f
	return kind == 24 || kind == 7
}

// assemble gives a picture's bytes.
func (r *Receiver) assemble(u *accessUnit, report *Report) (data []byte) {
	var h264 codecs.H264Packet
	var av1 codecs.AV1Depacketizer
	if r.codec == simulcast.AV1 {
		data = append(data, 0x12, 0) // temporal delimiter
	}
	for _, p := range u.packets {
		var part []byte
		var err error
		switch r.codec {
		case simulcast.VP8:
			part, err = new(codecs.VP8Packet).Unmarshal(p.Payload)
		case simulcast.VP9:
			part, err = new(codecs.VP9Packet).Unmarshal(p.Payload)
		case simulcast.H264:
			part, err = h264.Unmarshal(p.Payload)
		case simulcast.AV1:
			part, err = av1.Unmarshal(p.Payload)
		}
		if err != nil {
			report.fault("number %d: %v", p.Sequence, err)
		}
		data = append(data, part...)
	}
	if r.codec == simulcast.H264 {
		data = append(append([]byte(nil), append(delimiter, 0xf0)...), data...)
	}
	return data
}
