//go:build !linux

package plain

import "time"

// alarm waits by the runtime's timers.
type alarm struct{}

func newAlarm() *alarm { return &alarm{} }

func (*alarm) close() {}

// until waits for an instant.
func (*alarm) until(due time.Time) { time.Sleep(time.Until(due)) }
