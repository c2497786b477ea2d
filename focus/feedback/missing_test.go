package feedback

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"meshfocus/internal/unit"
)

// start is an instant to begin at.
const start = unit.Instant(time.Hour)

// in gives an instant of a test, in milliseconds.
func in(milliseconds int) unit.Instant {
	return start.Add(time.Duration(milliseconds) * time.Millisecond)
}

func TestMissing_AsksAtOnceForWhatThreeHaveOvertaken(t *testing.T) {
	m := NewMissing(VideoLimits())
	m.Arrived(65534, 1000, in(0))
	m.Arrived(0, 1000, in(1)) // 65535 is missing
	if got := m.Due(nil, 0, in(1)); got != nil {
		t.Fatalf("asked for %v after one", got)
	}
	if got := m.Next(0); got != in(11) {
		t.Fatalf("next %v, want when reordering is ruled out", got.Sub(start))
	}
	m.Arrived(1, 1000, in(2))
	m.Arrived(2, 1000, in(3))
	if got := m.Due(nil, 0, in(3)); !slices.Equal(got, []uint16{65535}) {
		t.Fatalf("asked for %v", got)
	}
}

func TestMissing_AsksAfterTenMillisecondsWhenFewFollow(t *testing.T) {
	m := NewMissing(VideoLimits())
	m.Arrived(10, 1000, in(0))
	m.Arrived(12, 1000, in(1))
	if got := m.Due(nil, 0, in(10)); got != nil {
		t.Fatalf("asked for %v after 9 ms", got)
	}
	if got := m.Due(nil, 0, in(11)); !slices.Equal(got, []uint16{11}) {
		t.Fatalf("asked for %v", got)
	}
}

func TestMissing_DoesNotAskForWhatCameLate(t *testing.T) {
	m := NewMissing(VideoLimits())
	for _, n := range []uint16{10, 12, 11, 13, 14, 15, 16} {
		m.Arrived(n, 1000, in(int(n)))
	}
	if got := m.Due(nil, 0, in(100)); got != nil || m.Stats().Reordered != 1 {
		t.Fatalf("asked for %v, %+v", got, m.Stats())
	}
}

func TestMissing_FetchesOnceWhatManySubscribersMiss(t *testing.T) {
	m := lossOf(t, 11)
	if !m.Wanted(11) {
		t.Error("a subscriber's NACK would go unanswered")
	}
	if got := m.Due(nil, 50*time.Millisecond, in(20)); got != nil {
		t.Fatalf("asked again for %v", got)
	}
	if !m.Repaired(11, in(60)) || m.Repaired(11, in(61)) {
		t.Error("a retransmission is wanted once")
	}
	if m.Wanted(11) || m.Next(0) != unit.Far {
		t.Error("still wanted")
	}
}

// lossOf gives a stream that has lost one packet and asked for it at 10 ms.
func lossOf(t *testing.T, lost uint16) *Missing {
	t.Helper()
	m := NewMissing(VideoLimits())
	for n := lost - 1; n != lost+6; n++ {
		if n != lost {
			m.Arrived(n, 1000, in(10))
		}
	}
	if got := m.Due(nil, 0, in(10)); !slices.Equal(got, []uint16{lost}) {
		t.Fatalf("asked for %v", got)
	}
	return m
}

func TestMissing_IsSilentAfterAKeyFrameOvertakes(t *testing.T) {
	m := lossOf(t, 11)
	m.Overtaken(14)
	if got := m.Due(nil, 0, in(900)); got != nil || m.TakeLost() {
		t.Fatalf("asked for %v", got)
	}
	m.Arrived(20, 1000, in(901)) // 17 to 19 are missing, after the key frame
	if got := m.Due(nil, 0, in(1000)); !slices.Equal(got, []uint16{17, 18, 19}) {
		t.Fatalf("asked for %v", got)
	}
}

func TestMissing_OfAKeyFrameThatHasNotComeAsksForNothingBefore(t *testing.T) {
	m := lossOf(t, 11)
	m.Overtaken(30)
	m.Arrived(35, 1000, in(20))
	if got := m.Due(nil, 0, in(100)); !slices.Equal(got, []uint16{30, 31, 32, 33, 34}) {
		t.Fatalf("asked for %v", got)
	}
}

func TestMissing_GivesUpWithItsPatienceAndSaysSo(t *testing.T) {
	m := lossOf(t, 11)
	m.Due(nil, 0, in(1005))
	if m.TakeLost() {
		t.Fatal("given up too soon")
	}
	if got := m.Due(nil, 0, in(1010)); got != nil || !m.TakeLost() || m.TakeLost() {
		t.Fatalf("asked for %v", got)
	}
	if s := m.Stats(); s.GivenUp != 1 {
		t.Fatalf("%+v", s)
	}
}

func TestMissing_LeavesALargeGapToAKeyFrame(t *testing.T) {
	m := lossOf(t, 11)
	m.Arrived(1000, 1000, in(20))
	if got := m.Due(nil, 0, in(200)); got != nil || !m.TakeLost() {
		t.Fatalf("asked for %v", got)
	}
}

func TestMissing_AsksTenTimesAtMost(t *testing.T) {
	limits := VideoLimits()
	limits.Patience = time.Hour
	m := NewMissing(limits)
	m.Arrived(10, 1000, in(0))
	m.Arrived(12, 1000, in(0))
	asked := 0
	for ms := range 60_000 {
		asked += len(m.Due(nil, trip, in(ms)))
	}
	if asked != tryMost || m.Wanted(11) || !m.TakeLost() {
		t.Errorf("asked %d times, still wanted: %v", asked, m.Wanted(11))
	}
}

func TestMissing_WantsABoundedNumberTheLatestOnes(t *testing.T) {
	m := NewMissing(VideoLimits())
	m.Arrived(0, 1000, in(0))
	m.Arrived(201, 1000, in(1))
	m.Arrived(402, 1000, in(2))
	if len(m.wanted) != missingMost || m.Wanted(144) || !m.Wanted(146) || !m.TakeLost() {
		t.Errorf("wants %d, from %d on", len(m.wanted), m.wanted[0].number)
	}
}

func TestMissing_WaitsForTheLongerRoundTrip(t *testing.T) {
	m := lossOf(t, 11)
	m.Repaired(11, in(810)) // 800 ms, whatever a ping says: half of it counts at once
	m.Arrived(18, 1000, in(500))
	m.Arrived(21, 1000, in(500))
	m.Due(nil, 20*time.Millisecond, in(510))
	if got := m.Next(20 * time.Millisecond); got != in(1010) {
		t.Fatalf("again after %v", got.Sub(in(510)))
	}
}

func TestMissing_LearnsOfTheQueueFromAnswersThatWereAskedForTwice(t *testing.T) {
	m := lossOf(t, 11) // at 10 ms, by a ping of 100 ms
	if got := m.Due(nil, 100*time.Millisecond, in(140)); len(got) != 1 {
		t.Fatalf("asked for %v", got)
	}
	m.Repaired(11, in(170)) // too soon for the second request: 160 ms after the first
	m.Arrived(18, 1000, in(200))
	m.Arrived(21, 1000, in(200))
	m.Due(nil, 20*time.Millisecond, in(210))
	if got := m.Next(20 * time.Millisecond); got != in(310) { // 80 ms and a quarter
		t.Fatalf("again after %v", got.Sub(in(210)))
	}
}

func TestMissing_OfAnotherStreamBeginsAnew(t *testing.T) {
	m := lossOf(t, 11)
	m.Arrived(40000, 1000, in(20))
	m.Arrived(40001, 1000, in(21))
	m.Arrived(40003, 1000, in(22))
	if got := m.Due(nil, 0, in(100)); !slices.Equal(got, []uint16{40002}) {
		t.Fatalf("asked for %v", got)
	}
}

// request is one number that was asked for.
type request struct {
	number uint16
	at     unit.Instant
}

// TestMissing_KeepsItsPromises sends a stream through loss, reordering and key
// frames and looks at every request.
func TestMissing_KeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		trip := time.Duration(rapid.IntRange(5, 400).Draw(t, "trip")) * time.Millisecond
		loss := rapid.IntRange(0, 90).Draw(t, "loss")
		back := rapid.IntRange(0, 90).Draw(t, "loss back")
		size := rapid.IntRange(60, 1300).Draw(t, "size")
		sequence := uint16(rapid.IntRange(0, 65535).Draw(t, "first"))
		rolls := rapid.SliceOfN(rapid.IntRange(0, 99), 97, 97).Draw(t, "rolls")
		limits := VideoLimits()
		m := NewMissing(limits)
		byNumber := map[uint16][]unit.Instant{}
		var asked, arrived int64
		var coming []request
		key := sequence
		now := start
		for i := range 400 {
			now = now.Add(time.Duration(rolls[i%97]%5) * time.Millisecond)
			if rolls[(i*7+3)%97] >= loss || i == 0 {
				m.Arrived(sequence, size, now)
				arrived += int64(size)
				if i%150 == 149 {
					m.Overtaken(sequence)
					key = sequence
				}
			}
			sequence++
			for _, number := range m.Due(nil, trip, now) {
				before := byNumber[number]
				if len(before) > 0 && now.Sub(before[len(before)-1]) < trip {
					t.Fatalf("%d again after %v, a round trip is %v", number, now.Sub(before[len(before)-1]), trip)
				}
				if len(before) >= tryMost {
					t.Fatalf("%d asked for %d times", number, len(before)+1)
				}
				if int16(number-key) < 0 {
					t.Fatalf("%d asked for after the key frame at %d", number, key)
				}
				byNumber[number] = append(before, now)
				asked++
				if rolls[(i*11+len(before))%97] >= back {
					coming = append(coming, request{number, now.Add(trip)})
				}
			}
			if next := m.Next(trip); !now.Before(next) {
				t.Fatalf("asks to be called at %v, which was done", next.Sub(now))
			}
			for len(coming) > 0 && !now.Before(coming[0].at) {
				m.Repaired(coming[0].number, now)
				coming = coming[1:]
			}
		}
		if most := int64(limits.Burst) + arrived*int64(limits.Share)/100; asked*int64(size) > most {
			t.Fatalf("asked for %d bytes, %d came: %d are allowed", asked*int64(size), arrived, most)
		}
		s := m.Stats()
		if s.Asked != asked || s.Missed < s.Repaired {
			t.Fatalf("%+v, asked %d", s, asked)
		}
	})
}
