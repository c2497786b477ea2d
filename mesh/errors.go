package mesh

import "errors"

// Why a device is not connected to. They stand in Snapshot and come from
// Registry.Check.
var (
	// ErrMeshFull: the session has as many members as Config.MaxMembers
	// allows. Whoever joined later is refused; members who are in stay in (D6).
	ErrMeshFull = errors.New("the mesh is full: more members than max_members allows")
	// ErrUnsupportedFocus: the session's oldest member chose another kind of
	// transport than full_mesh, and so did this one, or all of them.
	ErrUnsupportedFocus = errors.New("unsupported focus: the session does not use full_mesh")
	// ErrSlotClosed: somebody with the power for it has closed the room's call.
	ErrSlotClosed = errors.New("the call is closed")
	// ErrMemberFocus: this member uses another transport than full_mesh.
	ErrMemberFocus = errors.New("unsupported focus: the member does not use full_mesh")
)

// Why a message was not acted upon. They stand in Snapshot.Refused.
var (
	// ErrNobody: no sender, or ourselves.
	ErrNobody = errors.New("the message has no sender, or comes from ourselves")
	// ErrOtherSession: dest_session_id names another client instance.
	ErrOtherSession = errors.New("the message is for another session of this device")
	// ErrOtherInvitee: the invite names somebody else.
	ErrOtherInvitee = errors.New("the invite is for somebody else")
	// ErrCleartext: encryption is required and the message had none (D23).
	ErrCleartext = errors.New("the message is not encrypted, and this room requires that")
	// ErrOtherDevice: device_id is not the device that encrypted the message.
	ErrOtherDevice = errors.New("the message claims another device than the one that encrypted it")
	// ErrTooLarge: the message cannot have come in one to-device event.
	ErrTooLarge = errors.New("the message is larger than an event may be")
	// ErrNoMembership: no membership of the sender turned up in time, or too
	// much was waiting for one.
	ErrNoMembership = errors.New("the sender is no member of the call")
	// ErrNotEntered: the call is known and we are not in it.
	ErrNotEntered = errors.New("we are not in that call")
	// ErrTooManyInvites: the device has called ten times within a minute (D29).
	ErrTooManyInvites = errors.New("the device sends more invites than ten a minute")
	// ErrApart: both say that they get each other by a focus.
	ErrApart = errors.New("a focus is between us and the sender, which need not call")
	// ErrMetElsewhere: the pair has a live call in another session.
	ErrMetElsewhere = errors.New("the pair is already connected in another session of the room")
)

// errHold is the verdict on a message that has to wait for facts.
var errHold = errors.New("the message waits for a membership")
