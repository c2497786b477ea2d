package pion

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"meshfocus/focus/feedback"
)

// Nacks is a factory of interceptors that ask for lost packets, in place of
// Pion's nack.GeneratorInterceptor: at once after reordering is ruled out, again
// after a measured round trip, ten times at the most, and never more than a share
// of what arrives (feedback.Missing).
type Nacks struct{}

// NewInterceptor makes one for a connection.
func (Nacks) NewInterceptor(string) (interceptor.Interceptor, error) {
	return &nacks{clock: newClock(), wake: make(chan struct{}, 1), done: make(chan struct{})}, nil
}

// nacks asks for what the streams of one connection have lost.
type nacks struct {
	interceptor.NoOp
	clock clock
	wake  chan struct{} // something was missed
	done  chan struct{}
	once  sync.Once
	loops sync.WaitGroup

	mu      sync.Mutex // guards all below; nothing is written under it
	streams []*incoming
	repairs []*incoming
	wanted  []uint16
}

// incoming is one stream that arrives, of media or of retransmissions.
type incoming struct {
	ssrc    uint32
	missing *feedback.Missing // nil for retransmissions
	of      *incoming         // the stream that retransmissions belong to, once known
}

// BindRTCPWriter begins to ask.
func (n *nacks) BindRTCPWriter(writer interceptor.RTCPWriter) interceptor.RTCPWriter {
	n.loops.Go(func() { n.run(writer) })
	return writer
}

// BindRemoteStream follows a stream if NACKs were agreed to for it, or if it is
// one of retransmissions.
func (n *nacks) BindRemoteStream(info *interceptor.StreamInfo, reader interceptor.RTPReader) interceptor.RTPReader {
	s := &incoming{ssrc: info.SSRC}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case agreed(info):
		limits := feedback.VideoLimits()
		if strings.HasPrefix(strings.ToLower(info.MimeType), "audio/") {
			limits = feedback.AudioLimits()
		}
		s.missing = feedback.NewMissing(limits)
		n.streams = append(n.streams, s)
	case strings.EqualFold(info.MimeType, "video/rtx"):
		n.repairs = append(n.repairs, s)
	default:
		return reader
	}
	return interceptor.RTPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		size, header, a, err := read(reader, b, a)
		if err != nil {
			return 0, nil, err
		}
		n.arrived(s, header, b[:size])
		return size, a, nil
	})
}

// agreed reports whether the stream's receiver may send NACKs.
func agreed(info *interceptor.StreamInfo) bool {
	return slices.ContainsFunc(info.RTCPFeedback, func(f interceptor.RTCPFeedback) bool {
		return f.Type == "nack" && f.Parameter == ""
	})
}

// UnbindRemoteStream forgets a stream.
func (n *nacks) UnbindRemoteStream(info *interceptor.StreamInfo) {
	n.mu.Lock()
	defer n.mu.Unlock()
	ended := func(s *incoming) bool { return s.ssrc == info.SSRC || s.of != nil && s.of.ssrc == info.SSRC }
	n.streams = slices.DeleteFunc(n.streams, ended)
	n.repairs = slices.DeleteFunc(n.repairs, ended)
}

// Close ends the loop.
func (n *nacks) Close() error {
	n.once.Do(func() { close(n.done) })
	n.loops.Wait()
	return nil
}

// arrived notes a packet.
func (n *nacks) arrived(s *incoming, header *rtp.Header, packet []byte) {
	now := n.clock.now()
	n.mu.Lock()
	defer n.mu.Unlock()
	if s.missing == nil {
		if original, ok := originalOf(header, packet); ok {
			n.repaired(s, original).missing.Repaired(original, now)
		}
		return
	}
	before := s.missing.Stats().Missed
	s.missing.Arrived(header.SequenceNumber, len(packet), now)
	if s.missing.Stats().Missed > before || s.missing.Next(0) <= now {
		select {
		case n.wake <- struct{}{}:
		default:
		}
	}
}

// originalOf gives the number that a retransmission stands for (RFC 4588 section
// 4); padding, of which probes are made, has none.
func originalOf(header *rtp.Header, packet []byte) (uint16, bool) {
	end := len(packet)
	if header.Padding {
		end -= int(packet[len(packet)-1])
	}
	at := header.MarshalSize()
	if at+2 > end {
		return 0, false
	}
	return binary.BigEndian.Uint16(packet[at:]), true
}

// repaired gives the stream that a retransmission belongs to. Nobody tells, so
// it is the one that waits for the packet, unless several do; what belongs
// together stays so.
func (n *nacks) repaired(s *incoming, original uint16) *incoming {
	if s.of != nil {
		return s.of
	}
	found := &incoming{missing: feedback.NewMissing(feedback.VideoLimits())} // nobody's
	wanting := 0
	for _, stream := range n.streams {
		if stream.missing.Wanted(original) {
			found = stream
			wanting++
		}
	}
	if wanting == 1 {
		s.of = found
	}
	return found
}

// run asks for what is due, until Close.
func (n *nacks) run(writer interceptor.RTCPWriter) {
	timer := time.NewTimer(time.Minute)
	defer timer.Stop()
	sender := rand.Uint32()
	for {
		due, rest := n.due(sender)
		if len(due) > 0 {
			// A connection that is gone is not ours to mourn.
			_, _ = writer.Write(due, interceptor.Attributes{})
		}
		timer.Reset(rest)
		select {
		case <-timer.C:
		case <-n.wake:
		case <-n.done:
			return
		}
	}
}

// due gives the requests of the moment, and for how long there will be none
// unless more is missed.
func (n *nacks) due(sender uint32) (due []rtcp.Packet, rest time.Duration) {
	now := n.clock.now()
	n.mu.Lock()
	defer n.mu.Unlock()
	rest = time.Minute
	for _, s := range n.streams {
		n.wanted = s.missing.Due(n.wanted[:0], 0, now)
		if len(n.wanted) > 0 {
			due = append(due, &rtcp.TransportLayerNack{
				SenderSSRC: sender, MediaSSRC: s.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(n.wanted),
			})
		}
		rest = min(rest, n.clock.until(s.missing.Next(0)))
	}
	return due, rest
}
