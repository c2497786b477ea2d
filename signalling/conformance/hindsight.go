package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// The lines that look at what stands in the room, or back at all the client
// has said in the run. They come last.

func memberCounts(_ context.Context, b *bench) error {
	for _, r := range membership.Compute(b.facts, time.Now()).Refusals {
		if r.Sender == b.config.Peer.UserID && r.DeviceID == b.config.Peer.DeviceID && r.Rule == membership.RuleFocus {
			return fmt.Errorf("%s (%s)", r.Rule, r.Detail)
		}
	}
	m, ok := b.member(b.config.Peer)
	switch {
	case !ok:
		return errors.New("it is no member of the session")
	case !m.Mesh:
		return fmt.Errorf("its transport is %s, not full_mesh", m.Focus)
	case m.SessionID == "":
		return errors.New("its membership has no session ID")
	}
	return nil
}

// said is all that the client has said, or that it has said nothing.
func (b *bench) said() ([]Heard, error) {
	if len(b.all) == 0 {
		return nil, notApplicable("it has said nothing in the whole run")
	}
	return b.all, nil
}

func sizeLimit(_ context.Context, b *bench) error {
	all, err := b.said()
	for _, h := range all {
		if len(h.Content) > message.MaxContent {
			return fmt.Errorf("a %s had %d bytes", h.Type, len(h.Content))
		}
	}
	return err
}

// envelopeFields are those every message has to carry. What only helps one
// kind of peer (room_id, org.matrix.msgid) is not insisted upon.
func envelopeFields() []string {
	return []string{"call_id", "version", "party_id", "conf_id", "device_id", "sender_session_id", "dest_session_id"}
}

func envelopeWhole(_ context.Context, b *bench) error {
	all, err := b.said()
	for _, h := range all {
		var content map[string]json.RawMessage
		if err := json.Unmarshal(h.Content, &content); err != nil {
			return fmt.Errorf("a %s is no JSON object", h.Type)
		}
		var missing []string
		for _, field := range envelopeFields() {
			if content[field] == nil {
				missing = append(missing, field)
			}
		}
		if h.Signal.Kind.Numbered() && content["seq"] == nil {
			missing = append(missing, "seq")
		}
		if len(missing) > 0 {
			return fmt.Errorf("a %s lacks %s", h.Type, strings.Join(missing, ", "))
		}
	}
	return err
}

func metadataBoth(_ context.Context, b *bench) error {
	seen := false
	for _, h := range b.all {
		switch h.Signal.Kind {
		case message.Invite, message.Answer, message.Negotiate, message.MetadataChanged:
		default:
			continue
		}
		seen = true
		var content map[string]json.RawMessage
		_ = json.Unmarshal(h.Content, &content) // it was read as a signal before
		for _, key := range []string{message.KeyMetadata, message.KeyMetadataUnstable} {
			if content[key] == nil {
				return fmt.Errorf("a %s has no %s", h.Type, key)
			}
		}
	}
	if !seen {
		return notApplicable("it has described no stream in the whole run")
	}
	return nil
}

func seqDense(_ context.Context, b *bench) error {
	numbers := map[string][]uint32{}
	for _, h := range b.all {
		if h.Signal.Seq != nil { // whether it should have one is another line
			numbers[h.Signal.CallID] = append(numbers[h.Signal.CallID], *h.Signal.Seq)
		}
	}
	if len(numbers) == 0 {
		return notApplicable("it has numbered nothing in the whole run")
	}
	for callID, run := range numbers {
		slices.Sort(run)
		for i, seq := range run {
			if seq != uint32(i) {
				return fmt.Errorf("the messages of call %s have the numbers %v, want 0 to %d", callID, run, len(run)-1)
			}
		}
	}
	return nil
}

func selectUnnumbered(_ context.Context, b *bench) error {
	seen := false
	for _, h := range b.all {
		if h.Signal.Kind != message.SelectAnswer && h.Signal.Kind != message.Reject {
			continue
		}
		seen = true
		if h.Signal.Seq != nil {
			return fmt.Errorf("a %s has seq %d", h.Type, *h.Signal.Seq)
		}
	}
	if !seen {
		return notApplicable("it has sent neither in the whole run")
	}
	return nil
}

func olmAlways(_ context.Context, b *bench) error {
	all, err := b.said()
	for _, h := range all {
		if !h.Encrypted {
			return fmt.Errorf("a %s came in cleartext", h.Type)
		}
	}
	return err
}
