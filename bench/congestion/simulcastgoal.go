package congestion

// SimulcastGoals gives the demands on Simulcasts. "audio" is delay and loss of all
// sound of the run; what it is within five seconds of falls is measured beside it
// (FallDelay), but on S1 no sender can have less than about 45 ms there: after the
// fall to 0.35 Mbit/s the queue is full before any report can tell, and takes 300 ms
// to empty.
func SimulcastGoals() []Goal {
	starved := []Goal{most(BelowLong, 0, 2)}
	return gather([]wants{
		{"S1", []Goal{
			most(Frozen, 0.4, 2), most(Longest, 0.6, 2), most(UpFirst, 1.5, 5), most(UpSecond, 2.5, 5),
			most(SoundDelay, 40, 100), most(SoundLoss, 0, open),
			most(PaddingShare, 1, 2), most(RepairShare, 0.3, 2), most(Waste, 0.1, 0.8),
		}},
		{"S2", []Goal{most(FirstFrame, 0.18, 0.25), most(Top, 0.7, 1.2)}},
		// Nobody reaches 0.4 spatial changes a minute on the plain schedule: the fall at
		// 20 s needs one, which in 140 s is 0.43.
		{"S3", []Goal{most(Flaps, 1.5, 3), most(SpatialFlaps, 0.4, 1), most(Frozen, 0.1, 0.9)}},
		{"S4", []Goal{most(Frozen, 0.3, 1.5), most(UpFirst, 2.0, 4.8), most(Unequal, 0, open)}},
		{"S5", []Goal{most(Top, 0.8, 1.2), most(Frozen, 0, 0)}},
		{"S6", []Goal{most(FirstFrame, 0.28, 0.40), most(Flaps, 2, 10)}},
		{"S7", starved}, {"S8", starved}, {"S9", starved},
	})
}
