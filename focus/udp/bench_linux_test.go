//go:build !portable

package udp

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const packet = 1240 // what the benchmarks send

// cpu gives the time this thread has been running, kernel and all. Over
// loopback that holds the receiver's share of the way too, up to its queue.
func cpu(b *testing.B) time.Duration {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &at); err != nil {
		b.Fatal(err)
	}
	return time.Duration(at.Nano())
}

// way does something with the datagrams of one turn; prepare is not measured.
type way struct {
	name    string
	prepare func()
	run     func()
}

// interleave lets ways take turns of so many datagrams and reports CPU time of
// each for a datagram, and what part of the first way's the others need.
func interleave(b *testing.B, datagrams int, ways ...way) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	spent, turns := make([]time.Duration, len(ways)), (b.N+datagrams-1)/datagrams
	for range turns {
		for i, w := range ways {
			if w.prepare != nil {
				w.prepare()
			}
			began := cpu(b)
			w.run()
			spent[i] += cpu(b) - began
		}
	}
	for i, w := range ways {
		b.ReportMetric(float64(spent[i])/float64(turns*datagrams), w.name+"-ns/datagram")
		if i > 0 {
			b.ReportMetric(float64(spent[i])/float64(spent[0]), w.name+"/"+ways[0].name)
		}
	}
	b.ReportMetric(0, "ns/op")
}

// plain is the socket to compare with.
func plain(b *testing.B) *net.UDPConn {
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(home4))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	_ = c.SetReadBuffer(DefaultBuffer)
	_ = c.SetWriteBuffer(DefaultBuffer)
	return c
}

// BenchmarkWrite sends to sixteen destinations over loopback, so many datagrams
// to each: by net.UDPConn.WriteToUDPAddrPort, by the portable engine, by ours
// without messages that the kernel cuts up, and with them.
func BenchmarkWrite(b *testing.B) {
	for _, each := range []int{1, 4, 8} {
		b.Run(fmt.Sprintf("each=%d", each), func(b *testing.B) {
			var addresses []netip.AddrPort
			for range 16 {
				addresses = append(addresses, listen(b, Config{Address: home4, ReceiveBuffer: 1}).LocalAddr())
			}
			arena := make([]byte, len(addresses)*each*packet)
			interleave(b, len(addresses)*each, way{"net", nil, singly(b, addresses, arena)},
				way{"portable", nil, batch(b, Config{Address: home4, Engine: Portable}, addresses, arena)},
				way{"whole", nil, batch(b, Config{Address: home4, Whole: true}, addresses, arena)},
				way{"segments", nil, batch(b, Config{Address: home4}, addresses, arena)})
		})
	}
}

// batch spreads an arena over addresses, a message each.
func batch(b *testing.B, c Config, addresses []netip.AddrPort, arena []byte) func() {
	s, out, each := listen(b, c), NewOutbox(len(addresses)), len(arena)/len(addresses)
	var paths []*Path
	for _, a := range addresses {
		paths = append(paths, path(b, s, a))
	}
	return func() {
		for i, p := range paths {
			out.Add(p, arena[i*each:(i+1)*each], packet)
		}
		if err := s.Write(out); err != nil {
			b.Fatal(err)
		}
	}
}

// singly does the same with a call a datagram.
func singly(b *testing.B, addresses []netip.AddrPort, arena []byte) func() {
	c, each := plain(b), len(arena)/len(addresses)
	return func() {
		for at := 0; at < len(arena); at += packet {
			if _, err := c.WriteToUDPAddrPort(arena[at:at+packet], addresses[at/each]); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkRead reads what lies ready in the receive buffer, sent singly or
// eight in a message.
func BenchmarkRead(b *testing.B) {
	const ready = 128
	for _, sent := range []int{1, 8} {
		b.Run(fmt.Sprintf("sent=%d", sent), func(b *testing.B) {
			from := listen(b, Config{Address: home4})
			fill := func(to netip.AddrPort) func() {
				out, way, data := NewOutbox(ready), path(b, from, to), make([]byte, sent*packet)
				return func() {
					for range ready / sent {
						out.Add(way, data, packet)
					}
					if err := from.Write(out); err != nil {
						b.Fatal(err)
					}
				}
			}
			engine := func(name string, c Config, in *Inbox) way {
				s := listen(b, c)
				return way{name, fill(s.LocalAddr()), func() {
					for n := 0; n < ready; {
						got, err := s.Read(in)
						if err != nil {
							b.Fatal(err)
						}
						n += got
					}
				}}
			}
			one, buffer := plain(b), make([]byte, 2048)
			interleave(b, ready, way{"net", fill(one.LocalAddr().(*net.UDPAddr).AddrPort()), func() {
				for range ready {
					if _, _, err := one.ReadFromUDPAddrPort(buffer); err != nil {
						b.Fatal(err)
					}
				}
			}},
				engine("portable", Config{Address: home4, Engine: Portable}, NewInbox(Buffers(1, 2048)...)),
				engine("batched", Config{Address: home4}, NewInbox(Buffers(32, 2048)...)),
				engine("timed", Config{Address: home4, ReadTimes: true}, NewInbox(Buffers(32, 2048)...)),
				engine("coalesced", Config{Address: home4, Coalesce: true}, NewInbox(Buffers(8, Longest)...)))
		})
	}
}

// BenchmarkAppend is what an outbox costs before the kernel sees it: sixteen
// paths, four datagrams each.
func BenchmarkAppend(b *testing.B) {
	const paths, each = 16, 4
	s, out, arena := listen(b, Config{Address: home4}), NewOutbox(paths), make([]byte, paths*each*packet)
	s.engine.(*batched).call = func(_ uintptr, headers []unix.Mmsghdr) (int, syscall.Errno) { return len(headers), 0 }
	var all []*Path
	for i := range uint16(paths) {
		all = append(all, to(b, s, 1+i))
	}
	b.ReportAllocs()
	for n := 0; n < b.N; n += paths * each {
		for i, p := range all {
			for j := range each {
				at := (i*each + j) * packet
				out.Append(p, arena[at:at+packet])
			}
		}
		if err := s.Write(out); err != nil {
			b.Fatal(err)
		}
	}
}
