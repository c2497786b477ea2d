package jsep

import "fmt"

// Wish is what we would like a connection to carry, given anew to each Offer
// and Answer. Lines are put into an offer in their order.
type Wish struct {
	Lines []Line
	// Data asks for data channels. Those of the other side are always taken.
	Data bool
}

// Line is a wish for one m-section of sound or pictures.
type Line struct {
	// Name tells the lines of a Wish apart and stays the same from call to
	// call. The section that a line has found carries it.
	Name string
	Kind Kind
	// Track is what we send on it; nil receives only.
	Track *Track
	// SendOnly: nothing is received on it. Sections are received on otherwise.
	SendOnly bool
	// Layers are the rids of encodings that we ask for when the line is
	// offered first, the smallest picture first; three at most.
	Layers []string
}

// check looks for mistakes.
func (w Wish) check() error {
	names := make(map[string]bool)
	for _, line := range w.Lines {
		fault := line.fault()
		if names[line.Name] {
			fault = "its name comes twice"
		}
		if fault != "" {
			return fmt.Errorf("%w: line %q: %s", ErrWish, line.Name, fault)
		}
		names[line.Name] = true
	}
	return nil
}

// fault says what is wrong with a line, "" if nothing.
func (l Line) fault() string {
	switch {
	case l.Name == "":
		return "it has no name"
	case l.Kind != Audio && l.Kind != Video:
		return "its kind is neither audio nor video"
	case l.SendOnly && l.Track == nil:
		return "it neither sends nor receives"
	case len(l.Layers) > maxLayers:
		return fmt.Sprintf("%d layers, at most %d are taken", len(l.Layers), maxLayers)
	}
	for _, rid := range l.Layers {
		if !isRID(rid) {
			return fmt.Sprintf("%q cannot name a layer", rid)
		}
	}
	if l.Track != nil {
		return l.Track.fault()
	}
	return ""
}

// fault says why a track of ours cannot be written.
func (t Track) fault() string {
	switch {
	case t.Stream != "" && !isToken(t.Stream, 64) || t.Stream == "-":
		return "its stream id is no token of 1 to 64 characters (RFC 8830 section 2)"
	case !isToken(t.ID, 64):
		return "its track id is no token of 1 to 64 characters (RFC 8830 section 2)"
	case len(t.Sources) != 1 || t.Sources[0].SSRC == t.Sources[0].RTX:
		return "it needs one source, with another SSRC for retransmissions"
	}
	return ""
}

// direction is what the line wants.
func (l Line) direction() Direction {
	switch {
	case l.SendOnly:
		return SendOnly
	case l.Track != nil:
		return SendReceive
	}
	return ReceiveOnly
}

// line gives the line of a name.
func (w Wish) line(name string) (Line, bool) {
	for _, line := range w.Lines {
		if line.Name == name {
			return line, true
		}
	}
	return Line{}, false
}
