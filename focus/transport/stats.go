package transport

import (
	"net"
	"strconv"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// Stats is a snapshot of one connection. Counters run from its beginning;
// rates are for the reader to make from two snapshots.
type Stats struct {
	State State
	// ICE, DTLS and Signalling are the states as WebRTC names them.
	ICE, DTLS, Signalling string
	// Pair is the way media takes; zero before there is one.
	Pair CandidatePair
	// RTT is of the last connectivity check on Pair; 0 if unknown.
	RTT      time.Duration
	Sent     []SentStats
	Received []ReceivedStats
}

// CandidatePair says how two candidates reach each other. Kinds are "host",
// "srflx", "prflx" and "relay"; Protocol is "udp" or "tcp".
type CandidatePair struct {
	Local, Remote string
	Protocol      string
	// LocalAddress is ours, host and port.
	LocalAddress string
}

// SentStats counts one track we send.
type SentStats struct {
	Kind         Kind
	Codec        Codec
	ID, StreamID string
	SSRC         uint32
	Packets      uint64
	Bytes        uint64 // payload
	Frames       uint64
	Failed       uint64 // packets the connection refused
	Refused      bool   // the codec was not negotiated, nothing is sent

	// What the receiver asks and reports.
	KeyFrameRequests uint64
	Nacked           uint64        // packets asked for again
	Lost             uint32        // packets, over all
	LossFraction     float64       // 0 to 1, in the last report
	Jitter           time.Duration // RFC 3550
	RTT              time.Duration // from its reports; 0 if unknown
	Reports          uint64
}

// ReceivedStats counts one track we receive.
type ReceivedStats struct {
	Kind         Kind
	Codec        Codec
	ID, StreamID string
	SSRC         uint32
	Packets      uint64
	Bytes        uint64        // payload
	Nacked       uint64        // packets asked for again
	Lost         uint64        // packets given up
	Late         uint64        // packets that came after that, or twice
	Jitter       time.Duration // RFC 3550 section 6.4.1
	Frames       uint64        // put together
	KeyFrames    uint64
	Broken       uint64 // frames that could not be put together
	Unread       uint64 // frames dropped because nobody read them
	// KeyFrameRequests counts those we sent.
	KeyFrameRequests uint64
	// Width and Height of the last key frame, 0 if unknown.
	Width, Height int
	Ended         bool
}

// Stats takes a snapshot. It is cheap enough for every connection each second.
func (c *Conn) Stats() Stats {
	stats := Stats{State: c.State(), ICE: c.pc.ICEConnectionState().String(), Signalling: c.pc.SignalingState().String()}
	dtls := c.pc.SCTP().Transport()
	stats.DTLS = dtls.State().String()
	switch stats.State {
	case StateConnected, StateDisconnected, StateFailed:
		stats.path(dtls.ICETransport())
	}
	for _, o := range []*outlet{c.audio, c.video} {
		if o != nil {
			stats.Sent = append(stats.Sent, o.snapshot())
		}
	}
	c.mu.Lock()
	tracks := c.tracks
	c.mu.Unlock()
	for _, track := range tracks {
		stats.Received = append(stats.Received, track.Stats())
	}
	return stats
}

// path takes the pair that ICE has chosen. Not to be called before a
// connection was seen connected: Pion's transport races with its own start.
func (s *Stats) path(ice *webrtc.ICETransport) {
	pair, err := ice.GetSelectedCandidatePair()
	if err != nil || pair == nil {
		return
	}
	s.Pair = CandidatePair{
		Local: pair.Local.Typ.String(), Remote: pair.Remote.Typ.String(),
		Protocol:     pair.Local.Protocol.String(),
		LocalAddress: net.JoinHostPort(pair.Local.Address, strconv.Itoa(int(pair.Local.Port))),
	}
	if measured, ok := ice.GetSelectedCandidatePairStats(); ok {
		s.RTT = time.Duration(measured.CurrentRoundTripTime * float64(time.Second))
	}
}

// roundTrip is of the last connectivity check; 0 if there was none.
func (c *Conn) roundTrip() time.Duration {
	pair, ok := c.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePairStats()
	if !ok {
		return 0
	}
	return time.Duration(pair.CurrentRoundTripTime * float64(time.Second))
}

// report takes in what a receiver says of the stream.
func (s *SentStats) report(reports []rtcp.ReceptionReport, now time.Time) {
	for _, r := range reports {
		if r.SSRC != s.SSRC {
			continue
		}
		s.Reports++
		s.Lost = r.TotalLost
		s.LossFraction = float64(r.FractionLost) / 256
		if clock := s.Codec.ClockRate(); clock > 0 {
			s.Jitter = time.Duration(r.Jitter) * time.Second / time.Duration(clock)
		}
		if rtt, ok := roundTrip(r.LastSenderReport, r.Delay, now); ok {
			s.RTT = rtt
		}
	}
}

// ntpEpoch is 1900 in Unix seconds.
const ntpEpoch = -2208988800

// roundTrip computes the round trip time from a report block (RFC 3550
// section 6.4.1): all three in 1/65536 s, the middle of an NTP timestamp.
func roundTrip(lastSR, delay uint32, now time.Time) (time.Duration, bool) {
	if lastSR == 0 {
		return 0, false
	}
	seconds := uint64(now.Unix() - ntpEpoch)
	middle := uint32(seconds<<16) | uint32(uint64(now.Nanosecond())<<16/uint64(time.Second))
	rtt := middle - lastSR - delay
	if rtt >= 1<<31 { // clocks moved
		return 0, false
	}
	return time.Duration(rtt) * time.Second >> 16, true
}
