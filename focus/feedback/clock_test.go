package feedback

import (
	"math/rand/v2"
	"testing"
	"time"

	"meshfocus/internal/unit"
)

// source is one stream of a publisher: its timestamps run on a crystal of their
// own.
type source struct {
	rate  uint32
	first uint32
	clock *Clock
}

// timestamp gives what the source writes at an instant.
func (s source) timestamp(at unit.Instant) uint32 {
	return s.first + uint32(int64(at.Sub(start)/time.Microsecond)*int64(s.rate)/1_000_000)
}

// publisher is somebody whose wall clock is wrong, fast and set once.
type publisher struct {
	base    Base
	sources []source // three layers, then audio
	random  *rand.Rand
	set     unit.Instant // when
	by      time.Duration
}

func newPublisher(seed uint64) *publisher {
	p := &publisher{random: rand.New(rand.NewPCG(seed, 1)), set: unit.Far}
	for _, rate := range []uint32{90000, 90000, 90000, 48000} {
		p.sources = append(p.sources, source{rate, p.random.Uint32(), NewClock(rate)})
	}
	return p
}

// wall is what its clock shows.
func (p *publisher) wall(at unit.Instant) NTP {
	shows := time.Hour + at.Sub(start) + at.Sub(start)/5000 // 200 ppm
	if !at.Before(p.set) {
		shows += p.by
	}
	return NTP(1 << 62).Add(shows)
}

// report has the source's report of an instant arrive after up to 60 ms, and
// now and then after half a second.
func (p *publisher) report(i int, at unit.Instant) {
	s := p.sources[i]
	late := time.Duration(20+p.random.IntN(40)) * time.Millisecond
	if p.random.IntN(4) == 0 {
		late += 500 * time.Millisecond
	}
	s.clock.Told(&p.base, Info{NTP: p.wall(at), Timestamp: s.timestamp(at)}, at.Add(late))
}

// skew says how far apart a subscriber shows picture and sound of one instant,
// from the last reports it got.
func skew(video, audio Info, picture, sound uint32) time.Duration {
	at := func(i Info, timestamp, rate uint32) NTP {
		return i.NTP.Add(time.Duration(int64(int32(timestamp-i.Timestamp)) * int64(time.Second) / int64(rate)))
	}
	return at(video, picture, 90000).Sub(at(audio, sound, 48000))
}

func TestSender_KeepsLipSyncOverFiftySwitches(t *testing.T) {
	for name, by := range map[string]time.Duration{
		"a clock that runs on":  0,
		"a clock set forward":   time.Hour,
		"a clock set back":      -47 * time.Minute,
		"a clock set by little": 2500 * time.Millisecond,
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(5) {
				worst := switchFifty(t, seed, by)
				if worst > 20*time.Millisecond {
					t.Errorf("seed %d: sound and picture %v apart", seed, worst)
				}
			}
		})
	}
}

// switchFifty runs a subscription over fifty switches in three minutes and
// gives the worst skew after all sources have reported.
func switchFifty(t *testing.T, seed uint64, by time.Duration) time.Duration {
	t.Helper()
	p := newPublisher(seed)
	p.set, p.by = in(60_000), by
	epoch := EpochOf(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), start)
	var video, audio Sender
	var videoInfo, audioInfo Info
	layer, added := 0, uint32(12345)
	var worst time.Duration
	var last uint32
	for ms := 0; ms < 180_000; ms += 20 {
		now := in(ms)
		for i := range p.sources {
			if (ms+i*260)%1000 == 0 {
				p.report(i, now)
			}
		}
		if ms > 3000 && ms%3500 == 0 { // the Rewriter joins layers at one instant
			to := (layer + 1 + p.random.IntN(2)) % 3
			added += p.sources[layer].clock.Timestamp(now) - p.sources[to].clock.Timestamp(now)
			layer = to
		}
		video.Sent(1000)
		audio.Sent(100)
		if !now.Before(video.Next()) {
			videoInfo, _ = video.Report(epoch, *p.sources[layer].clock, added, now)
			if ms > 3000 && int32(videoInfo.Timestamp-last) <= 0 {
				t.Errorf("the timestamp went back by %d", int32(last-videoInfo.Timestamp))
			}
			last = videoInfo.Timestamp
		}
		if ms%1000 == 500 {
			audioInfo, _ = audio.Report(epoch, *p.sources[3].clock, 777, now)
		}
		if ms > 3000 {
			worst = max(worst, skew(videoInfo, audioInfo,
				p.sources[layer].timestamp(now)+added, p.sources[3].timestamp(now)+777).Abs())
		}
	}
	return worst
}

func TestSender_ReportsWithItsFirstPacketThenEverySecond(t *testing.T) {
	var s Sender
	clock := NewClock(90000)
	if s.Next() != unit.Far {
		t.Error("reports nothing")
	}
	s.Sent(100)
	if _, ok := s.Report(0, *clock, 0, in(0)); ok {
		t.Error("reported by a clock that knows nothing")
	}
	clock.Arrived(1000, in(0))
	if s.Next() != unit.Never {
		t.Error("does not report at once")
	}
	s.Sent(50)
	info, ok := s.Report(0, *clock, 1<<31, in(100))
	if want := (Info{NTP: NTP(0).Add(time.Duration(in(100))), Timestamp: 1<<31 + 1000 + 9000, Packets: 2, Octets: 150}); !ok || info != want {
		t.Errorf("%+v, want %+v", info, want)
	}
	if s.Next() != in(1100) {
		t.Errorf("next after %v", s.Next().Sub(in(100)))
	}
}

func TestClock_BelievesTheFastestPacketUntilAReportComes(t *testing.T) {
	c := NewClock(90000)
	var base Base
	if c.Known() {
		t.Error("knows already")
	}
	c.Arrived(0, in(50))
	c.Arrived(9000, in(120)) // 30 ms sooner than the first
	c.Arrived(18000, in(400))
	if got := c.Instant(9000); got != in(120) || c.Reported() {
		t.Errorf("%v off", got.Sub(in(120)))
	}
	c.Told(&base, Info{NTP: 1 << 40, Timestamp: 27000}, in(330))
	c.Arrived(27000, in(1))
	if got := c.Instant(27000); got != in(330) || !c.Reported() {
		t.Errorf("%v off", got.Sub(in(330)))
	}
	if got := c.Timestamp(in(430)); got != 36000 {
		t.Errorf("timestamp %d", got)
	}
}

func TestClock_TakesTimestampsThatJumpedAndSmoothsThoseThatShake(t *testing.T) {
	c := NewClock(90000)
	var base Base
	ntp := NTP(1 << 40)
	c.Told(&base, Info{NTP: ntp, Timestamp: 0}, in(0))
	c.Told(&base, Info{NTP: ntp.Add(time.Second), Timestamp: 90000 - 7200}, in(1000)) // 80 ms off
	if off := c.Instant(90000 - 7200).Sub(in(920)); off < 9*time.Millisecond || off > 11*time.Millisecond {
		t.Errorf("moved by %v of 80 ms", off)
	}
	c.Told(&base, Info{NTP: ntp.Add(2 * time.Second), Timestamp: 5_000_000}, in(2000)) // another encoder
	if off := c.Instant(5_000_000).Sub(in(2000)).Abs(); off > time.Millisecond {
		t.Errorf("%v off after a jump", off)
	}
}

func TestClock_OfASleeperGoesOnByArrival(t *testing.T) {
	c := NewClock(48000)
	var base Base
	ntp := NTP(1 << 40)
	c.Told(&base, Info{NTP: ntp, Timestamp: 0}, in(0))
	// An hour asleep: the wall clock went on, the sound card did not.
	c.Told(&base, Info{NTP: ntp.Add(time.Hour), Timestamp: 48000}, in(3_600_000))
	if off := c.Instant(48000).Sub(in(3_600_000)).Abs(); off > time.Millisecond {
		t.Errorf("%v off", off)
	}
}

func TestClock_SurvivesAnyReport(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	c := NewClock(0)
	var base Base
	for i := range 10_000 {
		now := in(i * 7)
		info := Info{NTP: NTP(random.Uint64()), Timestamp: random.Uint32()}
		c.Told(&base, info, now)
		if off := c.Instant(info.Timestamp).Sub(now).Abs(); off > 3*time.Second {
			t.Fatalf("%x puts a report of now %v away", uint64(info.NTP), off)
		}
	}
}
