package socket

// queue holds frames for one browser, bounded in number and bytes. Frames of
// a kind that only counts in its newest form take the place of the one that
// waits. Not safe for concurrent use.
type queue struct {
	maxMessages, maxBytes int
	frames                []queued
	bytes                 int
}

// queued is a frame that waits. A signal has its number, others 0.
type queued struct {
	kind   kind
	number uint64
	text   []byte
}

// kind says what may be done with a frame that waits.
type kind uint8

const (
	// kindOnce frames are all sent.
	kindOnce kind = iota
	// Of each of these only the newest is sent.
	kindState
	kindReports
	kindICEServers
	kindDistrust
)

// put adds a frame and reports whether the queue holds it.
func (q *queue) put(frame queued) bool {
	if frame.kind != kindOnce {
		for i := range q.frames {
			if waiting := &q.frames[i]; waiting.kind == frame.kind {
				q.bytes += len(frame.text) - len(waiting.text)
				*waiting = frame
				return q.holds()
			}
		}
	}
	q.frames = append(q.frames, frame)
	q.bytes += len(frame.text)
	return q.holds()
}

// holds reports whether the bounds are kept. One frame may have any size: the
// state of a large room is not its reader's fault.
func (q *queue) holds() bool {
	return len(q.frames) <= 1 || len(q.frames) <= q.maxMessages && q.bytes <= q.maxBytes
}

// take gives the oldest frame, false when there is none.
func (q *queue) take() (queued, bool) {
	if len(q.frames) == 0 {
		return queued{}, false
	}
	first := q.frames[0]
	q.frames[0] = queued{}
	if q.frames = q.frames[1:]; len(q.frames) == 0 {
		q.frames = nil
	}
	q.bytes -= len(first.text)
	return first, true
}
