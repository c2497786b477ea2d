package transport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
)

// lossy is a way between two connections that loses some of the media. It
// forwards what comes from the first sender to the target, and back.
type lossy struct {
	conn   *net.UDPConn
	target netip.AddrPort

	mu      sync.Mutex
	random  *rand.Rand     // guarded by mu
	first   netip.AddrPort // guarded by mu
	dropped int            // guarded by mu
}

func newLossy(t *testing.T, target netip.AddrPort) *lossy {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	l := &lossy{conn: conn, target: target, random: rand.New(rand.NewPCG(1, 2))}
	done := make(chan struct{})
	go func() { defer close(done); l.run() }()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return l
}

func (l *lossy) run() {
	buffer := make([]byte, 2000)
	for {
		n, from, err := l.conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		to := l.target
		l.mu.Lock()
		if from == l.target {
			to = l.first
		} else {
			l.first = from
		}
		// RTP of some size: pictures and their retransmissions (RFC 7983).
		if n > 200 && buffer[0] >= 128 && buffer[0] <= 191 && l.random.IntN(100) < 5 {
			l.dropped++
			to = netip.AddrPort{}
		}
		l.mu.Unlock()
		if to.IsValid() {
			_, _ = l.conn.WriteToUDPAddrPort(buffer[:n], to)
		}
	}
}

func (l *lossy) lost() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropped
}

func TestConn_RepairsWhatTheNetworkLoses(t *testing.T) {
	t.Parallel() // waits most of the time
	loopback := Config{Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}
	a, b := listen(t, loopback), listen(t, loopback)
	way := newLossy(t, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(b.Port())))
	port := way.conn.LocalAddr().(*net.UDPAddr).Port
	caller := newConn(t, a, ConnConfig{Video: camera(t, "alice")})
	callee := newConn(t, b, ConnConfig{})
	observe(t, caller)
	seen := observe(t, callee)
	negotiate(t, caller, callee, OfferOptions{}, func(d Description) Description {
		if d.Type == TypeOffer {
			d.SDP = stripCandidates(d.SDP) // the callee learns of the way by what comes
		}
		d.SDP = strings.ReplaceAll(d.SDP, fmt.Sprintf(" 127.0.0.1 %d ", b.Port()), fmt.Sprintf(" 127.0.0.1 %d ", port))
		return d
	})
	track := seen.awaitTrack(t, Video)
	samples := readSamples(t, track, 200)
	if way.lost() < 5 {
		t.Fatalf("only %d packets were lost, the test says nothing", way.lost())
	}
	holes := 0
	for _, sample := range samples {
		holes += sample.Dropped
	}
	received, sent := track.Stats(), caller.Stats().Sent[1]
	if sent.Nacked < uint64(way.lost())/2 {
		t.Errorf("%d packets lost, %d asked for again", way.lost(), sent.Nacked)
	}
	if holes > way.lost()/4 || received.Broken > uint64(way.lost())/4 {
		t.Errorf("of %d lost packets %d stayed lost and spoiled %d frames", way.lost(), holes, received.Broken)
	}
	t.Logf("lost on the way %d, asked again %d, given up %d, late %d", way.lost(), sent.Nacked, received.Lost, received.Late)
}

// What is lost on the way to an application made with Pion, which asks for it by
// its own interceptors, comes again.
func TestConn_RepairsForPion(t *testing.T) {
	t.Parallel() // waits most of the time
	engine, chain := &webrtc.MediaEngine{}, &interceptor.Registry{}
	if err := engine.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	if err := webrtc.RegisterDefaultInterceptors(engine, chain); err != nil {
		t.Fatal(err)
	}
	peer := newPeer(t, engine, chain)
	conn := newConn(t, listen(t, Config{Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}), ConnConfig{Video: camera(t, "us")})
	observe(t, conn)
	offer, err := conn.CreateOffer(t.Context(), OfferOptions{Gather: patience})
	if err != nil {
		t.Fatal(err)
	}
	offer.SDP = stripCandidates(offer.SDP)
	answer := peer.answer(offer)
	way := newLossy(t, loopbackCandidate(t, answer.SDP))
	hop := fmt.Sprintf("candidate:1 1 udp 2130706431 127.0.0.1 %d typ host", way.conn.LocalAddr().(*net.UDPAddr).Port)
	answer.SDP = withCandidates(stripCandidates(answer.SDP), []Candidate{{Candidate: hop}}, true)
	if err := conn.AcceptAnswer(t.Context(), answer); err != nil {
		t.Fatal(err)
	}
	var picture *webrtc.TrackRemote
	for picture == nil || picture.Kind() != webrtc.RTPCodecTypeVideo {
		picture = next(t, "our picture at Pion's", peer.tracks)
	}
	const wanted = 500
	missing := make(map[uint16]bool)
	highest := -1
	_ = picture.SetReadDeadline(time.Now().Add(patience))
	for count := 0; count < wanted || way.lost() < 10; count++ {
		packet, _, err := picture.ReadRTP()
		if err != nil {
			t.Fatalf("packet %d: %v", count, err)
		}
		number := packet.SequenceNumber
		delete(missing, number)
		for highest >= 0 && int16(number-uint16(highest)) > 0 {
			if highest = int(uint16(highest) + 1); uint16(highest) != number {
				missing[uint16(highest)] = true
			}
		}
		if highest < 0 {
			highest = int(number)
		}
	}
	if lost := way.lost(); len(missing) > lost/4 {
		t.Errorf("%d of %d lost packets did not come again", len(missing), lost)
	}
	if sent := conn.Stats().Sent[1]; sent.Nacked == 0 || sent.Reports == 0 {
		t.Errorf("Pion asks for nothing or reports nothing: %+v", sent)
	}
}

// loopbackCandidate gives the first address of the loopback in a description.
func loopbackCandidate(t *testing.T, sdp string) netip.AddrPort {
	t.Helper()
	for _, candidate := range candidatesOf(t, sdp) {
		fields := strings.Fields(candidate.Candidate)
		if port, err := strconv.ParseUint(fields[5], 10, 16); err == nil && fields[4] == "127.0.0.1" && fields[2] == "udp" {
			return netip.AddrPortFrom(netip.MustParseAddr(fields[4]), uint16(port))
		}
	}
	t.Fatalf("nothing on the loopback in\n%s", sdp)
	panic("not reached")
}
