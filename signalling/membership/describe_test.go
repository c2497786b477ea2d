package membership_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// describe writes a result for people: instants are told from now on.
func describe(about string, now time.Time, result membership.Result) []byte {
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s\n", about)
	for _, s := range result.Sessions {
		fmt.Fprintf(&text, "\nsession %s: form %s, focus %s", s.ConfID, s.Form, s.Focus)
		if s.Slot != membership.SlotMissing {
			fmt.Fprintf(&text, ", slot %s %s", s.Slot, s.SlotCallID)
		}
		if !s.Current {
			fmt.Fprint(&text, ", not the current call")
		}
		if s.Call != nil {
			fmt.Fprintf(&text, ", call %s %s", s.Call.Intent, s.Call.Type)
		}
		fmt.Fprintln(&text)
		for _, m := range s.Members {
			describeMember(&text, now, s, m)
		}
	}
	for i, r := range result.Refusals {
		if i == 0 {
			fmt.Fprintln(&text)
		}
		fmt.Fprintf(&text, "refused %s of %s with key %q device %q\n  by %s\n", r.EventID, r.Sender, r.StateKey, r.DeviceID, r.Rule)
		if r.Detail != "" {
			fmt.Fprintf(&text, "  since %s\n", r.Detail)
		}
	}
	if !result.Next.IsZero() {
		fmt.Fprintf(&text, "\nnext in %s\n", result.Next.Sub(now))
	}
	return text.Bytes()
}

func describeMember(text *bytes.Buffer, now time.Time, s membership.Session, m membership.Member) {
	fmt.Fprintf(text, "  %s session %s, since %s, expires in %s, focus %s",
		m.Party, m.SessionID, now.Sub(m.CreatedAt), m.ExpiresAt.Sub(now), m.Focus)
	if m.Mesh {
		fmt.Fprint(text, ", mesh")
	}
	if m.Forwards {
		fmt.Fprint(text, ", forwards")
	}
	if m.Via != (message.Party{}) {
		fmt.Fprintf(text, ", via %s", m.Via)
	}
	if m.Intent != "" {
		fmt.Fprintf(text, ", intent %s", m.Intent)
	}
	for _, feed := range m.Feeds {
		fmt.Fprintf(text, ", feed %s", feed.Purpose)
	}
	if m.Form != s.Form {
		fmt.Fprintf(text, ", form %s", m.Form)
	}
	if s.Form != message.FormCalls {
		fmt.Fprint(text, ", transport ")
		if focus := s.Transport(m).Raw; json.Compact(text, focus) != nil {
			fmt.Fprint(text, "none")
		}
	}
	fmt.Fprintf(text, ", event %s\n", m.EventID)
}
