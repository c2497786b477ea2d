package live

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"meshfocus/bench/congestion"
	"meshfocus/internal/simnet/bottleneck"
)

// Outcome is what a run came to.
type Outcome struct {
	congestion.Result
	Audit bottleneck.Audit
	// Late is how long after its instant the source wrote the frame of which a
	// hundredth was later. Silence is the longest time without any report.
	Late, Silence time.Duration
	// First is from the beginning to the first frame that was shown: of what Chromium gets.
	First time.Duration
	Seen  Seen // zero of what Chromium sends
	Made  Made // zero of what it gets
}

// What a machine may take from a run and still have measured the path: the source looks
// at its target every 100 ms, and reports come every 50 to 250.
const (
	latest  = 100 * time.Millisecond
	quietly = 500 * time.Millisecond
)

// Limits says how the machine was the limit, in words; "" if it was not.
func (o *Outcome) Limits() string {
	var words []string
	if o.Audit.Limited() {
		words = append(words, fmt.Sprintf("the bottleneck handed 1 %% over later than by %v", o.Audit.Handed.Round(time.Millisecond)))
	}
	if o.Late > latest {
		words = append(words, fmt.Sprintf("the source was late by %v", o.Late.Round(time.Millisecond)))
	}
	if o.Silence > quietly {
		words = append(words, fmt.Sprintf("nobody reported for %v", o.Silence.Round(time.Millisecond)))
	}
	if strings.Contains(o.Made.Limit, "cpu") {
		words = append(words, "Chromium's encoder lacked time")
	}
	return strings.Join(words, ", ")
}

// String says what Chromium saw or made, and whether the machine was the limit.
func (o *Outcome) String() string {
	var b strings.Builder
	if s := &o.Seen; s.Frames > 0 {
		fmt.Fprintf(&b, "Chromium showed the first frame after %.2f s and decoded %d (%d key), %d freezes, %.2f s in all, %.0f ms in the jitter buffer, %d packets lost, %d NACKs, %d PLIs",
			o.First.Seconds(), s.Frames, s.Keys, s.Freezes, s.Frozen, 1000*s.Buffer, s.Lost, s.Nacks, s.PLIs)
	}
	if m := &o.Made; m.Frames > 0 {
		fmt.Fprintf(&b, "Chromium encoded %d frames in %.1f s of CPU (%s)", m.Frames, m.Seconds, m.Encoder)
	}
	if limits := o.Limits(); limits != "" {
		fmt.Fprintf(&b, "; THE MACHINE WAS THE LIMIT: %s", limits)
	} else {
		fmt.Fprintf(&b, "; %s", o.Audit)
	}
	return b.String()
}

// lateness is what a hundredth of all is above.
func lateness(late []time.Duration) time.Duration {
	if len(late) == 0 {
		return 0
	}
	slices.Sort(late)
	return late[max(int(math.Ceil(0.99*float64(len(late))))-1, 0)]
}
