package simulcast

// spares is which spatial layers of a stream (SVC) are left out below the one that
// is shown, because nothing of that one needs them: with prediction between layers
// at key frames alone (L3T3_KEY), all frames of the lower layers between them. Who
// has not got them cannot go down but with a key frame.
//
// Pictures that are key frames are sent whole, and what comes next is chosen by the
// layers they were found to have.
type spares struct {
	shown   int8  // spatial layer the receiver shows, 0 in a key frame, -1 if it has none
	lacking uint8 // mask of layers of which something was left out since the key frame
}

// choose answers for a frame of a layer that is wanted as far as its height goes,
// in a picture of which shown was the layer to be shown.
func (s *spares) choose(p *Packet, shown int8) (Verdict, Reason) {
	switch i := &p.Info; {
	case shown < 0:
		return Drop, Awaited
	case i.Spatial >= shown || i.Needless>>min(shown, spatials-1)&1 == 0:
		return Forward, Kept
	case p.place != late:
		s.lacking |= 1 << i.Spatial
	}
	return Drop, Lower
}

// show says which layer is to be shown from the next picture on, if it can be.
func (s *spares) show(layer int8) {
	if s.shown = layer; s.lacks(layer) {
		s.shown = -1
	}
}

// spatials is how many spatial layers a stream may have (VP9's three bits).
const spatials = 8

// lacks reports whether frames of a layer are missing that later ones refer to.
func (s *spares) lacks(layer int8) bool { return layer >= 0 && s.lacking>>layer&1 != 0 }

// climb reports whether a frame that refers to its own super-frame alone lets the
// layer be shown: all below it was sent.
func (s *spares) climb(layer int8) bool {
	if s.lacks(layer - 1) {
		return false
	}
	s.lacking &^= 1 << layer
	return true
}

// broken reports whether the present stream has to begin anew for the layer that is
// wanted: frames of it have been left out, or the one that was shown is gone.
func (s *Selector) broken(source *Source) bool {
	if s.stream < 0 || s.spares.lacking == 0 {
		return false
	}
	top := source.streams[s.stream].crest.top
	if source.known == 1 {
		top = min(top, s.target.Spatial)
	}
	return s.spares.lacks(top)
}

// crest is the highest spatial layer inside a stream, as far as it comes at present.
type crest struct {
	top     int8
	peak    int8 // of the present picture
	recent  int8 // of the pictures that lacked the top
	lacking uint8
	key     bool // the present picture is a key frame
}

// lackMost is in how many pictures in a row the highest layer may be missing until
// it is taken for gone: half a second of 30 in a second. Encoders leave it out of
// one now and then.
const lackMost = 15

// turn takes note of the first packet of another picture, and reports whether the
// highest layer is a lower one than before.
func (c *crest) turn(i *Info) (fell bool) {
	before := c.top
	switch {
	case c.key: // says what layers there are
		c.top, c.lacking = c.peak, 0
	case c.peak >= c.top:
		c.lacking = 0
	default:
		if c.lacking == 0 {
			c.recent = 0
		}
		c.lacking++
		c.recent = max(c.recent, c.peak)
		if c.lacking >= lackMost {
			c.top, c.lacking = c.recent, 0
		}
	}
	for c.top > 0 && i.Silent>>min(c.top, spatials-1)&1 != 0 {
		c.top--
	}
	fell = c.top < before
	c.peak, c.key = 0, false
	return fell
}

// see takes note of a packet of the present picture.
func (c *crest) see(i *Info) {
	c.peak = max(c.peak, i.Spatial)
	c.top = max(c.top, i.Spatial)
	c.key = c.key || i.Key
}
