package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
)

// Round is what was measured of one server in one scenario. What does not
// apply is 0 and left out.
type Round struct {
	At       string `json:"at"` // RFC 3339
	Scenario string `json:"scenario"`
	Rival    string `json:"rival"`
	Version  string `json:"version"`
	Number   int    `json:"round"` // from 1
	// Invalid says why the round does not count: something else than the server
	// was the limit, or it did not come about.
	Invalid string `json:"invalid,omitempty"`

	Seconds   float64 `json:"seconds,omitempty"`
	Sent      uint64  `json:"sent,omitempty"`      // packets of all publishers
	Forwarded uint64  `json:"forwarded,omitempty"` // as subscribers got them
	Loss      float64 `json:"loss,omitempty"`      // part of 1

	UserMicros   float64 `json:"user_us,omitempty"`   // processor time of a forwarded packet
	SystemMicros float64 `json:"system_us,omitempty"` // in the kernel, to the receiver's socket
	P50Micros    float64 `json:"p50_us,omitempty"`    // from publisher to subscriber
	P99Micros    float64 `json:"p99_us,omitempty"`
	MemoryKB     float64 `json:"memory_kB,omitempty"`          // resident, 1000 bytes, of one subscriber
	Allocations  float64 `json:"allocations,omitempty"`        // of a forwarded packet
	Told         bool    `json:"allocations_told,omitempty"`   // somebody told the line above
	PerSecond    float64 `json:"packets_per_second,omitempty"` // the most without loss

	// Negotiated is what servers and subscribers agreed to: "nack rtx twcc". Of
	// what subscribers took for lost the part Repaired came again; Feedback is
	// datagrams of RTCP that parties sent in a second.
	Negotiated string  `json:"negotiated,omitempty"`
	Repaired   float64 `json:"repaired,omitempty"`
	Feedback   float64 `json:"feedback_per_second,omitempty"`

	// How the generator did: bursts that left later than due, packets that it
	// could not send, datagrams that its sockets had no room for.
	LateP99Micros float64 `json:"generator_late_p99_us"`
	Skipped       uint64  `json:"generator_skipped"`
	Overflowed    uint64  `json:"generator_overflowed"`
	// What the cores of the server did, parts of 1: for others, and not at all
	// because the hypervisor took them.
	Others float64 `json:"core_others"`
	Steal  float64 `json:"core_steal"`
}

// Micros is the processor time of a forwarded packet.
func (r Round) Micros() float64 { return r.UserMicros + r.SystemMicros }

// Machine names what rounds were measured on; it is the first line.
type Machine struct {
	Machine string `json:"machine"`
	Place   string `json:"place"` // how servers and parties were joined
}

// Write appends a value as a line of JSON.
func Write(w io.Writer, value any) error {
	line, err := json.Marshal(value)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// Read reads what Write wrote: machines and rounds. A line that is neither is an
// error with its number.
func Read(r io.Reader) (machines []Machine, rounds []Round, err error) {
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		var either struct {
			Machine
			Round
		}
		if err := json.Unmarshal(lines.Bytes(), &either); err != nil {
			return nil, nil, fmt.Errorf("line %d: %w", number, err)
		}
		switch {
		case either.Machine.Machine != "":
			machines = append(machines, either.Machine)
		case either.Round.Scenario != "":
			rounds = append(rounds, either.Round)
		default:
			return nil, nil, fmt.Errorf("line %d: neither a machine nor a round", number)
		}
	}
	return machines, rounds, lines.Err()
}

// Merge appends the rounds of a later run to those of earlier ones. Those of one
// number were measured one after the other, so a scenario's numbers go on where
// they had ended.
func Merge(earlier, later []Round) []Round {
	ended := make(map[string]int)
	for _, r := range earlier {
		ended[r.Scenario] = max(ended[r.Scenario], r.Number)
	}
	for _, r := range later {
		r.Number += ended[r.Scenario]
		earlier = append(earlier, r)
	}
	return earlier
}
