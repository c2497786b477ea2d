package egress

// names is which departure a packet of a stream was: RFC 8888 speaks of packets by
// SSRC and sequence number.
type names struct{ streams []stream }

const (
	// mostStreams bounds what is kept: twice what a subscriber has of video, with
	// retransmissions.
	mostStreams = 128
	// streamRoom is how many packets of a stream are kept: feedback takes at most
	// its 8 s (RFC 8888 section 3.1), and 4096 packets are that at 5 Mbit/s.
	streamRoom = 4096
)

type stream struct {
	ssrc  uint32
	cells []name
}

// name is the sequence number and the departure of one packet.
type name struct {
	sequence, number uint16
	used             bool
}

// find gives a stream, nil if nothing has left of it.
func (n *names) find(ssrc uint32) *stream {
	for i := range n.streams {
		if n.streams[i].ssrc == ssrc {
			return &n.streams[i]
		}
	}
	return nil
}

func (n *names) add(ssrc uint32, sequence, number uint16) {
	s := n.find(ssrc)
	if s == nil {
		if len(n.streams) == mostStreams {
			return
		}
		n.streams = append(n.streams, stream{ssrc, make([]name, streamRoom)})
		s = &n.streams[len(n.streams)-1]
	}
	s.cells[sequence%streamRoom] = name{sequence, number, true}
}

// number gives the departure of a packet.
func (s *stream) number(sequence uint16) (number uint16, ok bool) {
	found := s.cells[sequence%streamRoom]
	return found.number, found.used && found.sequence == sequence
}

// Name says by which stream and sequence number a departure is spoken of in
// feedback of RFC 8888. It is not needed for transport-wide feedback.
func (p *Path[T]) Name(number uint16, ssrc uint32, sequence uint16) {
	p.names.add(ssrc, sequence, number)
}

// Nameless forgets a stream that has ended.
func (p *Path[T]) Nameless(ssrc uint32) {
	for i := range p.names.streams {
		if s := p.names.streams; s[i].ssrc == ssrc {
			last := len(s) - 1
			s[i], s[last] = s[last], stream{}
			p.names.streams = s[:last]
			return
		}
	}
}
