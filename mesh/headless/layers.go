package headless

import (
	"fmt"
	"time"

	"meshfocus/focus/transport"
)

// LayerRates is one encoding of a picture that arrives, with means over the
// time since the sample before.
type LayerRates struct {
	transport.LayerStats
	FramesPerSecond float64
	BitsPerSecond   float64 // payload
}

// layersOf gives the layers of all pictures of a connection that have not
// ended, track by track, the smallest first.
func layersOf(before, now transport.Stats, passed time.Duration) []LayerRates {
	former := map[uint32]transport.LayerStats{}
	for _, received := range before.Received {
		for _, l := range received.Layers {
			former[l.SSRC] = l
		}
	}
	var layers []LayerRates
	for _, received := range now.Received {
		if received.Kind != transport.Video || received.Ended {
			continue
		}
		for _, l := range received.Layers {
			shown := LayerRates{LayerStats: l}
			if was, ok := former[l.SSRC]; ok && passed > 0 {
				shown.FramesPerSecond = float64(grown(l.Frames, was.Frames)) / passed.Seconds()
				shown.BitsPerSecond = 8 * float64(grown(l.Bytes, was.Bytes)) / passed.Seconds()
			}
			layers = append(layers, shown)
		}
	}
	return layers
}

// String is for pages: "f 1280x720 15.0/s (read)", without a name where there
// is but one encoding; "read" is what readers get.
func (l LayerRates) String() string {
	name := ""
	if l.RID != "" {
		name = l.RID + " "
	}
	text := fmt.Sprintf("%s%dx%d %.1f/s", name, l.Width, l.Height, l.FramesPerSecond)
	if l.Read && l.RID != "" {
		text += " (read)"
	}
	return text
}

// Layers says which encodings of pictures arrive, such as "q 320x180 15.0/s".
// Three from a browser that was asked for simulcast and has the bandwidth.
func (l Link) Layers() []string {
	layers := []string{}
	for _, each := range l.Rates.Layers {
		layers = append(layers, each.String())
	}
	return layers
}

// Sends says which size of our picture the peer gets, such as "vp8 640x360", and in words
// why nothing better (allocate.Reason); both are "" while its way is not estimated.
func (l Link) Sends() (what, because string) {
	if l.Stats == nil || l.Stats.Sending.Estimate == 0 {
		return "", ""
	}
	for _, sent := range l.Stats.Sent {
		if sent.Kind == transport.Video && !sent.Refused {
			return sent.Codec.String() + " " + size(sent), sent.Reason.Words()
		}
	}
	return "", ""
}

// size names the size of a picture that is sent, by its place among all if need be.
func size(sent transport.SentStats) string {
	switch {
	case sent.Layer < 0:
		return "paused"
	case sent.Width == 0:
		return fmt.Sprintf("layer %d", sent.Layer)
	}
	return fmt.Sprintf("%dx%d", sent.Width, sent.Height)
}
