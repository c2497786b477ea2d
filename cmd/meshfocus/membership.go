package main

import "meshfocus/signalling/matrix"

// MembershipConfig is about how those who are in a call are written down.
type MembershipConfig struct {
	Profile string `koanf:"profile"`
}

func membershipSettings() []setting {
	return []setting{
		{key: "membership.profile", flag: "membership-profile", def: "session", check: checkProfile,
			about: "How guests and the lobby's parties are written down in the slot of a room: session (a state event of each device, which every client with calls reads) or sticky (MSC4354, where the homeserver has that; the state otherwise, and while somebody is in the call who takes the transport of the oldest member). One only. famedly puts the lobby's parties into the Dart SDK's call (com.famedly.call.member), where its clients meet them; guests, who do not speak its dialect, are written as with session."},
	}
}

func checkProfile(c Config) error { return oneOf(c.Membership.Profile, "session", "sticky", "famedly") }

// profile is what checkProfile has let through.
func (c MembershipConfig) profile() matrix.Profile {
	profile, err := matrix.ParseProfile(c.Profile)
	if err != nil {
		panic(err) // checked when the settings were read
	}
	return profile
}

// ofGuests is the profile of guests: their pages do not speak the Dart SDK's
// dialect.
func (c MembershipConfig) ofGuests() matrix.Profile {
	if profile := c.profile(); profile != matrix.ProfileFamedly {
		return profile
	}
	return matrix.ProfileSession
}
