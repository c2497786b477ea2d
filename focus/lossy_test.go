package focus

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"meshfocus/focus/transport"
)

// lossyWay is a way between a guest and the session that loses two of a hundred
// packets of media, in both directions. Descriptions go through it as well: the guest
// believes that the session is here, and the session learns of the guest by what comes.
type lossyWay struct {
	conn  *net.UDPConn
	ended chan struct{}

	mutex  sync.Mutex
	random *rand.Rand     // guarded by mutex
	guest  netip.AddrPort // guarded by mutex: who was heard first
	target netip.AddrPort // guarded by mutex: the session's lane
	lost   int            // guarded by mutex
}

// loss is how many of a hundred packets do not arrive.
const loss = 2

func newLossyWay(t testing.TB, seed uint64) *lossyWay {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	w := &lossyWay{conn: conn, ended: make(chan struct{}), random: rand.New(rand.NewPCG(seed, 2))}
	go func() { defer close(w.ended); w.run() }()
	return w
}

func (w *lossyWay) close() {
	_ = w.conn.Close()
	<-w.ended
}

func (w *lossyWay) run() {
	buffer := make([]byte, 2000)
	for {
		n, from, err := w.conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		if to := w.next(from, n > 0 && buffer[0] >= 128 && buffer[0] <= 191); to.IsValid() { // media: RFC 7983
			_, _ = w.conn.WriteToUDPAddrPort(buffer[:n], to)
		}
	}
}

// next says where a packet goes on to.
func (w *lossyWay) next(from netip.AddrPort, media bool) netip.AddrPort {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	to := w.target
	if from == w.target {
		to = w.guest
	} else {
		w.guest = from
	}
	if media && w.random.IntN(100) < loss {
		w.lost++
		return netip.AddrPort{}
	}
	return to
}

// near is a description of the guest's as the session sees it: without addresses.
func (w *lossyWay) near(d transport.Description) transport.Description {
	if w != nil {
		d.SDP = candidates.ReplaceAllString(d.SDP, "")
	}
	return d
}

// far is a description of the session's as the guest sees it.
func (w *lossyWay) far(d transport.Description) transport.Description {
	if w == nil {
		return d
	}
	port := w.conn.LocalAddr().(*net.UDPAddr).Port
	if found := lane127.FindStringSubmatch(d.SDP); found != nil {
		number, _ := strconv.Atoi(found[1])
		w.mutex.Lock()
		w.target = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(number))
		w.mutex.Unlock()
		d.SDP = strings.ReplaceAll(d.SDP, found[0], fmt.Sprintf(" 127.0.0.1 %d ", port))
	}
	return d
}

var (
	candidates = regexp.MustCompile(`a=(candidate:[^\r\n]*|end-of-candidates)\r?\n`)
	lane127    = regexp.MustCompile(` 127\.0\.0\.1 (\d+) `)
)
