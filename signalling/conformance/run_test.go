package conformance_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"meshfocus/signalling/conformance"
	"meshfocus/signalling/message"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	low  = message.Party{UserID: "@a:hs", DeviceID: "A"}
	mid  = message.Party{UserID: "@m:hs", DeviceID: "M"}
	high = message.Party{UserID: "@z:hs", DeviceID: "Z"}
)

// try runs the list against a model with a defect; us says from where.
func try(t *testing.T, us, peer message.Party, defect string, encrypted bool, only ...string) (report conformance.Report) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := newModel(us, peer, defect, encrypted)
		var err error
		report, err = conformance.Run(t.Context(), conformance.Config{
			Self: us, Peer: peer, Key: m.key, Wire: m, Mailbox: m.mailbox, Connect: m.Connect, Olm: true, Only: only,
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // virtual: lets the model's timers run out
	})
	return report
}

func with(report conformance.Report, outcome conformance.Outcome) (ids []string) {
	for _, r := range report.Results {
		if r.Outcome == outcome {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

func TestRun_PassesWhoKeepsToThePage(t *testing.T) {
	passed := map[string]bool{}
	for _, us := range []message.Party{low, high} {
		report := try(t, us, mid, "", true)
		if failed := with(report, conformance.Failed); len(failed) > 0 || len(report.Results) != len(conformance.Checks()) {
			t.Errorf("as %s: %d lines, failed are %v\n%v", us, len(report.Results), failed, report)
		}
		for _, id := range with(report, conformance.Passed) {
			passed[id] = true
		}
	}
	for _, id := range conformance.Lines() {
		if !passed[id] && !slices.Contains(namedPairs, id) {
			t.Errorf("%s applies from nowhere", id)
		}
	}
}

// namedPairs are the lines that apply to pairs of certain names alone.
var namedPairs = []string{"order.prefix", "order.own_devices"}

// defects is how a client can be broken, seen from where it shows, with the
// lines that it fails then. Some cannot but fail several: who does not call has
// no line left to pass.
var defects = []struct {
	defect string
	us     message.Party
	want   []string
}{
	{"focus", low, []string{"member.counts"}},
	{"order", low, []string{"order.waits"}},
	{"order", high, []string{"candidates.first", "collision.callee", "media.grace", "media.stops", "offer.audio", "order.calls", "session.change"}},
	{"early", low, []string{"invite.early"}},
	{"candidates", high, []string{"candidates.first"}},
	{"hole", low, []string{"seq.hole"}},
	{"twice", low, []string{"seq.twice"}},
	{"offset", low, []string{"seq.offset"}},
	{"unnumbered", low, []string{"seq.none"}},
	{"version", low, []string{"version.number"}},
	{"unstable", low, []string{"metadata.unstable"}},
	{"none", low, []string{"metadata.none"}},
	{"audio", high, []string{"offer.audio"}},
	{"silent", low, []string{"offer.silent"}},
	{"collision", high, []string{"collision.callee"}},
	{"session", high, []string{"seq.dense", "session.change"}},
	{"stale", low, []string{"session.stale"}},
	{"conf", low, []string{"conf.unknown"}},
	{"tombstone", low, []string{"hangup.tombstone"}},
	{"overtakes", low, []string{"hangup.overtakes"}},
	{"clear", low, []string{"clear.refused"}},
	{"device", low, []string{"device.bound"}},
	{"large", low, []string{"size.large"}},
	{"size", low, []string{"size.limit"}},
	{"envelope", low, []string{"envelope.whole"}},
	{"metadata", low, []string{"metadata.both"}},
	{"dense", low, []string{"seq.dense"}},
	{"select", high, []string{"select.unnumbered"}},
	{"olm", low, []string{"olm.always"}},
	{"mute", high, []string{"media.grace", "media.stops"}},
	{"grace", low, []string{"media.grace"}},
	{"endless", high, []string{"media.grace"}},
	{"stops", low, []string{"media.stops"}},
}

func TestRun_FailsABrokenClientAtTheRightLine(t *testing.T) {
	for _, test := range defects {
		t.Run(test.defect+" seen from "+test.us.UserID, func(t *testing.T) {
			report := try(t, test.us, mid, test.defect, true)
			failed := with(report, conformance.Failed)
			slices.Sort(failed)
			if !slices.Equal(failed, test.want) {
				t.Errorf("failed are %v, want %v\n%v", failed, test.want, report)
			}
			for _, r := range report.Results {
				if r.Outcome == conformance.Failed && r.Detail == "" {
					t.Errorf("%s does not say what was seen", r.ID)
				}
			}
		})
	}
}

// No line is without a client that fails it.
func TestRun_EachLineCanBeFailed(t *testing.T) {
	failed := slices.Concat(namedPairs, []string{"invite.answered"}) // tests of their own, below
	for _, d := range defects {
		failed = append(failed, d.want...)
	}
	for _, id := range conformance.Lines() {
		if !slices.Contains(failed, id) {
			t.Errorf("%s is failed by nobody", id)
		}
	}
}

func TestRun_AClientThatAnswersNothingFailsWhereAnAnswerIsDue(t *testing.T) {
	report := try(t, low, mid, "answer", true)
	failed := with(report, conformance.Failed)
	if !slices.Contains(failed, "invite.answered") || slices.Contains(failed, "conf.unknown") || slices.Contains(failed, "order.waits") {
		t.Errorf("failed are %v", failed)
	}
	for _, r := range report.Results {
		if r.ID == "envelope.whole" && r.Outcome != conformance.NotApplicable {
			t.Errorf("%s: %s", r.ID, r.Outcome)
		}
	}
}

func TestRun_OrdersOwnDevicesAndUsersWhoseIDsBeginAlike(t *testing.T) {
	phone, tablet := message.Party{UserID: "@m:hs", DeviceID: "PHONE"}, message.Party{UserID: "@m:hs", DeviceID: "TABLET"}
	short, long := message.Party{UserID: "@m:hs", DeviceID: "D"}, message.Party{UserID: "@m:hs.org", DeviceID: "D"}
	for _, pair := range []struct {
		us, peer message.Party
		line     string
	}{
		{phone, tablet, "order.own_devices"}, {tablet, phone, "order.own_devices"},
		{short, long, "order.prefix"}, {long, short, "order.prefix"},
	} {
		if report := try(t, pair.us, pair.peer, "", false, pair.line); len(with(report, conformance.Passed)) != 1 {
			t.Errorf("%s with %s: %v", pair.us, pair.peer, report)
		}
		if report := try(t, pair.us, pair.peer, "order", false, pair.line); len(with(report, conformance.Failed)) != 1 {
			t.Errorf("%s with %s who orders wrongly: %v", pair.us, pair.peer, report)
		}
	}
}

func TestRun_SaysWhatCannotBeTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(low, mid, "", false)
		config := conformance.Config{Self: low, Peer: high, Key: m.key, Wire: m, Mailbox: m.mailbox}
		if _, err := conformance.Run(t.Context(), config); !errors.Is(err, conformance.ErrNoPeer) {
			t.Errorf("a client that is not there: %v", err)
		}
		config.Peer, config.Only = mid, []string{"no.such"}
		if _, err := conformance.Run(t.Context(), config); err == nil || !strings.Contains(err.Error(), "seq.hole") {
			t.Errorf("a line that is not there: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		config.Only = nil
		if _, err := conformance.Run(ctx, config); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a run that is stopped: %v", err)
		}
		time.Sleep(time.Minute)
	})
}

func TestReport_IsTextJSONAndJUnit(t *testing.T) {
	report := try(t, low, mid, "hole", false, "seq.hole", "seq.none", "clear.refused")
	var text, junit strings.Builder
	if err := errors.Join(report.WriteText(&text), report.WriteJUnit(&junit)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"FAIL  seq.hole", "rule: docs/msc-full-mesh.md Order:", "n/a   clear.refused", "needs an encrypted room", "1 pass, 1 fail, 1 do not apply"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is missing in\n%s", want, text.String())
		}
	}
	var suite struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Cases    []struct {
			Failure *struct{} `xml:"failure"`
		} `xml:"testcase"`
	}
	if err := xml.Unmarshal([]byte(junit.String()), &suite); err != nil || suite.Tests != 3 || suite.Failures != 1 || suite.Cases[1].Failure == nil {
		t.Errorf("%v\n%s", err, junit.String())
	}
	encoded, err := json.Marshal(report)
	if err != nil || !strings.Contains(string(encoded), `"outcome":"fail"`) {
		t.Errorf("%v %s", err, encoded)
	}
}

// Each line has its name behind a rule in the section of the page that it rests
// on, and each name there is a line.
func TestChecks_AreTheRulesThatThePageNames(t *testing.T) {
	page, err := os.ReadFile("../../docs/msc-full-mesh.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{} // of the names in brackets
	section := ""
	for line := range strings.Lines(string(page)) {
		if title, is := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); is && line[0] == '#' {
			section = strings.TrimSpace(title)
		}
		for _, name := range regexp.MustCompile("\\[`([a-z_.]+)`\\]").FindAllStringSubmatch(line, -1) {
			if sections[name[1]] != "" {
				t.Errorf("%s stands in %s and in %s", name[1], sections[name[1]], section)
			}
			sections[name[1]] = section
		}
	}
	for _, c := range conformance.Checks() {
		if sections[c.ID] != c.Rule.Section {
			t.Errorf("%s rests on section %q, but the page names it in %q", c.ID, c.Rule.Section, sections[c.ID])
		}
		if c.Title == "" || c.Rule.Text == "" {
			t.Errorf("%s has no words", c.ID)
		}
		delete(sections, c.ID)
	}
	for name, section := range sections {
		t.Errorf("%s of section %s is tried by no line", name, section)
	}
}
