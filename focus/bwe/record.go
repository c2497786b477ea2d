package bwe

import (
	"strconv"
	"time"

	"meshfocus/focus/history"
	"meshfocus/internal/unit"
)

// Recorder notes as lines of JSON what an Estimator is told, and what it decides:
// enough to have it decide the same again, elsewhere and slowly (Replay). The
// format is in docs/bwe.md. A Recorder belongs to the Estimator's loop; it keeps
// what nobody has taken. The zero Recorder is ready.
type Recorder struct {
	lines []byte
	last  Estimate
}

// recordVersion is that of the format. The first had no state, so a trace began with
// its call.
const recordVersion = 2

// Record has everything noted from now on; nil ends that. What is known by now is
// noted first, so it may begin at any time.
func (e *Estimator) Record(r *Recorder) {
	if e.recorder = r; r == nil {
		return
	}
	b := append(r.lines, `{"do":"begin","version":`...)
	b = strconv.AppendInt(b, recordVersion, 10)
	b = appendInt(b, "start", int64(e.config.Start))
	b = appendInt(b, "least", int64(e.config.Least))
	b = appendInt(b, "most", int64(e.config.Most))
	b = append(b, `,"weight":`...)
	b = strconv.AppendFloat(b, e.config.Weight, 'g', -1, 64)
	b = appendState(b, e)
	r.last = Estimate{}
	r.lines = r.decided(b, e)
}

// Take gives the lines since the last time, whole ones. They are valid until the
// Estimator is told something again.
func (r *Recorder) Take() []byte {
	lines := r.lines
	r.lines = r.lines[:0]
	return lines
}

// Waiting is how many bytes Take would give.
func (r *Recorder) Waiting() int { return len(r.lines) }

// Choice is the layer that a subscription gets, for a trace: nothing of it is decided
// here. Key tells subscriptions of one path apart; Rate is what the layer takes.
type Choice struct {
	Key               uint32
	Spatial, Temporal int8
	Rate              unit.BitRate
	Reason            string // a word
}

// Chose notes what follows from an estimate for pictures.
func (r *Recorder) Chose(choices []Choice, now unit.Instant) {
	b := append(r.lines, `{"do":"chose"`...)
	b = appendInt(b, "t", int64(now))
	b = append(b, `,"layers":[`...)
	for i := range choices {
		c := &choices[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"key":`...)
		b = strconv.AppendUint(b, uint64(c.Key), 10)
		b = appendInt(b, "spatial", int64(c.Spatial))
		b = appendInt(b, "temporal", int64(c.Temporal))
		b = appendInt(b, "rate", int64(c.Rate))
		b = append(b, `,"reason":`...)
		b = strconv.AppendQuote(b, c.Reason)
		b = append(b, '}')
	}
	r.lines = append(b, "]}\n"...)
}

// note begins a line if there is a Recorder: what is done, and when.
func (e *Estimator) note(do string, now unit.Instant) (line []byte, noted bool) {
	if e.recorder == nil {
		return nil, false
	}
	return appendInt(e.noteUndated(do), "t", int64(now)), true
}

// noteUndated is note of what has no instant. There has to be a Recorder.
func (e *Estimator) noteUndated(do string) []byte {
	line := append(e.recorder.lines, `{"do":"`...)
	line = append(line, do...)
	return append(line, '"')
}

// noted ends a line.
func (e *Estimator) noted(line []byte) { e.recorder.lines = e.recorder.decided(line, e) }

// decided ends a line with the estimate, if it is another than before.
func (r *Recorder) decided(b []byte, e *Estimator) []byte {
	now := e.Estimate()
	if now == r.last {
		return append(b, "}\n"...)
	}
	r.last = now
	b = append(b, `,"decided":{"rate":`...)
	b = strconv.AppendInt(b, int64(now.Rate), 10)
	b = appendInt(b, "pace", int64(now.Pace))
	b = appendInt(b, "confirmed", int64(now.Confirmed))
	b = appendInt(b, "delivered", int64(now.Delivered))
	b = appendInt(b, "queue", int64(now.Queue))
	b = appendInt(b, "roundTrip", int64(now.RoundTrip))
	b = append(b, `,"loss":`...)
	b = strconv.AppendFloat(b, now.Loss, 'g', -1, 64)
	b = append(b, `,"reason":"`...)
	b = append(b, now.Reason.String()...)
	b = append(b, '"')
	b = appendInt(b, "changed", int64(now.Changed))
	return append(b, "}}\n"...)
}

// appendProbe appends what a probe is to be.
func appendProbe(b []byte, p Probe) []byte {
	b = append(b, `,"given":{"tag":`...)
	b = strconv.AppendInt(b, int64(p.Tag), 10)
	b = appendInt(b, "rate", int64(p.Rate))
	b = appendInt(b, "bytes", int64(p.Bytes))
	return append(b, '}')
}

// appendInt appends a member of an object that has some already.
func appendInt(b []byte, name string, value int64) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return strconv.AppendInt(b, value, 10)
}

// appendTold appends what a report said, seven numbers for each packet.
func appendTold(b []byte, told []Acknowledged) []byte {
	b = append(b, `,"told":[`...)
	for i := range told {
		a := &told[i]
		if i > 0 {
			b = append(b, ',')
		}
		at, marked := int64(0), int64(0)
		if a.Fate == history.Received || a.Fate == history.Recovered {
			at = int64(a.At)
		}
		if a.Marked {
			marked = 1
		}
		b = append(b, '[')
		for k, value := range [toldFields]int64{a.Number, int64(a.Left), at, int64(a.Size), int64(a.Tag), int64(a.Fate), marked} {
			if k > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendInt(b, value, 10)
		}
		b = append(b, ']')
	}
	return append(b, ']')
}

// toldFields is how many numbers say what was told of a packet.
const toldFields = 7

// toldOf reads what appendTold wrote; false if no report can have said it.
func toldOf(f [toldFields]int64, now unit.Instant) (a Acknowledged, ok bool) {
	const far = 1 << 60 // 36 years
	fate := history.Fate(f[5])
	ok = f[0] >= 0 && f[0] < far && f[1] > 0 && f[1] <= int64(now) && f[2] > -far && f[2] < far &&
		f[3] >= 0 && f[3] <= 1<<16 && f[4] >= 0 && f[4] <= 1<<8-1 && f[5] >= 0 && f[5] < int64(history.Fates) && f[6]&^1 == 0
	a.Number, a.Left, a.Size, a.Tag, a.Fate, a.Marked = f[0], unit.Instant(f[1]), int(f[3]), uint8(f[4]), fate, f[6] == 1
	if fate == history.Received || fate == history.Recovered {
		a.At = time.Duration(f[2])
	}
	return a, ok
}
