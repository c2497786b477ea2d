package lane

import (
	"testing"

	"pgregory.net/rapid"

	"meshfocus/simulcast"
)

// Whatever is left out and however late packets come: no number leaves twice, those
// that leave in order go up, and nothing stays empty but for frames that were cut off.
func TestSkip_ClosesGapsAndLeavesNoNumberTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var k skip
		next := rapid.Uint16().Draw(t, "first")
		last, cuts, begun := next-1, 0, false
		used := map[uint16]bool{}
		leave := func(numbered uint16, late bool) {
			number, ok := k.number(numbered)
			if !ok {
				return
			}
			if used[number] {
				t.Fatalf("%d leaves twice, as %d", number, numbered)
			}
			used[number] = true
			if !late {
				if gap := int(number - last); begun && (gap < 1 || gap > 1+cuts) {
					t.Fatalf("%d follows %d with %d frames cut off", number, last, cuts)
				}
				last, cuts, begun = number, 0, true
			}
		}
		var holes []uint16
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				for range rapid.IntRange(1, 50).Draw(t, "packets") {
					if k.passes(simulcast.Forward, next) {
						leave(next, false)
					}
					next++
				}
			case 2:
				cut := rapid.Bool().Draw(t, "cut")
				if cut {
					cuts++
				}
				k.begin(next, cut)
				for range rapid.IntRange(0, 50).Draw(t, "left out") {
					next++
					if k.passes(simulcast.Forward, next) {
						t.Fatal("it goes on in the middle")
					}
				}
				next++
				for len(holes) > 0 && rapid.Bool().Draw(t, "late") {
					leave(holes[0], true)
					holes = holes[1:]
				}
				if !k.passes(simulcast.Switch, next) {
					t.Fatal("it does not begin anew")
				}
				leave(next, false)
				next++
			case 3:
				if begun && !k.skipping { // lost on its way to us: comes late, or never
					holes = append(holes, next)
					next++
					cuts++
				}
			}
		}
	})
}

func TestSkip_MovesUpWhatComesBehind(t *testing.T) {
	var k skip
	k.begin(65534, false)
	for _, n := range []uint16{65535, 0, 1} {
		k.passes(simulcast.Forward, n)
	}
	if !k.passes(simulcast.Switch, 2) {
		t.Fatal("it does not begin anew")
	}
	for numbered, want := range map[uint16]uint16{65533: 65533, 65000: 65000, 2: 65534, 3: 65535, 4: 0} {
		if got, ok := k.number(numbered); !ok || got != want {
			t.Errorf("%d leaves as %d, %v; want %d", numbered, got, ok, want)
		}
	}
	for _, numbered := range []uint16{65534, 65535, 0, 1} {
		if got, ok := k.number(numbered); ok {
			t.Errorf("%d leaves as %d", numbered, got)
		}
	}
}
