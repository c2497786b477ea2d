//go:build !portable

package udp

import (
	"bytes"
	"net/netip"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// kernel stands where sendmmsg is and does as a test says: it keeps what it
// takes, cut up as the headers ask.
type kernel struct {
	answer func(k *kernel, headers []unix.Mmsghdr) (int, syscall.Errno)
	taken  map[uint16][][]byte // by port
	calls  int
}

// fakeKernel puts one under a socket.
func fakeKernel(s *Socket, answer func(k *kernel, headers []unix.Mmsghdr) (int, syscall.Errno)) *kernel {
	k := &kernel{answer: answer, taken: make(map[uint16][][]byte)}
	s.engine.(*batched).call = func(_ uintptr, headers []unix.Mmsghdr) (int, syscall.Errno) {
		k.calls++
		return k.answer(k, headers)
	}
	return k
}

// take accepts headers.
func (k *kernel) take(headers []unix.Mmsghdr) (int, syscall.Errno) {
	for i := range headers {
		data, to := content(&headers[i]), port(&headers[i])
		size := len(data)
		if n := cut(&headers[i]); n > 0 {
			size = n
		}
		for at := 0; at < len(data); at += size {
			k.taken[to] = append(k.taken[to], bytes.Clone(data[at:min(at+size, len(data))]))
		}
	}
	return len(headers), 0
}

func content(h *unix.Mmsghdr) []byte { return unsafe.Slice(h.Hdr.Iov.Base, h.Hdr.Iov.Len) }

func port(h *unix.Mmsghdr) uint16 {
	return network((*unix.RawSockaddrInet4)(unsafe.Pointer(h.Hdr.Name)).Port)
}

// cut gives the size of segments, 0 for a message that is one datagram.
func cut(h *unix.Mmsghdr) int {
	if h.Hdr.Control == nil {
		return 0
	}
	return int((*segmentControl)(unsafe.Pointer(h.Hdr.Control)).size)
}

// to is the path to a port of nobody's.
func to(t testing.TB, s *Socket, number uint16) *Path {
	t.Helper()
	return path(t, s, netip.AddrPortFrom(home4.Addr(), number))
}

func write(t testing.TB, s *Socket, out *Outbox) {
	t.Helper()
	if err := s.Write(out); err != nil {
		t.Fatal(err)
	}
}

// noSegments takes everything but messages to be cut up for the ports given, or all.
func noSegments(with syscall.Errno, ports ...uint16) func(*kernel, []unix.Mmsghdr) (int, syscall.Errno) {
	return func(k *kernel, headers []unix.Mmsghdr) (int, syscall.Errno) {
		for i := range headers {
			refused := len(ports) == 0
			for _, p := range ports {
				refused = refused || p == port(&headers[i])
			}
			if !refused || cut(&headers[i]) == 0 {
				continue
			}
			if i == 0 {
				return 0, with
			}
			return k.take(headers[:i])
		}
		return k.take(headers)
	}
}

func TestSegments_AreGivenUpForThePathThatRefusesThem(t *testing.T) {
	for _, errno := range []syscall.Errno{unix.EIO, unix.EINVAL, unix.EMSGSIZE, unix.EOPNOTSUPP} {
		t.Run(errno.Error(), func(t *testing.T) {
			s, out := listen(t, Config{Address: home4}), NewOutbox(3)
			k := fakeKernel(s, noSegments(errno, 2))
			paths := []*Path{to(t, s, 1), to(t, s, 2), to(t, s, 3)}
			for range 2 * resigned {
				for _, p := range paths {
					out.Add(p, []byte("aabbc"), 2)
				}
				write(t, s, out)
			}
			for _, p := range paths {
				if got := bytes.Join(k.taken[p.To().Port()], []byte{' '}); !bytes.HasPrefix(got, []byte("aa bb c aa bb c")) || len(got) != 2*resigned*8-1 {
					t.Errorf("%v got %q", p.To(), got)
				}
			}
			if n, err := paths[1].Failures(); n != 0 {
				t.Errorf("%d failures: %v", n, err)
			}
			stats := s.Stats()
			if !stats.Segmenting || stats.Written.Resent != 1 || stats.Written.Datagrams != 2*resigned*9 || stats.Written.Failed != 0 {
				t.Errorf("%+v", stats)
			}
			if want := 3 + 2*resigned - 1; k.calls != want {
				t.Errorf("%d calls, want %d: what was refused once is tried again", k.calls, want)
			}
		})
	}
}

func TestSegments_AreGivenUpForTheSocketIfAllRefuse(t *testing.T) {
	s, out := listen(t, Config{Address: home4}), NewOutbox(1)
	k := fakeKernel(s, noSegments(unix.EIO))
	for p := range uint16(2 * resigned) {
		out.Add(to(t, s, 1+p), []byte("aabbc"), 2)
		write(t, s, out)
	}
	stats := s.Stats()
	if stats.Segmenting || stats.Refusal == "" || stats.Written.Resent != resigned {
		t.Errorf("%+v", stats)
	}
	if want := 3 * resigned; k.calls != want {
		t.Errorf("%d calls, want %d", k.calls, want)
	}
	if len(k.taken) != 2*resigned {
		t.Errorf("%d destinations were served", len(k.taken))
	}
}

func TestSegments_AreNotBlamedForWhatFailsInPiecesToo(t *testing.T) {
	s, out := listen(t, Config{Address: home4}), NewOutbox(1)
	k := fakeKernel(s, func(*kernel, []unix.Mmsghdr) (int, syscall.Errno) { return 0, unix.EINVAL })
	p := to(t, s, 1)
	for range 2 * resigned {
		out.Add(p, []byte("aabb"), 2)
		write(t, s, out)
	}
	if stats := s.Stats(); !stats.Segmenting || stats.Written.Failed != 4*resigned || stats.Written.Resent != 0 {
		t.Errorf("%+v", stats)
	}
	k.answer = func(k *kernel, headers []unix.Mmsghdr) (int, syscall.Errno) {
		if len(headers) != 1 || cut(&headers[0]) != 2 {
			t.Errorf("%d messages, the first cut into %d", len(headers), cut(&headers[0]))
		}
		return k.take(headers)
	}
	out.Add(p, []byte("aabb"), 2)
	write(t, s, out)
}

func TestWrite_KeepsNothingOfABatchAlive(t *testing.T) {
	s, out := listen(t, Config{Address: home4}), NewOutbox(1)
	for range depth + 3 {
		out.Add(to(t, s, 1), []byte("gone"), 0)
	}
	fakeKernel(s, (*kernel).take)
	write(t, s, out)
	for _, m := range out.messages[:cap(out.messages)] {
		if m.path != nil || m.data != nil {
			t.Fatal("the outbox holds a message that was sent")
		}
	}
	b := s.engine.(*batched)
	for i := range b.shares {
		if b.shares[i].path != nil || b.vectors[i].Base != nil || b.headers[i].Hdr.Name != nil {
			t.Fatal("a header points to what was sent")
		}
	}
}

func TestSegments_AreNotGivenUpAsLongAsSomebodyTakesThem(t *testing.T) {
	s, out := listen(t, Config{Address: home4}), NewOutbox(1)
	fakeKernel(s, func(k *kernel, headers []unix.Mmsghdr) (int, syscall.Errno) {
		if port(&headers[0]) > 1000 && cut(&headers[0]) > 0 {
			return 0, unix.EINVAL
		}
		return k.take(headers[:1])
	})
	for p := range uint16(3 * resigned) {
		out.Add(to(t, s, 1), []byte("aabbc"), 2)
		out.Add(to(t, s, 1001+p), []byte("aabbc"), 2)
		write(t, s, out)
	}
	if stats := s.Stats(); !stats.Segmenting || stats.Written.Resent != 3*resigned || stats.Written.Failed != 0 {
		t.Errorf("%+v", stats)
	}
}

func TestWrite_WaitsForRoomAndThenDropsTheRest(t *testing.T) {
	const patience = 30 * time.Millisecond
	s, out := listen(t, Config{Address: home4, Patience: patience}), NewOutbox(1)
	full := false
	k := fakeKernel(s, func(k *kernel, headers []unix.Mmsghdr) (int, syscall.Errno) {
		if full {
			return 0, unix.EAGAIN
		}
		full = true
		return k.take(headers[:1])
	})
	out.Add(to(t, s, 1), []byte("aabbc"), 2)
	out.Add(to(t, s, 2), []byte("aabbc"), 2)
	out.Add(to(t, s, 3), []byte("aa"), 2)
	began := time.Now()
	write(t, s, out)
	if waited := time.Since(began); waited < patience {
		t.Errorf("waited for %v", waited)
	}
	stats := s.Stats()
	if stats.Written.Datagrams != 3 || stats.Written.Full != 4 || stats.Written.Failed != 0 || len(stats.Troubled) != 0 {
		t.Errorf("%+v", stats)
	}
	k.answer = func(k *kernel, headers []unix.Mmsghdr) (int, syscall.Errno) { return k.take(headers) }
	out.Add(to(t, s, 4), []byte("later"), 0)
	write(t, s, out) // the deadline is not there any more
	if len(k.taken[4]) != 1 {
		t.Error("nothing goes out once there is room again")
	}
}

func TestWrite_TriesOnceMoreWhenItIsLate(t *testing.T) {
	s, out := listen(t, Config{Address: home4, Patience: time.Millisecond}), NewOutbox(1)
	k := fakeKernel(s, func(k *kernel, headers []unix.Mmsghdr) (int, syscall.Errno) {
		if k.calls == 1 {
			return 0, unix.EAGAIN
		}
		return k.take(headers[:1])
	})
	for p := range uint16(3) {
		out.Add(to(t, s, 1+p), []byte("aabbc"), 2)
	}
	write(t, s, out)
	if stats := s.Stats(); stats.Written.Datagrams != 9 || stats.Written.Full != 0 || len(k.taken) != 3 {
		t.Errorf("%+v", stats)
	}
}

func TestWrite_GoesOnAfterWhatSaysNothingOfItsDatagrams(t *testing.T) {
	s, out := listen(t, Config{Address: home4}), NewOutbox(1)
	answers := []syscall.Errno{unix.EINTR, unix.ECONNREFUSED, unix.EINTR, 0}
	k := fakeKernel(s, func(k *kernel, headers []unix.Mmsghdr) (int, syscall.Errno) {
		if errno := answers[(k.calls-1)%len(answers)]; errno != 0 {
			return 0, errno
		}
		return k.take(headers[:1])
	})
	for p := range uint16(3) {
		out.Add(to(t, s, 1+p), []byte("aabbc"), 2)
	}
	write(t, s, out)
	if stats := s.Stats(); stats.Written.Datagrams != 9 || stats.Written.Failed != 0 || len(k.taken) != 3 {
		t.Errorf("%+v", stats)
	}
}

func TestWrite_DropsWhatAFullQueueRefuses(t *testing.T) {
	s, out := listen(t, Config{Address: home4}), NewOutbox(1)
	fakeKernel(s, func(k *kernel, headers []unix.Mmsghdr) (int, syscall.Errno) {
		if port(&headers[0]) == 2 {
			return 0, unix.ENOBUFS
		}
		return k.take(headers[:1])
	})
	for p := range uint16(3) {
		out.Add(to(t, s, 1+p), []byte("aabbc"), 2)
	}
	write(t, s, out)
	if stats := s.Stats(); stats.Written.Datagrams != 6 || stats.Written.Full != 3 || stats.Written.Failed != 0 || len(stats.Troubled) != 0 {
		t.Errorf("%+v", stats)
	}
}

// Whatever a kernel does, every datagram is taken once, whole and in order, or
// is counted; and Write comes back.
func TestWrite_LosesNothingThatItDoesNotCount(t *testing.T) {
	s := listen(t, Config{Address: home4, Patience: time.Millisecond})
	rapid.Check(t, func(t *rapid.T) {
		moods := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 40).Draw(t, "moods")
		k := fakeKernel(s, func(k *kernel, headers []unix.Mmsghdr) (int, syscall.Errno) {
			for i := range headers {
				if n, size := len(content(&headers[i])), cut(&headers[i]); n > heaviest || size > 0 && (n+size-1)/size > segments || size > 0 && n <= size {
					t.Fatalf("a message of %d bytes in segments of %d", n, size)
				}
			}
			switch moods[k.calls%len(moods)] {
			case 0:
				return 0, unix.EINTR
			case 1:
				return 0, unix.EIO
			case 2:
				return 0, unix.EINVAL
			case 3:
				return 0, unix.EHOSTUNREACH
			case 4, 5:
				return k.take(headers[:1])
			case 6:
				return k.take(headers[:(len(headers)+1)/2])
			}
			return k.take(headers)
		})
		moods = append(moods, 9) // at least one good one
		s.engine.(*batched).refusal.Store(nil)
		before := s.Stats().Written
		out, want, total := NewOutbox(1), make(map[uint16][][]byte), 0
		for i := range rapid.IntRange(1, 90).Draw(t, "messages") {
			number := uint16(1 + i%7)
			p := &Path{to: netip.AddrPortFrom(home4.Addr(), number)}
			if err := p.name.set(p.to, four); err != nil {
				t.Fatal(err)
			}
			size := rapid.SampledFrom([]int{1, 100, 1000, 1200}).Draw(t, "size")
			data := pattern(byte(i), rapid.IntRange(1, 70*size).Draw(t, "bytes"))
			out.Add(p, data, size)
			for at := 0; at < len(data); at += size {
				want[number] = append(want[number], data[at:min(at+size, len(data))])
				total++
			}
		}
		if err := s.Write(out); err != nil {
			t.Fatal(err)
		}
		after, taken := s.Stats().Written, 0
		for number, datagrams := range k.taken {
			taken += len(datagrams)
			rest := want[number]
			for _, d := range datagrams {
				for len(rest) > 0 && !bytes.Equal(rest[0], d) {
					rest = rest[1:]
				}
				if len(rest) == 0 {
					t.Fatalf("port %d got a datagram of %d bytes that was not sent, or not there", number, len(d))
				}
				rest = rest[1:]
			}
		}
		if sent, failed := int(after.Datagrams-before.Datagrams), int(after.Failed-before.Failed); sent != taken || sent+failed != total {
			t.Fatalf("%d datagrams: %d counted as sent, %d taken, %d counted as failed", total, sent, taken, failed)
		}
	})
}
