package packet

import (
	"runtime"
	"sync"
	"testing"
	"unsafe"
)

func TestPool_GivesBackWhatWasReleased(t *testing.T) {
	pool := NewPool(1500, 3)
	first, second, third := pool.Take(), pool.Take(), pool.Take()
	if first == nil || second == nil || third == nil || pool.Made() != 3 || pool.Held() != 3 {
		t.Fatalf("%d made, %d held", pool.Made(), pool.Held())
	}
	if pool.Take() != nil {
		t.Fatal("there are more than the limit")
	}
	second.Bytes = second.Room()[:10]
	second.Bytes[9] = 42
	second.Header.SSRC = 5
	second.Elements.has = Set(MID)
	second.Release()
	if pool.Held() != 2 {
		t.Errorf("%d held after a release", pool.Held())
	}
	again := pool.Take()
	if again != second || len(again.Bytes) != 0 || again.Header != (Header{}) || again.Elements.Has(MID) {
		t.Errorf("what came back is %+v", again)
	}
	for _, packet := range []*Packet{first, again, third} {
		packet.Release()
	}
	if pool.Held() != 0 {
		t.Errorf("%d held at the end", pool.Held())
	}
}

func TestPool_GivesEachPacketRoomOfItsOwn(t *testing.T) {
	pool := NewPool(100, 2*slab+1)
	for i := range 2*slab + 1 {
		packet := pool.Take()
		if len(packet.Room()) != 100 || cap(packet.Room()) != 100 {
			t.Fatalf("room for %d, at most %d", len(packet.Room()), cap(packet.Room()))
		}
		for j := range packet.Room() {
			if packet.Room()[j] != 0 {
				t.Fatalf("packet %d lies in another's room", i)
			}
			packet.Room()[j] = 1
		}
	}
	if pool.Take() != nil {
		t.Error("there are more than the limit")
	}
}

func TestPacket_LivesUntilTheLastRelease(t *testing.T) {
	pool := NewPool(1500, 1)
	packet := pool.Take()
	packet.Retain(2)
	handle := packet.Handle()
	if handle.Retain() != packet {
		t.Fatal("a held packet cannot be retained")
	}
	for range 3 {
		packet.Release()
		if pool.Take() != nil {
			t.Fatal("it came back while somebody held it")
		}
	}
	packet.Release()
	if handle.Retain() != nil {
		t.Fatal("a packet that nobody holds was retained")
	}
	if pool.Take() != packet {
		t.Fatal("it did not come back")
	}
	if handle.Retain() != nil {
		t.Fatal("the packet after it was retained")
	}
	if packet.Release(); pool.Held() != 0 {
		t.Error("a handle that came too late holds something")
	}
	if (Handle{}).Retain() != nil {
		t.Error("the handle of nothing gave something")
	}
}

func TestPacket_TakesDatagramsThatFit(t *testing.T) {
	packet := NewPool(8, 1).Take()
	if !packet.Fill([]byte("datagram")) || string(packet.Bytes) != "datagram" || &packet.Bytes[0] != &packet.Room()[0] {
		t.Errorf("filled with %q", packet.Bytes)
	}
	if packet.Fill([]byte("datagrams")) || string(packet.Bytes) != "datagram" {
		t.Errorf("after one too long there is %q", packet.Bytes)
	}
	if !packet.Fill(nil) || len(packet.Bytes) != 0 {
		t.Errorf("filled with nothing there is %q", packet.Bytes)
	}
}

func TestPacket_PanicsOnMisuse(t *testing.T) {
	for name, misuse := range map[string]func(*Packet){
		"released twice":         func(p *Packet) { p.Release(); p.Release() },
		"retained after the end": func(p *Packet) { p.Release(); p.Retain(1) },
		"released too often":     func(p *Packet) { p.Retain(1); p.Release(); p.Release(); p.Release() },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			misuse(NewPool(1500, 1).Take())
		})
	}
}

// The read loop hands packets to several send loops, which write nothing, read
// what it wrote and release in any order.
func TestPool_StandsManyLoops(t *testing.T) {
	const lanes, rounds = 4, 20000
	pool := NewPool(64, 2*slab)
	var loops sync.WaitGroup
	handed := make([]chan *Packet, lanes)
	for i := range handed {
		handed[i] = make(chan *Packet, 16)
		loops.Go(func() {
			for packet := range handed[i] {
				if packet.Bytes[0] != byte(packet.Number) || len(packet.Bytes) != 8 {
					t.Errorf("packet %d reads %d", packet.Number, packet.Bytes[0])
				}
				packet.Release()
			}
		})
	}
	for sent := int64(0); sent < rounds; {
		packet := pool.Take()
		if packet == nil {
			runtime.Gosched() // all are in the channels, and come back
			continue
		}
		packet.Bytes = packet.Room()[:8]
		packet.Bytes[0], packet.Number = byte(sent), sent
		sent++
		packet.Retain(lanes)
		for _, lane := range handed {
			lane <- packet
		}
		packet.Release()
	}
	for _, lane := range handed {
		close(lane)
	}
	loops.Wait()
	if held := pool.Held(); held != 0 {
		t.Errorf("%d of %d packets did not come back", held, pool.Made())
	}
}

// While the read loop gives packets new lives, others look for their old ones:
// what they get is what the handle was made of.
func TestHandle_NeverGivesAnotherPacket(t *testing.T) {
	const readers, rounds = 3, 20000
	pool := NewPool(64, 4)
	type remembered struct {
		handle Handle
		number int64
	}
	var loops sync.WaitGroup
	handed := make([]chan remembered, readers)
	for i := range handed {
		handed[i] = make(chan remembered, 4)
		loops.Go(func() {
			for r := range handed[i] {
				if packet := r.handle.Retain(); packet != nil {
					if packet.Number != r.number || packet.Bytes[0] != byte(r.number) {
						t.Errorf("asked for %d, got %d", r.number, packet.Number)
					}
					packet.Release()
				}
			}
		})
	}
	for number := range int64(rounds) {
		packet := pool.Take()
		for packet == nil {
			runtime.Gosched()
			packet = pool.Take()
		}
		packet.Fill([]byte{byte(number)})
		packet.Number = number
		for _, reader := range handed {
			reader <- remembered{packet.Handle(), number}
		}
		packet.Release()
	}
	for _, reader := range handed {
		close(reader)
	}
	loops.Wait()
	if pool.Held() != 0 {
		t.Errorf("%d did not come back", pool.Held())
	}
}

func TestPacket_IsCountedApartFromWhatIsRead(t *testing.T) {
	var p Packet
	if size := unsafe.Sizeof(p); size != lines*64 {
		t.Errorf("a packet takes %d bytes", size)
	}
	if count, read := unsafe.Offsetof(p.references), unsafe.Offsetof(p.Arrived); count/64 == read/64 {
		t.Errorf("the count at %d shares a line with the time of arrival at %d", count, read)
	}
}
