package packet

import (
	"testing"
)

// video is a packet as Chromium sends it: 1200 bytes, with a time, a number and a
// descriptor.
func video(t testing.TB, pool *Pool) (*Packet, *Numbers) {
	t.Helper()
	numbers := extmap(t, map[Extension]uint8{AbsSendTime: 2, TransportNumber: 3, Descriptor: 13, MID: 4})
	data := extended(0xBEDE, 0x22, 1, 2, 3, 0x31, 4, 5, 0xD2, 0x80, 0, 1)
	p := pool.Take()
	p.Bytes = p.Room()[:copy(p.Room(), data)+1200-len("payload")]
	if err := p.Parse(numbers); err != nil {
		t.Fatal(err)
	}
	return p, numbers
}

// The way of a packet: nothing on it allocates.
func TestWay_AllocatesNothing(t *testing.T) {
	pool := NewPool(1500, 8)
	p, numbers := video(t, pool)
	w := NewWriter(extmap(t, subscriber), true)
	var descriptor [3]byte
	o := &Fields{Own: []Element{{Descriptor, descriptor[:]}}}
	arena := make([]byte, 0, 4096)
	var unwrap Unwrapper[uint16]
	for name, step := range map[string]func(){
		"parse": func() {
			if p.Parse(numbers) != nil {
				t.Error("not parsed")
			}
		},
		"pool":    func() { taken := pool.Take(); taken.Retain(2); taken.Release(); taken.Release(); taken.Release() },
		"write":   func() { arena = w.Append(arena[:0], o, p) },
		"number":  func() { unwrap.Unwrap(p.Header.Sequence) },
		"pad":     func() { arena = AppendPadding(arena[:0], 255) },
		"restore": func() { h := p.Header; h.Restore(p.Bytes, 1, 2) },
	} {
		if got := testing.AllocsPerRun(100, step); got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	p, numbers := video(b, NewPool(1500, 1))
	b.ReportAllocs()
	for b.Loop() {
		if p.Parse(numbers) != nil {
			b.Fatal("not parsed")
		}
	}
}

func BenchmarkWriter(b *testing.B) {
	p, _ := video(b, NewPool(1500, 1))
	w := NewWriter(extmap(b, subscriber), true)
	arena := make([]byte, 0, 4096)
	var descriptor [3]byte
	for name, own := range map[string][]Element{"passed": nil, "own": {{Descriptor, descriptor[:]}}} {
		b.Run(name, func(b *testing.B) {
			o := &Fields{SSRC: 1, Timestamp: 2, PayloadType: 96, Own: own}
			b.ReportAllocs()
			for b.Loop() {
				o.Sequence++
				o.TransportNumber++
				arena = w.Append(arena[:0], o, p)
			}
		})
	}
}

func BenchmarkPool(b *testing.B) {
	pool := NewPool(1500, 64)
	b.ReportAllocs()
	for b.Loop() {
		p := pool.Take()
		p.Retain(1)
		p.Release()
		p.Release()
	}
}

func BenchmarkUnwrapper(b *testing.B) {
	var numbers Unwrapper[uint16]
	var number uint16
	for b.Loop() {
		number++
		numbers.Unwrap(number)
	}
}
