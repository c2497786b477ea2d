package main

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
)

// loopback is where parties are if nobody says otherwise.
const loopback = "127.0.0.1"

// whip is what is asked of run about a server that runs already and is reached by
// WHIP and WHEP.
type whip struct {
	publish, subscribe, bearer string
	process                    int
}

// gentlePackets and gentleSubscribers are a load that no forwarder minds: that of a
// few people who watch one. callPackets is what a picture and a sound of a call are.
const (
	gentlePackets     = 2000 // a second, to all subscribers
	gentleSubscribers = 10
	callPackets       = 200 // a second, to one
)

func (w *whip) flags(flags *pflag.FlagSet) {
	flags.StringVar(&w.publish, "whip", "", "URL at which a server that runs already takes a stream by WHIP: the target whip")
	flags.StringVar(&w.subscribe, "whep", "", "URL at which it gives that stream by WHEP")
	flags.StringVar(&w.bearer, "bearer", "", "token for both")
	flags.IntVar(&w.process, "whip-process", 0, "number of its process, if it runs here: what it uses is counted")
}

func (w whip) given() bool { return w.publish != "" || w.subscribe != "" }

// hosts are those of both URLs.
func (w whip) hosts() (hosts [2]string, err error) {
	if w.publish == "" || w.subscribe == "" {
		return hosts, errors.New("the target whip is given by both --whip URL and --whep URL")
	}
	if hosts[0], err = hostOf("--whip", w.publish); err == nil {
		hosts[1], err = hostOf("--whep", w.subscribe)
	}
	return hosts, err
}

// own is the address of parties: that from which the server is reached.
func (w whip) own() (string, error) {
	hosts, err := w.hosts()
	if err != nil || here(hosts[0]) {
		return loopback, err
	}
	address, err := toward(hosts[0])
	return address.String(), err
}

// rival is the target, once it is known that scenarios can be had of it and that it
// may be sent them.
func (w whip) rival(mayLoad string, scenarios []scenario.Scenario) (*rival.WHIP, error) {
	hosts, err := w.hosts()
	if err != nil {
		return nil, err
	}
	for i := range scenarios {
		s := &scenarios[i]
		switch {
		case s.Publishers != 1:
			return nil, fmt.Errorf("%s has %d publishers, and the target whip is one stream: take a scenario with one", s.Name, s.Publishers)
		case s.Layers > 1 || s.Change > 0:
			return nil, fmt.Errorf("%s has %d layers, and WHEP does not say which is wanted: take a scenario with one", s.Name, s.Layers)
		}
	}
	if err := counted(w.process, "--whip-process", scenarios); err != nil {
		return nil, err
	}
	if err := gentle(scenarios, mayLoad, hosts[:]...); err != nil {
		return nil, err
	}
	return &rival.WHIP{PublishURL: w.publish, SubscribeURL: w.subscribe, Bearer: w.bearer, Process: w.process}, nil
}

// counted says whether there is the process that was named by a flag, and whether one
// had to be.
func counted(process int, flag string, scenarios []scenario.Scenario) error {
	if process != 0 {
		if _, err := rival.UsageOf(process); err != nil {
			return fmt.Errorf("%s %d: %w", flag, process, err)
		}
		return nil
	}
	for _, s := range scenarios {
		if s.Kind == scenario.Memory {
			return fmt.Errorf("%s is about the memory of a process: say which with %s", s.Name, flag)
		}
	}
	return nil
}

// gentle says whether a server at some hosts may be sent scenarios.
func gentle(scenarios []scenario.Scenario, mayLoad string, hosts ...string) error {
	bound := fmt.Sprintf("%d subscribers and %d packets a second", gentleSubscribers, gentlePackets)
	for i := range scenarios {
		s := &scenarios[i]
		load, packets := loadOf(s)
		if s.Kind != scenario.Capacity && packets <= gentlePackets && s.Subscribers <= gentleSubscribers {
			continue
		}
		for _, host := range hosts {
			if err := permitted(host, mayLoad, load, bound); err != nil {
				return err
			}
		}
	}
	return nil
}

// loadOf says what a scenario sends to subscribers, packets a second.
func loadOf(s *scenario.Scenario) (says string, packets float64) {
	packets = s.Total()
	if s.Kind == scenario.Call {
		packets = float64(callPackets * s.Streams())
	}
	says = fmt.Sprintf("%s is %d subscribers and %.0f packets a second", s.Name, s.Subscribers, packets)
	if s.Kind == scenario.Capacity {
		says += " and more"
	}
	return says, packets
}
