package clock

import (
	"time"

	"meshfocus/internal/stamp"
)

// came is when the kernel had a datagram, in nanoseconds of the system's clock; seen is
// when it was read. A clock that was set in between makes it useless.
func came(control []byte, seen int64) int64 {
	if at, known := stamp.Of(control); known && at <= seen && seen-at < int64(time.Second) {
		return at
	}
	return seen
}
