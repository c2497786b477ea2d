package main

import (
	"time"

	"meshfocus/bench/congestion"
	"meshfocus/bench/congestion/bubble"
	"meshfocus/bench/congestion/nada"
	"meshfocus/bench/congestion/table"
)

// controller is one that can be played.
type controller struct {
	name    string // in the table
	word    string // on the command line
	bubbled bool   // needs a bubble
	maker   func(*bubble.Bubble) congestion.Maker
}

func controllers() []*controller {
	plain := func(maker congestion.Maker) func(*bubble.Bubble) congestion.Maker {
		return func(*bubble.Bubble) congestion.Maker { return maker }
	}
	return []*controller{
		{table.Ours, "ours", false, plain(congestion.Ours)},
		{"NADA", "nada", false, plain(nada.New)},
		{"Pion gcc", "gcc", true, func(b *bubble.Bubble) congestion.Maker { return b.GCC }},
		{"ours in Pion", "pion", true, func(b *bubble.Bubble) congestion.Maker { return b.Ours }},
		{"bucket", "bucket", false, plain(congestion.Bucket)},
	}
}

// scene is one case of whatever kind.
type scene struct {
	name, about string
	// alone: it is ours that plays it, with all that lies around the estimator;
	// others have nothing to put in.
	alone bool
	// own: ours alone plays it, for the time that it takes, where nobody names it.
	own bool
	// again: it repeats another under one more condition, and is played when named.
	again bool
	play  func(maker congestion.Maker, seed uint64, varied, observe bool) congestion.Result
}

// scenes gives all there are, in the order of the table.
func scenes(interval time.Duration) (all []scene) {
	for _, c := range congestion.Cases() {
		s := single(c, interval)
		s.own = c.Stands()
		all = append(all, s)
	}
	for _, s := range congestion.Simulcasts() {
		all = append(all, whole(s.Case, s))
	}
	for _, c := range congestion.Coupleds() {
		all = append(all, whole(c.Case, c))
	}
	for _, c := range congestion.Repeats() {
		s := single(c, interval)
		s.again = true
		all = append(all, s)
	}
	return all
}

// single is a case in which a controller is put.
func single(c congestion.Case, interval time.Duration) scene {
	if c.Interval == 0 {
		c.Interval = interval
	}
	return scene{name: c.Name, about: c.About, play: func(maker congestion.Maker, seed uint64, varied, observe bool) congestion.Result {
		played := c
		if varied {
			played = c.Varied(seed)
		}
		if observe {
			return congestion.Observe(played, seed, maker)
		}
		return congestion.Run(played, seed, maker)
	}}
}

// playable is a case that brings its own controllers.
type playable[T any] interface {
	Varied(seed uint64) T
	Run(seed uint64) congestion.Result
	Observe(seed uint64) congestion.Result
}

func whole[T playable[T]](c congestion.Case, s T) scene {
	return scene{name: c.Name, about: c.About, alone: true, play: func(_ congestion.Maker, seed uint64, varied, observe bool) congestion.Result {
		played := s
		if varied {
			played = s.Varied(seed)
		}
		if observe {
			return played.Observe(seed)
		}
		return played.Run(seed)
	}}
}
