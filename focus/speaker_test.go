package focus

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"meshfocus/internal/unit"
)

// step is how often the tests ask.
const step = 100 * time.Millisecond

// scene is somebody's level for a while.
type scene struct {
	lasts  time.Duration
	levels map[string]int8
}

func play(scenes []scene) (speakers []string) {
	var s speaker
	now := unit.Instant(time.Second)
	for _, each := range scenes {
		for range each.lasts / step {
			now = now.Add(step)
			var voices []voice
			for party, level := range each.levels {
				voices = append(voices, voice{party, level, true})
			}
			if who := s.next(now, voices); len(speakers) == 0 || speakers[len(speakers)-1] != who {
				speakers = append(speakers, who)
			}
		}
	}
	return speakers
}

func TestSpeaker_ChangesWhenAListenerWould(t *testing.T) {
	const second = time.Second
	for _, c := range []struct {
		name   string
		scenes []scene
		want   []string
	}{
		{"nobody", []scene{{second, map[string]int8{"a": 127, "b": 90}}}, []string{""}},
		{"one", []scene{{second, map[string]int8{"a": 25, "b": 127}}}, []string{"", "a"}},
		{"one after the other", []scene{
			{second, map[string]int8{"a": 25, "b": 127}}, {second, map[string]int8{"a": 127, "b": 30}},
		}, []string{"", "a", "b"}},
		{"a cough does not count", []scene{
			{second, map[string]int8{"a": 25, "b": 127}}, {step, map[string]int8{"a": 127, "b": 10}}, {2 * second, map[string]int8{"a": 127, "b": 127}},
		}, []string{"", "a"}},
		{"who spoke last stays while nobody speaks", []scene{
			{second, map[string]int8{"a": 25}}, {9 * second, map[string]int8{"a": 127}},
		}, []string{"", "a"}},
		{"as loud is not louder", []scene{
			{second, map[string]int8{"a": 30, "b": 127}}, {5 * second, map[string]int8{"a": 30, "b": 25}},
		}, []string{"", "a"}},
		{"clearly louder for a while takes over", []scene{
			{second, map[string]int8{"a": 30, "b": 127}}, {2 * second, map[string]int8{"a": 30, "b": 20}},
		}, []string{"", "a", "b"}},
		{"pauses between words keep the floor", []scene{
			{second, map[string]int8{"a": 25, "b": 127}}, {300 * time.Millisecond, map[string]int8{"a": 127, "b": 30}},
			{300 * time.Millisecond, map[string]int8{"a": 25, "b": 127}},
			{300 * time.Millisecond, map[string]int8{"a": 127, "b": 127}},
			{300 * time.Millisecond, map[string]int8{"a": 25, "b": 127}},
		}, []string{"", "a"}},
		{"who leaves does not speak", []scene{
			{second, map[string]int8{"a": 25, "b": 127}}, {second, map[string]int8{"b": 127}},
		}, []string{"", "a", ""}},
		{"of two the louder", []scene{{second, map[string]int8{"a": 30, "b": 29}}}, []string{"", "b"}},
		{"of two as loud the first by name", []scene{{second, map[string]int8{"b": 30, "a": 30}}}, []string{"", "a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := play(c.scenes); !slices.Equal(got, c.want) {
				t.Errorf("it was %q, want %q", got, c.want)
			}
		})
	}
}

func TestSpeaker_NoiseThatIsNotSpeechTakesNoFloor(t *testing.T) {
	var s speaker
	for i := range 100 {
		if who := s.next(unit.Instant(time.Second).Add(time.Duration(i)*step), []voice{{"fan", 20, false}}); who != "" {
			t.Fatalf("%q speaks", who)
		}
	}
}

// Whatever is heard: only who is there and has been loud speaks, changes are rare,
// order does not matter, and who goes on alone gets the floor.
func TestSpeaker_KeepsToItsRules(t *testing.T) {
	parties := []string{"a", "b", "c", "d"}
	rapid.Check(t, func(t *rapid.T) {
		var s, mirrored speaker
		now := unit.Instant(time.Second)
		changed, before := unit.Never, ""
		loud := map[string]bool{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(20, 300).Draw(t, "ms")) * time.Millisecond)
			var voices []voice
			for _, party := range parties {
				if rapid.IntRange(0, 9).Draw(t, "there") > 0 {
					voices = append(voices, voice{party, int8(rapid.IntRange(0, 127).Draw(t, "level")), rapid.Bool().Draw(t, "speaks")})
				}
			}
			there := func(who string) bool {
				return slices.ContainsFunc(voices, func(v voice) bool { return v.Party == who })
			}
			for _, v := range voices {
				loud[v.Party] = loud[v.Party] || v.loud()
			}
			who := s.next(now, voices)
			slices.Reverse(voices)
			if other := mirrored.next(now, voices); other != who {
				t.Fatalf("in another order it is %q, not %q", other, who)
			}
			if who != "" && (!there(who) || !loud[who]) {
				t.Fatalf("%q speaks, who is not there or never did", who)
			}
			if who != before {
				if who != "" && before != "" && changed != unit.Never && now.Sub(changed) < takeOver {
					t.Fatalf("from %q to %q after %v", before, who, now.Sub(changed))
				}
				changed, before = now, who
			}
		}
		for range 10 {
			now = now.Add(step)
			s.next(now, []voice{{"a", 127, false}, {"c", 40, true}, {"d", 90, true}})
		}
		if s.present != "c" {
			t.Fatalf("%q speaks, where only c does", s.present)
		}
	})
}
