package transport

import "meshfocus/focus/transport/link"

// Event is something a connection has to say. Those of a Conn are
// CandidatesFound, StateChanged and TrackAdded; those of a Bundle are named there.
type Event interface{ event() }

// CandidatesFound holds local candidates found after the description they
// belong to was handed out, in batches. The last batch of a generation ends
// with an empty candidate, the end marker; if all candidates were in the
// description no batch comes at all.
type CandidatesFound struct{ Candidates []Candidate }

// StateChanged says where the connection is now.
type StateChanged struct{ State State }

// TrackAdded announces a track of the other side whose first packet came.
type TrackAdded struct{ Track *RemoteTrack }

func (CandidatesFound) event() {}
func (StateChanged) event()    {}
func (TrackAdded) event()      {}

// State is where a connection is, from first offer to close.
type State = link.State

// The states. A restart leads from disconnected or failed back to connecting.
const (
	StateNew          = link.StateNew
	StateConnecting   = link.StateConnecting
	StateConnected    = link.StateConnected
	StateDisconnected = link.StateDisconnected
	StateFailed       = link.StateFailed
	StateClosed       = link.StateClosed
)
