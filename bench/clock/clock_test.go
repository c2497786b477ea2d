package clock

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"meshfocus/bench/offset"
	"meshfocus/internal/simnet/bottleneck"
	"meshfocus/internal/simnet/discrete"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

func listen(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// serve answers by a clock until the test ends, and says where.
func serve(t *testing.T, c offset.Clock) netip.AddrPort {
	t.Helper()
	conn := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, conn, c) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

func dial(t *testing.T, address netip.AddrPort) *Asker {
	t.Helper()
	a, err := Dial(t.Context(), address.String(), offset.Clock{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// TestAsker_FindsAClockThatIsWrong by 250 ms and gains 50 parts in a million, within
// the bound that it gives, reading by reading.
func TestAsker_FindsAClockThatIsWrong(t *testing.T) {
	c := offset.Clock{Ahead: 250 * time.Millisecond, Gain: 50e-6, Since: time.Now().UnixNano()}
	a := dial(t, serve(t, c))
	var track offset.Track
	for range 4 {
		r, err := a.Read(t.Context(), 300*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		truth := time.Duration(c.At(r.At) - r.At)
		if wrong := (r.Ahead - truth).Abs(); wrong > r.Bound+r.Bound/1000+100*time.Nanosecond {
			t.Errorf("%v, it is %v", r.Offset, truth)
		}
		track = append(track, r)
	}
	if err := track.Check(); err != nil {
		t.Error(err)
	}
	gain, bound := track.Drift()
	if math.Abs(gain-c.Gain) > bound {
		t.Errorf("gains %v ± %v", gain, bound)
	}
	if a.Answered == 0 || a.Answered > a.Asked || a.Foreign > 0 {
		t.Errorf("%d of %d answered, %d foreign", a.Answered, a.Asked, a.Foreign)
	}
	t.Logf("%v, %.1f ± %.1f ppm, %d of %d answered", track, gain*1e6, bound*1e6, a.Answered, a.Asked)
}

// TestAsker_IsWrongByHalfARoundTripAtMost where the ways there and back differ by
// more than anything else: nearly all of that half, and no more.
func TestAsker_IsWrongByHalfARoundTripAtMost(t *testing.T) {
	const there, back = 5 * time.Millisecond, 45 * time.Millisecond
	c := offset.Clock{Ahead: -3 * time.Second}
	way, err := bottleneck.Open(loopback, serve(t, c), bottleneck.Config{
		Forward: discrete.Path{Delay: discrete.Always(back)}, Back: discrete.Path{Delay: discrete.Always(there)},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer way.Close()
	way.Begin()
	r, err := dial(t, way.Address()).Read(t.Context(), 500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	wrong := (r.Ahead - c.Ahead).Abs()
	if wrong > r.Bound || r.Bound < (there+back)/2 {
		t.Errorf("%v, it is %v: wrong by %v", r.Offset, c.Ahead, wrong)
	}
	// One way alone may be late by what the machine does, so that no more is certain.
	t.Logf("%v, wrong by %v; the ways differ by %v", r.Offset, wrong, back-there)
}

// TestAsker_TakesNothingFromOthers: neither what has another nonce, nor what was
// answered already, nor what is no answer.
func TestAsker_TakesNothingFromOthers(t *testing.T) {
	conn := listen(t)
	a := dial(t, conn.LocalAddr().(*net.UDPAddr).AddrPort())
	lie := time.Now().Add(time.Hour).UnixNano()
	lying := make(chan struct{})
	go func() {
		defer close(lying)
		data := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(data)
			if err != nil {
				return
			}
			m, ok := parse(data[:n], question)
			if !ok {
				t.Errorf("%x is no question", data[:n])
			}
			good := message{answer, m.nonce, lie, lie}
			other := good
			other.nonce++
			for _, reply := range [][]byte{
				other.append(nil), data[:n], good.append(nil)[:size-1], append(good.append(nil), 0), message{answer, m.nonce, 2, 1}.append(nil), {},
			} {
				_, _ = conn.WriteToUDPAddrPort(reply, from)
			}
		}
	}()
	_, err := a.Read(t.Context(), 200*time.Millisecond)
	_ = conn.Close()
	<-lying
	if !errors.Is(err, ErrSilent) || a.Answered != 0 || a.Foreign == 0 {
		t.Errorf("%v, %d answered, %d foreign", err, a.Answered, a.Foreign)
	}
}

func TestAsker_TakesAnAnswerOnce(t *testing.T) {
	conn := listen(t)
	defer conn.Close()
	a := dial(t, conn.LocalAddr().(*net.UDPAddr).AddrPort())
	if err := a.ask(); err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 1500)
	n, from, err := conn.ReadFromUDPAddrPort(data)
	if err != nil {
		t.Fatal(err)
	}
	m, _ := parse(data[:n], question)
	reply := message{answer, m.nonce, 1, 2}.append(nil)
	for want := range 2 {
		if _, err := conn.WriteToUDPAddrPort(reply, from); err != nil {
			t.Fatal(err)
		}
		if e, ok, err := a.hear(time.Now().Add(time.Minute)); err != nil || ok != (want == 0) {
			t.Errorf("time %d: %v, %v, %v", want+1, e, ok, err)
		}
	}
	if len(a.pending) != 0 || a.Foreign != 1 {
		t.Errorf("%d pending, %d foreign", len(a.pending), a.Foreign)
	}
}

// TestServe_SaysNoMoreThanItWasAsked, and nothing to what is no question.
func TestServe_SaysNoMoreThanItWasAsked(t *testing.T) {
	address := serve(t, offset.Clock{})
	conn, err := net.Dial("udp4", address.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	asked := message{kind: question, nonce: 7}.append(nil)
	for _, data := range [][]byte{{}, asked[:size-1], append(bytes.Clone(asked), 0), bytes.Repeat(asked, 40), message{answer, 7, 1, 2}.append(nil), message{question, 7, 1, 2}.append(nil), asked} {
		if _, err := conn.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	data := make([]byte, 4096)
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	n, err := conn.Read(data)
	if m, ok := parse(data[:n], answer); err != nil || !ok || m.nonce != 7 || n > len(asked) {
		t.Errorf("%x, %v", data[:n], err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := conn.Read(data); err == nil {
		t.Errorf("a second answer: %x", data[:n])
	}
}

func TestAsker_SaysInALineThatNobodyIsThere(t *testing.T) {
	conn := listen(t)
	address := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	_ = conn.Close()
	_, err := dial(t, address).Read(t.Context(), 100*time.Millisecond)
	if !errors.Is(err, ErrSilent) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), address.String()) {
		t.Error(err)
	}
	if _, err := Dial(t.Context(), "nowhere", offset.Clock{}); err == nil || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := dial(t, address).Read(ended, time.Hour); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// FuzzParse: nothing but what was written is read, of either kind and never of both.
func FuzzParse(f *testing.F) {
	f.Add(message{kind: question, nonce: 1}.append(nil))
	f.Add(message{answer, 1, 2, 3}.append(nil))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		asked, isQuestion := parse(data, question)
		answered, isAnswer := parse(data, answer)
		if isQuestion && isAnswer {
			t.Fatal("a question is an answer")
		}
		if isQuestion && !bytes.Equal(asked.append(nil), data) || isAnswer && !bytes.Equal(answered.append(nil), data) {
			t.Errorf("%x was read as %+v, %+v", data, asked, answered)
		}
	})
}
