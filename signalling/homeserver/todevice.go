package homeserver

import (
	"cmp"
	"encoding/json"
	"slices"

	"meshfocus/signalling/homeserver/journal"
)

// inboxBatch is how many to-device messages one /sync delivers.
const inboxBatch = 100

// anyDevice addresses all devices of a user.
const anyDevice = "*"

// letter is a to-device message that waits for its device.
type letter struct {
	at int64 // stream position
	// event is the message as /sync shows it, encoded once for all devices
	// that get the same.
	event json.RawMessage
}

// sendToDevice delivers to each device once per transaction. Users and devices
// that do not exist are passed over, as the specification has it.
func (s *Server) sendToDevice(r *request) (any, error) {
	var body struct {
		Messages map[string]map[string]json.RawMessage `json:"messages"`
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if body.Messages == nil {
		return nil, missingParam("messages")
	}
	if len(r.param("type")) > maxField {
		return nil, tooLarge("the type may have %d bytes", maxField)
	}
	encoded, err := encodeMessages(r.param("type"), r.user.id, body.Messages)
	if err != nil {
		return nil, err
	}
	txn := txnKey("toDevice", r.param("type"), r.param("txn"))
	m := s.model
	defer m.hold(r)()
	if _, done := r.device.txns.get(txn); done {
		return nothing{}, nil
	}
	c := m.begin()
	sent := m.deliver(c, encoded)
	c.remember(r.device, txn, json.RawMessage(`{}`))
	written := c.commit()
	for _, d := range sent {
		d.written = written
		d.notify()
	}
	return nothing{}, nil
}

// encodeMessages makes the events out of the contents, each of which must be
// an object.
func encodeMessages(kind, sender string, messages map[string]map[string]json.RawMessage) (map[string]map[string]json.RawMessage, error) {
	envelope := struct {
		Type    string          `json:"type"`
		Sender  string          `json:"sender"`
		Content json.RawMessage `json:"content"`
	}{Type: kind, Sender: sender}
	for userID, devices := range messages {
		for deviceID, content := range devices {
			if len(content) == 0 || content[0] != '{' {
				return nil, badJSON("the message for %.255s %.255s must be an object", userID, deviceID)
			}
			envelope.Content = content
			event, err := encode(envelope)
			if err != nil {
				return nil, badJSON("the message for %.255s %.255s: %v", userID, deviceID, err)
			}
			devices[deviceID] = event
		}
	}
	return messages, nil
}

// deliver puts messages into inboxes and names the devices that got some.
func (m *model) deliver(c *change, messages map[string]map[string]json.RawMessage) (sent []*device) {
	for userID, devices := range messages {
		u := m.users[userID]
		if u == nil {
			continue
		}
		for deviceID, event := range devices {
			for _, d := range u.addressed(deviceID) {
				at := m.next()
				d.inbox = append(d.inbox, letter{at: at, event: event})
				c.entries = append(c.entries, journal.Entry{Bucket: bucketInbox, Key: inboxKey(d, at), Value: event})
				sent = append(sent, d)
			}
		}
	}
	return sent
}

// addressed resolves a device ID or the wildcard.
func (u *user) addressed(deviceID string) []*device {
	if deviceID != anyDevice {
		if d := u.devices[deviceID]; d != nil {
			return []*device{d}
		}
		return nil
	}
	all := make([]*device, 0, len(u.devices))
	for _, d := range u.devices {
		all = append(all, d)
	}
	return all
}

func inboxKey(d *device, at int64) string { return key(d.user.id, d.id, positionPart(at)) }

// acknowledge drops the messages up to a position: the device came back with
// the token that says it has them. Nobody waits for this to be written, for a
// restart filters by the same token.
func (d *device) acknowledge(m *model, position int64) {
	n, _ := slices.BinarySearchFunc(d.inbox, position+1, func(msg letter, p int64) int { return cmp.Compare(msg.at, p) })
	if n == 0 {
		return
	}
	entries := make([]journal.Entry, n)
	for i := range entries {
		entries[i] = drop(bucketInbox, inboxKey(d, d.inbox[i].at))
	}
	if m.store != nil {
		m.store.Append(entries...) // not m.write: see above
	}
	clear(d.inbox[:n])
	d.inbox = d.inbox[n:]
	if len(d.inbox) == 0 {
		d.inbox = nil
	}
}

// waiting is the next batch of messages behind a position.
func (d *device) waiting(position int64) []letter {
	n, _ := slices.BinarySearchFunc(d.inbox, position+1, func(msg letter, p int64) int { return cmp.Compare(msg.at, p) })
	left := d.inbox[n:]
	return left[:min(len(left), inboxBatch)]
}
