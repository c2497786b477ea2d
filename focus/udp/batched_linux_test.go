//go:build !portable

package udp

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestSegments_LeaveInOneCall(t *testing.T) {
	from, to := listen(t, Config{Address: home4}), listen(t, Config{Address: home4})
	s := from.Stats()
	if !s.Segmenting {
		t.Fatalf("this kernel cuts nothing up: %s", s.Refusal)
	}
	out, data := NewOutbox(1), pattern(3, 10*1000+1)
	out.Add(path(t, from, to.LocalAddr()), data, 1000)
	write(t, from, out)
	if got := collect(t, to, inbox(), 11); !bytes.Equal(got[10].data, data[10*1000:]) {
		t.Errorf("the last datagram has %d bytes", len(got[10].data))
	}
	if s := from.Stats().Written; s.Calls != 1 || s.Datagrams != 11 {
		t.Errorf("written: %+v", s)
	}
}

func TestWhole_LeavesNothingToBeCutUp(t *testing.T) {
	from, to := listen(t, Config{Address: home4, Whole: true}), listen(t, Config{Address: home4, Coalesce: true})
	out := NewOutbox(1)
	out.Add(path(t, from, to.LocalAddr()), []byte("aabbc"), 2)
	write(t, from, out)
	in := NewInbox(Buffers(4, Longest)...)
	if _, err := to.Read(in); err != nil || len(in.Datagrams) != 3 || in.Datagrams[1].Slot != 1 {
		t.Errorf("%v: got %v", err, in.Datagrams)
	}
	if s := from.Stats(); s.Segmenting || s.Refusal == "" {
		t.Errorf("%+v", s)
	}
}

func TestCoalesce_TakesApartWhatTheKernelPutTogether(t *testing.T) {
	for _, at := range []netip.AddrPort{home4, home6} {
		from, to := listen(t, Config{Address: at}), listen(t, Config{Address: at, Coalesce: true, ReadECN: true})
		if !to.Stats().Coalescing {
			t.Fatal("this kernel puts nothing together")
		}
		out, data, in := NewOutbox(1), pattern(3, 10*1000+1), NewInbox(Buffers(2, Longest)...)
		out.Add(path(t, from, to.LocalAddr()), data, 1000)
		write(t, from, out)
		if n, err := to.Read(in); n != 11 || err != nil {
			t.Fatalf("got %d datagrams: %v", n, err)
		}
		for i, d := range in.Datagrams {
			if d.Slot != 0 || d.From != from.LocalAddr() || !bytes.Equal(d.Data, data[i*1000:min(len(data), (i+1)*1000)]) || cap(d.Data) != len(d.Data) {
				t.Errorf("datagram %d: %d bytes in slot %d from %v", i, len(d.Data), d.Slot, d.From)
			}
		}
	}
}

func TestCoalesce_WantsBuffersForAll(t *testing.T) {
	s := listen(t, Config{Address: home4, Coalesce: true})
	buffers := Buffers(2, Longest)
	in := NewInbox(buffers[0], buffers[1][:Longest-1])
	if _, err := s.Read(in); err != ErrShortBuffer {
		t.Errorf("Read: %v", err)
	}
	in.Exchange(1, buffers[1])
	if !in.kernel.roomy() {
		t.Error("all buffers are long and the inbox is not")
	}
	in.Exchange(0, buffers[0][:9])
	if in.kernel.roomy() {
		t.Error("a buffer became short and the inbox has not noticed")
	}
}

func TestECN_IsReadAsItWasSet(t *testing.T) {
	for _, f := range []struct {
		name     string
		from, to netip.AddrPort
		home     netip.Addr
	}{
		{"IPv4", home4, home4, home4.Addr()},
		{"IPv6", home6, home6, home6.Addr()},
		{"IPv4 by sockets of both", netip.AddrPort{}, netip.AddrPort{}, home4.Addr()},
		{"IPv6 by sockets of both", netip.AddrPort{}, netip.AddrPort{}, home6.Addr()},
	} {
		for _, e := range []Engine{Batched, Portable} {
			t.Run(fmt.Sprint(f.name, " ", e), func(t *testing.T) {
				from := listen(t, Config{Address: f.from, DSCP: 46, ECN: ECT1, Engine: e})
				to := listen(t, Config{Address: f.to, ReadECN: true})
				in := inbox()
				for range 3 { // into the same slot
					if err := from.WriteTo([]byte("?"), netip.AddrPortFrom(f.home, to.LocalAddr().Port())); err != nil {
						t.Fatal(err)
					}
					if _, err := to.Read(in); err != nil || in.Datagrams[0].ECN != ECT1 {
						t.Errorf("%v: got %v", err, in.Datagrams)
					}
				}
			})
		}
	}
}

// What lay in the socket for a while says so. The kernel begins with its stamps a
// little after it was asked, and until then gives the time of reading.
func TestTimes_TellHowLongADatagramWaited(t *testing.T) {
	for _, home := range []netip.AddrPort{home4, home6} {
		from, to := listen(t, Config{Address: home}), listen(t, Config{Address: home, ReadTimes: true, ReadECN: true, Coalesce: true})
		in := NewInbox(Buffers(2, Longest)...)
		const while = 20 * time.Millisecond
		deadline := time.Now().Add(30 * time.Second)
		for {
			began := time.Now()
			if err := from.WriteTo([]byte("?"), to.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(while) // it is what the test is about: at least so long
			if _, err := to.Read(in); err != nil || len(in.Datagrams) != 1 {
				t.Fatal(err, in.Datagrams)
			}
			waited, most := in.Datagrams[0].Waited, time.Since(began)
			if waited > most {
				t.Fatalf("it waited for %v of %v", waited, most)
			}
			if waited >= while-time.Millisecond { // clocks are slewed
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%v: it waited for %v, it says", home, waited)
			}
		}
	}
}

func TestStats_TellWhatTheKernelGaveAndDropped(t *testing.T) {
	from := listen(t, Config{Address: home4})
	to := listen(t, Config{Address: home4, ReceiveBuffer: 8192, SendBuffer: 16384})
	s := to.Stats()
	if s.ReceiveBuffer != 8192 || s.SendBuffer != 16384 {
		t.Errorf("buffers of %d and %d bytes", s.ReceiveBuffer, s.SendBuffer)
	}
	const sent = 50
	out := NewOutbox(1)
	out.Add(path(t, from, to.LocalAddr()), make([]byte, sent*1000), 1000)
	write(t, from, out)
	in := NewInbox(Buffers(64, 2048)...)
	n, err := to.Read(in)
	if s := to.Stats().Read; err != nil || s.Overflowed == 0 || int(s.Overflowed)+n > sent {
		t.Errorf("%v: %d of %d datagrams, %+v", err, n, sent, s)
	}
}

func TestZone_IsTheNameOfAnInterface(t *testing.T) {
	var s sockaddr
	if err := s.set(netip.MustParseAddrPort("[fe80::1%lo]:9"), six); err != nil {
		t.Fatal(err)
	}
	if s.raw.Scope_id == 0 || s.raw.Addr[0] != 0xfe {
		t.Errorf("%+v", s.raw)
	}
	var a addresses
	for range 2 {
		if got := a.read(&s.raw).String(); got != "[fe80::1%lo]:9" {
			t.Errorf("got %s", got)
		}
	}
	if err := s.set(netip.MustParseAddrPort("[fe80::1%77]:9"), six); err != nil || s.raw.Scope_id != 77 {
		t.Errorf("a number: %v, %d", err, s.raw.Scope_id)
	}
	if err := s.set(netip.MustParseAddrPort("[fe80::1%nowhere]:9"), six); err == nil {
		t.Error("an interface that is not there has a number")
	}
	if got := a.read(&unix.RawSockaddrInet6{Family: unix.AF_UNIX}); got.IsValid() {
		t.Errorf("no address of ours: %v", got)
	}
}

// The control messages are the kernel's, but what reads lengths is fuzzed.
func FuzzControl(f *testing.F) {
	good := newSegmentControl()
	good.header.Type = unix.UDP_GRO
	good.header.SetLen(unix.CmsgLen(4))
	good.size = 1200
	f.Add(unsafe.Slice((*byte)(unsafe.Pointer(&good)), unsafe.Sizeof(good)))
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var c receiveControl
		n := copy(unsafe.Slice((*byte)(unsafe.Pointer(&c)), unsafe.Sizeof(c)), raw)
		told := c.read(n)
		if told.ecn > CE {
			t.Errorf("ECN %d", told.ecn)
		}
		in := NewInbox(make([]byte, 100))
		in.take(0, 99, told.size, Datagram{From: home4})
		total := 0
		for _, d := range in.Datagrams {
			total += len(d.Data)
		}
		if total != 99 {
			t.Errorf("99 bytes in pieces of %d became %d", told.size, total)
		}
	})
}

// The measured call is the one that brought something: the wait before is not in it.
func TestInbox_TimesTheCallAndNotTheWait(t *testing.T) {
	from, to := listen(t, Config{Address: home4}), listen(t, Config{Address: home4})
	in := inbox()
	in.Timed = true
	began := time.Now()
	go func() {
		time.Sleep(20 * time.Millisecond) // so long it waits at least
		_ = from.WriteTo([]byte{1}, to.LocalAddr())
	}()
	if _, err := to.Read(in); err != nil {
		t.Fatal(err)
	}
	if waited := time.Since(began); in.Took <= 0 || in.Took > waited-10*time.Millisecond {
		t.Errorf("a call of %v within %v", in.Took, waited)
	}
}
