package mesh

import "fmt"

// FramePolicy says when frames are encrypted once more, from end to end. All
// members of a call have to do the same: who encrypts shows no frames that are
// not, and who does not cannot read those that are.
type FramePolicy uint8

const (
	// FramesAuto encrypts in encrypted rooms what a focus forwards: between two
	// devices the connection itself is encrypted from end to end.
	FramesAuto FramePolicy = iota
	// FramesOn encrypts always.
	FramesOn
	// FramesOff never does.
	FramesOff
)

var framePolicyNames = [...]string{"auto", "on", "off"}

// String gives the name by which the policy is configured.
func (p FramePolicy) String() string {
	if int(p) < len(framePolicyNames) {
		return framePolicyNames[p]
	}
	return fmt.Sprintf("FramePolicy(%d)", uint8(p))
}

// ParseFramePolicy reads "auto", "on" or "off"; "" is auto.
func ParseFramePolicy(name string) (FramePolicy, error) {
	if name == "" {
		return FramesAuto, nil
	}
	for i, known := range framePolicyNames {
		if name == known {
			return FramePolicy(i), nil
		}
	}
	return 0, fmt.Errorf("encryption of frames %q is unknown: auto, on or off", name)
}

// Applies reports whether frames are encrypted in a room, encrypted or not,
// when a focus forwards them, or nobody does.
func (p FramePolicy) Applies(encryptedRoom, forwarded bool) bool {
	return p == FramesOn || p == FramesAuto && encryptedRoom && forwarded
}
