package lane

import (
	"sync"
	"sync/atomic"

	"meshfocus/focus/packet"
	"meshfocus/simulcast"
)

// The bounds of what waits for one send loop.
const (
	// mostParcels is 55 ms at 600 000 packets in a second, which is about what one
	// core can send: who waits longer is late anyway.
	mostParcels = 32 << 10
	// mostPackets bounds the packets that these are of, which their readers' pools
	// lack meanwhile: less than the smallest pool, so that a lane that stands still
	// takes from nobody. It is half a second of 2000 in a second.
	mostPackets = 1024
	// mostBatches bounds batches of few parcels.
	mostBatches = 4096
	// soundOnly is from how much, in hundredths of that, on nothing but sound is
	// taken. Before that, readers have shed video by whole frames.
	soundOnly = 95
	// spareBatches is how many are kept to be filled again.
	spareBatches = 64
)

// parcel is one packet's share in one subscription, on its way from who read the
// packet to the send loop that sends it.
type parcel struct {
	sub    *Subscription
	packet *packet.Packet // with one reference; only its number matters for a Fill
	stream *stream
	extras *extras // values of out.Owed, nil if it is empty
	out    simulcast.Outgoing
	codec  simulcast.Codec
	red    bool // the payload is redundant sound around the codec's (RFC 2198)
	needed bool // other frames need its own
}

// release lets the packet go.
func (p *parcel) release() { release(p.packet) }

// batch is parcels to one lane. It belongs to who fills it, and from take on to
// that lane's send loop.
type batch struct {
	parcels   []parcel
	soundOnly bool // the lane has hardly any room left

	// packets is how many packets the parcels are of: of each track those of the
	// subscription that comes first.
	packets int
	track   *Track
	first   *Subscription
}

// add puts a parcel in, with the reference it has. It is false if there is room
// for sound only and the parcel is none: then the reference stays the caller's.
func (b *batch) add(p parcel) bool {
	if b.soundOnly && p.sub.kind != Audio {
		return false
	}
	if p.stream.track != b.track {
		b.track, b.first = p.stream.track, p.sub
	}
	if p.sub == b.first {
		b.packets++
	}
	b.parcels = append(b.parcels, p)
	return true
}

// reset empties a batch, whose parcels are somebody else's or released.
func (b *batch) reset() {
	*b = batch{parcels: b.parcels[:0]}
}

// open gives an empty batch to fill for a lane, nil if that can take nothing any
// more. Any goroutine may.
func (l *Lane) open(to *Lane) *batch { return to.mail.open() }

// take hands a batch over to the lane's send loop. It never waits. Any goroutine
// may that has opened it.
func (l *Lane) take(b *batch) { l.mail.take(b) }

// fullness tells how much of the room for parcels is taken, in hundredths. Any
// goroutine may.
func (l *Lane) fullness() int { return l.mail.fullness() }

// mailbox is what waits for a send loop: batches, which are bounded, and letters.
// Its mutex is a leaf, taken once for a batch on either side.
type mailbox struct {
	// Handed over and not sent yet.
	parcels, packets atomic.Int64

	wake chan struct{}

	mutex   sync.Mutex // guards the rest
	batches []*batch   // handed over, in order
	letters []letter
	spare   []*batch
	buffers [][]byte // of letters, to be used again
	reports int      // letters that are reports, which are bounded
	lost    uint64   // reports that found no room
	asleep  bool     // the loop waits for wake
	ended   bool
}

func (m *mailbox) prepare() { m.wake = make(chan struct{}, 1) }

func (m *mailbox) open() *batch {
	fullness := m.fullness()
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if fullness >= 100 || len(m.batches) >= mostBatches || m.ended {
		return nil
	}
	b := m.fresh()
	b.soundOnly = fullness >= soundOnly
	return b
}

// fresh gives a batch to fill, one that was used before if there is one. The mutex is
// held.
func (m *mailbox) fresh() *batch {
	last := len(m.spare) - 1
	if last < 0 {
		return &batch{}
	}
	b := m.spare[last]
	m.spare = m.spare[:last]
	return b
}

func (m *mailbox) take(b *batch) {
	m.parcels.Add(int64(len(b.parcels)))
	m.packets.Add(int64(b.packets))
	m.mutex.Lock()
	if m.ended {
		m.mutex.Unlock()
		m.forget(b)
		return
	}
	m.batches = append(m.batches, b)
	waking := m.rouse()
	m.mutex.Unlock()
	if waking {
		m.ring()
	}
}

// rouse reports whether the loop has to be woken. The mutex is held.
func (m *mailbox) rouse() bool {
	waking := m.asleep
	m.asleep = false
	return waking
}

// ring wakes the loop.
func (m *mailbox) ring() {
	select {
	case m.wake <- struct{}{}:
	default: // it is being woken
	}
}

// forget lets go of what a batch holds.
func (m *mailbox) forget(b *batch) {
	for i := range b.parcels {
		b.parcels[i].release()
	}
	clear(b.parcels)
	m.sent(len(b.parcels), b.packets)
	b.reset()
}

func (m *mailbox) fullness() int {
	return int(max(m.parcels.Load()*100/mostParcels, m.packets.Load()*100/mostPackets))
}

// empty reports whether nothing waits: then the loop is to wait for wake.
func (m *mailbox) empty() bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.asleep = len(m.batches)+len(m.letters) == 0
	return m.asleep
}

// collect swaps what waits for the empty lists of the send loop, and reports
// whether there is anything.
func (m *mailbox) collect(batches *[]*batch, letters *[]letter) bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.batches, *batches = (*batches)[:0], m.batches
	m.letters, *letters = (*letters)[:0], m.letters
	m.reports = 0
	return len(*batches)+len(*letters) > 0
}

// recycle takes batches and the buffers of letters back to be filled again.
func (m *mailbox) recycle(batches []*batch, letters []letter) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for i, b := range batches {
		if b.reset(); len(m.spare) < spareBatches {
			m.spare = append(m.spare, b)
		}
		batches[i] = nil
	}
	for i := range letters {
		if letters[i].rtcp != nil && len(m.buffers) < spareBatches {
			m.buffers = append(m.buffers, letters[i].rtcp[:0])
		}
		letters[i] = letter{}
	}
}

// sent says that so many parcels are gone, of so many packets.
func (m *mailbox) sent(parcels, packets int) {
	m.parcels.Add(-int64(parcels))
	m.packets.Add(-int64(packets))
}

// end lets go of what waits; what comes later is let go of at once.
func (m *mailbox) end() {
	m.mutex.Lock()
	batches := m.batches
	m.batches, m.letters, m.ended = nil, nil, true
	m.mutex.Unlock()
	for _, b := range batches {
		m.forget(b)
	}
}
