package simulcast

// fate is what became of a run of source numbers.
type fate uint8

const (
	// kept: forwarded, or held for what is missing.
	kept fate = iota
	// unwanted: dropped because of its layer.
	unwanted
	// padded: dropped because there was nothing in it.
	padded
)

// spans is how many changes of fate are remembered. A thinned picture makes two;
// at 30 pictures in a second of which one in four stays that is over two seconds.
const spans = 128

// span is a run of source numbers with one fate and, if kept, one offset each. It
// ends where the next begins.
type span struct {
	from      uint32
	timestamp uint32 // source's, of an unwanted frame
	pictures  uint32
	offset    uint16
	fate      fate
	layer     uint8
}

// ledger remembers what became of the last source numbers of one stream, so that
// a packet that comes late finds the number held for it, once.
type ledger struct {
	seen  [window / 64]uint64
	count uint32 // spans ever opened since clear
	spans [spans]span
}

func layerOf(p *Packet) uint8 { return uint8(p.Info.Spatial)<<4 | uint8(p.Info.Temporal)&15 }

func (l *ledger) clear() { l.count, l.seen = 0, [window / 64]uint64{} }

func (l *ledger) see(number uint32) { l.seen[number/64%(window/64)] |= 1 << (number % 64) }

func (l *ledger) saw(number uint32) bool {
	return l.seen[number/64%(window/64)]>>(number%64)&1 != 0
}

// miss forgets what numbers a round earlier were seen, for those after newest.
func (l *ledger) miss(newest, count uint32) {
	count = min(count, window)
	for number := newest + 1; number != newest+1+count; number++ {
		l.seen[number/64%(window/64)] &^= 1 << (number % 64)
	}
}

// newest is the span that goes on at present.
func (l *ledger) newest() *span { return &l.spans[(l.count-1)%spans] }

// dropping reports whether the span that goes on is not forwarded.
func (l *ledger) dropping() bool { return l.newest().fate != kept }

// covers reports whether the span that goes on holds for the packet as well.
func (l *ledger) covers(p *Packet, fate fate) bool {
	s := l.newest()
	return s.fate == fate && (fate != unwanted || s.timestamp == p.Timestamp && s.layer == layerOf(p))
}

// open begins a span at a number.
func (l *ledger) open(p *Packet, from uint32, fate fate, offset uint16, pictures uint32) {
	l.count++
	*l.newest() = span{from, p.Timestamp, pictures, offset, fate, layerOf(p)}
}

// find gives the span a late packet's number lies in, nil if that is forgotten,
// and whether the packet is of a frame that was dropped next to it.
func (l *ledger) find(p *Packet) (at *span, dropped bool) {
	for back := uint32(0); back < min(l.count, spans); back++ {
		s := &l.spans[(l.count-1-back)%spans]
		if int32(p.number-s.from) < 0 {
			dropped = s.dropped(p)
			continue
		}
		if back+1 < min(l.count, spans) {
			dropped = dropped || l.spans[(l.count-2-back)%spans].dropped(p)
		}
		return s, dropped
	}
	return nil, false
}

// dropped reports whether the packet is of the frame the span dropped.
func (s *span) dropped(p *Packet) bool {
	return s.fate == unwanted && s.timestamp == p.Timestamp && s.layer == layerOf(p)
}
