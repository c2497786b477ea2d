package guest

import (
	"errors"
	"fmt"
	"slices"

	"meshfocus/signalling/matrix"
	"meshfocus/signalling/message"
	"meshfocus/signalling/socket"
)

// refusedMost bounds of how many devices a browser is told that they are not
// listened to: more are in no call.
const refusedMost = 64

// refused are the devices whose latest message was not taken, the one that was
// refused first before others.
type refused []socket.Distrust

// add notes a refusal and reports whether it is news.
func (r *refused) add(is socket.Distrust) bool {
	if slices.Contains(*r, is) {
		return false
	}
	r.remove(is.Party)
	if len(*r) >= refusedMost {
		*r = slices.Delete(*r, 0, 1)
	}
	*r = append(*r, is)
	return true
}

// remove forgets a device and reports whether it was there.
func (r *refused) remove(party message.Party) bool {
	before := len(*r)
	*r = slices.DeleteFunc(*r, func(is socket.Distrust) bool { return is.Party == party })
	return len(*r) < before
}

// distrustWords tells a guest why a device is neither spoken nor listened to.
// The rule is the server's: a guest has chosen none.
func distrustWords(party message.Party, err error) string {
	var distrust *matrix.Distrust
	if errors.As(err, &distrust) {
		return fmt.Sprintf("This server does not trust device %s of %s: %s.", party.DeviceID, party.UserID, distrust.Why)
	}
	return fmt.Sprintf("A message of device %s of %s was not taken: %v.", party.DeviceID, party.UserID, err)
}
