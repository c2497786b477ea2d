package guest

import (
	"log/slog"

	"meshfocus/mesh"
	"meshfocus/mesh/headless"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/socket"
)

// Config says which room to be in, and as whom.
type Config struct {
	// Account is how to log in: Homeserver, and the Token of a device that was
	// made for the guest (NewParty names one). Encrypt and Trust are taken as they are; ReplaceKeys is
	// always set, because without a StateDir a guest's keys do not outlive this
	// process.
	Account matrix.Config
	// Name is the person's display name.
	Name string
	// Room is an ID or an alias; it is joined.
	Room string
	// ConfID is the MSC3401 conference; "" means DefaultConfID.
	ConfID string
	// ICEServers are used besides those that the homeserver names.
	ICEServers []socket.ICEServer
	// Relay says when media goes through TURN only (decision D29).
	Relay headless.RelayPolicy
	// Profile is the form of the guest's membership in the slot.
	Profile matrix.Profile
	// EncryptFrames says when the browser encrypts sound and picture once more,
	// from end to end.
	EncryptFrames mesh.FramePolicy
	// MaxMembers is the largest call to enter; 0 means mesh.DefaultMaxMembers.
	MaxMembers int

	Log *slog.Logger // nil: nothing is logged
}

// DefaultConfID is the conference of a room that has none of its own.
const DefaultConfID = "lobby"

func (c Config) withDefaults() Config {
	if c.ConfID == "" {
		c.ConfID = DefaultConfID
	}
	if c.MaxMembers <= 0 {
		c.MaxMembers = mesh.DefaultMaxMembers
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Account.ReplaceKeys = true
	if c.Account.OneTimeKeys == 0 {
		c.Account.OneTimeKeys = 2 * mesh.DefaultMaxMembers
	}
	c.Account.DeviceName = "meshfocus guest"
	if c.Account.Log == nil {
		c.Account.Log = c.Log
	}
	return c
}
