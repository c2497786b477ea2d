package congestion

import (
	"testing"

	"meshfocus/internal/simnet/discrete"
)

// What is measured of a log alone is what the run itself says.
func TestMeasure_SaysWhatTheRunSays(t *testing.T) {
	c, _ := Find("5.1")
	r := newRun(&c, 1, Ours)
	r.clock.Run(discrete.At(c.Length))
	whole := r.measure()
	var samples []Sample
	for _, s := range r.flows[0].samples {
		samples = append(samples, Sample{Target: s.target, Encoded: s.encoded})
	}
	got := Measure(c, &r.forwardLog, samples)
	for _, m := range []Metric{Utilisation, MediaRate, QueueMedian, Queue95, Queue99, Loss, LossBurst, StartUp, FirstRise, SecondRise, Drain, PaddingShare} {
		if got.Get(m) != whole.Get(m) {
			t.Errorf("%s is %v, of the run %v", m, got.Get(m), whole.Get(m))
		}
	}
	if len(got.Phases) != 4 || got.Phases[2] != whole.Phases[2] {
		t.Errorf("phases %v, of the run %v", got.Phases, whole.Phases)
	}
	want := r.curve(0).Points[500]
	want.Held = 0 // is not in a sample
	if len(got.Curves) != 1 || got.Curves[0].Points[500] != want || want.Target == 0 {
		t.Errorf("in the curve %+v, of the run %+v", got.Curves[0].Points[500], want)
	}
}

func TestFaster_KeepsTheShape(t *testing.T) {
	c, _ := Find("5.1")
	f := c.Faster(5)
	if f.Length != c.Length/5 || f.Judged.To != c.Judged.To/5 || f.Flows[0].End != c.Flows[0].End/5 {
		t.Errorf("it lasts %v, judged until %v, the flow until %v", f.Length, f.Judged.To, f.Flows[0].End)
	}
	if f.Forward.Rates[2] != (discrete.RateStep{At: c.Forward.Rates[2].At / 5, Rate: c.Forward.Rates[2].Rate}) || c.Forward.Rates[2].At != 60*second {
		t.Errorf("the rates are %v", f.Forward.Rates)
	}
}

// Frames of a layer come to its rate, and its temporal layers to their shares.
func TestLayerFrame_ComesToTheRatesOfTheLayers(t *testing.T) {
	rates, upTo := LayerRates()
	for layer, rate := range rates {
		var sums [3]float64
		for n := 1; n <= 400; n++ {
			bytes, temporal := LayerFrame(layer, n, 0.5)
			for above := temporal; above < len(sums); above++ {
				sums[above] += float64(bytes) * 8 / (400 * PictureTime.Seconds())
			}
		}
		for above, share := range upTo {
			if off := sums[above]/(float64(rate)*share) - 1; off < -0.02 || off > 0.02 {
				t.Errorf("layer %d up to %d is off by %.3f", layer, above, off)
			}
		}
	}
	if bytes, temporal := LayerFrame(0, 0, 0.5); temporal != 0 || bytes < 3500 || bytes > 4000 {
		t.Errorf("a key frame has %d bytes, in layer %d", bytes, temporal)
	}
}
