package remote

import (
	"errors"
	"fmt"
	"time"

	"meshfocus/bench/call"
	"meshfocus/bench/offset"
	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
)

// version is that of the messages.
const version = 3

var (
	// ErrOrder: it cannot be done.
	ErrOrder = errors.New("not an order that can be carried out")
	// ErrMachine: the other machine does not do it.
	ErrMachine = errors.New("the machine with the subscribers")
)

// Order is one round. Of the scenario, of kind call, what is about subscribers.
type Order struct {
	Reach       rival.Reach        `json:"reach"`
	Scenario    string             `json:"scenario"`
	Publishers  int                `json:"publishers"`
	Subscribers int                `json:"subscribers"`
	Codec       string             `json:"codec,omitempty"`
	Layers      int                `json:"layers,omitempty"`
	Scalable    bool               `json:"scalable,omitempty"`
	Leave       time.Duration      `json:"leave_ns,omitempty"`
	Change      time.Duration      `json:"change_ns,omitempty"`
	Speak       time.Duration      `json:"speak_ns,omitempty"`
	Cipher      scenario.Cipher    `json:"cipher"`
	Path        []scenario.Stretch `json:"path,omitempty"`
	Warm        time.Duration      `json:"warm_ns"`
	Measure     time.Duration      `json:"measure_ns"`
	Seed        uint64             `json:"seed"`
	// First is the first reading, as all of the publishers' clock by that of the
	// subscribers.
	First offset.Reading `json:"first"`
}

// word is a line of the answer to an Order: an Event as it happens, and in the end the
// Round.
type word struct {
	Event *call.Event   `json:"event,omitempty"`
	Round *report.Round `json:"round,omitempty"`
}

// greeting is what is said of oneself.
type greeting struct {
	Version int    `json:"version"`
	Program string `json:"program"`
	Most    int    `json:"most"`
}

// wish is what is to be permitted.
type wish struct {
	Scenario    string `json:"scenario"`
	Publishers  int    `json:"publishers"`
	Subscribers int    `json:"subscribers"`
	Host        string `json:"host"` // of the server
}

// Bounds of an order.
const (
	mostPublishers = 50
	mostStretches  = 1000
	mostWarm       = time.Minute
	mostMeasure    = 10 * time.Minute
	mostLayers     = 3
	// often is how soon something may happen again.
	often = 50 * time.Millisecond
	// mostBound is of a reading that still tells anything.
	mostBound = 10 * time.Second
)

// check says what cannot be done. The error is ErrOrder.
func (o Order) check(most int) error {
	fail := func(format string, arguments ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrOrder}, arguments...)...)
	}
	switch {
	case o.Publishers < 1 || o.Publishers > mostPublishers:
		return fail("%d publishers are not from 1 to %d", o.Publishers, mostPublishers)
	case o.Subscribers < 1 || o.Subscribers > most:
		return fail("%d subscribers are not from 1 to %d (--most)", o.Subscribers, most)
	case o.Cipher != scenario.GCM && o.Cipher != scenario.CM:
		return fail("there is no cipher %.20q", o.Cipher)
	case o.Warm < 0 || o.Warm > mostWarm || o.Measure <= 0 || o.Measure > mostMeasure:
		return fail("%v to warm up and %v to measure are more than %v and %v, or nothing", o.Warm, o.Measure, mostWarm, mostMeasure)
	case o.Layers < 0 || o.Layers > mostLayers:
		return fail("%d layers are not up to %d", o.Layers, mostLayers)
	case o.Scalable && (o.Layers != mostLayers || o.Codec != "vp9"):
		return fail("layers in one stream are %d of vp9, not %d of %q", mostLayers, o.Layers, o.Codec)
	case rare(o.Leave) || rare(o.Change) || rare(o.Speak):
		return fail("they leave, change or speak every %v, %v and %v: that is nothing from %v to %v", o.Leave, o.Change, o.Speak, often, mostMeasure)
	case len(o.Path) > mostStretches || len(o.Path) > 0 && o.Path[len(o.Path)-1].From > mostMeasure:
		return fail("the path is too long")
	case !plausible(o.First):
		return fail("the first reading of the clock is none")
	}
	if err := scenario.CheckPath(o.Path); err != nil {
		return fail("path: %w", err)
	}
	if _, err := o.Reach.Host(); err != nil {
		return fail("%w", err)
	}
	return nil
}

// rare: what happens so often cannot be had. 0 is never.
func rare(every time.Duration) bool { return every != 0 && (every < often || every > mostMeasure) }

// orderOf gives that of a round.
func orderOf(c call.Config, reach rival.Reach, first offset.Reading) Order {
	s := c.Scenario
	return Order{
		Reach: reach, Scenario: s.Name, Publishers: s.Publishers, Subscribers: s.Subscribers, Codec: s.Codec, Cipher: s.Cipher, Path: s.Path,
		Layers: s.Layers, Scalable: s.Scalable, Leave: s.Leave, Change: s.Change, Speak: s.Speak,
		Warm: c.Warm, Measure: c.Measure, Seed: c.Seed, First: first,
	}
}

// config is that of the subscribers here.
func (o Order) config() call.Config {
	return call.Config{
		Scenario: scenario.Scenario{
			Name: o.Scenario, Kind: scenario.Call, Publishers: o.Publishers, Subscribers: o.Subscribers, Codec: o.Codec, Cipher: o.Cipher, Path: o.Path, Lanes: 1,
			Layers: o.Layers, Scalable: o.Scalable, Leave: o.Leave, Change: o.Change, Speak: o.Speak,
		},
		Rival: o.Reach, Warm: o.Warm, Measure: o.Measure, Seed: o.Seed, Present: true,
	}
}

// plausible: a reading may be one.
func plausible(r offset.Reading) bool { return r.At > 0 && r.Bound >= 0 && r.Bound <= mostBound }

// Suits says why a scenario cannot be had with its subscribers on another machine.
func Suits(s scenario.Scenario) error {
	if s.Kind != scenario.Call {
		return fmt.Errorf("%s is of kind %s: subscribers on another machine are for kind %s", s.Name, s.Kind, scenario.Call)
	}
	return nil
}
