package inspect

import (
	"crypto/x509"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/message"
)

func TestJudgePower_KnowsTheRulesOfEachRoomVersion(t *testing.T) {
	state := func(kind, sender, content string) stateEvent {
		return stateEvent{Type: kind, Sender: sender, Content: json.RawMessage(content)}
	}
	for _, c := range []struct {
		name   string
		events []stateEvent
		want   Level
		says   string
	}{
		{"nobody special, nothing named", []stateEvent{state("m.room.create", "@bob:hs", `{"room_version":"11"}`), state("m.room.power_levels", "@bob:hs", `{"users":{"@bob:hs":100}}`)}, Broken, "call.member needs 50"},
		{"calls are named", []stateEvent{state("m.room.power_levels", "@bob:hs", `{"events":{"org.matrix.msc3401.call.member":0}}`)}, Note, "opening a slot"},
		{"state for everybody", []stateEvent{state("m.room.power_levels", "@bob:hs", `{"state_default":0}`)}, Fine, "enough for all"},
		{"a creator in version 12, who has no level", []stateEvent{state("m.room.create", "@alice:hs", `{"room_version":"12"}`), state("m.room.power_levels", "@bob:hs", `{"state_default":100}`)}, Fine, "a creator"},
		{"another creator in version 12", []stateEvent{state("m.room.create", "@bob:hs", `{"room_version":"12","additional_creators":["@alice:hs"]}`)}, Fine, "a creator"},
		{"the creator in version 10, who was demoted", []stateEvent{state("m.room.create", "@alice:hs", `{"room_version":"10"}`), state("m.room.power_levels", "@bob:hs", `{"users":{"@bob:hs":100}}`)}, Broken, "being in a call"},
		{"the creator without power levels", []stateEvent{state("m.room.create", "@alice:hs", `{"room_version":"10"}`)}, Fine, "enough for all"},
		{"ringing inside of m.room.encrypted", []stateEvent{state("m.room.encryption", "@bob:hs", `{}`), state("m.room.power_levels", "@bob:hs", `{"state_default":0,"events":{"m.room.encrypted":10}}`)}, Warning, "m.room.encrypted needs 10"},
		{"levels that are no numbers", []stateEvent{state("m.room.power_levels", "@bob:hs", `{"events":"all"}`)}, Broken, "needs 50"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := judgePower(readRoom("!r:hs", c.events), "@alice:hs")
			if f.Level != c.want || !strings.Contains(f.Found, c.says) {
				t.Errorf("%s: %s; want %s with %q", f.Level, f.Found, c.want, c.says)
			}
		})
	}
}

func TestSnippetPower_IsWhatItSays(t *testing.T) {
	_, body, _ := strings.Cut(snippetPower(true), "\n")
	var content powerLevels
	if err := json.Unmarshal([]byte(body), &content); err != nil {
		t.Fatal(err)
	}
	if level, set := content.Events[message.TypeCallMember]; !set || level != 0 {
		t.Errorf("%+v", content)
	}
}

func TestJudgeCertificate_LooksAtTimeNameAndChain(t *testing.T) {
	authority, now := newAuthority(t), time.Now()
	leaf := func(change func(*x509.Certificate)) []*x509.Certificate {
		template := newScene(t).leaf
		template.DNSNames = []string{"matrix.hs.test"}
		change(&template)
		issued := authority.issue(t, &template)
		parsed, err := x509.ParseCertificate(issued.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return []*x509.Certificate{parsed}
	}
	same := func(*x509.Certificate) {}
	for _, c := range []struct {
		name  string
		chain []*x509.Certificate
		roots *x509.CertPool
		want  Level
		says  string
	}{
		{"good", leaf(same), authority.pool, Fine, "good until"},
		{"none", nil, authority.pool, Broken, "no certificate"},
		{"not yet valid", leaf(func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) }), authority.pool, Broken, "only"},
		{"another name", leaf(func(c *x509.Certificate) {
			c.DNSNames = []string{"a.test", "b.test", "c.test", "d.test", "e.test"}
			c.IPAddresses = nil
		}), authority.pool, Broken, "1 others"},
		{"unknown authority, whole chain", append(leaf(same), authority.certificate), x509.NewCertPool(), Broken, "unknown authority"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := judgeCertificate(c.chain, "matrix.hs.test", c.roots, now)
			if f.Level != c.want || !strings.Contains(f.Found, c.says) {
				t.Errorf("%s: %s; want %s with %q", f.Level, f.Found, c.want, c.says)
			}
		})
	}
}

func TestURIFault_FollowsRFC7064And7065(t *testing.T) {
	for uri, want := range map[string]struct {
		good, relay bool
	}{
		"turn:turn.hs.test:3478?transport=udp": {true, true},
		"turns:[2001:db8::1]:443":              {true, true},
		"stun:stun.hs.test":                    {true, false},
		"turn:hs.test?transport=quic":          {false, false},
		"turn:":                                {false, false},
		"https://turn.hs.test":                 {false, false},
		"turn.hs.test":                         {false, false},
		"":                                     {false, false},
	} {
		if fault, relay := uriFault(uri); (fault == "") != want.good || relay != want.relay {
			t.Errorf("%q: fault %q, relay %t", uri, fault, relay)
		}
	}
}

func TestPlainTime_IsReadByPeople(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1500 * time.Microsecond: "1 ms", 502 * time.Millisecond: "502 ms", 9999 * time.Millisecond: "10 s", 1300 * time.Millisecond: "1.3 s",
		10 * time.Minute: "10 min", 24 * time.Hour: "24 h",
	} {
		if got := plainTime(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}

func FuzzAnswer_IsSaidOnOneLine(f *testing.F) {
	for _, body := range []string{`{}`, `{"errcode":"M_FORBIDDEN","error":"a\nb"}`, "<html><title>x\ny</title>", "plain\x00text", `{"retry_after_ms":1e300}`} {
		f.Add(404, body)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		a := answer{status: status, body: []byte(body), header: http.Header{"Location": {body}}}
		if words := a.words(); words == "" || strings.ContainsAny(words, "\n\r") {
			t.Errorf("%q", words)
		}
		if wait := a.retryAfter(); wait < 0 {
			t.Errorf("wait %s", wait)
		}
		_, _ = readTransports(a)
		_ = uriFaultOf(body)
		_ = judgePower(readRoom("!r", []stateEvent{{Type: "m.room.create", Content: a.body}, {Type: "m.room.power_levels", Content: a.body}}), "@a:b")
	})
}

func uriFaultOf(uri string) string {
	fault, _ := uriFault(uri)
	return fault
}
