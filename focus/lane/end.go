package lane

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"meshfocus/focus/transport/srtp"
)

// ErrClosed: the End, the Track or the Lane has ended.
var ErrClosed = errors.New("lane: closed")

// EndConfig is what an End is made with.
type EndConfig struct {
	// Name says in logs who is at the other end.
	Name string
	// Write sends one datagram over a path that is not direct: link.Link.Write.
	// It may be nil if all paths are direct.
	Write func(datagram []byte) (int, error)
	// CName is the canonical name in our RTCP (RFC 3550 section 6.5.1): one for
	// all connections of a process that share a clock.
	CName string
	// Adaptive: what leaves is paced, and layers are chosen, by what the peer's feedback
	// (draft-holmer or RFC 8888) tells of the path; a peer that gives none, or takes no
	// retransmissions of video, gets everything as it comes, in layers by what it says
	// it can take (REMB) if it says that.
	Adaptive bool
	// Uplink is what the End shares with others, where it is adaptive; nil: it has its
	// way for itself.
	Uplink *Uplink
}

// End is one connection as a lane sees it: what arrives from a peer is its
// tracks, what goes to the peer is its subscriptions. It knows keys and
// addresses, and neither how they were agreed on nor who the peer is.
//
// What arrives is dealt with under the End's mutex, which a read loop takes once
// for a run of datagrams: a lane has several sockets, and a connection can move
// between them. Nobody else takes it but the clock loop and the calls below,
// so it is not fought over. What leaves is the send loop's.
//
// All methods may be called from any goroutine, except from inside a Sink.
type End struct {
	lane   *Lane     // set once
	config EndConfig // set once

	// roundTrip to the peer and back in nanoseconds, 0 if unknown: ICE's until
	// RTCP knows better.
	roundTrip atomic.Int64
	// subscribed counts the subscriptions of the peer.
	subscribed atomic.Int32

	mutex sync.Mutex
	in    intake // guarded by mutex

	side side   // paths that are not direct
	out  outlet // see there
}

// side takes in what comes over paths that are not direct, from goroutines that
// are not the lane's.
type side struct {
	mutex  sync.Mutex
	reader *reader // made when first used
}

// NewEnd makes a connection of the lane, without keys, paths or tracks yet.
func (l *Lane) NewEnd(c EndConfig) *End {
	e := &End{lane: l, config: c}
	e.in.init(rand.Uint32() | 1)
	l.enter(e)
	return e
}

// Secure gives the keys: seal for what we send, open for what arrives. It fails
// as srtp.NewOpener does. Keys of before are of no use from then on. The same keys
// once more change nothing: begun anew, they would seal numbers twice.
func (e *End) Secure(seal, open srtp.Master) error {
	opener, err := srtp.NewOpener(open)
	if err != nil {
		return err
	}
	sealer, err := srtp.NewSealer(seal)
	if err != nil {
		return err
	}
	if !e.out.rekeyed(seal) {
		return nil
	}
	e.mutex.Lock()
	closed := e.in.closed
	if !closed {
		e.in.opener = opener
	}
	e.mutex.Unlock()
	if closed {
		return ErrClosed
	}
	e.lane.secured(e, sealer)
	return nil
}

// SetPath says by which addresses the peer is reached from now on; direct: by
// the lane's socket that has the local one, else by EndConfig.Write. What comes
// from the addresses before is still taken.
func (e *End) SetPath(local, remote netip.AddrPort, direct bool) {
	e.lane.moved(e, local, remote, direct)
}

// Receive takes a datagram of RTP or RTCP that came over a path that is not
// direct. It is opened in place, so the bytes are worthless afterwards.
func (e *End) Receive(datagram []byte) {
	e.side.mutex.Lock()
	defer e.side.mutex.Unlock()
	if e.side.reader == nil {
		e.side.reader = newReader(e.lane, sidePackets)
	}
	now := e.lane.now()
	e.side.reader.single(e, datagram, now)
	e.side.reader.done()
}

// SetIncoming says what was agreed about the peer's media. Tracks that it names
// again keep all they know; those it does not name any more are ended. A track
// that is another End's, another lane's, or a local one, is left out.
func (e *End) SetIncoming(in Incoming) {
	e.mutex.Lock()
	if e.in.closed {
		in = Incoming{}
	}
	ended := e.in.agree(e, in)
	e.mutex.Unlock()
	for _, track := range ended {
		track.Close()
	}
	e.lane.poke(e)
}

// SetRoundTrip gives the round trip that ICE has measured. It counts until
// reports of the peer's tell one.
func (e *End) SetRoundTrip(d time.Duration) {
	if !e.out.measured() {
		e.roundTrip.Store(int64(d))
	}
}

// trip is the round trip to the peer, 0 if nobody knows.
func (e *End) trip() time.Duration { return time.Duration(e.roundTrip.Load()) }

// Close ends the subscriptions of the peer and the tracks it sent. Nothing is
// sent or taken afterwards.
func (e *End) Close() {
	e.mutex.Lock()
	if e.in.closed {
		e.mutex.Unlock()
		return
	}
	e.in.closed, e.in.opener = true, nil
	ended := e.in.agree(e, Incoming{})
	e.mutex.Unlock()
	for _, track := range ended {
		track.Close()
	}
	e.lane.closed(e)
}

// EndStats is what an End has done. Counts only go up.
type EndStats struct {
	Name      string
	RoundTrip time.Duration // 0 if unknown
	Received  ReceivedStats
	Sending   SendingStats
}

// ReceivedStats counts what arrived on a connection, in datagrams and bytes.
type ReceivedStats struct {
	Packets, Bytes int64 // of RTP that could be opened, padding and repeats as well
	Reports        int64 // datagrams of RTCP that could be opened
	Faults         int64 // RTCP packets that broke the rules
	Locked         int64 // came before there were keys
	Refused        int64 // could not be opened: forged, repeated, malformed
	Malformed      int64 // header, extension or payload broke the rules
	Unknown        int64 // of no track that was agreed on
	Restored       int64 // came as retransmission and were missing
	Unwanted       int64 // came as retransmission and were not
	Starved        int64 // no packet of the pool was free
	Feedback       int64 // datagrams of RTCP made for the peer about its media
}

// Stats gives the counts.
func (e *End) Stats() EndStats {
	stats := EndStats{Name: e.config.Name, RoundTrip: e.trip()}
	e.mutex.Lock()
	stats.Received = e.in.stats
	e.mutex.Unlock()
	e.out.statsInto(&stats.Sending)
	return stats
}
