package matrix

import (
	"fmt"

	"meshfocus/signalling/message"
)

// TrustPolicy says which devices with published keys we talk to (decision
// D24). Whether a device without keys is talked to in cleartext is another
// question, which EncryptMode answers (decision D23).
//
//	             owner has cross-signing        owner has none
//	any          any keys, changed ones too     any keys, changed ones too
//	known        the keys it was first seen with
//	cross_signed the owner's signature          any keys, changed ones too
//	verified     verified by us or our user     nobody
//
// A homeserver can always show a device that never was: what `known` keeps it
// from is to put other keys under a device that we have met.
type TrustPolicy uint8

const (
	// TrustCrossSigned wants the owner's cross-signature on a device if the
	// owner has cross-signing, and takes any device of other owners.
	TrustCrossSigned TrustPolicy = iota
	// TrustAny takes every device whose keys the homeserver vouches for.
	TrustAny
	// TrustVerified wants a device that we or our user have verified.
	TrustVerified
	// TrustKnown takes a device for as long as it keeps the keys that it was
	// first seen with; with a StateDir that is remembered over restarts.
	TrustKnown
)

// trustPolicies in the order in which they get stricter.
const trustPolicies = "any, known, cross_signed or verified"

var trustPolicyNames = [...]string{"cross_signed", "any", "verified", "known"}

// String gives the name that ParseTrustPolicy reads.
func (p TrustPolicy) String() string {
	if int(p) < len(trustPolicyNames) {
		return trustPolicyNames[p]
	}
	return fmt.Sprintf("TrustPolicy(%d)", uint8(p))
}

// ParseTrustPolicy reads "any", "known", "cross_signed" or "verified"; "" is
// cross_signed.
func ParseTrustPolicy(name string) (TrustPolicy, error) {
	if name == "" {
		return TrustCrossSigned, nil
	}
	for i, known := range trustPolicyNames {
		if name == known {
			return TrustPolicy(i), nil
		}
	}
	return 0, fmt.Errorf("trust policy %q is unknown: %s", name, trustPolicies)
}

// standing is what is known of a device that has published keys.
type standing struct {
	// changed: the keys are not those that the device was first seen with.
	changed bool
	// crossSigns: the owner has cross-signing. signed: with it the owner
	// signed this device. renewed: the owner's identity is not the first one
	// that we saw, and nobody verified the new one.
	crossSigns, signed, renewed bool
	// verified: we or our user have verified the device, or its owner.
	verified bool
}

// judge gives the reason for which a policy excludes a device, as a sentence
// about "it" that says what would help; "" when it is taken.
func (p TrustPolicy) judge(s standing) string {
	switch {
	case p == TrustAny, s.verified && !s.changed:
		return ""
	case p == TrustVerified:
		return "nobody here has verified it; verify it in a client of this account, or choose another trust policy than verified"
	case s.changed && p == TrustKnown:
		return "its encryption keys are not those it was first seen with; its owner should sign in anew, as a new device"
	case p == TrustKnown, !s.crossSigns:
		return ""
	case s.renewed:
		return "its owner's cross-signing identity is not the one that was first seen; verify the owner anew"
	case !s.signed:
		return "its owner has not signed it; the owner can verify it in another client"
	}
	return ""
}

// Distrust is why a device is not talked to. It wraps ErrUntrusted.
type Distrust struct {
	Party  message.Party
	Policy TrustPolicy
	// Why is about the device: "its owner has not signed it; …".
	Why string
}

// Words is a sentence for people.
func (d *Distrust) Words() string {
	return fmt.Sprintf("Device %s of %s is not trusted (policy %s): %s.", d.Party.DeviceID, d.Party.UserID, d.Policy, d.Why)
}

func (d *Distrust) Error() string {
	return fmt.Sprintf("%v: %s: %s (trust policy %s)", ErrUntrusted, d.Party, d.Why, d.Policy)
}

func (d *Distrust) Unwrap() error { return ErrUntrusted }

// Refusal is a message that was not handed on, for whom it was from.
type Refusal struct {
	From message.Party
	// Room is the one the message names; may be empty.
	Room string
	Kind message.Kind
	// Err is a *Distrust, or says that the message came in cleartext where
	// encryption is required, or under keys that its sender has not published.
	Err error
}

// RefusalSink is a Sink that wants to hear of messages that were refused for
// the sake of trust. Like Receive it must not block.
type RefusalSink interface {
	Sink
	Refuse([]Refusal)
}
