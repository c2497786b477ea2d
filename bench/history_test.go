package bench

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"testing"
	"time"

	"meshfocus/signalling/history"
	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/message"
)

// BenchmarkHistory reads the calls of a room of many events, page by page over
// real HTTP, as `meshfocus calls history --since all` does. It reports per
// room, so that the sizes can be compared:
//
//	ms/room  from the first page to the last call, the server's part included
//	MB/live  the most memory that was in use after a collection, above what was
//	         there before; looked at ten times on the way
func BenchmarkHistory(b *testing.B) {
	for _, events := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("events=%d", events), func(b *testing.B) {
			account, roomID := pastCalls(b, events)
			b.ReportMetric(0, "ns/op") // ms/room says it
			for b.Loop() {
				tellCalls(b, account, roomID, events)
			}
		})
	}
}

// tellCalls reads a room once and reports the figures.
func tellCalls(b *testing.B, account *matrix.Account, roomID string, events int) {
	before := usage()
	reader := history.NewReader(history.Options{Now: time.Now()})
	var most int
	var looking time.Duration
	calls, read, begun := 0, 0, time.Now()
	for event, err := range account.Timeline(b.Context(), roomID, history.Types()) {
		if err != nil {
			b.Fatal(err)
		}
		calls += len(reader.Add(event))
		if read++; read%(events/10) == 0 {
			pause := time.Now()
			now := usage()
			most = max(most, int(now)-int(before))
			looking += time.Since(pause)
		}
	}
	calls += len(reader.Finish())
	if read != events || calls < events/perCall {
		b.Fatalf("%d events and %d calls, want %d events and %d calls", read, calls, events, events/perCall)
	}
	b.ReportMetric(milliseconds(time.Since(begun)-looking), "ms/room")
	b.ReportMetric(float64(most)/1e6, "MB/live")
}

const (
	// perCall is how many events a call makes: seven users join and leave.
	perCall = 14
	// between is the time between two events: a hundred thousand are 46 days.
	between = 40 * time.Second
)

// pastCalls is an account on a homeserver that makes up the timeline of a room
// as it is asked for, so that what is measured is the reader's memory.
func pastCalls(b *testing.B, events int) (*matrix.Account, string) {
	server, err := homeserver.New(homeserver.Config{ServerName: "bench.local"})
	if err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	mux := http.NewServeMux()
	mux.Handle("/", server.Handler())
	mux.HandleFunc("GET /_matrix/client/v3/rooms/{room}/messages", func(w http.ResponseWriter, r *http.Request) {
		writePage(w, r, now, events)
	})
	front := httptest.NewServer(mux)
	b.Cleanup(front.Close)
	if err := server.EnsureUser("reader", ""); err != nil {
		b.Fatal(err)
	}
	token, err := server.IssueToken("reader", "READER", "reader")
	if err != nil {
		b.Fatal(err)
	}
	roomID, err := server.EnsureRoom("calls", "Calls", "reader", homeserver.PresetPublic)
	if err != nil {
		b.Fatal(err)
	}
	account, err := matrix.Open(b.Context(), matrix.Config{Homeserver: front.URL, Token: token, Encrypt: matrix.EncryptOff})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = account.Close() })
	return account, roomID
}

// writePage answers with the events before a token, newest first.
func writePage(w http.ResponseWriter, r *http.Request, now time.Time, events int) {
	from, _ := strconv.Atoi(r.URL.Query().Get("from"))
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	var page struct {
		Chunk []map[string]any `json:"chunk"`
		End   string           `json:"end,omitempty"`
	}
	for i := from; i < min(from+limit, events); i++ {
		page.Chunk = append(page.Chunk, pastEvent(i, now.Add(-time.Duration(i+1)*between)))
	}
	if from+limit < events {
		page.End = strconv.Itoa(from + limit)
	}
	_ = json.NewEncoder(w).Encode(page) // who has gone needs no answer
}

// pastEvent is the i-th event from the end: calls of seven, one after the other,
// each with devices of its own, as browsers have them.
func pastEvent(i int, at time.Time) map[string]any {
	user, device := fmt.Sprintf("@user%d:bench.local", i%7), fmt.Sprintf("D%d", i/perCall)
	content := json.RawMessage(`{}`)
	if i%perCall >= perCall/2 {
		content = json.RawMessage(`{"application":"m.call","call_id":"","scope":"m.room","device_id":"` + device +
			`","expires":14400000,"focus_active":{"type":"full_mesh"},"foci_preferred":[{"type":"full_mesh"}]}`)
	}
	return map[string]any{
		"type": message.TypeCallMember, "state_key": "_" + user + "_" + device + "_m.call", "sender": user,
		"event_id": fmt.Sprintf("$%d", i), "origin_server_ts": at.UnixMilli(), "content": content,
	}
}

// usage gives heap and stacks in use after a collection.
func usage() (heap uint64) {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapInuse + stats.StackInuse
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
