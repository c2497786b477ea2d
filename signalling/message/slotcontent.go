package message

// SlotContent is the content of an MSC4143 slot.
type SlotContent struct {
	// Open is false for a slot that was closed, and for one that cannot be
	// read: the texts from July 2026 on take a malformed slot for a closed one.
	Open        bool
	Application string // application.type; "" when closed
	CallID      string // application's m.call.id, "" when absent
	Encryption  string // encryption.type, "" when absent
	Faults      Faults
}

// ParseSlot reads the content of a slot in both generations: until June 2026
// a slot with an application is open and {} is closed; since then status says
// so. The error is Faults or ErrTooLarge, and the slot is closed then.
func ParseSlot(content []byte) (SlotContent, error) {
	o, err := parseObject(content)
	if err != nil {
		return SlotContent{}, err
	}
	defer o.doc.release()
	s := SlotContent{}
	status, application := o.find("status"), o.find("application")
	if entry, ok := o.child("application"); ok {
		s.Application = entry.need("type", wantApplication, isApplication)
		s.CallID = entry.name("m.call.id")
	} else if application != 0 {
		o.fault("application", o.wrongKind(application), "an object with a type", true)
	}
	if entry, ok := o.child("encryption"); ok {
		s.Encryption = entry.name("type")
	}
	s.Open = s.Application != ""
	if status != 0 {
		switch o.name("status") {
		case "open":
			if application == 0 {
				o.fault("application", "missing", "an object with a type", true)
			}
		case "closed":
			s.Open = false
		default:
			o.fault("status", quote(o.name("status")), "open or closed", true)
		}
	}
	if o.doc.faults.essential() {
		return SlotContent{}, o.doc.faults
	}
	s.Faults = o.doc.faults
	return s, nil
}

// Encode writes the content of a slot, open or closed, for the readers of both
// generations. The error is Faults.
func (s SlotContent) Encode() ([]byte, error) {
	w := writer{fields: map[string]any{"status": "closed"}}
	if s.Open {
		w.fields["status"] = "open"
		w.check("application.type", s.Application, isApplication)
		application := map[string]string{"type": s.Application}
		if s.CallID != "" {
			application["m.call.id"] = s.CallID
		}
		w.fields["application"] = application
		if s.Encryption != "" {
			w.fields["encryption"] = map[string]string{"type": s.Encryption}
		}
	}
	return w.finish("slot")
}
