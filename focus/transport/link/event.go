package link

import (
	"net/netip"

	"meshfocus/focus/transport/srtp"
)

// Event is something a Link has to say. It is one of CandidateFound,
// GatheringDone, StateChanged, PathChanged, Secured, PeerLeft and
// ChannelOpened.
type Event interface{ event() }

// CandidateFound is a local candidate: the candidate-attribute without "a="
// (RFC 8839 section 5.1). Ufrag says which ICE generation it belongs to.
type CandidateFound struct{ Ufrag, Candidate string }

// GatheringDone says that the generation has no more candidates.
type GatheringDone struct{ Ufrag string }

// StateChanged says where the Link is now; Err why, if it has failed for good.
type StateChanged struct {
	State State
	Err   error
}

// PathChanged says where packets to the peer go from now on. A restart that has
// found its path tells it also if it is the one of before.
type PathChanged struct{ Path Path }

// Secured says that the peer is who it has to be, and what media is protected
// with from now on: ours with Seal, the peer's with Open. It comes once.
type Secured struct{ Seal, Open srtp.Master }

// PeerLeft says that the peer has closed its end of DTLS or SCTP, as it does
// when it hangs up or its page is closed. The Link stays as it is, but for its
// data channels.
type PeerLeft struct{}

// ChannelOpened is a data channel that the peer has opened.
type ChannelOpened struct{ Channel *Channel }

func (CandidateFound) event() {}
func (GatheringDone) event()  {}
func (StateChanged) event()   {}
func (PathChanged) event()    {}
func (Secured) event()        {}
func (PeerLeft) event()       {}
func (ChannelOpened) event()  {}

// State is where a Link is.
type State uint8

// The states. Connected means that there is a path and that it is secured. A
// restart leads from disconnected or failed back to connecting.
const (
	StateNew State = iota
	StateConnecting
	StateConnected
	StateDisconnected
	StateFailed
	StateClosed
)

// String gives the state in lower case, for logs.
func (s State) String() string {
	switch s {
	case StateNew:
		return "new"
	case StateConnecting:
		return "connecting"
	case StateConnected:
		return "connected"
	case StateDisconnected:
		return "disconnected"
	case StateFailed:
		return "failed"
	case StateClosed:
		return "closed"
	}
	return "unknown"
}

// Path is the way that packets take: the selected candidate pair.
type Path struct {
	// Local is the address of the socket to send from, of the relay's if
	// relayed; Remote is where the peer is.
	Local, Remote netip.AddrPort
	// Direct paths are UDP between a socket of the Port and the peer: media is
	// sent and received by the caller itself. On others it goes by Link.Write
	// and Config.Media.
	Direct bool
	// TCP is ICE-TCP (RFC 6544).
	TCP bool
	// LocalType and RemoteType are host, srflx, prflx or relay.
	LocalType, RemoteType string
}
