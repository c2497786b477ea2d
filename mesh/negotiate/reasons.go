package negotiate

import (
	"time"

	"meshfocus/signalling/message"
)

// retry says how the caller goes on after a call ended for some reason.
type retry uint8

const (
	// climb: the next rung of the ladder.
	climb retry = iota
	// climbThrice: as climb, but the fault is local, so that after three in a
	// row only the slow rung is used.
	climbThrice
	// pause: the peer meant it. If the membership still stands five seconds
	// later it did not mean us, and the ladder goes on.
	pause
	// slow: the peer is there and does not want to; ask once a minute.
	slow
)

// ladder holds the waits before the first attempt, the second, and so on; the
// last is repeated for as long as both memberships stand.
var ladder = [...]time.Duration{
	0, 5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute,
}

const (
	pauseAtLeast = 5 * time.Second
	slowRung     = time.Minute
	maxFaults    = 3
	// shortLife: a call that lived shorter counts as a failed attempt, or a
	// peer that hangs up at once would be called in a circle.
	shortLife = 10 * time.Second
	// jitterPart of a wait is drawn at random in both directions, so that
	// many pairs that broke together do not come back together.
	jitterPart = 0.2
)

// reasons is the table of hang-up reasons: how the caller goes on, and the
// words for people.
var reasons = map[message.Reason]struct {
	retry retry
	words string
}{
	message.ReasonUserHangup:           {pause, "hung up"},
	message.ReasonReplaced:             {pause, "another call between the two took its place"},
	message.ReasonNewSession:           {pause, "the device came back as a new client"},
	message.ReasonAnsweredElsewhere:    {slow, "answered on another device"},
	message.ReasonUserBusy:             {slow, "the user is busy"},
	message.ReasonTransferred:          {slow, "the call was transferred"},
	message.ReasonICEFailed:            {climb, "no way for media was found, or it broke"},
	message.ReasonICETimeout:           {climb, "media did not start in time"},
	message.ReasonInviteTimeout:        {climb, "the invite was not answered"},
	message.ReasonSignallingTimeout:    {climb, "call messages did not get through"},
	message.ReasonUnknown:              {climb, "unknown error"},
	message.ReasonLocalOfferFailed:     {climbThrice, "the offer could not be made"},
	message.ReasonNoUserMedia:          {climbThrice, "no microphone or camera"},
	message.ReasonUserMediaFailed:      {climbThrice, "microphone or camera failed"},
	message.ReasonUnknownDevices:       {climbThrice, "the device has no known keys"},
	message.ReasonSendInvite:           {climbThrice, "the invite could not be sent"},
	message.ReasonCreateAnswer:         {climbThrice, "the answer could not be made"},
	message.ReasonCreateOffer:          {climbThrice, "the offer could not be made"},
	message.ReasonSendAnswer:           {climbThrice, "the answer could not be sent"},
	message.ReasonSetRemoteDescription: {climbThrice, "the peer's description was not accepted"},
	message.ReasonSetLocalDescription:  {climbThrice, "our own description was not accepted"},
}

// Words says for people what a hang-up reason means; strings that no one
// defined mean the same as unknown_error.
func Words(reason message.Reason) string {
	if r, ok := reasons[reason]; ok {
		return r.words
	}
	return reasons[message.ReasonUnknown].words
}

func retryAfter(reason message.Reason) retry {
	if r, ok := reasons[reason]; ok {
		return r.retry
	}
	return reasons[message.ReasonUnknown].retry
}

// wait computes how long to rest before the next attempt.
func (m *Machine) wait(reason message.Reason) time.Duration {
	rung := ladder[min(m.attempts, len(ladder)-1)]
	switch retryAfter(reason) {
	case climbThrice:
		m.faults++
		if m.faults >= maxFaults {
			rung = slowRung
		}
	case pause:
		rung = max(rung, pauseAtLeast)
	case slow:
		rung = slowRung
	}
	return m.jitter(rung)
}

func (m *Machine) jitter(d time.Duration) time.Duration {
	part := jitterPart * (2*m.config.Random.Float64() - 1)
	return d + time.Duration(part*float64(d))
}
