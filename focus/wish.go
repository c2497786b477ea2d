package focus

import (
	"math"

	"meshfocus/focus/lane"
	"meshfocus/simulcast"
)

// Wish is what a subscriber would like to get of a track. The zero Wish is all of it.
type Wish struct {
	// Width and Height are of the place where the picture is shown, in pixels; 0 is
	// any size. Which is the longer one does not matter: cameras are turned.
	Width, Height int
	// Paused: nothing for now.
	Paused bool
}

// highest is above any layer: the best that there is.
var highest = simulcast.Layer{Spatial: math.MaxInt8, Temporal: math.MaxInt8}

// layerFor chooses the layer of a track that a wish comes to: the smallest that fills
// the place in both directions, or the largest if none does. What is not known to be
// large enough does not count, so until sizes are known it is the best.
func layerFor(w Wish, layers []lane.LayerState) simulcast.Layer {
	switch {
	case w.Paused:
		return simulcast.None
	case w.Width <= 0 && w.Height <= 0:
		return highest
	}
	chosen := highest
	consider := func(spatial int8, width, height uint16) {
		if spatial >= 0 && spatial < chosen.Spatial && w.filled(int(width), int(height)) {
			chosen.Spatial = spatial
		}
	}
	for _, l := range layers {
		if len(l.Sizes) == 0 {
			consider(l.Spatial, l.Width, l.Height)
		}
		for inside, size := range l.Sizes {
			consider(l.Spatial+int8(inside), size.Width, size.Height)
		}
	}
	return chosen
}

// filled reports whether a picture is as large as the place for it.
func (w Wish) filled(width, height int) bool {
	return width > 0 && height > 0 &&
		max(width, height) >= max(w.Width, w.Height) && min(width, height) >= min(w.Width, w.Height)
}
