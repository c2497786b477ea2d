package allocate

import "meshfocus/internal/unit"

// Budget is what there is to hand out, as the path's estimator has it.
type Budget struct {
	// Estimate is what the path carries of everything that leaves.
	Estimate unit.BitRate
	// Confirmed is the most that was proven to arrive; 0: nothing was tried out yet,
	// and the estimate is taken at its word.
	Confirmed unit.BitRate
	// Sound is what audio takes. It comes first and is never dropped.
	Sound unit.BitRate
	// Loss is the measured share of packets that are lost, 0 to 1: so much of video
	// leaves twice.
	Loss float64
	// Moved counts changes of route: with another one what has failed is forgotten.
	Moved uint32
}

// mostLoss bounds the reserve for repair: with more loss than that nobody repairs.
const mostLoss = 0.5

// video is what is left of a rate for video, sent once: E − sound is video and what
// repairs it, which at a share of loss p is p of what leaves.
func (b *Budget) video(rate unit.BitRate) unit.BitRate {
	return unit.BitRate(float64(max(rate-b.Sound, 0)) * (1 - b.loss()))
}

// whole is the rate that leaves so much for video.
func (b *Budget) whole(video unit.BitRate) unit.BitRate {
	return unit.BitRate(float64(video)/(1-b.loss())) + b.Sound
}

func (b *Budget) loss() float64 {
	if !(b.Loss > 0) { // not a number is none
		return 0
	}
	return min(b.Loss, mostLoss)
}

// hold is what may be spent on what is sent already, rise what may be spent with
// something new.
func (b *Budget) hold() unit.BitRate { return b.video(b.Estimate) }

func (b *Budget) rise() unit.BitRate {
	if b.Confirmed <= 0 {
		return b.hold()
	}
	return b.video(min(b.Estimate, b.Confirmed))
}
