package conformance_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// block is a JSON block of the page: an event of the room, a to-device message,
// or the answer of an endpoint.
type block struct {
	line     int
	raw      json.RawMessage
	Type     string          `json:"type"`
	StateKey *string         `json:"state_key"`
	Sender   string          `json:"sender"`
	Content  json.RawMessage `json:"content"`
}

func pageBlocks(t *testing.T) (blocks []block) {
	t.Helper()
	page, err := os.ReadFile("../../docs/msc-full-mesh.md")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	inside := false
	for number, line := range strings.Split(string(page), "\n") {
		switch {
		case line == "```json":
			inside = true
			text.Reset()
		case inside && line == "```":
			inside = false
			b := block{line: number, raw: json.RawMessage(text.String())}
			if err := json.Unmarshal(b.raw, &b); err != nil {
				t.Fatalf("the block that ends in line %d: %v", number, err)
			}
			blocks = append(blocks, b)
		case inside:
			text.WriteString(line + "\n")
		}
	}
	return blocks
}

// faultless parses a block with the parser of its type, and wants that nothing
// had to be tolerated.
func faultless(b block) error {
	tolerated := func(faults message.Faults, err error) error {
		if err == nil && len(faults) > 0 {
			return faults
		}
		return err
	}
	switch b.Type {
	case message.TypeCall:
		_, err := message.ParseCallObject(b.Content)
		return err
	case message.TypeSlot:
		slot, err := message.ParseSlot(b.Content)
		if err == nil && !slot.Open {
			err = errors.New("the slot is not open")
		}
		return tolerated(slot.Faults, err)
	case message.TypeCallMember, message.TypeMemberFamedly:
		member, err := message.ParseMember(b.Content)
		if err == nil && member.Form == message.FormLeft {
			err = errors.New("it reads as a leave")
		}
		return tolerated(member.Faults, err)
	case message.TypeMember:
		member, err := message.ParseStickyMember(b.Content)
		if err == nil && member.Left {
			err = errors.New("it reads as a leave")
		}
		return tolerated(member.Faults, err)
	case message.TypeMediaKey:
		key, err := message.ParseMediaKey(b.Type, b.Content)
		return tolerated(key.Faults, err)
	case "":
		hints, err := message.ParseTransports(b.raw)
		if err == nil && (len(hints) != 1 || !message.IsMesh(hints[0].Type)) {
			err = errors.New("it offers no mesh")
		}
		return err
	}
	signal, err := message.ParseSignal(b.Type, b.Content)
	if err == nil {
		_, _, err = signal.Encode()
	}
	return tolerated(signal.Faults, err)
}

func TestPage_HoldsRealContentsOnly(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range pageBlocks(t) {
		seen[b.Type] = true
		if err := faultless(b); err != nil {
			t.Errorf("the %s that ends in line %d: %v", b.Type, b.line, err)
		}
	}
	for _, want := range []string{
		message.TypeMember, message.TypeCallMember, message.TypeMemberFamedly, message.TypeSlot, message.TypeCall, "",
		message.TypeInvite, message.TypeAnswer, message.TypeSelectAnswer, message.TypeCandidates, message.TypeNegotiate, message.TypeMetadataChanged,
		message.TypeHangup, message.TypeReject, message.TypeMediaKey,
	} {
		if !seen[want] {
			t.Errorf("there is no example of %q", want)
		}
	}
}

// The members of the page are in sessions, can be met, and carry the session
// IDs that its messages name.
func TestPage_ItsMembersCount(t *testing.T) {
	now := time.UnixMilli(1_790_000_000_000)
	facts := membership.Facts{RoomID: "!room:example.org", Joined: map[string]bool{}}
	for _, b := range pageBlocks(t) {
		if b.Sender == "" {
			continue
		}
		facts.Joined[b.Sender] = true
		event := membership.Event{Type: b.Type, Sender: b.Sender, EventID: "$" + b.Sender + b.Type, SentAt: now.Add(-time.Minute), Content: b.Content}
		if b.StateKey == nil {
			facts.Sticky = append(facts.Sticky, membership.Sticky{Event: event, Until: now.Add(time.Hour), Duration: time.Hour})
			continue
		}
		event.StateKey = *b.StateKey
		facts.State = append(facts.State, event)
	}
	result := membership.Compute(facts, now)
	sessions := map[string]string{}
	for _, s := range result.Sessions {
		for _, m := range s.Members {
			if !m.Mesh {
				t.Errorf("%s cannot be met", m.Party)
			}
			sessions[m.DeviceID] = m.SessionID
		}
	}
	for device, want := range map[string]string{
		"ALICEDEV": "a1b2c3d4e5f6", "BOBDEV": "d4e5f6a1b2c3", "CAROLDEV": "0f1e2d3c4b5a", "DAVEDEV": "c2Vzc2lvbiBvZiBkYXZl",
	} {
		if sessions[device] != want {
			t.Errorf("%s is in session %q, want %q\n%+v", device, sessions[device], want, result.Refusals)
		}
	}
}
