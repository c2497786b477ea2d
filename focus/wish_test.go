package focus

import (
	"testing"

	"meshfocus/focus/lane"
	"meshfocus/simulcast"
)

func TestLayerFor(t *testing.T) {
	three := []lane.LayerState{ // as streams come: by no order
		{Stream: 0, Spatial: 2, Width: 1280, Height: 720},
		{Stream: 1, Spatial: 0, Width: 320, Height: 180},
		{Stream: 2, Spatial: 1, Width: 640, Height: 360},
	}
	upright := []lane.LayerState{{Spatial: 0, Width: 180, Height: 320}, {Spatial: 1, Width: 720, Height: 1280}}
	inside := []lane.LayerState{{Spatial: 0, Width: 1280, Height: 720, Sizes: []lane.Size{{Width: 320, Height: 180}, {Width: 640, Height: 360}, {Width: 1280, Height: 720}}}}
	unknown := []lane.LayerState{{Spatial: -1}, {Spatial: 0}}
	for _, c := range []struct {
		name    string
		wish    Wish
		layers  []lane.LayerState
		spatial int8
	}{
		{"any size is the best", Wish{}, three, highest.Spatial},
		{"a thumbnail", Wish{Width: 160, Height: 90}, three, 0},
		{"exactly as large", Wish{Width: 640, Height: 360}, three, 1},
		{"one pixel more", Wish{Width: 641, Height: 360}, three, 2},
		{"the height decides as well", Wish{Width: 320, Height: 240}, three, 1},
		{"larger than there is", Wish{Width: 3840, Height: 2160}, three, highest.Spatial},
		{"only a width", Wish{Width: 500}, three, 1},
		{"only a height", Wish{Height: 180}, three, 0},
		{"paused wins", Wish{Width: 160, Height: 90, Paused: true}, three, -1},
		{"an upright camera in a broad place", Wish{Width: 320, Height: 180}, upright, 0},
		{"a broad place for more than the small one", Wish{Width: 640, Height: 360}, upright, 1},
		{"a thumbnail, of layers in one stream", Wish{Width: 160, Height: 90}, inside, 0},
		{"the one between, of layers in one stream", Wish{Width: 500, Height: 300}, inside, 1},
		{"the largest, of layers in one stream", Wish{Width: 1280, Height: 720}, inside, 2},
		{"sizes that nobody knows", Wish{Width: 160, Height: 90}, unknown, highest.Spatial},
		{"nothing has come yet", Wish{Width: 160, Height: 90}, nil, highest.Spatial},
		{"nonsense", Wish{Width: -1, Height: -5}, three, highest.Spatial},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := simulcast.Layer{Spatial: c.spatial, Temporal: highest.Temporal}
			if c.spatial < 0 {
				want = simulcast.None
			}
			if got := layerFor(c.wish, c.layers); got != want {
				t.Errorf("it is %v, want %v", got, want)
			}
		})
	}
}
