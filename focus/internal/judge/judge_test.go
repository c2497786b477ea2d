package judge

import (
	"testing"

	"meshfocus/simulcast"
)

func TestWhatLeavesIsDecodedToWhatWasSent(t *testing.T) {
	for name, of := range takes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var pictures [][]byte
			var want []string
			for kind, w := range weathers {
				for seed := range uint64(2) {
					trial := newTrial(t, seed, of, w)
					trial.run(90)
					shown, looks, err := trial.judge()
					if err != nil {
						t.Fatalf("%s, seed %d: %v", kind, seed, err)
					}
					want = append(want, looks...)
					for _, picture := range shown {
						pictures = append(pictures, picture.Data)
					}
				}
			}
			hashes := Decode(t, of.codec, pictures)
			if len(hashes) != len(want) {
				t.Fatalf("%d pictures shown, %d decoded", len(want), len(hashes))
			}
			for i, hash := range hashes {
				if want[i] != hash {
					t.Fatalf("picture %d of %d is not the one that was sent", i, len(hashes))
				}
			}
		})
	}
}

// Who goes down to the lowest temporal layer and up again gets every picture soon,
// without a key frame.
func TestTemporalLayersComeBack(t *testing.T) {
	for name, of := range takes {
		highest := top(Patterns[of.codec])
		if highest == 0 || of.recording != "" || of.codec == simulcast.AV1 && !of.described {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trial := newTrial(t, 1, of, weather{})
			trial.output.Selector.Aim(simulcast.Layer{})
			trial.run(2)
			trial.output.Selector.Aim(simulcast.Layer{Temporal: highest})
			trial.run(13)
			want := 15 - len(Patterns[of.codec]) + 1 // the key frame, and all from the next of the lowest layer on
			if shown, _, err := trial.judge(); err != nil || len(shown) < want {
				t.Fatalf("%d pictures shown, want %d: %v", len(shown), want, err)
			}
		})
	}
}
