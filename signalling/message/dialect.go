package message

// Dialect is how the devices of a call name and order what they say to one
// another. Those of one session share one.
type Dialect uint8

// The dialects.
const (
	// DialectMatrix is m.call.* as MSC3401 uses it between devices.
	DialectMatrix Dialect = iota
	// DialectFamedly is what the Dart SDK speaks in calls of
	// com.famedly.call.member: types of its own, IDs of any grammar, a
	// conference ID that may be empty, its session in place of its device.
	DialectFamedly
)

// Calls reports whether a device calls another: the lesser does, by UTF-16 code
// unit (decision D21). It is Party.Before but in DialectFamedly, where user and
// device are compared as one string with a colon between them.
func (d Dialect) Calls(self, peer Party) bool {
	if d == DialectFamedly {
		return lessUTF16(self.UserID+":"+self.DeviceID, peer.UserID+":"+peer.DeviceID)
	}
	return self.Before(peer)
}

// eventType names a kind of message, "" for none.
func (d Dialect) eventType(kind Kind) string {
	name, ok := kindTypes[kind]
	if ok && d == DialectFamedly {
		return prefixFamedly + kind.String()
	}
	return name
}
