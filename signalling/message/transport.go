package message

import "encoding/json"

// TransportHint is one transport that a homeserver offers to its users
// (MSC4143, discovery). For a full mesh it is only a hint: a mesh needs
// nothing from the server.
type TransportHint struct {
	Type string
	// MaxParticipants is how many members the server would have meet in a
	// mesh; 0 when it does not say.
	MaxParticipants int
	// ICEPolicy is "all" or "relay"; "" when the server does not say.
	ICEPolicy string
	// Raw is the entry as it was read, for types we do not speak.
	Raw json.RawMessage
}

// ParseTransports reads the answer of the transports endpoint. The list may
// stand under "transports" or "rtc_transports" or, when nothing is configured,
// be absent, which is an empty list (decision D16). Entries that are no
// transports are left out.
func ParseTransports(content []byte) ([]TransportHint, error) {
	o, err := parseObject(content)
	if err != nil {
		return nil, err
	}
	defer o.doc.release()
	list := o.findKind("transports", kindList)
	if list == 0 {
		list = o.findKind("rtc_transports", kindList)
	}
	if list == 0 {
		return nil, nil
	}
	var hints []TransportHint
	o.doc.entries(list, func(at int32) {
		entry := object{doc: o.doc, at: at}
		if o.doc.nodes[at].kind != kindObject || entry.name("type") == "" {
			return
		}
		most, _ := entry.integer("max_participants", 0, 1<<20, "a number of members")
		hints = append(hints, TransportHint{
			Type:            entry.name("type"),
			MaxParticipants: int(most),
			ICEPolicy:       entry.name("ice_policy"),
			Raw:             o.doc.cut(at),
		})
	})
	return hints, nil
}
