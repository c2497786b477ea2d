package focus

import (
	"slices"

	"meshfocus/focus/allocate"
	"meshfocus/focus/lane"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// resting is which layers of a track its publisher is asked to let rest. The
// session's loop has one for each track with several layers.
type resting struct {
	wants allocate.Wants
	told  []string // the names of layers, as it was asked last
}

// rest says which layers nobody has wanted for a while, by names: those above the
// largest that anybody gets, wishes for or may soon get. The smallest never rests: with
// it everybody who comes has a picture at once. Layers are those that there are, top is
// what is wanted now.
func (r *resting) rest(now unit.Instant, layers []lane.LayerState, top int8) (names []string, mask uint8) {
	for spatial := range min(top, simulcast.Streams-1) + 1 {
		r.wants.Want(simulcast.Layer{Spatial: spatial}, now)
	}
	unwanted := r.wants.Resting(now)
	for _, l := range layers {
		if l.Spatial > 0 && unwanted>>l.Spatial&1 != 0 && l.RID != "" {
			names, mask = append(names, l.RID), mask|1<<l.Spatial
		}
	}
	slices.Sort(names)
	return names, mask
}

// rest has publishers let rest what nobody wants, and begin again with what somebody
// does. sizes has the layers of all pictures.
func (s *Session) rest(now unit.Instant, tracks []Track, sizes map[Key][]lane.LayerState) {
	var top map[Key]int8 // found once a track needs it: every subscription is asked
	for key := range s.resting {
		if s.roster.tracks[key] == nil {
			delete(s.resting, key)
		}
	}
	for _, track := range tracks {
		layers := sizes[track.Key]
		if len(layers) < 2 || s.parties[track.Owner] == nil {
			continue
		}
		r := s.resting[track.Key]
		if r == nil {
			r = &resting{wants: allocate.NewWants(now)}
			s.resting[track.Key] = r
		}
		if top == nil {
			top = s.wanted()
		}
		largest, wanted := top[track.Key]
		switch {
		case track.media.Read():
			largest = simulcast.Streams - 1
		case !wanted:
			largest = -1
		}
		names, mask := r.rest(now, layers, largest)
		track.media.SetResting(mask)
		if !slices.Equal(names, r.told) {
			r.told = names
			s.parties[track.Owner].events.put(LayersResting{track, slices.Clone(names)})
		}
	}
}

// wanted gives the largest layer of each track that anybody has a use for.
func (s *Session) wanted() map[Key]int8 {
	top := make(map[Key]int8)
	for party, p := range s.parties {
		for _, sh := range s.roster.shares(party) {
			if sub := p.bundle.Subscription(sh.line); sub != nil && sh.of.Kind == lane.Video {
				known, ok := top[sh.of.Key]
				if useful := sub.Useful(); !ok || useful > known {
					top[sh.of.Key] = useful
				}
			}
		}
	}
	return top
}
