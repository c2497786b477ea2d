package party

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"meshfocus/bench/clip"
	"meshfocus/bench/offset"
	"meshfocus/bench/report"
	"meshfocus/focus/transport/link"
	"meshfocus/focus/transport/srtp"
	"meshfocus/internal/unit"
)

const (
	// round is how often all sockets are emptied, and sampled those that sample:
	// where it matters what the loop takes. Latency does not hang on it.
	round   = int64(time.Millisecond)
	sampled = 4 * round
	// each is the least of that for a socket: looking into one where nothing is takes
	// about 1 µs, so that a crowd leaves most of the core to what it is there for. Sockets
	// of those who are coming in are emptied every round.
	each = int64(10 * time.Microsecond)
	// looked of so many packets one is opened, a power of two: what the sockets
	// let through of a sample is opened all the same.
	looked = 16
	// behind: a burst that is later than this, and than a part of what lies between two,
	// is left out and counted, or the loop would send it in a heap with those after it.
	behind = int64(20 * time.Millisecond)
	heaped = 10 // the part, a tenth
)

// Config says what a Load is made of.
type Config struct {
	// Address is what its sockets are bound to, one for each End; of IPv4.
	Address netip.Addr
	// Profile is the only one that is offered for SRTP.
	Profile srtp.Profile
	// Sample lets subscribers receive one packet in so many, a power of two; 0
	// is all.
	Sample int
	// Layers is how many encodings publishers send, three at most, each at twice
	// the rate of the one before; 0 is one.
	Layers int
	// Lose is the part of what arrives that subscribers take for lost, and ask
	// for again. It counts as received all the same.
	Lose float64

	// Faithful publishers send what can be decoded, with a sound, at the rates of
	// encoders, whatever Pace says but 0; Faithful subscribers open everything and
	// make of it what a receiver would (End.Seen). Latency is of every packet then
	// that says when it was captured. Sample and Lose are not for them.
	Faithful bool
	// Codec is that of faithful pictures, "" VP8. Others send VP8 alone.
	Codec clip.Codec
	// Scalable faithful publishers send Layers in one stream, each predicted from the one
	// below it, which are three then and of VP9 (clip.Layered).
	Scalable bool
	// Film and Sound are what faithful publishers send instead of ours, all of them
	// the same; nil is ours. A Film is of Codec, and goes with one layer.
	Film  *clip.Film
	Sound *clip.Sound
	// Stall has the loop stand still for so long, ten times a second: a generator that is
	// not up to it, to see whether that is seen.
	Stall time.Duration
	// Seed decides about the sizes of frames and the numbers of streams, by which Lose
	// goes: the same for the same names. 0 gives streams other numbers each time.
	Seed uint64
	// Clocks is how far that of publishers is ahead of ours, where it is another.
	Clocks offset.Offset
	// Clock is what we date arrivals by for that: the zero one, the system's, but in tests.
	Clock offset.Clock
}

// Load is the loop of synthetic participants. It owns what its Ends send and
// count, and one system thread. Ends are added while it runs; Close ends it and
// them.
type Load struct {
	config      Config
	certificate link.Certificate
	orders      chan func()
	stop        chan struct{}
	published   atomic.Int64 // Ends that publish, ever
	loop        sync.WaitGroup

	// owned by the loop
	ends    []*End
	senders []*End // of them those who publish: few, where receivers are a crowd
	coming  []*End // of them those without keys yet: who waits for a handshake is not to wait for the crowd
	in      *inlet
	out     outlet
	arena   []byte
	counts  Counts
	clocks  offset.Offset // Config.Clocks, or what Correct said
	reading int           // the next End to be read from
	next    int64         // when all are to be read again
	hurried int64         // when those who are coming were read last
	stood   int64         // when it stood still last
	wanted  []uint16
	sealed  []byte
	gone    Counts // of those who have left: Expected, Dropped
}

// New starts a Load without Ends.
func New(config Config) (*Load, error) {
	config.Codec = cmp.Or(config.Codec, clip.VP8)
	if _, known := pictured[config.Codec]; !known {
		return nil, fmt.Errorf("%w: %q", ErrCodec, config.Codec)
	}
	if film := config.Film; film != nil && (film.Codec != config.Codec || config.Layers > 1) {
		return nil, fmt.Errorf("%w: a film of %s, for %d layers of %s", ErrCodec, film.Codec, max(config.Layers, 1), config.Codec)
	}
	if config.Scalable && (config.Codec != clip.VP9 || config.Layers != clip.Layers || config.Film != nil) {
		return nil, fmt.Errorf("%w: %d scalable layers of %s; there are %d of %s", ErrCodec, config.Layers, config.Codec, clip.Layers, clip.VP9)
	}
	certificate, err := link.NewCertificate()
	if err != nil {
		return nil, err
	}
	l := &Load{
		config: config, certificate: certificate, orders: make(chan func(), 16), stop: make(chan struct{}),
		in: newInlet(), arena: make([]byte, 0, batch*longest), sealed: make([]byte, 0, longest),
		clocks: config.Clocks, counts: Counts{Latency: &report.Histogram{}, Lateness: &report.Histogram{}, Behind: &report.Histogram{}},
	}
	l.loop.Go(l.run)
	return l, nil
}

// Publisher adds an End that publishes a picture, in silence at first.
func (l *Load) Publisher(name string) (*End, error) { return l.add(name, Publishes, 1) }

// Subscriber adds an End that asks for so many pictures if it makes the offer,
// and takes what comes if it answers.
func (l *Load) Subscriber(name string, pictures int) (*End, error) {
	return l.add(name, Subscribes, pictures)
}

func (l *Load) add(name string, direction Direction, pictures int) (*End, error) {
	number := 0
	if direction == Publishes {
		number = int(l.published.Add(1)) - 1
	}
	e, err := newEnd(l, name, number, direction, pictures)
	if err != nil {
		return nil, fmt.Errorf("party %s: %w", name, err)
	}
	l.do(func() {
		l.ends, l.coming = append(l.ends, e), append(l.coming, e)
		if len(e.sources) > 0 {
			l.senders = append(l.senders, e)
		}
	})
	return e, nil
}

// Sample begins to let one packet in Config.Sample through to subscribers.
func (l *Load) Sample() error {
	if l.config.Sample <= 1 {
		return nil
	}
	var errs []error
	l.do(func() {
		for _, e := range l.ends {
			if len(e.sources) == 0 {
				errs = append(errs, e.socket.sample(l.config.Sample))
			}
			for _, s := range e.sinks {
				s.received, s.begun = 0, false
			}
		}
	})
	return errors.Join(errs...)
}

// Pace sets the rate of every publisher, in packets a second, which leave in
// bursts of so many. Publishers begin one after the other within an interval.
func (l *Load) Pace(rate float64, burst int) {
	l.do(func() {
		var sources []*source
		for _, e := range l.ends {
			sources = append(sources, e.sources...)
		}
		now := time.Now().UnixNano()
		for i, s := range sources {
			s.pace(now, rate, burst)
			s.due += s.interval * int64(i) / int64(len(sources))
		}
	})
}

// Refresh makes every publisher begin a key frame.
func (l *Load) Refresh() {
	l.do(func() {
		for _, e := range l.ends {
			for _, s := range e.sources {
				s.wantKey = true
			}
		}
	})
}

// Speak makes one publisher the only one whose voice says that somebody speaks. At
// first all do.
func (l *Load) Speak(speaker *End) {
	l.do(func() {
		for _, e := range l.ends {
			for _, s := range e.sources {
				s.silent = e != speaker
			}
		}
	})
}

// Correct says how far the clock of publishers is ahead from now on.
func (l *Load) Correct(o offset.Offset) { l.do(func() { l.clocks = o }) }

// Counts gives what was counted since the beginning.
func (l *Load) Counts() Counts {
	var c Counts
	l.do(func() {
		c = l.counts
		c.Latency, c.Lateness, c.Behind = l.counts.Latency.Clone(), l.counts.Lateness.Clone(), l.counts.Behind.Clone()
		c.Expected += l.gone.Expected
		c.Dropped += l.gone.Dropped
		for _, e := range l.ends {
			c.Dropped += e.socket.dropped()
			for _, s := range e.sinks {
				c.Expected += s.expected()
				c.Streams++
			}
		}
	})
	return c
}

// Leave ends the connection of an End, with a farewell to the server, and gives what
// it has seen. It is not to be used any more.
func (l *Load) Leave(e *End) (seen Seen, err error) {
	found := false
	l.do(func() {
		at := slices.Index(l.ends, e)
		if at < 0 {
			return
		}
		found, seen = true, e.seen(unit.Instant(time.Now().UnixNano()))
		l.ends = slices.Delete(l.ends, at, at+1)
		l.senders = slices.DeleteFunc(l.senders, func(s *End) bool { return s == e })
		l.coming = slices.DeleteFunc(l.coming, func(c *End) bool { return c == e })
		if l.reading > at {
			l.reading--
		}
		l.gone.Dropped += e.socket.dropped()
		for _, s := range e.sinks {
			l.gone.Expected += s.expected()
		}
	})
	if !found {
		return seen, nil
	}
	return seen, e.close()
}

// do has the loop do something and waits for it. After Close nothing is done.
func (l *Load) do(order func()) {
	done := make(chan struct{})
	select {
	case l.orders <- func() { order(); close(done) }:
		select {
		case <-done:
		case <-l.stop:
		}
	case <-l.stop:
	}
}

// Close ends all connections, with a farewell to the server.
func (l *Load) Close() error {
	close(l.stop)
	l.loop.Wait()
	errs := make([]error, len(l.ends))
	var closing sync.WaitGroup
	for i, e := range l.ends {
		closing.Go(func() { errs[i] = e.close() })
	}
	closing.Wait()
	return errors.Join(errs...)
}

// present gives the Ends that there are.
func (l *Load) present() (ends []*End) {
	l.do(func() { ends = append(ends, l.ends...) })
	return ends
}

// RoundTrip gives the median, over the Ends that there are, of how long the server took to
// answer ICE's last question whether it still wants to be sent to (RFC 7675): the way
// there and back, and what both programs take. 0 if nobody was answered.
func (l *Load) RoundTrip() time.Duration {
	var trips []time.Duration
	for _, e := range l.present() {
		if trip := e.link.RoundTrip(); trip > 0 {
			trips = append(trips, trip)
		}
	}
	if len(trips) == 0 {
		return 0
	}
	slices.Sort(trips)
	return trips[len(trips)/2]
}

// Apart gives how many of the Ends that there are have lost their connection, for this
// instant or for good: the server has not answered for some seconds.
func (l *Load) Apart() (apart int) {
	for _, e := range l.present() {
		if e.apart() {
			apart++
		}
	}
	return apart
}

// Connected waits until media can flow on all Ends that there are.
func (l *Load) Connected(ctx context.Context) error {
	for _, e := range l.present() {
		if err := e.Connected(ctx); err != nil {
			return err
		}
	}
	return nil
}

// run is the loop.
func (l *Load) run() {
	// The thread stays when the loop ends: processes that were started on it end
	// with it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	sharpen()
	for {
		select {
		case <-l.stop:
			return
		case order := <-l.orders:
			order()
		default:
		}
		l.stall()
		now := time.Now().UnixNano()
		due := l.sendDue(now)
		l.hurry(now)
		if now >= l.next && l.reading == len(l.ends) {
			l.begin(now)
		}
		if l.reading < len(l.ends) {
			l.read(l.ends[l.reading], unit.Instant(now))
			l.tell(l.ends[l.reading], unit.Instant(now))
			l.reading++
			continue
		}
		if rest := min(due, l.next) - time.Now().UnixNano(); rest > 0 {
			sleep(rest)
		}
	}
}

// begin has all sockets emptied from now on.
func (l *Load) begin(now int64) {
	if l.next > 0 { // of the first none knows when it was due
		l.counts.Behind.Add(time.Duration(now - l.next))
		for rest := now - l.next - round; rest > 0; rest -= round {
			l.counts.Behind.Add(time.Duration(rest))
		}
	}
	l.next, l.reading = now+l.round(), 0
}

// hurry empties the sockets of those who are coming in.
func (l *Load) hurry(now int64) {
	if len(l.coming) == 0 || now < l.hurried+round {
		return
	}
	l.hurried = now
	l.coming = slices.DeleteFunc(l.coming, func(e *End) bool {
		l.read(e, unit.Instant(now))
		w := e.wire.Load()
		return w != nil && w.seal != nil
	})
}

// stall stands still if it is to.
func (l *Load) stall() {
	const every = int64(100 * time.Millisecond)
	if now := time.Now().UnixNano(); l.config.Stall > 0 && now-l.stood >= every {
		time.Sleep(l.config.Stall)
		l.stood = now
	}
}

// round is how often sockets are emptied.
func (l *Load) round() int64 {
	if l.config.Sample > 1 {
		return sampled
	}
	return max(round, each*int64(len(l.ends)))
}

// sendDue sends what is due and says when the next is.
func (l *Load) sendDue(now int64) (next int64) {
	next = now + round
	for _, e := range l.senders {
		for _, s := range e.sources {
			if s.interval == 0 {
				continue
			}
			for s.due <= now {
				late := now - s.due
				s.interval = s.lasts()
				s.due += s.interval
				l.counts.Lateness.Add(time.Duration(late))
				if late > max(behind, s.interval/heaped) {
					l.counts.Skipped += uint64(s.burst)
					s.skip()
					continue
				}
				l.send(e, s)
				now = time.Now().UnixNano()
			}
			next = min(next, s.due)
		}
	}
	return next
}

// send sends one burst.
func (l *Load) send(e *End, s *source) {
	w := e.wire.Load()
	if w == nil || w.seal == nil || !w.sending {
		return
	}
	if s.film == nil {
		l.sendSome(e, s, w, min(s.burst, batch))
		return
	}
	for left := s.film.capture(time.Now().UnixNano(), s.wantKey); left > 0; left -= batch {
		l.sendSome(e, s, w, min(left, batch))
	}
}

// sendSome sends so many packets together.
func (l *Load) sendSome(e *End, s *source, w *wire, packets int) {
	l.arena = l.arena[:0]
	for range packets {
		header, payload := s.next(time.Now().UnixNano(), w, e.transport)
		e.transport++
		from := len(l.arena)
		var err error
		if l.arena, err = w.seal.SealRTP(l.arena, header, payload); err != nil {
			l.counts.Broken++
			continue
		}
		l.out.add(l.arena[from:])
	}
	count := l.out.count
	sent := l.out.send(e.socket, w.remote)
	l.counts.Sent += uint64(sent)
	l.counts.Skipped += uint64(count - sent)
}
