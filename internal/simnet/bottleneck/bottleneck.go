package bottleneck

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// Config says what lies between.
type Config struct {
	// Forward is the path from the target to guests, Back the other one.
	Forward, Back discrete.Path
	// Seed decides about losses and jitter.
	Seed uint64
	// Kind says what a datagram is, for the logs; nil: nobody knows.
	Kind func(datagram []byte) discrete.Kind
}

// Flows of the logs: all that goes forward is one, and all that comes back.
const (
	Forward = 0
	Back    = 1
)

// below is what IPv4 and UDP add to a datagram.
const below = 28

// Bottleneck is the path. Its loop owns clock, links and logs; its readers
// bring datagrams with the instant at which they came.
type Bottleneck struct {
	config Config
	target netip.AddrPort
	near   *net.UDPConn
	inbox  chan datagram
	orders chan func()
	stop   chan struct{}
	loop   sync.WaitGroup
	read   sync.WaitGroup

	mutex  sync.Mutex
	guests []*guest // guarded by mutex, appended to by the near socket's reader
	closed bool     // guarded by mutex

	// owned by the loop
	began       time.Time // zero: not yet
	clock       *discrete.Clock
	links       [2]*discrete.Link
	logs        [2]discrete.Log
	last        [2]unit.Instant // what entered last
	number      int64
	late, noted []time.Duration
}

// guest is one address on the near side.
type guest struct {
	index   int
	address netip.AddrPort
	far     *net.UDPConn
}

// datagram is what a reader brings.
type datagram struct {
	body []byte
	from *guest
	way  int
	at   time.Time // when it came
	seen time.Time // when it was read
}

// room is for what readers may be ahead of the loop.
const room = 4096

// Open binds the near socket to an address, whose traffic goes to target.
func Open(address netip.Addr, target netip.AddrPort, c Config) (*Bottleneck, error) {
	near, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(address, 0)))
	if err != nil {
		return nil, err
	}
	prepare(near)
	b := &Bottleneck{
		config: c, target: target, near: near,
		inbox: make(chan datagram, room), orders: make(chan func()), stop: make(chan struct{}),
	}
	b.loop.Go(b.run)
	b.read.Go(b.readNear)
	return b, nil
}

// Address is where guests have to send to.
func (b *Bottleneck) Address() netip.AddrPort {
	return b.near.LocalAddr().(*net.UDPAddr).AddrPort()
}

// Begin has the paths hold from now on: their times count from here. Twice is
// once more, with an empty log.
func (b *Bottleneck) Begin() time.Time {
	began := time.Now()
	b.do(func() { b.begin(began) })
	return began
}

func (b *Bottleneck) begin(now time.Time) {
	b.began, b.clock = now, discrete.NewClock()
	b.late, b.noted, b.number = nil, nil, 0
	for way, path := range [2]discrete.Path{Forward: b.config.Forward, Back: b.config.Back} {
		b.logs[way], b.last[way] = discrete.Log{}, discrete.Start
		luck := rand.New(rand.NewPCG(b.config.Seed, uint64(way)+1))
		b.links[way] = discrete.NewLink(b.clock, path, luck, &b.logs[way])
		b.links[way].Connect(way, nil, discrete.ReceiverFunc(b.arrive))
	}
}

// Retune has a way go at another rate from now on, in bits of IP packets in a second; what
// waits leaves as it was to. It is for after Begin.
func (b *Bottleneck) Retune(way int, rate unit.BitRate) {
	b.do(func() { b.links[way].Retune(discrete.Constant(rate)) })
}

// Become has a way be another path from now on: its rates and delays count from Begin.
// What is under way arrives as it was to, but in order. It is for after Begin.
func (b *Bottleneck) Become(way int, path discrete.Path) {
	b.do(func() { b.links[way].Become(path) })
}

// Logs gives what passed since Begin, forward and back.
func (b *Bottleneck) Logs() (logs [2]discrete.Log) {
	b.do(func() {
		for way := range b.logs {
			logs[way].Entries = append([]discrete.Entry(nil), b.logs[way].Entries...)
		}
	})
	return logs
}

// Close ends the loops. What is under way is lost.
func (b *Bottleneck) Close() {
	b.mutex.Lock()
	b.closed = true
	guests := b.guests
	b.mutex.Unlock()
	_ = b.near.Close()
	for _, g := range guests {
		_ = g.far.Close()
	}
	close(b.stop)
	b.read.Wait()
	b.loop.Wait()
}

// do has the loop do something, and waits for it.
func (b *Bottleneck) do(order func()) {
	done := make(chan struct{})
	select {
	case b.orders <- func() { order(); close(done) }:
		<-done
	case <-b.stop:
	}
}

// run is the loop.
func (b *Bottleneck) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if next := b.next(); next == unit.Far {
			timer.Reset(time.Hour)
		} else {
			timer.Reset(max(time.Until(b.time(next)), 0))
		}
		select {
		case <-b.stop:
			return
		case order := <-b.orders:
			order()
		case d := <-b.inbox:
			b.put(&d)
			for range len(b.inbox) {
				d := <-b.inbox
				b.put(&d)
			}
		case <-timer.C:
		}
		if b.clock != nil {
			b.clock.Run(b.instant(time.Now()) + 1)
		}
	}
}

func (b *Bottleneck) next() unit.Instant {
	if b.clock == nil {
		return unit.Far
	}
	return b.clock.Next()
}

// instant and time are the two ways to tell when something happened.
func (b *Bottleneck) instant(at time.Time) unit.Instant { return discrete.At(at.Sub(b.began)) }
func (b *Bottleneck) time(instant unit.Instant) time.Time {
	return b.began.Add(discrete.Since(instant))
}

// put has a datagram enter its link.
func (b *Bottleneck) put(d *datagram) {
	if b.clock == nil || d.at.Before(b.began) {
		b.send(d.way, d.from, d.body)
		return
	}
	b.noted = append(b.noted, d.seen.Sub(d.at))
	at := max(b.instant(d.at), b.last[d.way])
	b.last[d.way] = at
	p := discrete.Packet{Flow: d.way, Size: len(d.body) + below, Number: b.number, Track: uint8(d.from.index), Body: d.body}
	if b.config.Kind != nil {
		p.Kind = b.config.Kind(d.body)
	}
	b.number++
	b.links[d.way].Put(p, at)
}

// arrive hands a datagram over that has come to the end of its link.
func (b *Bottleneck) arrive(p *discrete.Packet, due unit.Instant) {
	b.mutex.Lock()
	g := b.guests[p.Track]
	b.mutex.Unlock()
	b.send(p.Flow, g, p.Body)
	b.late = append(b.late, b.instant(time.Now()).Sub(due))
}

// send hands a datagram to whom it is for. Who does not listen gets nothing.
func (b *Bottleneck) send(way int, g *guest, body []byte) {
	if way == Forward {
		_, _ = b.near.WriteToUDPAddrPort(body, g.address)
		return
	}
	_, _ = g.far.Write(body)
}
