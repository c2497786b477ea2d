package link

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"

	"meshfocus/focus/transport/srtp"
	"meshfocus/focus/udp"
)

// onEach runs one behaviour on every engine of sockets that the system has,
// beside other tests.
func onEach(t *testing.T, behaviour func(t *testing.T, engine udp.Engine)) {
	t.Helper()
	t.Parallel()
	for _, engine := range []udp.Engine{udp.Batched, udp.Portable} {
		t.Run(engine.String(), func(t *testing.T) {
			t.Parallel()
			probe, err := udp.Listen(udp.Config{Engine: engine})
			if errors.Is(err, udp.ErrNoEngine) {
				return // the system has no such calls
			}
			if err != nil {
				t.Fatal(err)
			}
			_ = probe.Close()
			behaviour(t, engine)
		})
	}
}

// station is what a lane will be: sockets of focus/udp and their read loops.
// It counts the media that comes, by the number in each packet.
type station struct {
	t       testing.TB
	port    *Port
	engine  udp.Engine
	locals  []netip.AddrPort // in the order of opening
	cut     atomic.Bool      // nothing comes in or goes out
	loss    atomic.Bool      // sending may fail
	reading sync.WaitGroup

	mu      sync.Mutex
	sockets map[netip.AddrPort]*udp.Socket // guarded by mu
	opener  *srtp.Opener                   // guarded by mu
	came    map[uint32]struct{}            // guarded by mu
	after   int                            // how many came since flows; guarded by mu
}

func newStation(t testing.TB, engine udp.Engine, at ...string) *station {
	t.Helper()
	s := &station{t: t, engine: engine, sockets: map[netip.AddrPort]*udp.Socket{}, came: map[uint32]struct{}{}}
	s.port = NewPort(s.send)
	for _, address := range at {
		s.open(netip.MustParseAddr(address))
	}
	s.port.SetLocals(s.locals)
	t.Cleanup(func() {
		_ = s.port.Close()
		for _, socket := range s.sockets {
			_ = socket.Close()
		}
		s.reading.Wait()
	})
	return s
}

// open opens a socket and reads it. The Port is not told yet.
func (s *station) open(at netip.Addr) netip.AddrPort {
	s.t.Helper()
	socket, err := udp.Listen(udp.Config{Engine: s.engine, Address: netip.AddrPortFrom(at, 0)})
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	s.sockets[socket.LocalAddr()] = socket
	s.mu.Unlock()
	s.locals = append(s.locals, socket.LocalAddr())
	s.reading.Go(func() { s.read(socket) })
	return socket.LocalAddr()
}

func (s *station) send(datagram []byte, local, remote netip.AddrPort) error {
	s.mu.Lock()
	socket := s.sockets[local]
	s.mu.Unlock()
	if s.cut.Load() {
		return nil
	}
	if err := socket.WriteTo(datagram, remote); err != nil && !s.loss.Load() {
		return err
	}
	return nil
}

func (s *station) read(socket *udp.Socket) {
	in := udp.NewInbox(udp.Buffers(8, 2048)...)
	for {
		if _, err := socket.Read(in); err != nil {
			return
		}
		for _, d := range in.Datagrams {
			if !s.cut.Load() && !s.port.Receive(d.Data, socket.LocalAddr(), d.From) && d.Data[0] >= 128 {
				s.note(d.Data)
			}
		}
	}
}

// note counts a packet that the keys open.
func (s *station) note(packet []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opener == nil {
		return
	}
	plain, err := s.opener.OpenRTP(packet)
	if err != nil {
		s.t.Errorf("media: %v", err)
		return
	}
	s.came[binary.BigEndian.Uint32(plain[12:])] = struct{}{}
	s.after++
}

// expect opens media with keys from now on.
func (s *station) expect(keys Secured) {
	opener, err := srtp.NewOpener(keys.Open)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opener = opener
}

// flows waits for so much more media.
func (s *station) flows(what string, packets int) {
	s.t.Helper()
	s.mu.Lock()
	s.after = 0
	s.mu.Unlock()
	await(s.t, what, awaitTrue(func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.after >= packets
	}))
}

// pour sends media over the Link's path from now on, by the station's own
// sockets, as a lane does: a packet each millisecond while the Link has
// consent. The answer ends it and says how many packets have left.
func (s *station) pour(e *end, keys Secured) (stop func() uint32) {
	s.t.Helper()
	sealer, err := srtp.NewSealer(keys.Seal)
	if err != nil {
		s.t.Fatal(err)
	}
	done := make(chan struct{})
	var pouring sync.WaitGroup
	var sent uint32
	pouring.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			if path, ok := e.Path(); ok && e.State() != StateFailed {
				packet, err := sealer.SealRTP(nil, []byte{0x80, 96, byte(sent >> 8), byte(sent), 0, 0, 0, 0, 0, 0, 0, 1}, binary.BigEndian.AppendUint32(nil, sent))
				if err != nil || s.send(packet, path.Local, path.Remote) != nil {
					s.t.Errorf("packet %d was not sent: %v", sent, err)
					return
				}
				sent++
			}
		}
	})
	once := sync.OnceFunc(func() { close(done); pouring.Wait() })
	s.t.Cleanup(once)
	return func() uint32 { once(); return sent }
}

// whole waits until each of so many packets has come.
func (s *station) whole(sent uint32) {
	s.t.Helper()
	s.t.Logf("%d packets", sent)
	await(s.t, "every packet", awaitTrue(func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.came) == int(sent)
	}))
}

// talk brings two stations together and has a send to b.
func talk(t *testing.T, a, b *end, from, to *station) (stop func() uint32) {
	t.Helper()
	connect(t, a, b)
	to.expect(await(t, "keys", b.keys))
	stop = from.pour(a, await(t, "keys", a.keys))
	to.flows("media at the beginning", 50)
	return stop
}

func TestMedia_NothingIsLostByARestart(t *testing.T) {
	onEach(t, func(t *testing.T, engine udp.Engine) {
		from, to := newStation(t, engine, "127.0.0.1"), newStation(t, engine, "127.0.0.1")
		a, b := newEnd(t, Config{Port: from.port}), newEnd(t, Config{Port: to.port})
		stop := talk(t, a, b, from, to)
		was, of := a.current.Load(), b.current.Load()
		restart(t, a, b)
		await(t, "new generation", awaitTrue(func() bool { return a.current.Load() != was && b.current.Load() != of }))
		to.flows("media after the restart", 50)
		to.whole(stop())
	})
}

func TestMedia_NothingIsLostByAMove(t *testing.T) {
	onEach(t, func(t *testing.T, engine udp.Engine) {
		// a has two addresses, uses the first, and is told to give it up.
		from, to := newStation(t, engine, "127.0.0.1", "127.0.0.2"), newStation(t, engine, "127.0.0.3")
		from.port.SetLocals(from.locals[:1])
		a, b := newEnd(t, Config{Port: from.port}), newEnd(t, Config{Port: to.port})
		stop := talk(t, a, b, from, to)
		from.port.SetLocals(from.locals[1:])
		restart(t, a, b)
		await(t, "other path", awaitTrue(func() bool {
			ours, _ := a.Path()
			theirs, _ := b.Path()
			return ours.Local == from.locals[1] && theirs.Remote == from.locals[1]
		}))
		to.flows("media after the move", 50)
		to.whole(stop())
	})
}

func TestMedia_NothingIsLostByAnotherCandidatePair(t *testing.T) {
	onEach(t, func(t *testing.T, engine udp.Engine) {
		from, to := newStation(t, engine, "127.0.0.1", "127.0.0.2"), newStation(t, engine, "127.0.0.3")
		a := newEnd(t, Config{Port: from.port, more: []ice.AgentOption{ice.WithRenomination(ice.DefaultNominationValueGenerator())}})
		b := newEnd(t, Config{Port: to.port})
		stop := talk(t, a, b, from, to)
		before, _ := a.Path()
		other := from.locals[0]
		if before.Local == other {
			other = from.locals[1]
		}
		renominate(t, a, other)
		await(t, "other path", awaitTrue(func() bool {
			ours, _ := a.Path()
			theirs, _ := b.Path()
			return ours.Local == other && theirs.Remote == other
		}))
		to.flows("media on the other pair", 50)
		to.whole(stop())
	})
}

// renominate has the agent of an end choose the pair of a local address.
func renominate(t *testing.T, e *end, local netip.AddrPort) {
	t.Helper()
	agent := e.current.Load().agent
	ours, err := agent.GetLocalCandidates()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := agent.GetRemoteCandidates()
	if err != nil {
		t.Fatal(err)
	}
	for _, candidate := range ours {
		if addressOf(candidate) == local {
			if err := agent.RenominateCandidate(candidate, theirs[0]); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no candidate at %s", local)
}

func TestMedia_GoesOnWhenConsentIsBack(t *testing.T) {
	onEach(t, func(t *testing.T, engine udp.Engine) {
		from, to := newStation(t, engine, "127.0.0.1"), newStation(t, engine, "127.0.0.1")
		patient := Timeouts{Disconnected: 300 * time.Millisecond, Failed: patience, Keepalive: 50 * time.Millisecond}
		a, b := newEnd(t, Config{Port: from.port, Timeouts: patient}), newEnd(t, Config{Port: to.port, Timeouts: patient})
		talk(t, a, b, from, to)
		to.cut.Store(true)
		a.awaitState(StateDisconnected)
		to.cut.Store(false)
		a.awaitState(StateConnected)
		to.flows("media with consent again", 50)
	})
}

func TestMedia_StopsWithoutConsentUntilARestart(t *testing.T) {
	onEach(t, func(t *testing.T, engine udp.Engine) {
		from, to := newStation(t, engine, "127.0.0.1"), newStation(t, engine, "127.0.0.1")
		a, b := newEnd(t, Config{Port: from.port, Timeouts: quick}), newEnd(t, Config{Port: to.port, Timeouts: quick})
		stop := talk(t, a, b, from, to)
		to.cut.Store(true)
		a.awaitState(StateFailed)
		b.awaitState(StateFailed)
		before := stop()
		to.cut.Store(false)
		restart(t, a, b)
		a.awaitState(StateConnected)
		b.awaitState(StateConnected)
		to.mu.Lock()
		came := len(to.came)
		to.mu.Unlock()
		if came >= int(before) {
			t.Errorf("%d of %d packets came though nothing could come", came, before)
		}
		if _, err := a.Write([]byte{0}); err != nil { // no media, but a path again
			t.Error(err)
		}
	})
}
