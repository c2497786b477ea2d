package history

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"meshfocus/focus/packet"
	"meshfocus/internal/unit"
)

// firsts are numbers that tests begin with: well before, at and right across the
// wrap.
var firsts = []uint16{0, 1000, 65000, 65530, 65535}

// sending is a subscription and the layers it is sent.
type sending struct {
	*testing.T
	pool *packet.Pool
	ring *Ring
	sent *Sent[uint32]
}

func begin(t *testing.T, room int) *sending {
	return &sending{t, packet.NewPool(100, 2000), NewRing(time.Second, 1024), NewSent[uint32](room)}
}

// send adds a packet of a source number that leaves as the output number, with
// with.
func (s *sending) send(output uint16, source int64, with uint32, now unit.Instant) {
	s.Helper()
	p := arrive(s, s.pool, source, now)
	s.ring.Add(p)
	s.sent.Add(output, p.Handle(), with)
	p.Release()
}

// want asks for a number and wants that outcome, with Resend that source number.
func (s *sending) want(output uint16, now unit.Instant, outcome Outcome, source int64, with uint32) {
	s.Helper()
	found, got := s.sent.Again(output, 50*time.Millisecond, now)
	if got != outcome {
		s.Fatalf("number %d: %v, want %v", output, got, outcome)
	}
	if outcome != Resend {
		if found != (Copy[uint32]{}) {
			s.Fatalf("number %d: %v with a copy %+v", output, got, found)
		}
		return
	}
	if found.Packet.Number != source || found.Numbers != with || found.Sequence != output || found.Packet.Bytes[0] != byte(source) {
		s.Fatalf("number %d: source %d with %d as %d, want source %d with %d", output, found.Packet.Number, found.Numbers, found.Sequence, source, with)
	}
	found.Packet.Release()
}

// Point 17 of the checklist.
func TestSent_MapsOutputNumbersBackAcrossSwitches(t *testing.T) {
	for _, first := range firsts {
		t.Run(fmt.Sprint(first), func(t *testing.T) {
			s := begin(t, 256)
			// Each layer has numbers of its own, which come near each other's.
			layers := []int64{40000, 100, 40010}
			for i := range uint16(30) {
				layer := i / 10
				s.send(first+i, layers[layer]+int64(i), uint32(layer), unit.Instant(i))
			}
			for i := range uint16(30) {
				layer := i / 10
				s.want(first+i, 100, Resend, layers[layer]+int64(i), uint32(layer))
			}
			s.want(first+30, 100, Foreign, 0, 0)
			s.want(first-1, 100, Foreign, 0, 0)
		})
	}
}

func TestSent_HasHolesWhereNothingWasSent(t *testing.T) {
	for _, first := range firsts {
		s := begin(t, 64)
		for i := range uint16(200) {
			if i%3 != 0 {
				s.send(first+i, int64(i), 0, 1)
			}
		}
		for i := range uint16(200) {
			switch {
			case i%3 == 0:
				s.want(first+i, 2, Foreign, 0, 0)
			case i >= 200-64:
				s.want(first+i, 2, Resend, int64(i), 0)
			case (i+64)%3 != 0 || i+128 < 200 && (i+128)%3 != 0: // its place was taken
				s.want(first+i, 2, Foreign, 0, 0)
			}
		}
		// One of the holes is filled, late.
		s.send(first+198, 198, 7, 3)
		s.want(first+198, 4, Resend, 198, 7)
		s.send(first+6, 6, 7, 3) // far too late for its place
		s.want(first+6, 4, Foreign, 0, 0)
		s.want(first+134, 4, Foreign, 0, 0) // its place is 198's
	}
}

// Point 18.
func TestSent_IgnoresWhatWasLeftBehind(t *testing.T) {
	for _, first := range firsts {
		s := begin(t, 64)
		for i := range uint16(10) {
			s.send(first+i, int64(i), 0, 1)
		}
		s.want(first+3, 2, Resend, 3, 0)
		s.sent.Border(first + 10)
		for i := range uint16(10) {
			s.send(first+10+i, 500+int64(i), 1, 3)
		}
		for i := range uint16(10) {
			s.want(first+i, 4, Left, 0, 0)
			s.want(first+10+i, 4, Resend, 500+int64(i), 1)
		}
		if got := s.sent.Count(Left); got != 10 {
			t.Errorf("counted %d that were left", got)
		}
	}
}

func TestSent_KnowsNumbersBeforeTheFirst(t *testing.T) {
	s := begin(t, 64)
	s.send(2, 12, 0, 1)
	s.send(65535, 9, 0, 1) // came late
	s.want(65535, 2, Resend, 9, 0)
}

// Point 19.
func TestSent_SendsAgainOnceInARoundTripAndThreeTimes(t *testing.T) {
	s := begin(t, 64)
	start := unit.Instant(time.Second)
	s.send(5, 5, 0, start)
	now := start.Add(time.Millisecond) // before a round trip is over: the first question is right away
	for range 2 {
		s.want(5, now, Resend, 5, 0)
		s.want(5, now, Soon, 0, 0)
		s.want(5, now.Add(49*time.Millisecond), Soon, 0, 0)
		now = now.Add(50 * time.Millisecond)
	}
	s.want(5, now, Resend, 5, 0)
	s.want(5, now, Often, 0, 0)
	s.want(5, now.Add(time.Hour), Often, 0, 0)
	for outcome, want := range []uint64{Resend: 3, Soon: 4, Often: 2, Gone: 0} {
		if got := s.sent.Count(Outcome(outcome)); got != want {
			t.Errorf("%v: counted %d, want %d", Outcome(outcome), got, want)
		}
	}
}

func TestSent_CountsAnewForEachPacket(t *testing.T) {
	s := begin(t, 64)
	for lap := range int64(5) {
		number := uint16(65500 + 64*lap) // always in the same place
		now := unit.Instant(lap+1) * 500 * millisecond
		s.send(number, lap, 0, now)
		for range 3 {
			s.want(number, now, Resend, lap, 0)
			now = now.Add(50 * time.Millisecond)
		}
		s.want(number, now, Often, 0, 0)
	}
}

func TestSent_TakesAnUnknownRoundTripForALongOne(t *testing.T) {
	s := begin(t, 64)
	s.send(5, 5, 0, 1)
	s.want(5, 1, Resend, 5, 0)
	for _, c := range []struct {
		later time.Duration
		want  Outcome
	}{{99 * time.Millisecond, Soon}, {100 * time.Millisecond, Resend}} {
		found, got := s.sent.Again(5, 0, unit.Instant(1).Add(c.later))
		if got != c.want {
			t.Errorf("%v later: %v", c.later, got)
		}
		if got == Resend {
			found.Packet.Release()
		}
	}
}

func TestSent_DoesNotFindWhatNobodyHolds(t *testing.T) {
	s := begin(t, 64)
	s.send(1, 1, 0, millisecond)
	s.send(2, 2, 0, 1001*millisecond)
	s.send(3, 3, 0, 1002*millisecond)
	s.want(1, 1003*millisecond, Gone, 0, 0)
	s.want(2, 1003*millisecond, Resend, 2, 0)
	s.ring.Clear()
	s.want(3, 1003*millisecond, Gone, 0, 0)
	if s.pool.Held() != 0 {
		t.Errorf("%d packets are held by what only remembers", s.pool.Held())
	}
}

func TestSent_RepeatsNumbersThatWereOnlyFilled(t *testing.T) {
	s := begin(t, 64)
	s.sent.Add(9, packet.Handle{}, 77)
	found, outcome := s.sent.Again(9, time.Millisecond, 1)
	if outcome != Resend || found.Packet != nil || found.Numbers != 77 || found.Sequence != 9 {
		t.Errorf("%v, %+v", outcome, found)
	}
	if _, outcome = s.sent.Again(9, time.Millisecond, 2); outcome != Soon {
		t.Errorf("%v right after", outcome)
	}
}

func TestSent_KnowsNothingBeforeItBegins(t *testing.T) {
	for _, first := range firsts {
		begin(t, 64).want(first, 1, Foreign, 0, 0)
	}
	for o := range Outcomes + 1 {
		if o.String() == "" || (o.String() == "unknown") != (o == Outcomes) {
			t.Errorf("outcome %d is called %q", o, o)
		}
	}
}

// Whatever is sent with whatever holes, switches and late ones: a question is
// answered with the packet that left under that number, or not at all.
func TestSent_NeverSendsAnotherPacket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pool := packet.NewPool(16, 4096)
		ring := NewRing(200*time.Millisecond, 256)
		sent := NewSent[int64](64)
		left := map[uint16]int64{} // number → source of the last to leave under it
		number := int64(rapid.Uint16().Draw(t, "first"))
		now, source := unit.Instant(1), int64(0)
		for range rapid.IntRange(1, 400).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "wait")) * time.Millisecond)
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				number += int64(rapid.IntRange(0, 3000).Draw(t, "hole"))
			case 1:
				sent.Border(uint16(number))
			case 2, 3, 4:
				asked := uint16(number - int64(rapid.IntRange(-2, 100).Draw(t, "back")))
				found, outcome := sent.Again(asked, 10*time.Millisecond, now)
				if outcome != Resend {
					continue
				}
				if want, known := left[asked]; !known || found.Packet.Number != want || found.Numbers != want {
					t.Fatalf("asked for %d, which was %d (%v), got %d", asked, want, known, found.Packet.Number)
				}
				found.Packet.Release()
			default:
				source++
				p := pool.Take()
				p.Number, p.Arrived = source, now
				ring.Add(p)
				sent.Add(uint16(number), p.Handle(), source)
				p.Release()
				left[uint16(number)] = source
				number++
			}
		}
		ring.Clear()
		if pool.Held() != 0 {
			t.Fatalf("%d packets did not come back", pool.Held())
		}
	})
}
