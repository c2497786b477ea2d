package dependency

import (
	"testing"

	"meshfocus/simulcast"
)

// frameOf reads a frame of L3T3 by its template, three of each spatial layer's pattern.
func frameOf(t *testing.T, s *State, template int, number uint8, end bool) (info simulcast.Info) {
	t.Helper()
	first := byte(60+template)%64 | 0x80
	if end {
		first |= 0x40
	}
	d := parse(t, s, []byte{first, 0, number})
	d.Apply(&info)
	return info
}

// Who is held at the lowest layer of L3T3 is told so with the key frame, until a frame
// that is part of all chains in question has left, and again when that changes.
func TestTeller_TellsTargetsWhoseFramesAreSent(t *testing.T) {
	var s State
	var info simulcast.Info
	key := parse(t, &s, fields(t, l3t3Key))
	key.Apply(&info)
	info.End = true
	lowest, all := simulcast.Layer{}, simulcast.Layer{Spatial: 127, Temporal: 2}
	var tell Teller
	check := func(what string, i simulcast.Info, carries simulcast.Extensions, held simulcast.Layer, lacking uint8, late bool, want uint32, told bool) {
		t.Helper()
		if active, tells := tell.Next(s.Structure(), &i, carries, held, lacking, late); tells != told || tells && active != want {
			t.Errorf("%s: %09b, %v, want %09b, %v", what, active, tells, want, told)
		}
	}
	check("all of it", info, simulcast.Structure, all, 0, false, 0, false)
	tell = Teller{}
	first := info
	first.End = false
	check("the first packet", first, simulcast.Structure, lowest, 0, false, 1<<8, true)
	check("the last packet", info, 0, lowest, 0, false, 1<<8, true)
	check("it is known", info, 0, lowest, 0, false, 0, false)
	check("the structure comes late", info, simulcast.Structure, lowest, 0, true, 1<<8, true)
	check("more pictures", frameOf(t, &s, 3, 104, true), 0, simulcast.Layer{Temporal: 1}, 0, false, 1<<8|1<<7, true)
	check("not part of the chain", frameOf(t, &s, 3, 105, true), 0, simulcast.Layer{Temporal: 1}, 0, false, 1<<8|1<<7, true)
	check("part of it", frameOf(t, &s, 1, 106, true), 0, simulcast.Layer{Temporal: 1}, 0, false, 1<<8|1<<7, true)
	check("it is known", frameOf(t, &s, 1, 107, true), 0, simulcast.Layer{Temporal: 1}, 0, false, 0, false)
	check("lower layers are left out", frameOf(t, &s, 11, 108, true), 0, all, 0b011, false, 0b111, true)
	if _, tells := new(Teller).Next(nil, &info, 0, lowest, 0, false); tells {
		t.Error("told without a structure")
	}
}
