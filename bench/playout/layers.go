package playout

// Size is that of a picture, in pixels.
type Size struct{ Width, Height uint16 }

// layers tells which spatial layers of a stream can be decoded, where it has several: a
// frame of one needs, as its packets say, that of the layer below in the same picture
// (D of RFC 9628 section 4.2), and its own layer's before it (P). A server may leave the
// upper ones out from any picture on, and let them in again with what needs nothing from
// before. The zero layers have seen no key picture.
type layers struct {
	sizes []Size // of the last key picture
	// top is the highest layer that may refer to what was before: all of the lowest
	// temporal layer was there, which alone the pictures of others refer to for long.
	top int8
}

// mostLayers is how many spatial layers a stream has at most (RFC 9628 section 4.2).
const mostLayers = 8

// show gives the size of what is seen of a picture by its packets; false: nothing.
func (l *layers) show(packets []Packet) (Size, bool) {
	var there, fresh, inter [mostLayers]bool
	var temporal int8
	for i := range packets {
		info := &packets[i].Info
		if info.Padding {
			continue
		}
		spatial := info.Spatial & (mostLayers - 1)
		there[spatial], inter[spatial] = true, inter[spatial] || info.InterPredicted
		fresh[spatial] = fresh[spatial] || info.Independent || info.Key
		temporal = info.Temporal
		if info.Key && info.Width > 0 {
			if l.sizes = packets[i].Sizes; len(l.sizes) == 0 {
				l.sizes = []Size{{info.Width, info.Height}}
			}
		}
	}
	shown := int8(-1)
	for layer := range int8(mostLayers) {
		if there[layer] && (fresh[layer] || layer <= l.top) && (!inter[layer] || layer > 0 && shown == layer-1) {
			shown = layer
		}
	}
	if temporal <= 0 || shown > l.top {
		l.top = max(shown, 0)
	}
	if shown < 0 || len(l.sizes) == 0 {
		return Size{}, shown >= 0
	}
	return l.sizes[min(int(shown), len(l.sizes)-1)], true
}
