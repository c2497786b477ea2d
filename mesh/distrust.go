package mesh

import (
	"errors"
	"fmt"

	"meshfocus/signalling/message"
)

// Refuse notes messages that whoever received them did not hand on, because
// their device is not trusted or they were not encrypted (D23, D24). The link
// to the device says so until something of it is taken. At is set here. An
// error with a method Words gives the sentence for people. It never blocks.
func (r *Registry) Refuse(batch []Refused) { r.mailbox.Put(batch) }

// distrust tells a peer why its device is not listened or spoken to.
type distrust struct {
	party message.Party
	words string
}

// distrusted notes refused messages and tells the peers.
func (r *Registry) distrusted(batch []Refused) {
	for _, one := range batch {
		r.note(one)
		r.tellMeshes(distrust{one.From, wordsOf(one.From, one.Err)})
	}
}

// wordsOf turns the error of a refusal into a sentence for people.
func wordsOf(party message.Party, err error) string {
	if words := spoken(err); words != "" {
		return words
	}
	return fmt.Sprintf("A message of device %s of %s was not taken: %v.", party.DeviceID, party.UserID, err)
}

// spoken gives the words that an error has for people; "" if it has none.
func spoken(err error) string {
	var speaker interface{ Words() string }
	if errors.As(err, &speaker) {
		return speaker.Words()
	}
	return ""
}
