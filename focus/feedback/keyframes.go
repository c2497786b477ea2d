package feedback

import (
	"time"

	"meshfocus/internal/unit"
)

const (
	// requestLeast is the least time between two requests to one publisher:
	// libwebrtc's encoder answers no faster than this.
	requestLeast = 300 * time.Millisecond
	// requestPatience is how many requests in a row may stay without answer
	// before they become rare: the layer may be switched off.
	requestPatience = 8
	requestRare     = 2 * time.Second
)

// Layers is a set of the layers of one source: bit n is layer n.
type Layers uint32

// LayerOf is the set of one layer, which is below 32.
func LayerOf(layer int8) Layers { return 1 << (uint8(layer) & 31) }

// KeyFrames merges what subscribers want into few requests to the publisher of
// one source. It is owned by the read loop of the publisher's lane.
//
// Browsers answer a request for one layer with key frames of all. So
// requests for several layers go out together, and while one is under way all
// others wait for its answer. It is repeated after a round trip and a frame
// if no key frame has begun, never sooner than 300 ms.
//
//	Want ── Due asks ── Started: that layer wants no more
//	          └─ round trip + frame without it ─┘ again
type KeyFrames struct {
	wanted  Layers
	asked   unit.Instant
	vain    int // requests since a key frame began
	started [32]unit.Instant
	stats   KeyFramesStats
}

// KeyFramesStats counts what was asked of us, and what we asked for.
type KeyFramesStats struct{ Wanted, Swallowed, Requests, Started int64 }

// Want says that a subscriber can go on with a key frame of the layer only: it
// joins, resumes, or is to get another layer.
func (k *KeyFrames) Want(layer int8) {
	k.stats.Wanted++
	k.wanted |= LayerOf(layer)
}

// Complain is a PLI or a fresh FIR of a subscriber whose round trip is given.
// It is swallowed if a key frame of the layer was sent so lately that the
// subscriber had not seen it when it complained.
func (k *KeyFrames) Complain(layer int8, roundTrip time.Duration, now unit.Instant) {
	if at := k.started[layer&31]; at != unit.Never && now.Before(at.Add(roundTrip)) {
		k.stats.Wanted++
		k.stats.Swallowed++
		return
	}
	k.Want(layer)
}

// Started says that a key frame of the layer begins to arrive: whoever wanted
// one takes this.
func (k *KeyFrames) Started(layer int8, now unit.Instant) {
	k.stats.Started++
	k.wanted &^= LayerOf(layer)
	k.started[layer&31] = now
	k.vain = 0
}

// Forget says that nobody wants a key frame of the layer any more: it was
// switched off, or those who waited have gone.
func (k *KeyFrames) Forget(layer int8) { k.wanted &^= LayerOf(layer) }

// Pending is the set of layers of which somebody waits for a key frame.
func (k *KeyFrames) Pending() Layers { return k.wanted }

// Due gives the layers to ask for a key frame now, all in one datagram. roundTrip
// is the publisher's, frame the time between two of its pictures.
func (k *KeyFrames) Due(roundTrip, frame time.Duration, now unit.Instant) Layers {
	if now.Before(k.Next(roundTrip, frame)) {
		return 0
	}
	k.asked = now
	k.vain++
	k.stats.Requests++
	return k.wanted
}

// Next says when Due has something to ask, unit.Far if nobody waits.
func (k *KeyFrames) Next(roundTrip, frame time.Duration) unit.Instant {
	switch {
	case k.wanted == 0:
		return unit.Far
	case k.asked == unit.Never:
		return unit.Never
	case k.vain >= requestPatience:
		return k.asked.Add(requestRare)
	}
	return k.asked.Add(max(requestLeast, roundTrip+frame))
}

// Stats gives the counts.
func (k *KeyFrames) Stats() KeyFramesStats { return k.stats }

// IntraNumber knows the last full intra request of one subscriber for one
// stream: the same number again is the same request (RFC 5104 section 4.3.1.2).
type IntraNumber struct {
	seen   bool
	number uint8
}

// Fresh reports whether a number is a new request, and keeps it.
func (i *IntraNumber) Fresh(number uint8) bool {
	if i.seen && i.number == number {
		return false
	}
	i.seen, i.number = true, number
	return true
}
