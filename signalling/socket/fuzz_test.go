package socket

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"meshfocus/signalling/message"
)

// said are frames to begin with: right ones and nearly right ones.
var said = []string{
	`{"type":"hello","version":1,"call":"lobby","name":"Ada"}`,
	`{"type":"hello","version":2,"call":"lobby"}`,
	`{"type":"hello","version":1,"call":"../etc","name":"\u202e","seat":"AAAA","session":"x"}`,
	`{"type":"enter","feeds":["m.usermedia","m.screenshare"]}`,
	`{"type":"enter","feeds":["m.usermedia","m.usermedia"]}`,
	`{"type":"enter","feeds":["m.usermedia"],"via":{"user_id":"@focus:x","device_id":"FOCUS"}}`,
	`{"type":"enter","via":{"user_id":"focus"}}`,
	`{"type":"enter"}`,
	`{"type":"signal","id":1,"to":{"user_id":"@web-1:town","device_id":"WEB1"},"event":"m.call.hangup","content":{"call_id":"c","version":"1","party_id":"WEB2","conf_id":"m.call#ROOM","room_id":"!lobby:town","device_id":"WEB2","sender_session_id":"SESSION","dest_session_id":"s","seq":0,"reason":"user_hangup"}}`,
	`{"type":"signal","id":1,"to":{"user_id":"@web-1:town","device_id":"WEB1"},"event":"m.call.hangup","content":{"call_id":"c","version":"1","party_id":"WEB2","conf_id":"m.call#ROOM","room_id":"!lobby:town","device_id":"WEB1","sender_session_id":"SESSION","dest_session_id":"s","seq":0,"reason":"user_hangup"}}`,
	`{"type":"signal","id":1,"to":{"user_id":"@web-1:town","device_id":"WEB1"},"event":"org.matrix.msc4143.rtc.encryption_key","content":{"room_id":"!lobby:town","member_id":"SESSION","media_key":{"index":3,"key":"AAECAwQFBgcICQoLDA0ODw"}}}`,
	`{"type":"signal","id":1,"to":{"user_id":"@web-1:town","device_id":"WEB1"},"event":"io.element.call.encryption_keys","content":{"room_id":"!lobby:town","member":{"claimed_device_id":"WEB1"},"keys":{"index":3,"key":"AAECAwQFBgcICQoLDA0ODw"}}}`,
	`{"type":"signal","id":-1,"to":{},"event":"m.room.message","content":[]}`,
	`{"type":"report","report":{"links":[]}}`,
	`{"type":"report","report":7}`,
	`{"type":"ping","id":3,"got":1}`,
	`{"type":"ping","id":3,"got":18446744073709551615}`,
	`{"type":"leave"}`,
	`{"type":"nonsense"}`,
	`[]`, `null`, `{"type":null}`, `{"type":"hello","type":"ping","id":1}`, "\xff",
}

func FuzzFrame(f *testing.F) {
	for _, text := range said {
		f.Add([]byte(text))
	}
	config := Config{}.withDefaults()
	f.Fuzz(func(t *testing.T, text []byte) {
		parsed, refusal := parseFrame(text, config)
		if parsed == nil && refusal == nil {
			t.Fatal("neither a frame nor a refusal")
		}
		if refusal != nil {
			if refusal.Code == "" || !strings.HasSuffix(refusal.Words, ".") {
				t.Errorf("refused with %q", refusal)
			}
			for _, answer := range [][]byte{encodeError(refusal, true), encodeSent(1, refusal)} {
				if !json.Valid(answer) || len(answer) > 64<<10 {
					t.Errorf("the refusal is told in %d bytes: %.200s", len(answer), answer)
				}
			}
			return
		}
		switch said := parsed.(type) {
		case *helloFrame:
			if said.Name == "" || len([]rune(said.Name)) > maxName || !utf8.ValidString(said.Name) || strings.TrimSpace(said.Name) != said.Name {
				t.Errorf("a name is %q", said.Name)
			}
		case *signalFrame:
			_, _, err := said.Signal.Encode()
			if said.Key != nil {
				_, err = said.Key.Encode()
			}
			if err != nil {
				t.Errorf("a signal cannot be sent: %v", err)
			}
		case *reportFrame:
			if !json.Valid(said.Report) || len(said.Report) > config.MaxReport {
				t.Errorf("a report is %q", said.Report)
			}
		}
	})
}

func FuzzSeatSecret(f *testing.F) {
	key := bytes.Repeat([]byte("k"), 32)
	claim := seatClaim{"lobby", message.Party{UserID: "@a:b", DeviceID: "D"}, time.Unix(1_700_000_000, 0)}
	f.Add(claim.seal(key))
	f.Add("")
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, secret string) {
		got, ok := openSeat(secret, key)
		if ok && got.seal(key) != secret {
			t.Errorf("%q was opened as %v, which is sealed otherwise", secret, got)
		}
		if _, ok := openSeat(secret, bytes.Repeat([]byte("x"), 32)); ok {
			t.Errorf("%q was opened with another key", secret)
		}
	})
}

// FuzzConnection plays a hostile page: each line is a frame, "!drop" loses the
// connection and comes back to the seat, "!wait" lets five seconds pass,
// "!binary" sends what is not text. SESSION stands for the page's session.
func FuzzConnection(f *testing.F) {
	f.Add([]byte(strings.Join(said, "\n")))
	f.Add([]byte(strings.Join([]string{said[0], said[5], said[6], "!drop", said[6], "!wait", `{"type":"leave"}`, said[5], "!drop"}, "\n")))
	f.Add([]byte(strings.Join([]string{said[0], said[5], `{"type":"leave"}`, "!drop", said[5], said[3], `{"type":"report","report":{"links":[]}}`, "!binary"}, "\n")))
	for i := range said {
		f.Add([]byte(strings.Join([]string{said[0], said[5], said[i], said[(i*7)%len(said)], "!drop", said[i]}, "\n")))
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 1<<16 || bytes.Count(script, []byte("\n")) > 60 {
			return // longer than it is interesting
		}
		synctest.Test(t, func(t *testing.T) {
			s := newStand(t, newTown(), func(c *Config) { c.MaxFrame, c.QueueMessages = 8<<10, 40 })
			defer s.halt()
			bystander := s.join("lobby")
			p := &hostilePage{stand: s, t: t}
			for line := range bytes.SplitSeq(script, []byte("\n")) {
				p.play(line)
			}
			bystander.say("ping", fields{"id": 77})
			if pong := bystander.must("pong"); pong["id"] != 77.0 {
				t.Errorf("the bystander was answered with %v", pong)
			}
			p.drop()
			_ = bystander.socket.Close()
			for time.Sleep(time.Minute); s.gateway.Stats().Seats > 0; {
				t.Fatalf("after a minute there is still %+v", s.gateway.Stats())
			}
			s.town.mu.Lock()
			defer s.town.mu.Unlock()
			if len(s.town.seats) > 0 || s.town.forged > 0 {
				t.Errorf("%d devices are left, %d forged signals passed", len(s.town.seats), s.town.forged)
			}
		})
	})
}

// hostilePage is a page that says anything.
type hostilePage struct {
	t     *testing.T
	stand *stand
	b     *browser
	seat  fields
}

func (p *hostilePage) play(line []byte) {
	if p.b == nil {
		p.b = p.stand.connect()
	}
	switch string(line) {
	case "!drop":
		p.drop()
		p.b = p.stand.connect()
		if p.seat != nil {
			hello := fields{"version": 1, "call": "lobby"}
			for key, value := range p.seat {
				hello[key] = value
			}
			p.b.say("hello", hello)
		}
	case "!wait":
		time.Sleep(5 * time.Second)
	case "!binary":
		_ = p.b.socket.WriteMessage(websocket.BinaryMessage, line)
	default:
		line = bytes.ReplaceAll(line, []byte("SESSION"), []byte(p.b.session))
		_ = p.b.socket.SetWriteDeadline(time.Now().Add(time.Second))
		_ = p.b.socket.WriteMessage(websocket.TextMessage, line)
	}
	p.listen()
}

func (p *hostilePage) drop() {
	if p.b != nil {
		_ = p.b.socket.Close()
		for range p.b.frames {
		}
	}
}

// known are the types of frames that a browser may hear.
var known = []string{"welcome", "state", "entered", "left", "signal", "sent", "reports", "ice_servers", "error", "pong"}

// listen checks what came so far.
func (p *hostilePage) listen() {
	synctest.Wait()
	for {
		select {
		case frame, open := <-p.b.frames:
			if !open {
				return
			}
			p.check(frame)
		default:
			return
		}
	}
}

func (p *hostilePage) check(frame map[string]any) {
	kind := fmt.Sprint(frame["type"])
	switch {
	case !slices.Contains(known, kind):
		p.t.Errorf("heard %v", frame)
	case kind == "welcome":
		self := frame["self"].(map[string]any)
		p.b.session = self["session_id"].(string)
		p.seat = fields{"seat": frame["seat"], "session": p.b.session}
	case kind != "error" && p.b.session == "":
		p.t.Errorf("heard %v before a welcome", frame)
	}
}
