package udp

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	home4 = netip.MustParseAddrPort("127.0.0.1:0")
	home6 = netip.MustParseAddrPort("[::1]:0")
)

// onEach runs one behaviour on every engine that the system has.
func onEach(t *testing.T, behaviour func(t *testing.T, e Engine)) {
	t.Helper()
	for _, e := range []Engine{Batched, Portable} {
		if e == Batched && !hasBatched(t) {
			continue
		}
		t.Run(e.String(), func(t *testing.T) { behaviour(t, e) })
	}
}

// hasBatched reports whether this system has the batched engine.
func hasBatched(t *testing.T) bool {
	t.Helper()
	s, err := Listen(Config{Address: home4, Engine: Batched})
	if errors.Is(err, ErrNoEngine) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	return s.Close() == nil
}

func listen(t testing.TB, c Config) *Socket {
	t.Helper()
	s, err := Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func path(t testing.TB, from *Socket, to netip.AddrPort) *Path {
	t.Helper()
	p, err := from.Path(to)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// inbox has room for what tests send.
func inbox() *Inbox { return NewInbox(Buffers(8, 2048)...) }

type heard struct {
	from netip.AddrPort
	data []byte
}

// collect reads until so many datagrams are there; a socket that stays silent is closed.
func collect(t *testing.T, s *Socket, in *Inbox, n int) []heard {
	t.Helper()
	var all []heard
	timer := time.AfterFunc(10*time.Second, func() { _ = s.Close() })
	defer timer.Stop()
	for len(all) < n {
		if _, err := s.Read(in); err != nil {
			t.Fatalf("%d of %d datagrams: %v", len(all), n, err)
		}
		for _, d := range in.Datagrams {
			all = append(all, heard{d.From, bytes.Clone(d.Data)})
		}
	}
	return all
}

// pattern is n bytes that are told apart from those of another place.
func pattern(seed byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = seed + byte(i*7) + byte(i>>8)
	}
	return b
}

func TestSocket_CarriesDatagramsInEitherFamily(t *testing.T) {
	families := []struct {
		name     string
		from, to netip.AddrPort // what is bound
		home     netip.Addr     // where the receiver is reached
	}{
		{"IPv4", home4, home4, home4.Addr()},
		{"IPv6", home6, home6, home6.Addr()},
		{"IPv4 from a socket of both", netip.AddrPort{}, home4, home4.Addr()},
		{"IPv4 to a socket of both", home4, netip.AddrPort{}, home4.Addr()},
		{"IPv6 to a socket of both", home6, netip.AddrPort{}, home6.Addr()},
		{"IPv4 written as IPv6", netip.MustParseAddrPort("[::ffff:127.0.0.1]:0"), home4, netip.MustParseAddr("::ffff:127.0.0.1")},
	}
	onEach(t, func(t *testing.T, e Engine) {
		for _, f := range families {
			t.Run(f.name, func(t *testing.T) {
				from, to := listen(t, Config{Address: f.from, Engine: e}), listen(t, Config{Address: f.to, Engine: e})
				out := NewOutbox(1)
				out.Add(path(t, from, netip.AddrPortFrom(f.home, to.LocalAddr().Port())), []byte("over"), 0)
				if err := from.Write(out); err != nil {
					t.Fatal(err)
				}
				got := collect(t, to, inbox(), 1)[0]
				if want := netip.AddrPortFrom(f.home.Unmap(), from.LocalAddr().Port()); got.from != want || string(got.data) != "over" {
					t.Errorf("got %q from %v, want it from %v", got.data, got.from, want)
				}
				if s := from.Stats(); s.Engine != e || s.Written.Datagrams != 1 || s.Written.Bytes != 4 {
					t.Errorf("sender's stats %+v", s)
				}
				if s := to.Stats(); s.Read.Datagrams != 1 || s.Read.Bytes != 4 || s.Read.Calls == 0 {
					t.Errorf("receiver's stats %+v", s)
				}
			})
		}
	})
}

func TestWrite_SendsRunsOfOneSizeWithAShorterLast(t *testing.T) {
	runs := []struct{ size, length int }{
		{1200, 1200}, {1200, 2400}, {1200, 2401}, {1200, 8 * 1200}, {1, 5},
		{1, 200},          // more than 64 segments
		{1200, 60 * 1200}, // more bytes than a message takes
		{900, 64 * 900}, {7, 64*7 + 1} /* the bounds themselves */, {1001, 65*1001 - 1},
	}
	onEach(t, func(t *testing.T, e Engine) {
		from := listen(t, Config{Address: home4, Engine: e})
		to := listen(t, Config{Address: home4, Engine: e, ReceiveBuffer: 1 << 20})
		way, in, out := path(t, from, to.LocalAddr()), inbox(), NewOutbox(1)
		for _, r := range runs {
			t.Run(fmt.Sprintf("%d of %d", r.length, r.size), func(t *testing.T) {
				data := pattern(byte(r.size), r.length)
				out.Add(way, data, r.size)
				if err := from.Write(out); err != nil {
					t.Fatal(err)
				}
				n := (r.length + r.size - 1) / r.size
				for i, d := range collect(t, to, in, n) {
					if want := data[i*r.size : min((i+1)*r.size, r.length)]; !bytes.Equal(d.data, want) {
						t.Fatalf("datagram %d of %d has %d bytes, want %d, or others", i, n, len(d.data), len(want))
					}
				}
			})
		}
		if out.Messages() != 0 {
			t.Error("Write has not emptied the outbox")
		}
	})
}

func TestWrite_ServesManyDestinationsInOneBatch(t *testing.T) {
	onEach(t, func(t *testing.T, e Engine) {
		const destinations, each = 80, 3 // more than one call takes
		from := listen(t, Config{Address: home4, Engine: e})
		out := NewOutbox(destinations)
		var sockets []*Socket
		for i := range destinations {
			s := listen(t, Config{Address: home4, Engine: e})
			out.Add(path(t, from, s.LocalAddr()), bytes.Repeat([]byte{byte(i)}, each*100), 100)
			sockets = append(sockets, s)
		}
		if err := from.Write(out); err != nil {
			t.Fatal(err)
		}
		for i, s := range sockets {
			for _, d := range collect(t, s, inbox(), each) {
				if len(d.data) != 100 || d.data[0] != byte(i) {
					t.Errorf("destination %d got %d bytes of %d", i, len(d.data), d.data[0])
				}
			}
		}
	})
}

func TestWrite_GoesOnPastADestinationThatRefuses(t *testing.T) {
	onEach(t, func(t *testing.T, e Engine) {
		from, to := listen(t, Config{Address: home4, Engine: e}), listen(t, Config{Address: home4, Engine: e})
		good, in := path(t, from, to.LocalAddr()), inbox()
		nowhere := netip.AddrPortFrom(home4.Addr(), 0)
		bad := path(t, from, nowhere)
		const rounds = 8 // more than a socket needs to resign
		out := NewOutbox(3)
		for range rounds {
			out.Add(good, []byte("before"), 0)
			out.Add(bad, []byte("abcdefg"), 2)
			out.Add(good, []byte("after, after"), 7)
			if err := from.Write(out); err != nil {
				t.Fatal(err)
			}
			if got := collect(t, to, in, 3); string(got[2].data) != "after" {
				t.Fatalf("got %q last", got[2].data)
			}
		}
		const refused = 4 * rounds
		s := from.Stats()
		if s.Written.Failed != refused || s.Written.Datagrams != 3*rounds || s.Written.Resent != 0 {
			t.Errorf("written: %+v", s.Written)
		}
		if n, err := bad.Failures(); n != refused || err == nil {
			t.Errorf("the path counts %d failures, the last %v", n, err)
		}
		if len(s.Troubled) != 1 || s.Troubled[0].To != nowhere || s.Troubled[0].Failures != refused || s.Troubled[0].Last == nil {
			t.Errorf("troubled: %+v", s.Troubled)
		}
		if e == Batched && !s.Segmenting {
			t.Errorf("an address that cannot be cost the socket its segments: %s", s.Refusal)
		}
		if n, err := good.Failures(); n != 0 || err != nil {
			t.Errorf("the good path counts %d failures, the last %v", n, err)
		}
	})
}

func TestStats_NamesNoMoreThanTheLastTroubled(t *testing.T) {
	onEach(t, func(t *testing.T, e Engine) {
		from, out := listen(t, Config{Address: home4, Engine: e}), NewOutbox(1)
		for i := range troubled + 3 {
			bad := path(t, from, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, byte(i)}), 0))
			out.Add(bad, []byte("?"), 0)
			if err := from.Write(out); err != nil {
				t.Fatal(err)
			}
		}
		all := from.Stats().Troubled
		if len(all) != troubled || all[0].To.Addr().As4()[3] != 3 || all[troubled-1].To.Addr().As4()[3] != troubled+2 {
			t.Errorf("%d troubled, from %v", len(all), all[0].To)
		}
	})
}

func TestSocket_DoesNotMindPortsThatNobodyListensOn(t *testing.T) {
	onEach(t, func(t *testing.T, e Engine) {
		from, to := listen(t, Config{Address: home4, Engine: e}), listen(t, Config{Address: home4, Engine: e})
		gone := listen(t, Config{Address: home4, Engine: e})
		dead := path(t, from, gone.LocalAddr())
		if err := gone.Close(); err != nil {
			t.Fatal(err)
		}
		out := NewOutbox(2)
		for range 20 { // ICMP answers come between
			out.Add(dead, []byte("anybody?"), 0)
			out.Add(path(t, from, to.LocalAddr()), []byte("you"), 0)
			if err := from.Write(out); err != nil {
				t.Fatal(err)
			}
		}
		collect(t, to, inbox(), 20)
		if err := to.WriteTo([]byte("here"), from.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		if got := collect(t, from, inbox(), 1); string(got[0].data) != "here" {
			t.Errorf("got %q", got[0].data)
		}
	})
}

func TestRead_LeavesOutWhatDoesNotFitOrSaysNothing(t *testing.T) {
	onEach(t, func(t *testing.T, e Engine) {
		from, to := listen(t, Config{Address: home4, Engine: e}), listen(t, Config{Address: home4, Engine: e})
		for _, length := range []int{101, 100, 0, 99} {
			if err := from.WriteTo(pattern(1, length), to.LocalAddr()); err != nil {
				t.Fatal(err)
			}
		}
		got := collect(t, to, NewInbox(Buffers(3, 100)...), 1)
		if len(got) != 1 || len(got[0].data) != 99 {
			t.Errorf("got %d datagrams, the first of %d bytes", len(got), len(got[0].data))
		}
		if s := to.Stats().Read; s.Cut != 2 || s.Datagrams != 1 || s.Bytes != 99 {
			t.Errorf("read: %+v", s)
		}
	})
}

func TestExchange_LetsADatagramOutliveTheNextRead(t *testing.T) {
	onEach(t, func(t *testing.T, e Engine) {
		from, to := listen(t, Config{Address: home4, Engine: e}), listen(t, Config{Address: home4, Engine: e})
		buffer := make([]byte, 100)
		in := NewInbox(buffer)
		var kept [][]byte
		for i := range 5 {
			if err := from.WriteTo([]byte{'a' + byte(i)}, to.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			collect(t, to, in, 1)
			d := in.Datagrams[0]
			if old := in.Exchange(d.Slot, make([]byte, 100)); &old[0] != &d.Data[0] {
				t.Fatal("the datagram lies in another buffer than that of its slot")
			}
			if cap(d.Data) != len(d.Data) {
				t.Fatal("who appends to a datagram writes over the next")
			}
			kept = append(kept, d.Data)
		}
		if got := bytes.Join(kept, nil); string(got) != "abcde" {
			t.Errorf("kept %q", got)
		}
	})
}

func TestClose_EndsReadAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, e Engine) {
		s := listen(t, Config{Engine: e})
		ended, began := make(chan error), make(chan struct{})
		go func() {
			in := inbox()
			_, _ = s.Read(in)
			close(began) // has read once; now it waits or will
			_, err := s.Read(in)
			ended <- err
		}()
		if err := s.WriteTo([]byte("?"), netip.AddrPortFrom(home4.Addr(), s.LocalAddr().Port())); err != nil {
			t.Fatal(err)
		}
		<-began
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("Read ended with %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("Read goes on")
		}
		out := NewOutbox(1)
		out.Add(path(t, s, s.LocalAddr()), []byte("?"), 0)
		if err := s.Write(out); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write on a closed socket: %v", err)
		}
		if err := s.WriteTo([]byte("?"), s.LocalAddr()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("WriteTo on a closed socket: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("closed a second time: %v", err)
		}
		_ = s.Stats()
	})
}

func TestWriteTo_StandsBesideTheSendLoop(t *testing.T) {
	onEach(t, func(t *testing.T, e Engine) {
		const rounds = 50
		from, to := listen(t, Config{Address: home4, Engine: e}), listen(t, Config{Address: home4, Engine: e})
		done := make(chan error, 1)
		go func() {
			for range rounds {
				if err := from.WriteTo([]byte("words"), to.LocalAddr()); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		out, way := NewOutbox(1), path(t, from, to.LocalAddr())
		for range rounds {
			out.Add(way, []byte("mediamedia"), 5)
			if err := from.Write(out); err != nil {
				t.Fatal(err)
			}
			_ = from.Stats()
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		collect(t, to, inbox(), 3*rounds)
		if s := from.Stats().Written; s.Datagrams != 3*rounds {
			t.Errorf("written: %+v", s)
		}
	})
}

func TestWrite_LeavesNoDeadlineBehind(t *testing.T) {
	onEach(t, func(t *testing.T, e Engine) {
		from := listen(t, Config{Address: home4, Engine: e, Patience: 1}) // none, but there is room
		to, out := listen(t, Config{Address: home4, Engine: e}), NewOutbox(1)
		out.Add(path(t, from, to.LocalAddr()), []byte("aabb"), 2)
		if err := from.Write(out); err != nil {
			t.Fatal(err)
		}
		if s := from.Stats().Written; s.Datagrams != 2 || s.Full != 0 {
			t.Errorf("written: %+v", s)
		}
		if err := from.WriteTo([]byte("words"), to.LocalAddr()); err != nil {
			t.Errorf("after the Write: %v", err)
		}
	})
}

func TestPath_IsRefusedWhereTheFamilyIsAnother(t *testing.T) {
	onEach(t, func(t *testing.T, e Engine) {
		for _, c := range []struct {
			name   string
			at, to netip.AddrPort
		}{
			{"IPv6 from IPv4", home4, netip.MustParseAddrPort("[::1]:9")},
			{"IPv4 from IPv6", home6, netip.MustParseAddrPort("127.0.0.1:9")},
			{"IPv4 as IPv6 from IPv6", home6, netip.MustParseAddrPort("[::ffff:127.0.0.1]:9")},
			{"nothing", netip.AddrPort{}, netip.AddrPort{}},
		} {
			t.Run(c.name, func(t *testing.T) {
				s := listen(t, Config{Address: c.at, Engine: e})
				if _, err := s.Path(c.to); !errors.Is(err, ErrFamily) {
					t.Errorf("Path: %v", err)
				}
				if err := s.WriteTo(nil, c.to); !errors.Is(err, ErrFamily) {
					t.Errorf("WriteTo: %v", err)
				}
			})
		}
	})
}

func TestListen_SaysWhatIsWrong(t *testing.T) {
	taken := listen(t, Config{Address: home4})
	for name, c := range map[string]Config{
		"engine":            {Engine: 7},
		"DSCP":              {DSCP: 64},
		"ECN":               {ECN: 4},
		"patience":          {Patience: -1},
		"receive buffer":    {ReceiveBuffer: -1},
		"address in use":    {Address: taken.LocalAddr()},
		"address elsewhere": {Address: netip.MustParseAddrPort("192.0.2.1:0")},
	} {
		if s, err := Listen(c); err == nil {
			_ = s.Close()
			t.Errorf("%s: no error", name)
		}
	}
}
