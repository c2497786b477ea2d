package congestion

import "testing"

// What a run costs: 100 s with one flow should take less than 50 ms.
func BenchmarkRun(b *testing.B) {
	for _, name := range []string{"5.1", "5.5", "5.7", "high rate"} {
		c, _ := Find(name)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			events := int64(0)
			for b.Loop() {
				r := Run(c, 1, Ours)
				events = r.Events
			}
			b.ReportMetric(c.Length.Seconds()*float64(b.N)/b.Elapsed().Seconds(), "s/s")
			b.ReportMetric(float64(events), "events")
		})
	}
}
