package feedback_test

import (
	"fmt"
	"time"

	"meshfocus/focus/feedback"
	"meshfocus/internal/unit"
)

// A read loop hands each packet on and asks after the batch what is due.
func ExampleMissing() {
	missing := feedback.NewMissing(feedback.VideoLimits())
	var keys feedback.KeyFrames
	now := unit.Instant(time.Second)
	for _, sequence := range []uint16{65533, 65534, 1, 2, 3} {
		missing.Arrived(sequence, 1200, now)
	}
	const us, publisher = 1, 77
	lost := missing.Due(nil, 40*time.Millisecond, now)
	datagram := feedback.AppendNack(nil, us, publisher, lost)
	keys.Want(0) // somebody joins
	if keys.Due(40*time.Millisecond, 33*time.Millisecond, now) != 0 {
		datagram = feedback.AppendPictureLoss(datagram, us, publisher)
	}

	for compound := feedback.Read(datagram); ; {
		message, more := compound.Next()
		if !more {
			break
		}
		fmt.Println(message.Kind, message.Media)
		for number := range message.Lost() {
			fmt.Println(number)
		}
	}
	// Output:
	// NACK 77
	// 65535
	// 0
	// picture loss 77
}
