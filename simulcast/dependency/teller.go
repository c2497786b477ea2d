package dependency

import "meshfocus/simulcast"

// Teller says which packets to one subscriber have to tell it the active decode
// targets, and which those are: of the targets that the publisher has active, those
// whose frames the subscriber is sent. A receiver looks after the chains of active
// targets, and waits for frames of them that are missing (RTP Payload Format For AV1,
// sections 4.4 and A.4). It is told until a frame that is part of all chains in
// question has left, so that who gets that gets the mask.
//
// The zero value has told nothing. It belongs to whoever selects for the subscriber.
type Teller struct {
	held    held
	allowed uint32 // targets within held
	chains  uint32 // that protect them
	told    uint32
	owed    bool
}

// held is what a subscriber is sent of a stream.
type held struct {
	highest simulcast.Layer
	lacking uint8 // mask of spatial layers that are left out
	known   bool
}

// Next answers for a packet that leaves, in the order of leaving; late is one that
// leaves behind newer ones. structure is what the packet was read with.
func (t *Teller) Next(s *Structure, i *simulcast.Info, carries simulcast.Extensions, highest simulcast.Layer, lacking uint8, late bool) (active uint32, tell bool) {
	if s == nil {
		return 0, false
	}
	said := carries&(simulcast.Structure|simulcast.Active) != 0
	if now := (held{highest, lacking, true}); now != t.held || carries&simulcast.Structure != 0 {
		t.held, t.allowed = now, s.Within(highest, lacking)
	}
	active = t.allowed & i.Active
	if active == 0 {
		active = i.Active // the stream is about to be left
	}
	if late {
		return active, said && active != i.Active
	}
	if said {
		t.told = i.Active
	}
	if active != t.told {
		t.told, t.owed, t.chains = active, true, s.chainsOf(active)
	}
	if !t.owed {
		return active, false
	}
	t.owed = !i.End || i.Chains&t.chains != t.chains
	return active, true
}

// Within gives the decode targets of which a subscriber is sent all frames that gets
// the layers up to highest, but not the spatial layers of a mask.
func (s *Structure) Within(highest simulcast.Layer, lacking uint8) (targets uint32) {
	for target, layer := range s.Layers[:s.TargetCount] {
		if layer.Spatial <= highest.Spatial && layer.Temporal <= highest.Temporal && lacking>>layer.Spatial&1 == 0 {
			targets |= 1 << target
		}
	}
	return targets
}

// chainsOf gives the chains that protect some targets.
func (s *Structure) chainsOf(targets uint32) (chains uint32) {
	if s.ChainCount == 0 {
		return 0
	}
	for target := range int(s.TargetCount) {
		if targets>>target&1 != 0 {
			chains |= 1 << s.Chain[target]
		}
	}
	return chains
}
