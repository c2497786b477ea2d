package egress

import (
	"meshfocus/focus/history"
	"meshfocus/focus/pacer"
	"meshfocus/internal/unit"
)

// Stats is what a Path has done. Counts only go up; sizes are of IP packets.
type Stats struct {
	// Packets and Bytes left, by class; ProbeBytes of them were part of a cluster.
	Packets, Bytes [pacer.Classes]int64
	Probes         int64
	ProbeBytes     int64
	// Omitted counts packets that were left out of the queue.
	Omitted, OmittedBytes int64
	// Reports is feedback that came, ReportsLost what is missing of it by its count.
	Reports, ReportsLost int64
	// Fates counts what feedback said of packets.
	Fates [history.Fates]int64
	// Unknown counts packets of RFC 8888 that no departure is known for.
	Unknown int64
	// ECN counts packets of which RFC 8888 said that they came, by the ECN field they came
	// with (RFC 3168 section 5): 0 none, 1 ECT(1), 2 ECT(0), 3 CE.
	ECN [4]int64

	// Waiting is how many bytes wait at present, by class, Flying how many are under
	// way to the receiver, and Pace how fast the queue may empty, 0 as fast as it can.
	Waiting [pacer.Classes]int64
	Flying  int64
	Pace    unit.BitRate
}

// Stats gives the counts.
func (p *Path[T]) Stats() Stats {
	s := p.stats
	s.Waiting[pacer.Sound], s.Waiting[pacer.Repair], s.Waiting[pacer.Video] = p.sound.bytes, p.repair.bytes, p.video.bytes
	s.Flying, _ = p.left.Flying()
	s.Pace = p.pace
	return s
}

func (s *Stats) count(class pacer.Class, size int, probe uint8) {
	s.Packets[class]++
	s.Bytes[class] += int64(size)
	if probe != 0 {
		s.ProbeBytes += int64(size)
	}
}

// omitted counts a packet that is left out.
func (p *Path[T]) omitted(size int) {
	p.stats.Omitted++
	p.stats.OmittedBytes += int64(size)
}
