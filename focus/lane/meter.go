package lane

import (
	"time"

	"meshfocus/internal/unit"
)

// window is over how long rates are measured at least.
const window = time.Second

// meter measures what a stream arrives with, by temporal layer.
type meter struct {
	since  unit.Instant
	bytes  [temporals]int64
	frames int64

	rates    [temporals]unit.BitRate
	pictures float64
}

// count notes a packet with so many bytes.
func (m *meter) count(bytes int, temporal int8, frame bool, now unit.Instant) {
	if m.since == unit.Never {
		m.since = now
	}
	m.bytes[min(max(temporal, 0), temporals-1)] += int64(bytes)
	if frame {
		m.frames++
	}
}

// measure makes rates of what was counted, once a window.
func (m *meter) measure(now unit.Instant) {
	within := now.Sub(m.since)
	if m.since == unit.Never || within < window {
		return
	}
	var sum int64
	for i, bytes := range m.bytes {
		sum += bytes
		m.rates[i] = unit.Rate(sum, within)
	}
	m.pictures = float64(m.frames) / within.Seconds()
	m.since, m.bytes, m.frames = now, [temporals]int64{}, 0
}

// silent reports whether the last measurement found nothing.
func (m *meter) silent() bool { return m.rates[temporals-1] == 0 && m.bytes == [temporals]int64{} }
