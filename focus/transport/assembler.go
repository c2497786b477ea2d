package transport

import (
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// How long a missing packet is waited for. Video is asked for again, which
// takes a round trip or two; sound is not and should not wait long.
const (
	videoPatience = 400 * time.Millisecond
	audioPatience = 60 * time.Millisecond
	// videoReach and audioReach are how many packets may wait: half a second
	// of 10 Mbit/s, and a second of sound.
	videoReach = 512
	audioReach = 64
)

// assembler puts packets in order and frames together. It is what
// samplebuilder does in Pion, in 40 kB instead of a megabyte for each track,
// and gives out a frame with its last packet instead of with the next frame.
//
// It has no clock and no lock: arrival times are arguments, and its owner is
// the read loop of one track.
type assembler struct {
	codec    Codec
	patience time.Duration
	slots    []slot

	started bool
	next    uint16 // the first number not given out
	highest uint16 // the last number seen
	seen    int    // packets from next on that are known to be of one frame

	// After a hole, what follows must be the begin of a frame.
	searching bool
	spoiled   bool   // timestamp below is set
	spoilt    uint32 // timestamp of a frame of which a part is missing

	dropped int // packets since the last frame given out
	stats   assembled
}

// assembled counts what the assembler did.
type assembled struct{ Lost, Late, Broken uint64 }

// slot is one packet that waits.
type slot struct {
	used      bool
	sequence  uint16
	timestamp uint32
	marker    bool
	payload   []byte
	arrived   time.Time
}

func newAssembler(codec Codec) *assembler {
	a := &assembler{codec: codec, patience: videoPatience, searching: true}
	reach := videoReach
	if codec.Kind() == Audio {
		a.patience, reach = audioPatience, audioReach
	}
	a.slots = make([]slot, reach)
	return a
}

func (a *assembler) at(sequence uint16) *slot { return &a.slots[int(sequence)%len(a.slots)] }

// waiting counts the numbers from next to the last seen.
func (a *assembler) waiting() int { return int(int16(a.highest-a.next)) + 1 }

// push takes a packet; the payload is kept.
func (a *assembler) push(header *rtp.Header, payload []byte, arrived time.Time) {
	sequence := header.SequenceNumber
	if !a.started {
		a.started = true
		a.next, a.highest = sequence, sequence-1
	}
	ahead := int(int16(sequence - a.next))
	if ahead < 0 || ahead < len(a.slots) && a.at(sequence).used && a.at(sequence).sequence == sequence {
		if ahead < -len(a.slots) { // the sender began anew
			a.jump(sequence)
		} else {
			a.stats.Late++
			return
		}
	} else if ahead >= len(a.slots) {
		a.jump(sequence)
	}
	*a.at(sequence) = slot{used: true, sequence: sequence, timestamp: header.Timestamp, marker: header.Marker, payload: payload, arrived: arrived}
	if int16(sequence-a.highest) > 0 {
		a.highest = sequence
	}
}

// jump gives up everything that waits and goes on at a number.
func (a *assembler) jump(to uint16) {
	clear(a.slots)
	if gap := int(int16(to - a.next)); gap > 0 {
		a.stats.Lost += uint64(gap)
		a.dropped += gap
	}
	a.next, a.highest = to, to-1
	a.seen, a.searching, a.spoiled = 0, true, false
}

// pop gives out the next frame if it is complete. It has to be called until
// it has none after every push.
func (a *assembler) pop(now time.Time) (Sample, bool) {
	for a.started && a.waiting() > 0 {
		first := a.at(a.next)
		switch {
		case !first.used:
			if !a.skip(now) {
				return Sample{}, false
			}
		case len(first.payload) == 0: // padding
			a.drop(1)
			a.dropped--
		case a.searching && !a.begins(first):
			a.drop(1)
		default:
			length, complete := a.measure()
			if complete {
				a.searching, a.spoiled = false, false
				if sample, ok := a.join(length); ok {
					return sample, true
				}
				continue
			}
			// The hole lies behind this part of a frame.
			if a.waiting() == length || !a.impatient(a.next+uint16(length), now) {
				return Sample{}, false
			}
			a.spoil(first.timestamp)
			a.stats.Broken++
			a.drop(length)
		}
	}
	return Sample{}, false
}

// begins reports whether a packet begins a frame, as far as its payload
// tells. H.264 and AV1 do not tell for certain: there a frame is given up if
// a hole came right before any packet of it.
func (a *assembler) begins(s *slot) bool {
	if a.spoiled && s.timestamp == a.spoilt {
		return false
	}
	switch a.codec {
	case VP8:
		var packet codecs.VP8Packet
		_, err := packet.Unmarshal(s.payload)
		return err == nil && packet.S == 1 && packet.PID == 0
	case VP9:
		var packet codecs.VP9Packet
		_, err := packet.Unmarshal(s.payload)
		return err == nil && packet.B
	case H264:
		var packet codecs.H264Packet
		return packet.IsPartitionHead(s.payload)
	case AV1:
		var packet codecs.AV1Depacketizer
		return packet.IsPartitionHead(s.payload)
	}
	return true
}

// measure finds the end of the frame that begins at next.
func (a *assembler) measure() (length int, complete bool) {
	timestamp := a.at(a.next).timestamp
	for waiting := a.waiting(); a.seen < waiting; {
		s := a.at(a.next + uint16(a.seen))
		if !s.used {
			return a.seen, false
		}
		if a.seen > 0 && s.timestamp != timestamp {
			return a.seen, true
		}
		a.seen++
		if s.marker || a.codec.Kind() == Audio {
			return a.seen, true
		}
	}
	return a.seen, false
}

// skip gives up the missing packets at next, if they were waited for long
// enough.
func (a *assembler) skip(now time.Time) bool {
	if !a.impatient(a.next, now) {
		return false
	}
	for a.waiting() > 0 && !a.at(a.next).used {
		a.next++
		a.dropped++
		a.stats.Lost++
	}
	a.seen, a.searching = 0, true
	if (a.codec == H264 || a.codec == AV1) && a.waiting() > 0 {
		a.spoil(a.at(a.next).timestamp)
	}
	return true
}

// impatient reports whether what follows the hole at a number has waited long
// enough, or three quarters of the room are taken.
func (a *assembler) impatient(hole uint16, now time.Time) bool {
	if a.waiting() > len(a.slots)*3/4 {
		return true
	}
	for sequence := hole; int16(a.highest-sequence) >= 0; sequence++ {
		if s := a.at(sequence); s.used {
			return now.Sub(s.arrived) >= a.patience
		}
	}
	return false
}

func (a *assembler) spoil(timestamp uint32) { a.searching, a.spoiled, a.spoilt = true, true, timestamp }

// drop gives up packets that are here.
func (a *assembler) drop(count int) {
	for range count {
		*a.at(a.next) = slot{}
		a.next++
	}
	a.dropped += count
	a.seen = 0
}

// join makes a sample of the packets of one frame.
func (a *assembler) join(length int) (Sample, bool) {
	first := a.at(a.next)
	sample := Sample{Codec: a.codec, Timestamp: first.timestamp, Arrived: first.arrived, Dropped: a.dropped}
	size := 0
	for i := range length {
		size += len(a.at(a.next + uint16(i)).payload)
	}
	sample.Data = make([]byte, 0, size)
	depacketizer := depacketizer(a.codec)
	for i := range length {
		s := a.at(a.next + uint16(i))
		if len(s.payload) == 0 {
			continue
		}
		part, err := depacketizer.Unmarshal(s.payload)
		if err != nil {
			a.stats.Broken++
			a.drop(length)
			return Sample{}, false
		}
		sample.Data = append(sample.Data, part...)
	}
	a.drop(length)
	a.dropped = 0
	if len(sample.Data) == 0 {
		return Sample{}, false
	}
	header := Inspect(a.codec, sample.Data)
	sample.KeyFrame, sample.Width, sample.Height = header.Key, header.Width, header.Height
	return sample, true
}

func depacketizer(codec Codec) rtp.Depacketizer {
	switch codec {
	case VP8:
		return &codecs.VP8Packet{}
	case VP9:
		return &codecs.VP9Packet{}
	case H264:
		return &codecs.H264Packet{}
	case AV1:
		return &codecs.AV1Depacketizer{}
	}
	return &codecs.OpusPacket{}
}
