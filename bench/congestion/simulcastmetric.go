package congestion

import (
	"math"
	"time"

	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// The metrics of simulcast cases beside those of all. With several tracks it is that
// of the worst, or the mean where it says so.
const (
	FirstFrame    Metric = "first frame s"   // subscription to the first decodable frame
	Top           Metric = "top s"           // subscription to the first key frame of the best layer that fits
	UpFirst       Metric = "up-switch 1 s"   // first rise of capacity to that key frame
	UpSecond      Metric = "up-switch 2 s"   //
	Flaps         Metric = "flaps /min"      // changes of layer, of the mean track, joining apart
	SpatialFlaps  Metric = "spatial /min"    // of these, the ones that need a key frame
	Waste         Metric = "waste %"         // bytes that came for no decoded frame ÷ media
	RepairShare   Metric = "repair %"        // bytes sent again ÷ media
	KeyRequests   Metric = "key frames /min" // asked of all publishers
	FallDelay     Metric = "fall audio ms"   // p95 delay of sound in the 5 s after each fall
	FallLoss      Metric = "fall audio %"    // sound lost in these
	Quality       Metric = "quality"         // mean log2(rate of the layer shown ÷ lowest rate), 0 while frozen
	Unequal       Metric = "unequal %"       // of time: tracks more than a rung apart, 3 s after turns
	joining              = 10 * time.Second  // changes before that belong to coming
	protected            = 5 * time.Second
	settling             = 3 * time.Second
	frozenFull           = pictureTime + 150*time.Millisecond
	frozenThinned        = 4*pictureTime + 150*time.Millisecond
)

// measure turns what was noted into figures.
func (st *stage) measure() Result {
	c := st.spec
	ways := passages(&st.forwardLog, 0)
	result := Result{Case: c.Name, Seed: st.seed, Hash: st.forwardLog.Hash() ^ 3*st.backLog.Hash(), Events: st.clock.Woken}
	st.measureSight(&result)
	st.measureTurns(&result)
	st.measureCost(&result, ways)
	st.measureSound(&result)
	st.measureBelow(&result)
	queue := queueing(ways, c.Judged)
	result.set(Queue95, queue.p95)
	result.set(Queue99, queue.p99)
	result.set(LossBurst, 100*worstLoss(ways, &Flow{}, Window{}))
	if c.Tracks == 1 {
		flat := Measure(c.Flat(layerRates[len(layerRates)-1]), &st.forwardLog, nil)
		for _, m := range []Metric{Utilisation, QueueMedian, StartUp, FirstRise, SecondRise, Drain} {
			if value := flat.Get(m); !math.IsNaN(value) {
				result.set(m, value)
			}
		}
		result.Phases = flat.Phases
	}
	return result
}

// measureSight fills in what is seen.
func (st *stage) measureSight(result *Result) {
	var first, longest time.Duration
	frozen, quality := 0.0, 0.0
	flaps, spatial := 0.0, 0.0
	for i := range st.viewer.tracks {
		t := &st.viewer.tracks[i]
		s := t.sight(st.spec.Length)
		first, longest = max(first, s.first), max(longest, s.longest)
		frozen = max(frozen, s.frozen.Seconds()/st.spec.Length.Seconds())
		quality += s.quality / float64(len(st.viewer.tracks))
		all, far := st.focus.tracks[i].flaps()
		flaps += float64(all)
		spatial += float64(far)
	}
	perMinute := 1 / st.spec.Length.Minutes() / float64(len(st.viewer.tracks))
	result.set(FirstFrame, first.Seconds())
	result.set(Frozen, 100*frozen)
	result.set(Longest, longest.Seconds())
	result.set(Flaps, flaps*perMinute)
	result.set(SpatialFlaps, spatial*perMinute)
	result.set(Quality, quality)
	result.set(Unequal, 100*st.unequal())
}

// sight is what a viewer has seen of a track.
type sight struct {
	first, longest, frozen time.Duration
	quality                float64
}

// sight goes through what was rendered: gaps beyond 33 + 150 ms are frozen as a
// whole, or beyond four frames and 150 ms where temporal layers were left out.
func (t *shown) sight(length time.Duration) (s sight) {
	if len(t.rendered) == 0 {
		return sight{first: length, longest: length, frozen: length}
	}
	s.first = discrete.Since(t.rendered[0].at)
	for i := range t.rendered {
		r := &t.rendered[i]
		end := length
		if i+1 < len(t.rendered) {
			end = discrete.Since(t.rendered[i+1].at)
		}
		gap := end - discrete.Since(r.at)
		limit := frozenFull
		if t.thinned(i-1) || t.thinned(i+1) {
			limit = frozenThinned
		}
		if gap > limit {
			s.frozen += gap
			s.longest = max(s.longest, gap)
			continue
		}
		s.quality += gap.Seconds() * math.Log2(float64(layerRates[r.layer])/float64(layerRates[0])) / length.Seconds()
	}
	return s
}

// thinned reports whether neither of two successive frames is of the highest
// temporal layer, which every second one is of.
func (t *shown) thinned(i int) bool {
	return i >= 0 && i+1 < len(t.rendered) && t.rendered[i].temporal < 2 && t.rendered[i+1].temporal < 2
}

// flaps counts changes of what is forwarded, after joining. Silence until the key
// frame of another layer is no layer, but part of the change.
func (t *forwarded) flaps() (all, spatial int) {
	shown := simulcast.None
	for _, c := range t.changes {
		before := shown
		if c.to == simulcast.None || c.to == before {
			continue
		}
		shown = c.to
		if discrete.Since(c.at) < joining {
			continue
		}
		all++
		if before.Spatial != shown.Spatial {
			spatial++
		}
	}
	return all, spatial
}

// layerAt is what was forwarded at an instant.
func (t *forwarded) layerAt(at unit.Instant) simulcast.Layer {
	layer := simulcast.None
	for _, c := range t.changes {
		if c.at > at {
			break
		}
		layer = c.to
	}
	return layer
}

// unequal is the share of time in which tracks are more than a rung apart.
func (st *stage) unequal() float64 {
	if len(st.focus.tracks) < 2 {
		return 0
	}
	apart, seen := 0, 0
	for at := settling; at < st.spec.Length; at += 100 * time.Millisecond {
		turned := false
		for _, step := range st.spec.Forward.Rates {
			turned = turned || at >= step.At && at < step.At+settling
		}
		if turned {
			continue
		}
		least, most := math.MaxInt, -1
		for _, t := range st.focus.tracks {
			rung := rungOf(t.layerAt(discrete.At(at)))
			least, most = min(least, rung), max(most, rung)
		}
		seen++
		if most-least > 1 {
			apart++
		}
	}
	return ratio(float64(apart), float64(seen))
}

// rungOf counts the rungs below a layer: three of the lowest, then two of each.
func rungOf(l simulcast.Layer) int {
	if l.Spatial < 0 {
		return -1
	}
	return max(2*int(l.Spatial)+int(l.Temporal), 0)
}

// measureTurns fills in how soon the best layer comes that fits.
func (st *stage) measureTurns(result *Result) {
	rates := st.spec.Forward.Rates
	result.set(Top, st.reaches(0, rates[0].Rate))
	metrics := []Metric{UpFirst, UpSecond}
	for i := 1; i < len(rates) && len(metrics) > 0 && len(rates) < 20; i++ {
		if rates[i].Rate > rates[i-1].Rate {
			result.set(metrics[0], st.reaches(rates[i].At, rates[i].Rate))
			metrics = metrics[1:]
		}
	}
}

// reaches is how long after a time the last of all tracks begins the best layer that
// fits a capacity, in seconds; it has it already: 0.
func (st *stage) reaches(from time.Duration, capacity unit.BitRate) float64 {
	best, worst := int8(st.spec.fits(capacity)), time.Duration(0)
	for _, t := range st.focus.tracks {
		if t.layerAt(discrete.At(from)).Spatial >= best && from > 0 {
			continue
		}
		took := st.spec.Length - from
		for _, b := range t.begun {
			if since := discrete.Since(b.at) - from; since >= 0 && b.layer >= best {
				took = since
				break
			}
		}
		worst = max(worst, took)
	}
	return worst.Seconds()
}

// measureCost fills in what was sent for it.
func (st *stage) measureCost(result *Result, ways []passage) {
	var bytes [8]int64
	dropped := 0
	for i := range ways {
		bytes[ways[i].kind] += int64(ways[i].size)
		if ways[i].fate == discrete.Dropped {
			dropped++
		}
	}
	media := float64(bytes[discrete.Sound] + bytes[discrete.Video])
	result.set(PaddingShare, 100*ratio(float64(bytes[discrete.Padding]), media+float64(bytes[discrete.Padding]+bytes[discrete.Repair])))
	result.set(RepairShare, 100*ratio(float64(bytes[discrete.Repair]), media))
	wasted := 0
	for i := range st.viewer.tracks {
		for _, p := range st.viewer.tracks[i].pictures {
			if !p.decoded {
				wasted += p.delivered
			}
		}
	}
	result.set(Waste, 100*ratio(float64(wasted), media))
	result.set(Loss, 100*ratio(float64(dropped), float64(len(ways))))
	asked := 0
	for _, p := range st.publishers {
		asked += p.asked
	}
	result.set(KeyRequests, float64(asked)/st.spec.Length.Minutes())
}

// measureSound fills in what is heard: always, and in the seconds after falls.
func (st *stage) measureSound(result *Result) {
	came := map[unit.Instant]unit.Instant{}
	for _, s := range st.viewer.sounds {
		came[s.captured] = s.at
	}
	var whole, falls soundSum
	rates := st.spec.Forward.Rates
	for i := range st.items {
		s := &st.items[i]
		if s.kind != discrete.Sound || discrete.Since(s.captured) > st.spec.Length-time.Second {
			continue
		}
		at, ok := came[s.captured]
		late := at.Sub(s.captured) - st.spec.Forward.Delay.At(discrete.Since(s.captured))
		whole.add(late, ok)
		for k := 1; k < len(rates); k++ {
			since := discrete.Since(s.captured) - rates[k].At
			if rates[k].Rate < rates[k-1].Rate && since >= 0 && since < protected {
				falls.add(late, ok)
				break
			}
		}
	}
	result.set(SoundDelay, spreadOf(whole.late).p95)
	result.set(SoundLoss, 100*ratio(float64(whole.lost), float64(whole.all)))
	if falls.all > 0 {
		result.set(FallDelay, spreadOf(falls.late).p95)
		result.set(FallLoss, 100*ratio(float64(falls.lost), float64(falls.all)))
	}
}

// soundSum counts packets of sound.
type soundSum struct {
	late      []time.Duration
	lost, all int
}

func (s *soundSum) add(late time.Duration, came bool) {
	s.all++
	if !came {
		s.lost++
		return
	}
	s.late = append(s.late, late)
}

// curve is what happened over time.
func (st *stage) curve() Curve {
	points := make([]Point, int(st.spec.Length/curveEvery))
	next := 0
	var now focusSample
	for k := range points {
		p := &points[k]
		t := time.Duration(k) * curveEvery
		p.T = t.Seconds()
		p.Capacity = float64(st.spec.Forward.Rates.At(t)) / 1000
		p.Achievable = min(p.Capacity, float64(layerRates[len(layerRates)-1])*float64(st.spec.Tracks)/1000+float64(layeredSound)/1000)
		for ; next < len(st.focus.samples) && st.focus.samples[next].at <= discrete.At(t); next++ {
			now = st.focus.samples[next]
		}
		p.Target, p.Encoded = float64(now.estimate)/1000, float64(now.taken)/1000
	}
	passing(points, passages(&st.forwardLog, 0))
	return Curve{Points: points}
}
