package dependency

import (
	"bytes"
	"slices"
	"testing"
)

// key gives the key frame of L1T3 with another number and other identifiers.
func key(t testing.TB, offset uint8, number uint16) []byte {
	t.Helper()
	var s State
	data := fields(t, l1t3Key)
	d := parse(t, &s, data)
	structure := *s.Structure()
	structure.Offset = offset
	d.Attached, d.Template = false, offset
	return d.Append(nil, []byte{bitStart | offset, 0, 0}, Rewrite{Number: number, Structure: &structure})
}

func TestState_GoesOnOverTheWrap(t *testing.T) {
	var s State
	parse(t, &s, key(t, 0, 0))
	number := uint16(0)
	for i := range 3 << 16 {
		number++
		parse(t, &s, l1t3Frame(1, number))
		if i%50_000 == 0 { // the same structure again
			number++
			if d := parse(t, &s, key(t, 0, number)); !d.Key() {
				t.Fatalf("frame %d: no key", i)
			}
		}
	}
	number++
	parse(t, &s, key(t, 5, number))
	if s.Structure().Offset != 5 {
		t.Error("the newest structure was not taken")
	}
}

func TestState_ReadsLatePacketsWithTheStructureBefore(t *testing.T) {
	var s State
	parse(t, &s, key(t, 0, 65530))
	parse(t, &s, key(t, 5, 2))
	if d := parse(t, &s, l1t3Frame(2, 65535)); d.Temporal != 1 {
		t.Errorf("%+v", d)
	}
	if d := parse(t, &s, l1t3Frame(7, 3)); d.Temporal != 1 {
		t.Errorf("%+v", d)
	}
	var d Descriptor
	if err := s.Parse(l1t3Frame(20, 4), &d); err != ErrTemplate {
		t.Errorf("%v, want ErrTemplate", err)
	}
}

func TestState_TellsByTheNumberWhoseTemplateItIs(t *testing.T) {
	var s State
	parse(t, &s, key(t, 0, 65530)) // has 0 to 4
	parse(t, &s, key(t, 3, 2))     // has 3 to 7, which it should not
	if d := parse(t, &s, l1t3Frame(3, 65535)); d.Temporal != 2 {
		t.Errorf("a late frame was read with the new structure: %+v", d)
	}
	if d := parse(t, &s, l1t3Frame(3, 3)); d.Temporal != 0 {
		t.Errorf("a frame was read with the old structure: %+v", d)
	}
}

func TestState_KeepsTheNewerStructureWhenAnOlderComesLate(t *testing.T) {
	var s State
	parse(t, &s, key(t, 5, 2))
	if d := parse(t, &s, key(t, 0, 65530)); !d.Key() || d.Parts != 1 {
		t.Errorf("%+v", d)
	}
	if s.Structure().Offset != 5 {
		t.Error("the older structure took its place")
	}
	if d := parse(t, &s, l1t3Frame(2, 65535)); d.Temporal != 1 {
		t.Errorf("%+v", d)
	}
}

func TestState_TakesNumbersThatBeginAnew(t *testing.T) {
	var s State
	parse(t, &s, key(t, 0, 40_000))
	for i, number := range []uint16{30_000, 7, 60_000} {
		offset := uint8(5 * (i + 1))
		parse(t, &s, key(t, offset, number))
		if s.Structure().Offset != offset {
			t.Errorf("the structure of a source that restarted at %d was taken for a late one", number)
		}
	}
}

func TestState_DropsAContradictionOnce(t *testing.T) {
	contradicting := key(t, 8, 70)
	contradicting[len(contradicting)-2] ^= 0x01 // in the height
	var s State
	var d Descriptor
	parse(t, &s, key(t, 8, 60))
	before := *s.Structure()
	if err := s.Parse(contradicting, &d); err != ErrContradiction || *s.Structure() != before {
		t.Errorf("%v, want ErrContradiction and the structure as before", err)
	}
	if d := parse(t, &s, l1t3Frame(10, 71)); d.Temporal != 1 {
		t.Errorf("the stream does not go on: %+v", d)
	}
	parse(t, &s, key(t, 8, 72))
	PatchNumber(contradicting, 73)
	if err := s.Parse(contradicting, &d); err != ErrContradiction {
		t.Errorf("after one that agreed: %v, want ErrContradiction", err)
	}
	PatchNumber(contradicting, 74)
	parse(t, &s, contradicting)
	if *s.Structure() == before {
		t.Error("whoever contradicts again has begun anew, but was not believed")
	}
}

func TestState_RemembersTheActiveTargets(t *testing.T) {
	var s State
	parse(t, &s, key(t, 8, 1))
	tell := func(number uint16, active uint32) []byte {
		frame := l1t3Frame(9, number)
		d := parse(t, &State{present: s.present, active: 7, since: 1, newest: 1}, frame)
		return d.Append(nil, frame, Rewrite{Number: number, HasActive: true, Active: active})
	}
	steps := []struct {
		name string
		data []byte
		want uint32
	}{
		{"all at first", l1t3Frame(9, 2), 0b111},
		{"told", tell(5, 0b110), 0b110},
		{"still", l1t3Frame(9, 6), 0b110},
		{"an older one that comes late counts for itself", tell(4, 0b011), 0b011},
		{"and changes nothing", l1t3Frame(9, 7), 0b110},
		{"the same structure again means all", key(t, 8, 8), 0b111},
		{"and stays so", l1t3Frame(9, 9), 0b111},
		{"another structure means all", key(t, 20, 10), 0b111},
	}
	for _, step := range steps {
		if d := parse(t, &s, step.data); d.Active != step.want {
			t.Errorf("%s: %03b, want %03b", step.name, d.Active, step.want)
		}
	}
}

func TestState_LeavesOutChainsWithoutActiveTargets(t *testing.T) {
	var s State
	first := fields(t, l3t3Key)
	parse(t, &s, first)
	frame := []byte{60, 0, 101}
	d := parse(t, &s, frame)
	if d.Parts != 0b111 {
		t.Errorf("parts %03b, want all chains", d.Parts)
	}
	d = parse(t, &s, d.Append(nil, frame, Rewrite{Number: 101, HasActive: true, Active: 0b111_000_000}))
	if d.Parts != 0b001 {
		t.Errorf("parts %03b, want the chain of the smallest layer", d.Parts)
	}
}

func TestNothing_IsAllocated(t *testing.T) {
	var s State
	var d Descriptor
	inputs := [][]byte{fields(t, l1t3Key), fields(t, custom), l1t3Frame(10, 9), key(t, 20, 10)}
	arena := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() {
		for _, data := range inputs {
			if s.Parse(data, &d) == nil {
				arena = d.Append(arena[:0], data, Rewrite{HasActive: true, Active: 1, Structure: s.Structure()})
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// FuzzState feeds extensions one after another, each with its length before.
func FuzzState(f *testing.F) {
	join := func(all ...[]byte) []byte {
		var data []byte
		for _, one := range all {
			data = append(append(data, byte(len(one))), one...)
		}
		return data
	}
	f.Add(join(fields(f, l1t3Key), fields(f, custom), l1t3Frame(10, 9), key(f, 20, 10)))
	f.Add(join(fields(f, l3t3Key), []byte{60, 0, 101}))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s State
		for len(data) > 0 {
			size := min(int(data[0]), len(data)-1)
			one := data[1 : 1+size]
			data = data[1+size:]
			var d Descriptor
			if s.Parse(one, &d) == nil {
				checkRoundTrip(t, s, d, one)
			}
		}
	})
}

// checkRoundTrip writes what was read in every way, and reads it again.
func checkRoundTrip(t *testing.T, s State, d Descriptor, data []byte) {
	t.Helper()
	if d.Targets&^d.mask() != 0 || d.Discardable&^d.Targets != 0 || d.Switches&^d.Targets != 0 || d.Discardable&d.Switches != 0 {
		t.Fatalf("masks contradict: %+v", d)
	}
	same := d.Append(nil, data, Rewrite{Number: d.Number})
	if len(same) > len(data) || !bytes.Equal(same[:3], data[:3]) {
		t.Fatalf("% x written as % x", data, same)
	}
	changed := d.Append(nil, data, Rewrite{Number: d.Number, HasActive: true, Active: d.Active ^ 1})
	var again Descriptor
	if err := s.Parse(changed, &again); err != nil || again.Active != d.Active^1 || again.Frame != d.Frame || again.Start != d.Start {
		t.Fatalf("%+v, %v, was %+v", again, err, d)
	}
	if !again.PatchActive(changed, d.Active) {
		t.Fatal("no mask in what was written with one")
	}
	var last Descriptor
	if err := s.Parse(changed, &last); err != nil || last.Active != d.Active {
		t.Fatalf("%+v, %v, want active %b", last, err, d.Active)
	}
	structure := s.Structure()
	if d.Attached || structure == nil || structure.template(d.Template) == nil || int(structure.TargetCount) != int(d.targets) {
		return
	}
	attached := d.Append(nil, data, Rewrite{Number: d.Number, Structure: structure})
	var fresh State
	if err := fresh.Parse(attached, &last); err != nil || *fresh.Structure() != *structure {
		t.Fatalf("a structure did not survive: %v", err)
	}
}

// mask gives that of all targets there are.
func (d *Descriptor) mask() uint32 { return uint32(1<<d.targets - 1) }

func BenchmarkParse(b *testing.B) {
	for _, test := range []struct {
		name string
		data []byte
	}{
		{"short", l1t3Frame(10, 9)},
		{"active", nil},
		{"custom", fields(b, custom)},
		{"structure", fields(b, l1t3Key)},
		{"L3T3", fields(b, l3t3Key)},
	} {
		b.Run(test.name, func(b *testing.B) {
			var s State
			var d Descriptor
			parse(b, &s, fields(b, l1t3Key))
			if test.data == nil {
				d = parse(b, &s, l1t3Frame(9, 5))
				test.data = d.Append(nil, l1t3Frame(9, 5), Rewrite{Number: 5, HasActive: true, Active: 7})
			}
			data := slices.Clone(test.data)
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Parse(data, &d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	var s State
	parse(b, &s, fields(b, l1t3Key))
	data := l1t3Frame(9, 5)
	d := parse(b, &s, data)
	arena := make([]byte, 0, 64)
	for b.Loop() {
		arena = d.Append(arena[:0], data, Rewrite{Number: 6, HasActive: true, Active: 3})
	}
}
