package socket

// backlog holds the signals that a browser may not have seen yet, so that one
// whose network went away misses none. Not safe for concurrent use.
type backlog struct {
	maxMessages, maxBytes int
	signals               []queued
	bytes                 int
	last                  uint64 // number of the newest signal ever
}

// add numbers a signal and keeps it.
func (b *backlog) add(signal Signal) queued {
	b.last++
	frame := queued{number: b.last, text: encodeSignal(signal, b.last)}
	b.signals = append(b.signals, frame)
	b.bytes += len(frame.text)
	return frame
}

// full reports whether more is kept than may be.
func (b *backlog) full() bool { return len(b.signals) > b.maxMessages || b.bytes > b.maxBytes }

// seen forgets the signals up to a number.
func (b *backlog) seen(number uint64) {
	for len(b.signals) > 0 && b.signals[0].number <= number {
		b.drop()
	}
}

// shrink forgets the oldest, up to a number, until the bound is kept.
func (b *backlog) shrink(number uint64) {
	for b.full() && b.signals[0].number <= number {
		b.drop()
	}
}

func (b *backlog) drop() {
	b.bytes -= len(b.signals[0].text)
	b.signals[0] = queued{}
	if b.signals = b.signals[1:]; len(b.signals) == 0 {
		b.signals = nil
	}
}

// clear forgets all; numbers go on.
func (b *backlog) clear() { b.signals, b.bytes = nil, 0 }
