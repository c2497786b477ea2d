package lane

import (
	"slices"

	"meshfocus/simulcast"
)

const (
	// routesMost is how many SSRCs of a connection are known at a time: three
	// layers with their retransmissions, of ten tracks.
	routesMost = 64
	// routeCells is how many cells the table has, a power of two and twice as
	// many, so that a search is short and always ends.
	routeCells = 2 * routesMost
)

// inflow is where packets of one SSRC go.
type inflow struct {
	ssrc    uint32
	repair  bool // a retransmission stream
	retired bool // its stream has another SSRC by now
	stream  *stream
}

// routes is the SSRCs of a connection: a small table of open addressing, so that
// no map is walked for a packet. It is never emptied cell by cell: whoever takes
// something away makes it anew.
type routes struct {
	cells [routeCells]inflow // stream nil: free
	used  int
	last  int
}

// slot is where an SSRC is looked for first: the upper bits of a multiplication by
// the golden ratio of 2³².
func slot(ssrc uint32) int { return int(ssrc * 0x9E3779B1 >> 25 % routeCells) }

// find gives the route of an SSRC, nil if there is none.
func (r *routes) find(ssrc uint32) *inflow {
	if cell := &r.cells[r.last]; cell.ssrc == ssrc && cell.stream != nil {
		return cell
	}
	for at := slot(ssrc); ; at = (at + 1) % routeCells {
		cell := &r.cells[at]
		if cell.stream == nil {
			return nil
		}
		if cell.ssrc == ssrc {
			r.last = at
			return cell
		}
	}
}

// set makes a route, or changes it. It is false if the table is full of routes
// that are in use.
func (r *routes) set(ssrc uint32, s *stream, repair bool) bool {
	if known := r.find(ssrc); known != nil {
		if known.stream != s {
			known.retired = false
		}
		known.stream, known.repair = s, repair
		return true
	}
	if r.used == routesMost {
		r.keep(func(kept *inflow) bool { return !kept.retired })
	}
	if r.used == routesMost {
		return false
	}
	r.insert(inflow{ssrc: ssrc, repair: repair, stream: s})
	return true
}

func (r *routes) insert(new inflow) {
	at := slot(new.ssrc)
	for r.cells[at].stream != nil {
		at = (at + 1) % routeCells
	}
	r.cells[at] = new
	r.used++
}

// keep makes the table anew of what is worth keeping.
func (r *routes) keep(worth func(*inflow) bool) {
	var fresh routes
	for i := range r.cells {
		if cell := &r.cells[i]; cell.stream != nil && worth(cell) {
			fresh.insert(*cell)
		}
	}
	*r = fresh
}

// payload is what a payload type means on a connection.
type payload struct {
	format  *Format // nil: nothing was agreed on
	rtx     bool    // retransmissions of the format
	red     bool    // redundant sound of the format
	section int16   // the only section it is of, -1 if there are several
}

// section is an IncomingSection at work.
type section struct {
	mid     string
	track   *Track
	rids    []string
	formats []Format
	// announced: the description has named SSRCs.
	announced bool
}

// index gives the stream that a layer's name stands for. Without names there is
// one.
func (s *section) index(rid string) (uint8, bool) {
	if len(s.rids) == 0 {
		return 0, true
	}
	for i, name := range s.rids {
		if name == rid {
			return uint8(i), true
		}
	}
	return 0, len(s.rids) == 1 && rid == ""
}

// rid gives the name of a stream.
func (s *section) rid(index uint8) string {
	if int(index) < len(s.rids) {
		return s.rids[index]
	}
	return ""
}

// offers reports whether a format is one of the section's.
func (s *section) offers(payloadType uint8) bool {
	for i := range s.formats {
		if f := &s.formats[i]; f.PayloadType == payloadType ||
			f.RTX != 0 && f.RTX == payloadType || f.Red != 0 && f.Red == payloadType {
			return true
		}
	}
	return false
}

// newSection takes a section as it was agreed on, within bounds.
func newSection(in IncomingSection) section {
	return section{
		mid: in.MID, track: in.Track,
		rids:      slices.Clone(in.RIDs[:min(len(in.RIDs), simulcast.Streams)]),
		formats:   slices.Clone(in.Formats),
		announced: len(in.Sources) > 0,
	}
}
