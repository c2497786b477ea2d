package party

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSocket_CountsItsOwnDrops and not those of the socket beside it.
func TestSocket_CountsItsOwnDrops(t *testing.T) {
	open := func() *socket {
		s, err := openSocket(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.close)
		return s
	}
	narrow, wide := open(), open()
	if err := unix.SetsockoptInt(narrow.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1); err != nil { // the kernel takes its least
		t.Fatal(err)
	}
	const many = 100
	for range many {
		for _, s := range []*socket{narrow, wide} {
			if err := wide.send(make([]byte, 1000), s.local); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := narrow.dropped(); got < many/2 || got >= many {
		t.Errorf("%d of %d were dropped where there is room for two", got, many)
	}
	if got := wide.dropped(); got != 0 {
		t.Errorf("%d were dropped where there is room", got)
	}
}
