package membership

import (
	"strings"

	"meshfocus/signalling/message"
)

// Words are how the call messages of a session are written: their dialect, and
// the conf_id and slot_id that name it; slot_id is empty where there is none.
func (s Session) Words() (dialect message.Dialect, confID, slotID string) {
	switch s.Form {
	case message.FormSession:
		return message.DialectMatrix, s.ConfID, s.ConfID
	case message.FormFamedly:
		return message.DialectFamedly, famedlyCallID(s.ConfID), ""
	}
	return message.DialectMatrix, s.ConfID, ""
}

// Meant reports whether a call message is about the session, as far as its
// dialect and conf_id tell.
func (s Session) Meant(signal message.Signal) bool {
	if s.Form == message.FormFamedly || signal.Dialect == message.DialectFamedly {
		return s.Form == message.FormFamedly && signal.Dialect == message.DialectFamedly &&
			s.ConfID == FamedlyConfID(message.ApplicationCall, signal.ConfID)
	}
	return message.SameSlot(s.ConfID, signal.ConfID)
}

// famedlyCallID undoes FamedlyConfID; the call of the room has the empty ID.
func famedlyCallID(confID string) string {
	if confID == prefixFamedly+message.SlotRoom {
		return ""
	}
	_, callID, _ := strings.Cut(confID, "#")
	return callID
}
