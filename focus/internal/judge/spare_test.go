package judge

import (
	"strings"
	"testing"

	"meshfocus/simulcast"
)

// With prediction between spatial layers at key frames alone, who shows the highest
// layer is sent nothing else between them, and sees every picture as it was sent.
func TestLowerLayersThatAreNotNeededAreLeftOut(t *testing.T) {
	for name, of := range takes {
		if !strings.HasSuffix(of.recording, "-key.rtp") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trial := newTrial(t, 1, of, weather{})
			trial.output.Selector.Aim(simulcast.Layer{Spatial: 2, Temporal: 3})
			trial.run(60)
			shown, looks, err := trial.judge()
			if err != nil || len(shown) != 60 {
				t.Fatalf("%d pictures of 60 are shown: %v", len(shown), err)
			}
			var pictures [][]byte
			for _, picture := range shown {
				pictures = append(pictures, picture.Data)
			}
			for i, hash := range Decode(t, of.codec, pictures) {
				if hash != looks[i] {
					t.Fatalf("picture %d is not the one that was sent", i)
				}
			}
			for i, f := range trial.stays[0].fates {
				if want := f.Parts[0] * map[bool]int{true: 1}[f.Picture.Key]; f.left[0] != want || f.left[2] != f.Parts[2] {
					t.Errorf("picture %d: %v of %v packets left", i, f.left, f.Parts)
				}
			}
		})
	}
}
