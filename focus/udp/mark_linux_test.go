//go:build !portable

package udp

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A marked path beside the same one without: datagrams singly and as a message that is
// cut up, on sockets of one family and of both.
func TestMarked_IsOnEachDatagramOfItsPathAlone(t *testing.T) {
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
		t.Run(f.name, func(t *testing.T) {
			from, to := listen(t, Config{Address: f.from, DSCP: 46}), listen(t, Config{Address: f.to, ReadECN: true})
			bare := path(t, from, netip.AddrPortFrom(f.home, to.LocalAddr().Port()))
			low, congested := from.Marked(bare, ECT1), from.Marked(bare, CE)
			out, in := NewOutbox(8), inbox()
			for range 2 { // through the same headers
				out.Add(bare, []byte("a"), 1)
				out.Add(low, []byte("b"), 1)
				out.Add(low, []byte("cc"), 1)
				out.Add(bare, []byte("dd"), 1)
				out.Add(congested, []byte("e"), 1)
				out.Add(bare, []byte("f"), 1)
				write(t, from, out)
			}
			var got []string
			for len(got) < 16 {
				if _, err := to.Read(in); err != nil {
					t.Fatal(err)
				}
				for _, d := range in.Datagrams {
					got = append(got, fmt.Sprintf("%s%d", d.Data, d.ECN))
				}
			}
			want := []string{"a0", "b1", "c1", "c1", "d0", "d0", "e3", "f0"}
			if !slices.Equal(got, slices.Concat(want, want)) {
				t.Errorf("got %v", got)
			}
			if s := from.Stats(); s.Written.Failed != 0 || !s.Segmenting {
				t.Errorf("%+v", s)
			}
		})
	}
}

// The portable engine, and a mark that all have anyway, need no path of their own.
func TestMarked_IsThePathItselfWhereNothingIsToBeToldApart(t *testing.T) {
	for _, c := range []Config{{Address: home4, Engine: Portable}, {Address: home4, ECN: ECT1}} {
		s := listen(t, c)
		if p := to(t, s, 1); s.Marked(p, ECT1) != p {
			t.Errorf("%+v: another path", c)
		}
	}
}

// A kernel that takes no class of a message gets everything without.
func TestMarked_IsGivenUpWhereTheKernelRefusesIt(t *testing.T) {
	s, out := listen(t, Config{Address: home4}), NewOutbox(4)
	isMarked := func(h *unix.Mmsghdr) bool {
		return h.Hdr.Control != nil && (*unix.Cmsghdr)(unsafe.Pointer(h.Hdr.Control)).Level == unix.IPPROTO_IP
	}
	k := fakeKernel(s, func(k *kernel, headers []unix.Mmsghdr) (int, syscall.Errno) {
		switch at := slices.IndexFunc(headers, func(h unix.Mmsghdr) bool { return isMarked(&h) }); at {
		case -1:
			return k.take(headers)
		case 0:
			return 0, unix.EINVAL
		default:
			return k.take(headers[:at])
		}
	})
	single, several := s.Marked(to(t, s, 1), ECT1), s.Marked(to(t, s, 2), ECT1)
	for range 2 {
		out.Add(single, []byte("a"), 1)
		out.Add(several, []byte("bcd"), 1)
		write(t, s, out)
	}
	if len(k.taken[1]) != 2 || len(k.taken[2]) != 6 {
		t.Errorf("taken: %v", k.taken)
	}
	if stats := s.Stats(); stats.Written.Failed != 0 || !stats.Segmenting || several.whole {
		t.Errorf("%+v", stats)
	}
}
