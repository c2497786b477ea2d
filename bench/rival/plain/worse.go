package plain

import (
	"time"

	"github.com/pion/webrtc/v4"
)

// Worse is what a Forwarder is made worse by, by so much exactly, so that one can
// see whether a measurement tells. The zero Worse is none.
type Worse struct {
	// Delay is by how much later each packet leaves.
	Delay time.Duration
	// Drop is the part of packets, 0 to 1, that are passed on to nobody: evenly, each
	// hundredth of 0.01.
	Drop float64
	// Burn is processor time spent for nothing on each packet that leaves.
	Burn time.Duration
}

// waiting is how many packets of a track may wait for their Delay: more than a
// second of the fastest. Those beyond it make the publisher's loop wait.
const waiting = 4096

// NewWorse makes a forwarder that is worse than it has to be.
func NewWorse(by Worse) (*Forwarder, error) {
	f, err := New()
	if err != nil {
		return nil, err
	}
	f.worse = by
	return f, nil
}

// delayed is a packet that waits.
type delayed struct {
	due    time.Time
	packet []byte
}

// worsen gives the way to a track: at once, or by what makes it worse. stop waits
// until all that waited has left; nothing is to be written after it.
func (p *publisher) worsen(by Worse, track *webrtc.TrackLocalStaticRTP) (write func([]byte), stop func()) {
	write, stop = func(packet []byte) {
		spend(by.Burn * time.Duration(p.subscribers.Load()))
		_, _ = track.Write(packet) // who has gone is no reason to stop for the others
	}, func() {}
	if by.Delay > 0 {
		write, stop = held(by.Delay, write)
	}
	if by.Drop > 0 {
		pass, owed := write, 0.0
		write = func(packet []byte) {
			if owed += by.Drop; owed >= 1 {
				owed--
				return
			}
			pass(packet)
		}
	}
	return write, stop
}

// held holds each packet for a time.
func held(by time.Duration, pass func([]byte)) (write func([]byte), stop func()) {
	queue, ended := make(chan delayed, waiting), make(chan struct{})
	go func() {
		defer close(ended)
		alarm := newAlarm()
		defer alarm.close()
		for d := range queue {
			alarm.until(d.due)
			pass(d.packet)
		}
	}()
	write = func(packet []byte) {
		queue <- delayed{time.Now().Add(by), append([]byte(nil), packet...)}
	}
	return write, func() { close(queue); <-ended }
}

// step is more than a look at the clock takes; what is longer between two of
// them, others had the processor.
const step = time.Microsecond

// spend spends processor time, however long that takes.
func spend(of time.Duration) {
	for last := time.Now(); of > 0; {
		now := time.Now()
		of -= min(now.Sub(last), step)
		last = now
	}
}
