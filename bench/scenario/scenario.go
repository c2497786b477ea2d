// Package scenario is situations in which servers are measured, as data: who
// publishes how much, who receives it, and what is looked at. Pure: nothing
// here runs anything.
//
// Rates are packets a second, of one publisher unless it says otherwise.
package scenario

import (
	"fmt"
	"strings"
	"time"

	"meshfocus/focus/transport/srtp"
)

// Kind is what a scenario looks at.
type Kind string

// The kinds.
const (
	// Cost: processor time of a forwarded packet, and its latency, at a rate.
	Cost Kind = "cost"
	// Capacity: the rate up to which no more than MaxLoss is lost.
	Capacity Kind = "capacity"
	// Memory: what a subscriber takes.
	Memory Kind = "memory"
)

// MaxLoss is how much a server may lose and still count as keeping up.
const MaxLoss = 0.001

// Scenario is one situation. Every subscriber receives from every publisher.
type Scenario struct {
	Name string
	Says string // in a table: "1 → 50, 100 k/s, even"
	Kind Kind

	Publishers, Subscribers int
	// Rate is that of each publisher, in bursts of so many packets that leave
	// together; of a search for the capacity, where it begins.
	Rate  float64
	Burst int
	// Profile is the only one that parties offer.
	Profile srtp.Profile
	// Tick is for servers that can gather what leaves for so long at most; 0 is as
	// they come, below 0 lets everything leave at once.
	Tick time.Duration
	// Lanes is how many cores the server has.
	Lanes int
	// Sample lets parties receive one packet in so many, where receiving all
	// would be what limits; 0 is all.
	Sample int
	// Layers is how many encodings each publisher sends, each at half the rate of
	// the next, the last at Rate; subscribers are spread over them. 0 is one.
	Layers int
	// Lose is the part of what arrives that subscribers ask for again.
	Lose float64
	// Rivals are whom to measure besides ours.
	Rivals []string
}

// Streams is how many subscribers receive altogether: copies of each packet,
// times publishers.
func (s Scenario) Streams() int { return s.Publishers * s.Subscribers }

// Layer is the layer that a subscriber asks for, by its number among them.
func (s Scenario) Layer(subscriber int) int { return subscriber % max(s.Layers, 1) }

// Total is the rate at which all subscribers together receive.
func (s Scenario) Total() float64 {
	var total float64
	for i := range s.Subscribers {
		below := max(s.Layers, 1) - 1 - s.Layer(i)
		total += s.Rate * float64(s.Publishers) / float64(int(1)<<below)
	}
	return total
}

// All gives the scenarios of the comparison.
func All() []Scenario {
	fan := Scenario{
		Kind: Cost, Publishers: 1, Subscribers: 50, Rate: 2000, Burst: 1, Profile: srtp.AES128GCM, Lanes: 1,
		Lose: 0.001, Rivals: []string{"livekit"},
	}
	with := func(change func(*Scenario)) Scenario {
		s := fan
		change(&s)
		return s
	}
	return []Scenario{
		with(func(s *Scenario) {
			s.Name, s.Says = "even", "1 → 50, 100 k/s, even"
			s.Rivals = []string{"livekit", "janus", "pion"}
		}),
		with(func(s *Scenario) { s.Name, s.Says, s.Burst = "bursts", "1 → 50, 100 k/s, bursts of 8", 8 }),
		with(func(s *Scenario) {
			s.Name, s.Says, s.Tick = "at-once", "1 → 50, 100 k/s, even, tick off", -1
		}),
		with(func(s *Scenario) {
			s.Name, s.Says, s.Rate = "slow", "1 → 50, 12.5 k/s, even", 250
			s.Rivals = []string{"livekit", "janus"} // Janus keeps up with this
		}),
		with(func(s *Scenario) {
			s.Name, s.Says, s.Rate = "meeting", "8 × 8 at 250/s, tick 5 ms", 250
			s.Publishers, s.Subscribers, s.Tick = 8, 8, 5*time.Millisecond
		}),
		with(func(s *Scenario) {
			s.Name, s.Says, s.Profile = "cm", "1 → 50, 100 k/s, AES_CM", srtp.AES128CMSHA1
		}),
		with(func(s *Scenario) {
			s.Name, s.Says, s.Lose = "lossy", "1 → 50, 100 k/s, even, 2 % lost", 0.02
		}),
		with(func(s *Scenario) {
			s.Name, s.Says, s.Layers = "layers", "3 layers → 50, 59 k/s, even", 3
			s.Rivals = []string{"livekit", "janus"}
		}),
		with(func(s *Scenario) {
			s.Name, s.Says, s.Kind = "core", "most packets of one core, 1 → 50, bursts of 8", Capacity
			s.Rate, s.Burst, s.Sample = 3000, 8, 64
		}),
		with(func(s *Scenario) {
			s.Name, s.Says, s.Kind = "cores", "most packets of two cores, 2 → 50, bursts of 8", Capacity
			s.Rate, s.Burst, s.Sample, s.Lanes, s.Publishers, s.Rivals = 3000, 8, 64, 2, 2, nil
		}),
		with(func(s *Scenario) {
			s.Name, s.Says, s.Kind = "memory", "1 → 200, 25/s", Memory
			s.Subscribers, s.Rate = 200, 25
		}),
	}
}

// Smoke is a scenario that measures nothing: whether everything can be started.
func Smoke() Scenario {
	return Scenario{
		Name: "smoke", Says: "2 → 3, 540/s, whether it works", Kind: Cost, Publishers: 2, Subscribers: 3, Rate: 90, Burst: 1,
		Profile: srtp.AES128GCM, Lanes: 1, Lose: 0.01, Rivals: []string{"livekit", "janus", "pion"},
	}
}

// Select gives the scenarios of a list of names with commas: all if it is empty,
// Smoke only by its name.
func Select(names string) ([]Scenario, error) {
	if names == "" {
		return All(), nil
	}
	all := append(All(), Smoke())
	var chosen []Scenario
	for name := range strings.SplitSeq(names, ",") {
		found := false
		for _, s := range all {
			if s.Name == strings.TrimSpace(name) {
				chosen, found = append(chosen, s), true
			}
		}
		if !found {
			return nil, fmt.Errorf("there is no case %q; there are %s", name, strings.Join(namesOf(all), ", "))
		}
	}
	return chosen, nil
}

func namesOf(all []Scenario) (names []string) {
	for _, s := range all {
		names = append(names, s.Name)
	}
	return names
}
