package main

import (
	"slices"

	"meshfocus/focus"
	"meshfocus/focus/allocate"
	"meshfocus/focus/bwe"
	"meshfocus/focus/lane"
)

// changeFamily is why estimates have changed, by lane.
func changeFamily(networks []mediaNetwork) family {
	f := family{"meshfocus_lane_path_changes_total", "counter", "Looks at the estimate of a way that had changed, by why it did.", nil}
	eachLane(networks, func(at []string, s lane.Stats) {
		for reason, n := range s.Paths.Changes {
			labels := append(at[:len(at):len(at)], "reason", bwe.Reason(reason).String())
			f.samples = append(f.samples, sample{labels: labels, value: float64(n)})
		}
	})
	return f
}

// forwardFamilies are of the calls in which we forward.
func (d *daemon) forwardFamilies() []family {
	if d.house == nil {
		return nil
	}
	sessions, waiting := d.look()
	var parties, tracks, gets int
	var of pathFigures
	for _, s := range sessions {
		parties += len(s.parties)
		tracks += len(published(s.of))
		for i := range s.parties {
			gets += len(s.parties[i].Shares)
			of.add(&s.parties[i])
		}
	}
	gauge := func(name, help string, value int) family {
		return family{name, "gauge", help, []sample{{value: float64(value)}}}
	}
	return append([]family{
		gauge("meshfocus_forward_sessions", "Sessions in which we forward: of a call's slot, or its conference.", len(sessions)),
		gauge("meshfocus_forward_parties", "Devices connected to us for that.", parties),
		gauge("meshfocus_forward_tracks", "Tracks that they send us.", tracks),
		gauge("meshfocus_forward_subscriptions", "Tracks that they get from us.", gets),
		gauge("meshfocus_forward_calls_waiting", "Calls in which nobody forwards because there are too many (forward.max_calls).", waiting),
	}, of.families()...)
}

// pathFigures are what is thought of all ways together. None has a name in the
// metrics: there are as many as there are receivers.
type pathFigures struct {
	estimates, paces, queues, losses, held []float64
	reasons                                [allocate.Reasons]int
}

// add takes what is thought of the way to a party, if anything is.
func (f *pathFigures) add(p *focus.Stats) {
	s := &p.Connection.End.Sending
	if s.Estimate == 0 {
		return
	}
	f.estimates = append(f.estimates, float64(s.Estimate)/8)
	f.paces = append(f.paces, float64(s.Pace)/8)
	f.queues = append(f.queues, s.Queued.Seconds())
	f.losses = append(f.losses, float64(s.Loss)/1000)
	f.held = append(f.held, float64(s.Held))
	for _, share := range p.Shares {
		if share.Track.Kind == lane.Video {
			f.reasons[share.Sent.Reason]++
		}
	}
}

func (f *pathFigures) families() []family {
	pictures := family{"meshfocus_forward_pictures", "gauge", "Pictures that devices get over ways that are estimated, by why they get nothing better.", nil}
	for reason, n := range f.reasons {
		pictures.samples = append(pictures.samples, sample{labels: []string{"reason", allocate.Reason(reason).String()}, value: float64(n)})
	}
	return []family{
		{"meshfocus_forward_paths", "gauge", "Ways to devices that are estimated.", []sample{{value: float64(len(f.estimates))}}},
		ranked("meshfocus_forward_path_estimate_bytes_per_second", "What ways to devices are thought to carry, in bytes of IP packets.", f.estimates),
		ranked("meshfocus_forward_path_pace_bytes_per_second", "How fast packets leave on them.", f.paces),
		ranked("meshfocus_forward_path_queue_seconds", "How long packets wait on them.", f.queues),
		ranked("meshfocus_forward_path_loss_ratio", "The share of packets lost on them of late.", f.losses),
		ranked("meshfocus_forward_path_held_bytes", "Pictures that wait here for their time.", f.held),
		pictures,
	}
}

// ranked is the least, the median and the most of some values, 0 without any.
func ranked(name, help string, values []float64) family {
	slices.Sort(values)
	f := family{name, "gauge", help, nil}
	for i, rank := range []string{"least", "median", "most"} {
		value := 0.0
		if last := len(values) - 1; last >= 0 {
			value = values[i*last/2]
		}
		f.samples = append(f.samples, sample{labels: []string{"rank", rank}, value: value})
	}
	return f
}
