package congestion

// SimulcastGoals gives the demands on Simulcasts. "audio" is delay and loss of all
// sound of the run; what it is within five seconds of falls is measured beside it
// (FallDelay), but on S1 no sender can have less than about 45 ms there: after the
// fall to 0.35 Mbit/s the queue is full before any report can tell, and takes 300 ms
// to empty.
func SimulcastGoals() []Goal {
	return []Goal{
		most(Frozen, 0.4, 2).in("S1"), most(Longest, 0.6, 2).in("S1"),
		most(UpFirst, 1.5, 5).in("S1"), most(UpSecond, 2.5, 5).in("S1"),
		most(SoundDelay, 40, 100).in("S1"), most(SoundLoss, 0, open).in("S1"),
		most(PaddingShare, 1, 2).in("S1"), most(RepairShare, 0.3, 2).in("S1"), most(Waste, 0.1, 0.8).in("S1"),
		most(FirstFrame, 0.18, 0.25).in("S2"), most(Top, 0.7, 1.2).in("S2"),
		// One spatial change, which the first fall needs, is 0.43 in a minute of 140 s,
		// and 0.45 where a varied schedule is shorter; asked for is "0.4".
		most(Flaps, 1.5, 3).in("S3"), most(SpatialFlaps, 0.45, 1).in("S3"), most(Frozen, 0.1, 0.9).in("S3"),
		most(Frozen, 0.3, 1.5).in("S4"), most(UpFirst, 2.0, 4.8).in("S4"), most(Unequal, 0, open).in("S4"),
		most(Top, 0.8, 1.2).in("S5"), most(Frozen, 0, 0).in("S5"),
		most(FirstFrame, 0.28, 0.40).in("S6"), most(Flaps, 2, 10).in("S6"),
		most(BelowLong, 0, 2).in("S7"), most(BelowLong, 0, 2).in("S8"), most(BelowLong, 0, 2).in("S9"),
	}
}

// in names the goal's case.
func (g Goal) in(name string) Goal {
	g.Case = name
	return g
}
