package home

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
)

// guarded is a homeserver that refuses member events where refuse says so of the state
// key, as one does that forgot that somebody has joined.
func guarded(refuse func(key string) bool) inside {
	return inside{around: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, key, found := strings.Cut(r.URL.Path, "/state/"+memberType+"/"); found && refuse(key) {
				w.WriteHeader(http.StatusForbidden)
				fmt.Fprint(w, `{"errcode":"M_FORBIDDEN","error":"not in room"}`)
				return
			}
			h.ServeHTTP(w, r)
		})
	}}
}

// TestStorm_TriesAgainAsClientsDo: whoever is refused the first time comes in the next.
func TestStorm_TriesAgainAsClientsDo(t *testing.T) {
	var before sync.Map
	r := measured(t, guarded(func(key string) bool { _, again := before.LoadOrStore(key, true); return !again }),
		scenario.Scenario{Name: "storm", Kind: scenario.Storm, Devices: 4})
	counts(t, r)
	f := r.Figures
	if f[report.Present] != 1 || f[report.Failed] != 4 || f[report.JoinMillis] < millis(again) || overloaded(r) {
		t.Errorf("%+v", f)
	}
	if !strings.Contains(r.Note, "4 requests failed") || !strings.Contains(r.Note, "not in room") {
		t.Errorf("the note is %q", r.Note)
	}
}

// TestStorm_SaysHowManyCameIn where one is never let in: that is a figure, too.
func TestStorm_SaysHowManyCameIn(t *testing.T) {
	h, err := enter(t.Context(), guarded(func(key string) bool { return strings.Contains(key, "-1:") }), rival.Place{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.leave() }()
	h.endurance = 10 * time.Second // of which only the one who is refused needs more than a moment
	r := report.Round{Figures: report.Figures{}}
	if err := h.storm(t.Context(), scenario.Scenario{Name: "storm", Kind: scenario.Storm, Devices: 4}, &r); err != nil {
		r.Invalid = err.Error()
	}
	counts(t, r)
	f := r.Figures
	if f[report.Present] != 0.75 || f[report.Failed] < 1 || f[report.ConnectedMillis] <= 0 || !overloaded(r) {
		t.Errorf("%+v", f)
	}
	if course := r.Course["devices that see all"]; len(course) != 3 {
		t.Errorf("the course is %v", course)
	}
}

// TestStorm_SaysThatNobodySawAll of a homeserver that tells nobody anything.
func TestStorm_SaysThatNobodySawAll(t *testing.T) {
	h, err := enter(t.Context(), inside{around: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/sync") && r.URL.Query().Get("since") != "" {
				<-r.Context().Done()
				return
			}
			next.ServeHTTP(w, r)
		})
	}}, rival.Place{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.leave() }()
	h.endurance = 2 * time.Second
	r := report.Round{Figures: report.Figures{}}
	if err := h.storm(t.Context(), scenario.Scenario{Name: "storm", Kind: scenario.Storm, Devices: 3}, &r); err != nil {
		r.Invalid = err.Error()
	}
	counts(t, r)
	if present, ok := r.Has(report.Present); !ok || present != 0 {
		t.Errorf("%+v", r.Figures)
	}
	if _, ok := r.Has(report.JoinMillis); ok {
		t.Errorf("nobody was in, but: %+v", r.Figures)
	}
}

func TestEnding_IsThatOfTheAnswer(t *testing.T) {
	for text, want := range map[string]string{
		`{"next_batch":"s1","rooms":{}}`:                                     "s1",
		`{ "next_batch" : "s2" }`:                                            "s2",
		`{"rooms":{"x":{"body":"\"next_batch\":\"no\""}},"next_batch":"s3"}`: "s3",
		`{"rooms":{"next_batch":"no"},"next_batch":"s4"}`:                    "s4",
		`{"next_batch":"s5","rooms":{"next_batch":"no"}}`:                    "s5",
		`{"next_batch":"a\"b"}`:                                              `a"b`,
		`{}`:                                                                 "",
	} {
		if got, err := ending([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	if _, err := ending([]byte(`{"next_ba`)); err == nil {
		t.Error("an answer that was cut off has an end")
	}
}

// TestView_WaitsForThoseWhoAreIn and counts each of them once, when it was first told.
func TestView_WaitsForThoseWhoAreIn(t *testing.T) {
	var devices []*device
	for i := range 3 {
		devices = append(devices, &device{account: account{User: fmt.Sprintf("@%d:x", i), Device: "D"}})
	}
	v := newView(devices, "!r")
	v.began = time.Now()
	told := func(at time.Duration, keys ...string) answer {
		var all []string
		for _, key := range keys {
			all = append(all, fmt.Sprintf(`{"type":%q,"state_key":%q}`, memberType, key))
		}
		return answer{v.began.Add(at), []byte(`{"rooms":{"join":{"!r":{"timeline":{"events":[` + strings.Join(all, ",") + `]}}}}}`)}
	}
	in := []int{0, 2}
	v.hear(0, told(1, devices[0].key(), "_@nobody:x_D"))
	v.hear(2, told(2, devices[2].key(), devices[0].key()))
	if v.complete(in) {
		t.Error("one has not seen the other")
	}
	v.hear(0, told(3, devices[0].key(), devices[2].key()))
	v.hear(0, told(4, devices[0].key(), devices[2].key()))
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	v.wait(ctx, in, func() {})
	if at, count := v.sight(0, in); ctx.Err() != nil || at != 3 || count != 2 {
		t.Errorf("saw %d, the last at %v", count, at)
	}
}

// TestView_ReadsNothingUntilAllSeemToBeThere: reading takes longer than all else, and the
// levels of a room name the type of members, too.
func TestView_ReadsNothingUntilAllSeemToBeThere(t *testing.T) {
	devices := []*device{{account: account{User: "@0:x", Device: "D"}}, {account: account{User: "@1:x", Device: "D"}}}
	v := newView(devices, "!r")
	all := []int{0, 1}
	member := func(d *device) string { return fmt.Sprintf(`{"type":%q,"state_key":%q}`, memberType, d.key()) }
	levels := fmt.Sprintf(`{"type":"m.room.power_levels","content":{"events":{%q:0}}}`, memberType)
	for i, texts := range [][]string{{levels, member(devices[0])}, {levels, member(devices[0])}, {member(devices[1])}, {member(devices[1])}} {
		if v.may(all) {
			t.Errorf("after %d answers all may be there", i)
		}
		v.hear(i%2, answer{time.Now(), []byte(`{"rooms":{"join":{"!r":{"timeline":{"events":[` + strings.Join(texts, ",") + `]}}}}}`)})
	}
	if !v.may(all) || !v.complete(all) {
		t.Error("all are there, and it is not seen")
	}
}
