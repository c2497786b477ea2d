package socket

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// reportsMost bounds one frame of reports; parties beyond it are left out.
const reportsMost = 256 << 10

// handReportsRound gives every connected browser the reports of the others in
// its room: what came since the last round, and all of them to one who is new.
// Called by the gateway loop.
func (g *Gateway) handReportsRound() {
	for roomID, holders := range g.rooms() {
		local := g.localReports(roomID)
		var all []shared
		for _, h := range holders {
			if s, ok := h.takeReport(); ok {
				all = append(all, s)
			}
		}
		for _, h := range holders {
			h.giveReports(all, local)
		}
	}
}

// shared is a report of this round.
type shared struct {
	Report
	fresh bool // it came since the last round
}

// rooms gives the holders of each room, in the order of their parties.
func (g *Gateway) rooms() map[string][]*holder {
	g.mu.Lock()
	defer g.mu.Unlock()
	rooms := map[string][]*holder{}
	for _, h := range g.seats {
		select {
		case <-h.opened: // self and room are set
			if h.refusal == nil {
				rooms[h.room] = append(rooms[h.room], h)
			}
		default:
		}
	}
	for _, holders := range rooms {
		slices.SortFunc(holders, func(a, b *holder) int { return strings.Compare(a.self.String(), b.self.String()) })
	}
	return rooms
}

// localReports are those of this process's own parties, as far as they are
// fit to be sent.
func (g *Gateway) localReports(roomID string) []Report {
	return slices.DeleteFunc(slices.Clone(g.config.LocalReports(roomID)), func(r Report) bool {
		return !bytes.HasPrefix(r.Content, []byte("{")) || !json.Valid(r.Content)
	})
}

// takeReport gives the newest report, if there is one.
func (h *holder) takeReport() (shared, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := shared{Report: h.report, fresh: h.fresh}
	h.fresh = false
	return s, s.Content != nil
}

// giveReports queues the others' reports for the browser. One whose last
// frame of reports still waits gets a whole one in its place.
func (h *holder) giveReports(all []shared, local []Report) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.socket == nil {
		return
	}
	whole := !h.socket.informed || h.socket.waits(kindReports)
	h.socket.informed = true
	reports, size := []Report{}, 0
	add := func(r Report) {
		if size += len(r.Content); r.Party != h.self && size <= reportsMost {
			reports = append(reports, r)
		}
	}
	for _, r := range local {
		add(r)
	}
	for _, s := range all {
		if s.fresh || whole {
			add(s.Report)
		}
	}
	if len(reports) > 0 {
		h.socket.push(queued{kind: kindReports, text: encodeReports(reports)})
	}
}
