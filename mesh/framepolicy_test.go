package mesh_test

import (
	"testing"

	"meshfocus/mesh"
)

func TestFramePolicy_IsOnByItselfWhereEncryptedRoomsAreForwarded(t *testing.T) {
	for _, test := range []struct {
		name                                    string
		policy                                  mesh.FramePolicy
		plain, encrypted, forwarded, encForward bool
	}{
		{"auto", mesh.FramesAuto, false, false, false, true},
		{"on", mesh.FramesOn, true, true, true, true},
		{"off", mesh.FramesOff, false, false, false, false},
	} {
		got, err := mesh.ParseFramePolicy(test.name)
		if err != nil || got != test.policy || got.String() != test.name {
			t.Errorf("%s reads as %v, %v", test.name, got, err)
		}
		for _, place := range []struct{ encrypted, forwarded, want bool }{
			{false, false, test.plain}, {true, false, test.encrypted}, {false, true, test.forwarded}, {true, true, test.encForward},
		} {
			if is := got.Applies(place.encrypted, place.forwarded); is != place.want {
				t.Errorf("%s, room encrypted %v, forwarded %v: %v", test.name, place.encrypted, place.forwarded, is)
			}
		}
	}
	if _, err := mesh.ParseFramePolicy("sometimes"); err == nil {
		t.Error("sometimes is a policy")
	}
	if got, err := mesh.ParseFramePolicy(""); got != mesh.FramesAuto || err != nil {
		t.Errorf("nothing is %v, %v", got, err)
	}
}
