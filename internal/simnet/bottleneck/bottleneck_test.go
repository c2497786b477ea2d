package bottleneck

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// socket is one end.
func socket(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func port(conn *net.UDPConn) netip.AddrPort { return conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// read gives the number of the next datagram and who sent it.
func read(t *testing.T, conn *net.UDPConn) (number uint32, from netip.AddrPort) {
	t.Helper()
	buffer := make([]byte, longest)
	n, from, err := conn.ReadFromUDPAddrPort(buffer)
	if err != nil || n < 4 {
		t.Fatalf("read %d bytes: %v", n, err)
	}
	return binary.BigEndian.Uint32(buffer), from
}

func write(t *testing.T, conn *net.UDPConn, to netip.AddrPort, number uint32, size int) {
	t.Helper()
	body := binary.BigEndian.AppendUint32(nil, number)
	if _, err := conn.WriteToUDPAddrPort(append(body, make([]byte, size-below-4)...), to); err != nil {
		t.Fatal(err)
	}
}

// opened is a path with a guest who has spoken to the target, whose far address
// it gives.
func opened(t *testing.T, c Config) (b *Bottleneck, guest, target *net.UDPConn, far netip.AddrPort) {
	t.Helper()
	guest, target = socket(t), socket(t)
	b, err := Open(loopback, port(target), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	write(t, guest, b.Address(), 7, 100)
	number, far := read(t, target)
	if number != 7 {
		t.Fatalf("%d came", number)
	}
	return b, guest, target, far
}

func TestWhatPassesLeavesAtTheRateOfTheLink(t *testing.T) {
	// 1000 bytes are 8 ms at 1 Mbit/s; a queue of 100 ms holds twelve of them.
	b, guest, target, far := opened(t, Config{
		Forward: discrete.Path{Rates: discrete.Constant(unit.Megabit), Queue: 100 * time.Millisecond, Delay: discrete.Always(200 * time.Millisecond)},
		Kind:    func([]byte) discrete.Kind { return discrete.Video },
	})
	b.Begin()
	began := time.Now()
	for n := range uint32(30) {
		write(t, target, far, n, 1000)
	}
	sent := time.Since(began)
	last := uint32(0)
	for {
		number, from := read(t, guest)
		if from != b.Address() {
			t.Fatalf("it came from %s", from)
		}
		if last = number; number >= 10 {
			break
		}
	}
	if took := time.Since(began); took < 200*time.Millisecond+11*8*time.Millisecond {
		t.Errorf("number %d came after %v", last, took)
	}
	forward := b.Logs()[Forward]
	if len(forward.Entries) != 30 {
		t.Fatalf("%d in the log", len(forward.Entries))
	}
	dropped := 0
	for i, e := range forward.Entries {
		if e.Fate == discrete.Dropped {
			dropped++
			continue
		}
		if e.Size != 1000 || e.Kind != discrete.Video || e.Arrived.Sub(e.Left) != 200*time.Millisecond {
			t.Errorf("entry %d is %+v", i, e)
		}
	}
	if sent < 8*time.Millisecond && dropped < 16 { // else they were no burst
		t.Errorf("%d were dropped", dropped)
	}
	if a := b.Audit(); a.Packets < 30 || a.Worst < a.Handed {
		t.Errorf("the audit is %+v", a)
	}
}

func TestGuestsAreToldApart(t *testing.T) {
	b, guest, target, far := opened(t, Config{})
	b.Begin()
	other := socket(t)
	write(t, other, b.Address(), 8, 100)
	number, otherFar := read(t, target)
	if number != 8 || otherFar == far {
		t.Fatalf("%d came from %s, the first guest is %s", number, otherFar, far)
	}
	write(t, target, otherFar, 1, 100)
	write(t, target, far, 2, 100)
	if number, _ := read(t, guest); number != 2 {
		t.Errorf("the first guest got %d", number)
	}
	if number, _ := read(t, other); number != 1 {
		t.Errorf("the second guest got %d", number)
	}
}

func TestBeforeItBeginsEverythingPasses(t *testing.T) {
	b, guest, target, far := opened(t, Config{Forward: discrete.Path{Rates: discrete.Constant(1), Queue: time.Second}})
	for n := range uint32(20) {
		write(t, target, far, n, 1000)
		if number, _ := read(t, guest); number != n {
			t.Fatalf("%d came after %d", number, n)
		}
	}
	if logs := b.Logs(); len(logs[Forward].Entries) != 0 {
		t.Errorf("%d in the log", len(logs[Forward].Entries))
	}
}

func TestAuditSaysWhenTheMachineWasTheLimit(t *testing.T) {
	late := make([]time.Duration, 100)
	for i := range 2 {
		late[i] = 20 * time.Millisecond
	}
	a := Audit{Packets: 100, Handed: rank(late, 0.99)}
	if !a.Limited() {
		t.Errorf("%+v is fine", a)
	}
	late[1] = 0
	if a.Handed = rank(late, 0.99); a.Limited() {
		t.Errorf("%+v is not", a)
	}
}
