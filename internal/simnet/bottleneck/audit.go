package bottleneck

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Audit is how well the machine kept the time of the path.
type Audit struct {
	Packets int // that entered
	// Handed is how long after its instant the datagram was handed over of which a
	// hundredth was later, Worst of the last; Read how long one had waited to be read.
	Handed, Worst, Read time.Duration
}

// Audit gives that of what passed since Begin.
func (b *Bottleneck) Audit() (a Audit) {
	b.do(func() {
		a = Audit{Packets: len(b.noted), Handed: rank(b.late, 0.99), Worst: rank(b.late, 1), Read: rank(b.noted, 0.99)}
	})
	return a
}

// tolerable is what a hundredth of all datagrams may be late: the jitter that RFC
// 8867 has on every path is cut at 15 ms.
const tolerable = 15 * time.Millisecond

// Limited reports whether the machine was the limit, so that what was measured
// tells nothing of the path.
func (a Audit) Limited() bool { return a.Handed > tolerable }

func (a Audit) String() string {
	word := "the machine kept time"
	if a.Limited() {
		word = "THE MACHINE WAS THE LIMIT"
	}
	ms := func(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
	return fmt.Sprintf("%s: of %d datagrams 1 %% were handed over later than by %v, the last by %v; 1 %% were read later than by %v",
		word, a.Packets, ms(a.Handed), ms(a.Worst), ms(a.Read))
}

// rank gives the time that a share of all is not above, by nearest rank.
func rank(times []time.Duration, share float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(times))
	return sorted[max(int(math.Ceil(share*float64(len(sorted))))-1, 0)]
}
