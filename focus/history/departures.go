package history

import (
	"time"

	"meshfocus/internal/unit"
)

const (
	// leastDepartures is the room at first: 100 ms of 5 Mbit/s, twice.
	leastDepartures = 128
	// mostDepartures is half of the numbers there are: with more, a number
	// would mean two packets.
	mostDepartures = 1 << 15
	// margin is how many times the expected time until feedback is covered.
	margin = 2
	// leastCover is covered whatever is expected: a report may come much later than
	// the ones before.
	leastCover = time.Second
)

// Departure is what is known of one packet that left on a connection.
type Departure struct {
	// Number is the transport-wide number without wrap.
	Number int64
	Left   unit.Instant
	// Size is that of the datagram.
	Size uint16
	// Tag is the caller's: what kind of packet, or of which probe.
	Tag uint8
}

// Fate is what feedback says of a departure, as far as it is news.
type Fate uint8

// The fates; Fates is how many there are.
const (
	// Unknown: too long ago to know, or never sent. It says nothing about loss.
	Unknown Fate = iota
	// Received: it has arrived, and this is the first to tell.
	Received
	// Recovered: it was said to be missing, and has arrived after all.
	Recovered
	// Missing: it had not arrived when the feedback was made, and this is the
	// first to tell. It may be Recovered later.
	Missing
	// Repeated: all of this has been told before.
	Repeated

	Fates
)

// Departures is what left on one connection and when, until feedback tells what
// became of it. It belongs to the send loop. Packets without feedback are
// forgotten in the end, never counted as lost: what nobody spoke of nobody knows.
//
// It grows until it covers the time until feedback comes, as long as numbers
// suffice, and does not shrink.
type Departures struct {
	cover time.Duration
	// cells hold what is known of the numbers from old up to below next; below
	// spoken feedback has spoken at least of a later one.
	cells             []departure // a power of two
	old, spoken, next int64

	flying    int64 // bytes from spoken on
	forgotten int64
}

// departure is what is kept of one packet, 16 bytes.
type departure struct {
	left unit.Instant
	size uint16
	tag  uint8
	told told
}

// told is what feedback said of a packet.
type told uint8

const (
	nothing told = iota
	missing
	received
)

// NewDepartures begins with number 0 and covers a second, more when Cover says so.
func NewDepartures() *Departures {
	return &Departures{cover: leastCover, cells: make([]departure, leastDepartures)}
}

// Begin has the first packet leave with another number than 0. Nothing may have
// left.
func (d *Departures) Begin(number uint16) {
	d.old, d.spoken, d.next = int64(number), int64(number), int64(number)
}

// Cover says what lies between a packet's leaving and its feedback at present:
// round trip, our queue, the interval in which the receiver reports. Twice as
// much is remembered, and at least a second.
func (d *Departures) Cover(roundTrip, queue, interval time.Duration) {
	d.cover = max(margin*(roundTrip+queue+interval), leastCover)
}

// Leave takes the next transport-wide number for a packet that leaves now. Sizes
// are up to 65535.
func (d *Departures) Leave(size int, tag uint8, now unit.Instant) uint16 {
	if d.next-d.old == int64(len(d.cells)) {
		d.makeRoom(now)
	}
	number := d.next
	d.next++
	*d.cell(number) = departure{left: now, size: uint16(size), tag: tag}
	d.flying += int64(uint16(size))
	return uint16(number)
}

// Delay says that the last so many packets left later than was said, by so much: they
// were held up on the way to the kernel.
func (d *Departures) Delay(packets int, by time.Duration) {
	for number := max(d.next-int64(packets), d.old); number < d.next; number++ {
		cell := d.cell(number)
		cell.left = cell.left.Add(by)
	}
}

// makeRoom grows while the oldest may still be spoken of, or forgets it.
func (d *Departures) makeRoom(now unit.Instant) {
	oldest := d.cell(d.old)
	if len(d.cells) < mostDepartures && now.Sub(oldest.left) < d.cover {
		d.grow()
		return
	}
	if oldest.told == nothing {
		d.forgotten++
	}
	d.old++
	d.land(d.old)
}

func (d *Departures) grow() {
	before := *d
	d.cells = make([]departure, 2*len(before.cells))
	for number := d.old; number < d.next; number++ {
		*d.cell(number) = *before.cell(number)
	}
}

// land takes the packets below a number out of the air.
func (d *Departures) land(end int64) {
	for ; d.spoken < end; d.spoken++ {
		d.flying -= int64(d.cell(d.spoken).size)
	}
}

// Acknowledge takes what feedback says of one number, and says what is new about
// it. The Departure is the zero value if the fate is Unknown.
func (d *Departures) Acknowledge(number uint16, arrived bool) (Departure, Fate) {
	newest := d.next - 1
	at := newest - int64(uint16(newest)-number) // what is spoken of lies behind
	if at < d.old {
		return Departure{}, Unknown
	}
	d.land(at + 1)
	cell := d.cell(at)
	before := cell.told
	fate := Repeated
	switch {
	case arrived && before == nothing:
		cell.told, fate = received, Received
	case arrived && before == missing:
		cell.told, fate = received, Recovered
	case !arrived && before == nothing:
		cell.told, fate = missing, Missing
	}
	return Departure{Number: at, Left: cell.left, Size: cell.size, Tag: cell.tag}, fate
}

// Flying tells how many bytes have left since the newest packet that feedback
// has spoken of, and how many packets they are in.
func (d *Departures) Flying() (bytes, packets int64) { return d.flying, d.next - d.spoken }

// Forgotten tells how many packets no feedback has ever spoken of.
func (d *Departures) Forgotten() int64 { return d.forgotten }

// Next gives the number that the next packet will have.
func (d *Departures) Next() uint16 { return uint16(d.next) }

func (d *Departures) cell(number int64) *departure { return &d.cells[number&int64(len(d.cells)-1)] }
