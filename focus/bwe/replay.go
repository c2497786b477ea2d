package bwe

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"meshfocus/internal/unit"
)

// Step is one thing that an Estimator was told, and what it decided then and
// decides now.
type Step struct {
	// Line is the number of the line in the trace, from 1 on, and Since how long
	// after the first one it was.
	Line  int
	Since time.Duration
	// Do is what was done: "begin", "sent", "report", "demand", "backlog", "moved",
	// "couple", "tick", "probe"; "chose" is what was made of it.
	Do string
	// Strange says that the trace goes on from the state of another make of estimator,
	// which had to be fitted to this one.
	Strange bool
	// Told is how many packets a report spoke of; Packets and Bytes what was sent
	// since the report before it.
	Told, Packets int
	Bytes         int64
	// Probe is what is given by "probe", and Given what was, with Rate 0 if nothing.
	Probe, Given Probe
	// Chosen is what was "chose"n.
	Chosen []Choice
	// Recorded is the estimate of then, Now that of this code; Trace how it came to
	// it, after a report.
	Recorded, Now Estimate
	Changed       bool // Now is another than before the step
	Trace         Trace

	version int // of the format
}

// Differs names what is decided otherwise than it was, nothing if nothing is, or if
// the trace has no decisions.
func (s *Step) Differs() (names []string) {
	a, b := s.Recorded, s.Now
	if a == (Estimate{}) {
		return nil
	}
	if s.Do == "probe" && s.Given != s.Probe && s.version > 1 {
		names = append(names, "probe")
	}
	for _, field := range []struct {
		name string
		same bool
	}{
		{"rate", a.Rate == b.Rate}, {"pace", a.Pace == b.Pace}, {"confirmed", a.Confirmed == b.Confirmed},
		{"delivered", a.Delivered == b.Delivered}, {"queue", a.Queue == b.Queue}, {"round trip", a.RoundTrip == b.RoundTrip},
		{"loss", a.Loss == b.Loss}, {"reason", a.Reason == b.Reason}, {"changed", a.Changed == b.Changed},
	} {
		if !field.same {
			names = append(names, field.name)
		}
	}
	return names
}

// entry is one line of a trace.
type entry struct {
	Do      string          `json:"do"`
	T       int64           `json:"t"`
	Version int             `json:"version"`
	Start   int64           `json:"start"`
	Least   int64           `json:"least"`
	Most    int64           `json:"most"`
	Weight  float64         `json:"weight"`
	State   json.RawMessage `json:"state"`
	Shape   int64           `json:"shape"`
	Sum     int64           `json:"sum"`
	Size    int64           `json:"size"`
	Tag     int64           `json:"tag"`
	Rate    int64           `json:"rate"`
	Whole   int64           `json:"whole"`
	Bytes   int64           `json:"bytes"`
	Layers  []struct {
		Key      uint32 `json:"key"`
		Spatial  int8   `json:"spatial"`
		Temporal int8   `json:"temporal"`
		Rate     int64  `json:"rate"`
		Reason   string `json:"reason"`
	} `json:"layers"`
	Given struct {
		Tag   uint8 `json:"tag"`
		Rate  int64 `json:"rate"`
		Bytes int64 `json:"bytes"`
	} `json:"given"`
	Told    [][toldFields]int64 `json:"told"`
	Decided *struct {
		Rate      int64   `json:"rate"`
		Pace      int64   `json:"pace"`
		Confirmed int64   `json:"confirmed"`
		Delivered int64   `json:"delivered"`
		Queue     int64   `json:"queue"`
		RoundTrip int64   `json:"roundTrip"`
		Loss      float64 `json:"loss"`
		Reason    string  `json:"reason"`
		Changed   int64   `json:"changed"`
	} `json:"decided"`
}

// lineMost is the longest line that is read: a report of 16384 packets, which is
// the most that one datagram can speak of.
const lineMost = 2 << 20

// Replay has an Estimator decide again what a Recorder noted, step by step. It
// ends at the first line that cannot be: the error names it.
func Replay(r io.Reader) iter.Seq2[Step, error] { return new(replay).play(r) }

// play is Replay. It is called once.
func (p *replay) play(r io.Reader) iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, lineMost)
		for lines.Scan() {
			p.step.Line++
			err := p.take(lines.Bytes())
			if err != nil {
				err = fmt.Errorf("line %d: %w", p.step.Line, err)
			}
			if !yield(p.step, err) || err != nil {
				return
			}
		}
		switch err := lines.Err(); {
		case err != nil:
			yield(p.step, fmt.Errorf("line %d: %w", p.step.Line+1, err))
		case p.estimator == nil:
			yield(p.step, errors.New("the trace is empty"))
		}
	}
}

// Again writes what a Recorder would note now if a trace were told once more: the same
// bytes, as long as the same is decided. It ends like Replay.
func Again(w io.Writer, r io.Reader) error {
	p := replay{again: new(Recorder)}
	for _, err := range p.play(r) {
		if err != nil {
			return err
		}
		if _, err := w.Write(p.again.Take()); err != nil {
			return err
		}
	}
	return nil
}

// replay is a trace that is being replayed.
type replay struct {
	again     *Recorder // nil: nothing is recorded again
	estimator *Estimator
	first     unit.Instant
	now       unit.Instant
	told      []Acknowledged
	step      Step
}

// take does what a line says.
func (p *replay) take(line []byte) error {
	var e entry
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return err
	}
	if d.More() {
		return errors.New("there is more than one value")
	}
	if (e.Do == "begin") != (p.estimator == nil) {
		return fmt.Errorf("%q is out of place: a trace has one \"begin\", at the top", e.Do)
	}
	if p.step.Do == "report" {
		p.step.Packets, p.step.Bytes = 0, 0
	}
	before := p.step.Now
	p.step.Do, p.step.Told, p.step.Probe, p.step.Chosen = e.Do, len(e.Told), Probe{}, nil
	p.step.Given = Probe{Tag: e.Given.Tag, Rate: unit.BitRate(e.Given.Rate), Bytes: int(e.Given.Bytes)}
	if err := p.do(&e); err != nil {
		return err
	}
	p.step.Now = p.estimator.Estimate()
	p.step.Changed = p.step.Now != before
	return p.recorded(&e)
}

// do tells the estimator.
func (p *replay) do(e *entry) error {
	if e.Do == "begin" {
		return p.begin(e)
	}
	now := unit.Instant(e.T)
	if e.Do == "demand" || e.Do == "backlog" {
		now = max(p.now, 1) // they have none
	}
	if now <= 0 || now < p.now || e.T > 1<<61 {
		return fmt.Errorf("the instant %d is before the line above, or none", e.T)
	}
	if p.first == unit.Never && e.T > 0 {
		p.first = now
	}
	p.now, p.step.Since = now, now.Sub(max(p.first, 1))
	if min(e.Size, e.Tag, e.Rate, e.Whole) < 0 || e.Size > 1<<16 || e.Tag > 1<<8-1 || max(e.Rate, e.Whole, e.Bytes, -e.Bytes) > 1<<40 {
		return errors.New("a size, a tag, a rate or a number of bytes cannot be")
	}
	switch e.Do {
	case "sent":
		p.estimator.Sent(int(e.Size), uint8(e.Tag), now)
		p.step.Packets++
		p.step.Bytes += e.Size
	case "report":
		return p.report(e, now)
	case "demand":
		p.estimator.Demand(unit.BitRate(e.Rate))
	case "backlog":
		p.estimator.Backlog(e.Bytes)
	case "moved":
		p.estimator.Moved(now)
	case "couple":
		p.estimator.Couple(unit.BitRate(e.Rate), unit.BitRate(e.Whole), now)
	case "chose":
		p.chose(e, now)
	case "tick":
		p.estimator.Tick(now)
	case "probe":
		p.step.Probe, _ = p.estimator.Probe(now)
	default:
		return fmt.Errorf("nobody does %q", e.Do)
	}
	return nil
}

func (p *replay) begin(e *entry) error {
	if e.Version < 1 || e.Version > recordVersion {
		return fmt.Errorf("the trace is of version %d; this reads 1 to %d", e.Version, recordVersion)
	}
	p.step.version = e.Version
	if min(e.Start, e.Least, e.Most) < 0 || max(e.Start, e.Least, e.Most) > 1<<40 || !(e.Weight >= 0 && e.Weight < 1<<20) {
		return errors.New("a rate or the weight cannot be")
	}
	p.estimator = New(Config{Start: unit.BitRate(e.Start), Least: unit.BitRate(e.Least), Most: unit.BitRate(e.Most), Weight: e.Weight})
	if p.step.Strange = false; e.State != nil {
		p.step.Strange = e.Shape != int64(shape())
		if err := p.estimator.restore(e.State, e.Sum); err != nil {
			return err
		}
	}
	if p.again != nil {
		p.estimator.Record(p.again)
	}
	return nil
}

// chose passes on what was made of an estimate.
func (p *replay) chose(e *entry, now unit.Instant) {
	for _, l := range e.Layers {
		p.step.Chosen = append(p.step.Chosen, Choice{l.Key, l.Spatial, l.Temporal, unit.BitRate(l.Rate), l.Reason})
	}
	if p.again != nil {
		p.again.Chose(p.step.Chosen, now)
	}
}

func (p *replay) report(e *entry, now unit.Instant) error {
	p.told = p.told[:0]
	for i, fields := range e.Told {
		a, ok := toldOf(fields, now)
		if !ok {
			return fmt.Errorf("what was told of packet %d of the report cannot be: %v", i+1, fields)
		}
		p.told = append(p.told, a)
	}
	p.estimator.Report(p.told, now)
	p.step.Trace = p.estimator.Trace()
	return nil
}

// recorded reads what was decided then.
func (p *replay) recorded(e *entry) error {
	if e.Decided == nil {
		return nil
	}
	d := e.Decided
	reason := slices.Index(reasons[:], d.Reason)
	if reason < 0 {
		return fmt.Errorf("nothing is decided because of %q", d.Reason)
	}
	p.step.Recorded = Estimate{
		Rate: unit.BitRate(d.Rate), Pace: unit.BitRate(d.Pace), Confirmed: unit.BitRate(d.Confirmed), Delivered: unit.BitRate(d.Delivered),
		Queue: time.Duration(d.Queue), RoundTrip: time.Duration(d.RoundTrip), Loss: d.Loss, Reason: Reason(reason), Changed: unit.Instant(d.Changed),
	}
	return nil
}
