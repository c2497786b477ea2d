package remote

import (
	"errors"
	"fmt"
	"time"

	"meshfocus/bench/offset"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
)

// version is that of the messages.
const version = 1

var (
	// ErrOrder: it cannot be done.
	ErrOrder = errors.New("not an order that can be carried out")
	// ErrMachine: the other machine does not do it.
	ErrMachine = errors.New("the machine with the subscribers")
)

// Order is one round. Of the scenario, of kind call, only what is about subscribers who
// come, see and stay.
type Order struct {
	Reach       rival.Reach        `json:"reach"`
	Scenario    string             `json:"scenario"`
	Publishers  int                `json:"publishers"`
	Subscribers int                `json:"subscribers"`
	Codec       string             `json:"codec,omitempty"`
	Cipher      scenario.Cipher    `json:"cipher"`
	Path        []scenario.Stretch `json:"path,omitempty"`
	Warm        time.Duration      `json:"warm_ns"`
	Measure     time.Duration      `json:"measure_ns"`
	Seed        uint64             `json:"seed"`
	// First is the first reading, as all of the publishers' clock by that of the
	// subscribers.
	First offset.Reading `json:"first"`
}

// greeting is what is said of oneself.
type greeting struct {
	Version int    `json:"version"`
	Program string `json:"program"`
	Most    int    `json:"most"`
}

// Bounds of an order.
const (
	mostPublishers = 50
	mostStretches  = 1000
	mostWarm       = time.Minute
	mostMeasure    = 10 * time.Minute
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

// plausible: a reading may be one.
func plausible(r offset.Reading) bool { return r.At > 0 && r.Bound >= 0 && r.Bound <= mostBound }

// Suits says why a scenario cannot be had with its subscribers on another machine.
func Suits(s scenario.Scenario) error {
	switch {
	case s.Kind != scenario.Call:
		return fmt.Errorf("%s is of kind %s: subscribers on another machine are for kind %s", s.Name, s.Kind, scenario.Call)
	case s.Layers > 1 || s.Change > 0 || s.Speak > 0:
		return fmt.Errorf("%s has layers: subscribers on another machine cannot be told which they want", s.Name)
	case s.Leave > 0:
		return fmt.Errorf("%s has subscribers come and go: those on another machine stay", s.Name)
	}
	return nil
}
