package guest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"meshfocus/signalling/message"
	"meshfocus/signalling/socket"
)

const (
	// reportEvery is how often a guest's report goes to pages that are signed
	// in: each costs the homeserver a message, and people look at them.
	reportEvery = 10 * time.Second
	// hearEvery is how often one device's report is taken.
	hearEvery = time.Second
	// readersMost bounds how many devices are told, reportMost one report in
	// bytes, as docs/protocol.md has it.
	readersMost = 64
	reportMost  = 8 << 10
)

// readers are devices that report to us, with when they last did: those of
// pages that are signed in elsewhere. Other guests of this gateway are told by
// it.
type readers map[message.Party]time.Time

// heard notes a report and reports whether it may be taken.
func (r readers) heard(from message.Party, now time.Time) bool {
	last, known := r[from]
	if now.Sub(last) < hearEvery || !known && len(r) >= readersMost {
		return false
	}
	r[from] = now
	return true
}

// Report tells what the browser sees to the devices that tell us.
func (s *Seat) Report(report json.RawMessage) {
	now := time.Now()
	s.mu.Lock()
	var to []message.Party
	if now.Sub(s.reported) >= reportEvery {
		for party := range s.readers {
			if s.facts.Joined[party.UserID] {
				to = append(to, party)
			} else {
				delete(s.readers, party)
			}
		}
	}
	if len(to) > 0 {
		s.reported = now
	}
	s.mu.Unlock()
	slices.SortFunc(to, func(a, b message.Party) int { return strings.Compare(a.String(), b.String()) })
	for _, party := range to {
		s.account.SendReport(party, s.place.Room.ID, report)
	}
}

// Report gives the browser what another device sees.
func (s *sink) Report(from message.Party, report json.RawMessage) {
	now := time.Now()
	if len(report) > reportMost || !bytes.HasPrefix(report, []byte("{")) {
		return
	}
	s.seat.mu.Lock()
	take := s.seat.facts.Joined[from.UserID] && s.seat.readers.heard(from, now)
	s.seat.mu.Unlock()
	if take {
		s.to.Reports([]socket.Report{{Party: from, At: now, Content: report}})
	}
}
