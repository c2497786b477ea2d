package dependency

import (
	"bytes"
	"slices"
	"testing"

	"meshfocus/simulcast"
)

// parse reads one descriptor and fails the test on an error.
func parse(t testing.TB, s *State, data []byte) Descriptor {
	t.Helper()
	var d Descriptor
	if err := s.Parse(data, &d); err != nil {
		t.Fatalf("% x: %v", data, err)
	}
	return d
}

func indications(f *Frame, targets int) string {
	var text []byte
	for target := range targets {
		text = append(text, "-DSR"[f.Indication(target)])
	}
	return string(text)
}

func TestParse_L1T3OfTheSpecification(t *testing.T) {
	var s State
	d := parse(t, &s, fields(t, l1t3Key))
	if !d.Start || d.End || d.Template != 8 || d.Number != 65534 || !d.Attached || !d.Key() || d.HasActive {
		t.Errorf("%+v", d)
	}
	if d.Active != 0b111 || d.Parts != 1 || d.Size != (Size{1280, 720}) {
		t.Errorf("active %b, parts %b, size %v", d.Active, d.Parts, d.Size)
	}
	tests := []struct {
		name        string
		template    uint16
		layer       simulcast.Layer
		indications string
		diffs       []uint16
		chain       uint8
		part, up    bool
		reach       int8
	}{
		{"T0", 9, simulcast.Layer{}, "SSS", []uint16{4}, 4, true, true, 2},
		{"T1", 10, simulcast.Layer{Temporal: 1}, "SD-", []uint16{2}, 2, false, false, 2},
		{"first T2", 11, simulcast.Layer{Temporal: 2}, "D--", []uint16{1}, 1, false, false, 0},
		{"second T2", 12, simulcast.Layer{Temporal: 2}, "D--", []uint16{1}, 3, false, false, 0},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			number := uint16(65535 + i) // wraps
			d := parse(t, &s, l1t3Frame(test.template, number))
			if d.Number != number || d.Key() || d.Spatial != test.layer.Spatial || d.Temporal != test.layer.Temporal {
				t.Errorf("%+v", d)
			}
			if got := indications(&d.Frame, 3); got != test.indications {
				t.Errorf("indications %s, want %s", got, test.indications)
			}
			if !slices.Equal(d.Diffs[:d.DiffCount], test.diffs) || d.ChainDiffs[0] != test.chain {
				t.Errorf("differences %v, chain %d", d.Diffs[:d.DiffCount], d.ChainDiffs[0])
			}
			if (d.Parts == 1) != test.part || d.UpSwitch != test.up || d.Reach != test.reach {
				t.Errorf("parts %b, up %v, reach %d", d.Parts, d.UpSwitch, d.Reach)
			}
		})
	}
}

func TestParse_L3T3OfTheSpecification(t *testing.T) {
	var s State
	parse(t, &s, fields(t, l3t3Key))
	for i, want := range l3t3Table {
		d := parse(t, &s, []byte{byte(60+i) % 64, 0, byte(100 + i)})
		if d.Start || d.End || d.Spatial != want.spatial || d.Temporal != want.temporal ||
			!slices.Equal(d.Diffs[:d.DiffCount], want.diffs) || [3]uint8(d.ChainDiffs[:]) != want.chains ||
			indications(&d.Frame, 9) != want.indications {
			t.Errorf("template %d: %+v, %s, want %+v", i, d, indications(&d.Frame, 9), want)
		}
		var info simulcast.Info
		d.Apply(&info)
		if reach := []int8{2, 2, 2, 0, 0}[i%5]; info.Reach != reach {
			t.Errorf("template %d: reach %d", i, info.Reach)
		}
		if independent := i == 0 || i == 5 || i == 10; info.Independent != independent {
			t.Errorf("template %d: independent %v", i, info.Independent)
		}
	}
	structure := s.Structure()
	if structure.ChainCount != 3 || !slices.Equal(structure.Chain[:9], []uint8{2, 2, 2, 1, 1, 1, 0, 0, 0}) {
		t.Errorf("%d chains, %v", structure.ChainCount, structure.Chain[:9])
	}
	for target := range 9 {
		want := simulcast.Layer{Spatial: 2 - int8(target/3), Temporal: 2 - int8(target%3)}
		if got := structure.Layers[target]; got != want || structure.Target(want) != target {
			t.Errorf("target %d is of %v, want %v; asked for by it, %d", target, got, want, structure.Target(want))
		}
	}
	if got := structure.Target(simulcast.Layer{Spatial: 5, Temporal: 1}); got != 1 {
		t.Errorf("target %d for a layer above all, want that of the highest below", got)
	}
	if got := structure.Target(simulcast.None); got != -1 {
		t.Errorf("target %d for no layer", got)
	}
}

// custom is a frame of L1T3 that says everything itself.
const custom = `
	0 1 001001               start_of_frame, end_of_frame, frame_dependency_template_id: 9
	0000000000000101         frame_number: 5
	0 1 1 1 1                no structure; active, custom_dtis, custom_fdiffs, custom_chains
	011                      active_decode_targets_bitmask: 15 and 30 pictures a second
	01 11 00                 frame_dti: D R -
	01 0001                  next_fdiff_size, fdiff_minus_one: 2
	10 00010000              next_fdiff_size, fdiff_minus_one: 17
	11 111111111111          next_fdiff_size, fdiff_minus_one: 4096
	00                       next_fdiff_size
	11001000                 frame_chain_fdiff: 200
`

func TestParse_CustomFields(t *testing.T) {
	var s State
	parse(t, &s, fields(t, l1t3Key))
	d := parse(t, &s, fields(t, custom))
	if d.Start || !d.End || !d.HasActive || d.Active != 0b011 || indications(&d.Frame, 3) != "DR-" {
		t.Errorf("%+v, %s", d, indications(&d.Frame, 3))
	}
	if !slices.Equal(d.Diffs[:d.DiffCount], []uint16{2, 17, 4096}) || d.ChainDiffs[0] != 200 || d.Parts != 0 {
		t.Errorf("differences %v, chain %d, parts %b", d.Diffs[:d.DiffCount], d.ChainDiffs[0], d.Parts)
	}
	if d = parse(t, &s, l1t3Frame(9, 6)); d.Active != 0b011 || indications(&d.Frame, 3) != "SSS" || d.DiffCount != 1 {
		t.Errorf("the next frame: %+v", d)
	}
}

func TestParse_CustomIndicationsDecideWhichChainsAFrameIsPartOf(t *testing.T) {
	var s State
	parse(t, &s, fields(t, l1t3Key))
	const head = "0 1 001011 0000000000000101 0 0 1 0 0 " // template 11, which is of no chain; custom_dtis
	for bits, want := range map[string]uint32{"11 11 11": 1, "11 10 11": 1, "01 11 11": 0, "11 11 00": 0} {
		if d := parse(t, &s, fields(t, head+bits)); d.Parts != want {
			t.Errorf("indications %s: parts %b, want %b", indications(&d.Frame, 3), d.Parts, want)
		}
	}
}

// Of three spatial layers with three temporal ones each; targets are ordered from the
// highest down.
func TestParse_SaysWhichLayersDoNotNeedAFrame(t *testing.T) {
	var s State
	parse(t, &s, fields(t, l3t3Key))
	const head = "0 1 111100 0000000001100101 0 0 1 0 0 " // a frame of the lowest layer; custom_dtis
	for bits, want := range map[string]uint8{
		"10 10 10 10 10 10 10 10 10": 0,
		"00 00 00 00 00 00 10 10 10": 0b1111_1110, // as with L3T3_KEY
		"00 00 00 11 00 00 10 10 10": 0b1111_1100,
		"00 00 10 00 00 00 10 10 10": 0b0000_0010,
	} {
		if d := parse(t, &s, fields(t, head+bits)); d.Needless != want || d.Silent != 0 {
			t.Errorf("indications %s: needless %b, silent %b, want %b", indications(&d.Frame, 9), d.Needless, d.Silent, want)
		}
	}
	const active = "0 1 111100 0000000001100110 0 1 0 0 0 " // a mask, whose last bit is target 0
	for bits, want := range map[string]uint8{
		"111 111 111": 0, "111 111 000": 0b1111_1100, "100 000 000": 0b1111_1110, "000 000 001": 0b011, "000 000 000": 255,
	} {
		if d := parse(t, &s, fields(t, active+bits)); d.Silent != want {
			t.Errorf("active %s: silent %b, want %b", bits, d.Silent, want)
		}
	}
}

func TestParse_RefusesWhatIsCutShort(t *testing.T) {
	for _, text := range []string{l1t3Key, custom} {
		whole := fields(t, text)
		for size := range whole {
			var s State
			if text == custom {
				parse(t, &s, fields(t, l1t3Key))
			}
			before := s
			var d Descriptor
			if err := s.Parse(whole[:size], &d); err == nil && size != mandatorySize {
				t.Errorf("%d of %d bytes were taken: %+v", size, len(whole), d)
			} else if err != nil && s != before {
				t.Errorf("%d bytes, refused with %v, changed the state", size, err)
			}
		}
	}
}

func TestParse_BeforeTheFirstStructure(t *testing.T) {
	var s State
	var d Descriptor
	if err := s.Parse(l1t3Frame(9, 77), &d); err != ErrTemplate || d.Number != 77 || !d.Start || !d.End {
		t.Errorf("%v, %+v, want ErrTemplate and the mandatory fields", err, d)
	}
	if s.Structure() != nil {
		t.Error("there is a structure")
	}
}

func TestParse_RefusesMoreThanThereCanBe(t *testing.T) {
	templates := "1 1 000000 0000000000000000 1 0 0 0 0 000000 00000"
	differences := templates + " 11 00"
	for range 64 {
		templates += " 00"
	}
	spatial, temporal := "1 1 000000 0000000000000000 1 0 0 0 0 000000 00000", ""
	temporal = spatial
	for range MaxSpatial {
		spatial, temporal = spatial+" 10", temporal+" 01"
	}
	for range MaxDiffs + 1 {
		differences += " 1 0000"
	}
	for name, text := range map[string]string{
		"templates": templates, "spatial layers": spatial, "temporal layers": temporal, "differences": differences,
	} {
		var s State
		var d Descriptor
		if err := s.Parse(append(fields(t, text), make([]byte, 400)...), &d); err != ErrBounds {
			t.Errorf("too many %s: %v, want ErrBounds", name, err)
		}
	}
}

func TestApply_WritesIntoInfo(t *testing.T) {
	var s State
	key := parse(t, &s, fields(t, l1t3Key))
	info := simulcast.Plain(simulcast.VP8)
	info.PictureID = 7
	key.Apply(&info)
	want := simulcast.Plain(simulcast.VP8)
	want.PictureID, want.FrameNumber = 7, 65534
	want.Start, want.Key, want.UpSwitch, want.Reach, want.Independent = true, true, true, 2, true
	want.Targets, want.Switches, want.Chains, want.Active, want.Width, want.Height = 7, 7, 1, 7, 1280, 720
	if info != want {
		t.Errorf("%+v, want %+v", info, want)
	}
	d := parse(t, &s, l1t3Frame(10, 0))
	info = simulcast.Plain(simulcast.VP8)
	d.Apply(&info)
	want = simulcast.Plain(simulcast.VP8)
	want.FrameNumber, want.Start, want.End, want.Temporal, want.Reach = 0, true, true, 1, 2
	want.Targets, want.Switches, want.Active = 0b011, 0b001, 0b111
	if info != want {
		t.Errorf("%+v, want %+v", info, want)
	}
}

func TestApply_LeavesPaddingAlone(t *testing.T) {
	var s State
	key := parse(t, &s, fields(t, l1t3Key))
	info := simulcast.Plain(simulcast.AV1)
	info.Padding = true
	before := info
	if key.Apply(&info); info != before {
		t.Errorf("%+v, want %+v", info, before)
	}
}

func TestPatch_WritesInPlace(t *testing.T) {
	var s State
	parse(t, &s, fields(t, l1t3Key))
	data := fields(t, custom)
	d := parse(t, &s, data)
	PatchNumber(data, 0xabcd)
	if !d.PatchActive(data, 0b101) {
		t.Fatal("the mask was not written")
	}
	want := d
	want.Number, want.Active = 0xabcd, 0b101
	if got := parse(t, &s, data); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	short := parse(t, &s, l1t3Frame(9, 6))
	if short.PatchActive(l1t3Frame(9, 6), 1) {
		t.Error("a mask was written where there is none")
	}
	PatchNumber(data[:2], 1) // does nothing
}

func TestAppend_TellsTheActiveTargets(t *testing.T) {
	for name, data := range map[string][]byte{
		"three bytes": l1t3Frame(9, 5), "custom fields": fields(t, custom), "structure": fields(t, l1t3Key),
	} {
		t.Run(name, func(t *testing.T) {
			var s State
			parse(t, &s, fields(t, l1t3Key))
			d := parse(t, &s, data)
			out := d.Append([]byte{0xee}, data, Rewrite{Number: d.Number + 9, HasActive: true, Active: 0b100})
			got := parse(t, &s, out[1:])
			if !got.HasActive || got.Active != 0b100 || got.Number != d.Number+9 || got.Frame != d.Frame || got.Attached != d.Attached {
				t.Errorf("%+v, was %+v", got, d)
			}
			same := d.Append(nil, data, Rewrite{Number: d.Number})
			if !bytes.Equal(same, data) {
				t.Errorf("without changes % x, was % x", same, data)
			}
		})
	}
}

func TestAppend_AttachesTheStructure(t *testing.T) {
	for name, key := range map[string]string{"L1T3": l1t3Key, "L3T3": l3t3Key} {
		t.Run(name, func(t *testing.T) {
			var s, theirs State
			data := fields(t, key)
			first := parse(t, &s, data)
			frame := []byte{first.Template, data[1], data[2]}
			d := parse(t, &s, frame)
			out := d.Append(nil, frame, Rewrite{Number: d.Number, Structure: s.Structure()})
			if !bytes.Equal(out[3:], data[3:]) {
				t.Errorf("% x, want % x", out[3:], data[3:])
			}
			parse(t, &theirs, out)
			if *theirs.Structure() != *s.Structure() {
				t.Error("the structures differ")
			}
			frame[0] = bitStart | (first.Template+1)&maskTemplate
			d = parse(t, &s, frame)
			d = parse(t, &theirs, d.Append(nil, frame, Rewrite{Number: d.Number + 1, Structure: s.Structure()}))
			if !d.Attached || d.Key() {
				t.Errorf("%+v, want a structure with a frame that is no key frame", d)
			}
		})
	}
}
