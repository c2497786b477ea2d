package report

import (
	"encoding/json"
	"io"
)

// Round is what was measured of one server, or whatever else is a target, in one
// scenario.
type Round struct {
	At       string `json:"at"` // RFC 3339
	Scenario string `json:"scenario"`
	Rival    string `json:"rival"`
	Version  string `json:"version"`
	Number   int    `json:"round"` // from 1
	// Kind is that of the scenario; "" in files of before, and of servers that forward.
	Kind string `json:"kind,omitempty"`
	Seed uint64 `json:"seed,omitempty"`
	// Invalid says why the round does not count: something else than the server
	// was the limit, or it did not come about.
	Invalid string `json:"invalid,omitempty"`
	// Note says what else is to be known of a round, such as which errors a target
	// answered with; the round counts.
	Note string `json:"note,omitempty"`
	// Negotiated is what servers and subscribers agreed to: "nack rtx twcc".
	Negotiated string `json:"negotiated,omitempty"`
	// Figures has what was measured and nothing else: what is missing is not 0.
	Figures Figures `json:"figures,omitempty"`
	// Spread is how latencies spread: parts of 1, and how many µs they do not exceed.
	Spread []Point `json:"spread,omitempty"`
	// Course is figures over time, in seconds since the measurement began, by names
	// that say what they are and in what: "latency p99 ms", "loss %".
	Course map[string][]Point `json:"course,omitempty"`
}

// Figures are values by their metric.
type Figures map[Metric]float64

// Point is a point of a curve.
type Point [2]float64

// Has gives a figure, and whether it was measured.
func (r Round) Has(m Metric) (value float64, ok bool) {
	value, ok = r.Figures[m]
	return value, ok
}

// UnmarshalJSON reads a round; one of before figures had a place of their own, too.
func (r *Round) UnmarshalJSON(data []byte) error {
	type plain Round
	if err := json.Unmarshal(data, (*plain)(r)); err != nil || r.Figures != nil {
		return err
	}
	var all map[string]any
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	for _, meaning := range meanings {
		if value, ok := all[string(meaning.Metric)].(float64); ok {
			r.set(meaning.Metric, value)
		}
	}
	if told, _ := all["allocations_told"].(bool); told {
		r.set(Allocations, r.Figures[Allocations])
	}
	if user, ok := r.Has(UserMicros); ok {
		r.set(CPUMicros, user+r.Figures[SystemMicros])
	}
	if _, ok := r.Has(Forwarded); ok {
		r.set(Loss, r.Figures[Loss])
	}
	return nil
}

func (r *Round) set(m Metric, value float64) {
	if r.Figures == nil {
		r.Figures = make(Figures)
	}
	r.Figures[m] = value
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
