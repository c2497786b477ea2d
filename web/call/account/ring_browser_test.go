package account

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshfocus/internal/browser"
	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/message"
)

const (
	shownRing = "document.querySelectorAll('.rings:not([hidden]) .ring').length"
	ringState = "JSON.stringify([document.querySelector('.rings')?.outerHTML, globalThis.meshfocus?.doorbell?.strokes, document.querySelector('#say')?.textContent])"
)

// caller is a user who rings by plain requests.
type caller struct {
	*home
	t     *testing.T
	token string
	sent  int
}

func (h *home) caller(t *testing.T, name string) *caller {
	t.Helper()
	account := h.account(t, name)
	c := &caller{home: h, t: t, token: account.Token}
	c.request(t, c.token, http.MethodPost, "/join/"+url.PathEscape(h.roomID), map[string]any{}, nil)
	return c
}

// enter makes a device of the user a member of the room's slot, or takes it
// out.
func (c *caller) enter(party message.Party, in bool) {
	c.t.Helper()
	content := map[string]any{}
	if in {
		focus := map[string]any{"type": "full_mesh"}
		content = map[string]any{
			"application": "m.call", "call_id": "", "scope": "m.room", "device_id": party.DeviceID, "membershipID": party.DeviceID,
			"expires": 3_600_000, "focus_active": focus, "foci_preferred": []any{focus},
		}
	}
	key := message.SessionStateKey(party, message.SlotRoom, "11")
	c.request(c.t, c.token, http.MethodPut, "/rooms/"+url.PathEscape(c.roomID)+"/state/"+message.TypeCallMember+"/"+url.PathEscape(key), content, nil)
	// Who rings in the millisecond of a leave of ours may have rung before it.
	now := time.Now().UnixMilli()
	until(c.t, patience, "the clock goes on", func() bool { return time.Now().UnixMilli() > now }, func() any { return now })
}

// send gives the ID of an event that it sent.
func (c *caller) send(kind string, content any) (id string) {
	c.t.Helper()
	c.sent++
	var answer struct {
		EventID string `json:"event_id"`
	}
	c.request(c.t, c.token, http.MethodPut, fmt.Sprintf("/rooms/%s/send/%s/%s%d", url.PathEscape(c.roomID), kind, c.token[:4], c.sent), content, &answer)
	return answer.EventID
}

func (c *caller) ring(lifetime time.Duration) (id string) {
	return c.send(message.TypeNotification, map[string]any{
		"slot_id": message.SlotRoom, "notification_type": "ring", "sender_ts": time.Now().UnixMilli(), "lifetime": lifetime.Milliseconds(),
		"m.mentions": map[string]any{"user_ids": []string{zoe}}, "m.call.intent": "video",
	})
}

func TestRings_AreShownSoundIfAllowedAndStopWhenTheyShould(t *testing.T) {
	h := startHome(t)
	h.person(t, "zoe")
	bob := h.caller(t, "bob")
	device := message.Party{UserID: "@bob:test.local", DeviceID: "BOBDEVICE"}
	b := browser.Start(t)
	p := b.Open(t, h.pages+"/account/")
	signIn(p, h.base, "zoe", passPhrase)
	zoePhone := h.caller(t, "zoe")
	bob.enter(device, true)
	rings := func(what string) {
		t.Helper()
		p.Eventually(patience, what, shownRing+" === 1", ringState)
	}
	silent := func(what string) {
		t.Helper()
		p.Eventually(patience, what, shownRing+" === 0 && !meshfocus.doorbell.ringing", ringState)
	}

	id := bob.ring(2 * time.Minute) // which photographs may take
	rings("the call is shown")
	var words string
	p.Eval("document.querySelector('.ring').textContent.replace(/[\\u2068\\u2069]/g, '') + ' ' + document.title", &words)
	for _, want := range []string{"bob", "calls you", "Video call in Call"} {
		if !strings.Contains(words, want) {
			t.Errorf("the ring says %q, want %q in it", words, want)
		}
	}
	var strokes int
	p.Eval("meshfocus.doorbell.strokes", &strokes)
	if strokes != 0 {
		t.Error("it sounds although nobody allowed that")
	}
	lookAs(t, p, "ring")
	bob.redact(id)
	silent("a call that is taken back stops")

	p.Click("#ring-sound")
	p.Eventually(patience, "it sounds once when it is allowed", "meshfocus.doorbell.strokes === 1 && !meshfocus.doorbell.ringing", ringState)
	bob.ring(time.Minute)
	p.Eventually(patience, "the next call sounds", shownRing+" === 1 && meshfocus.doorbell.ringing && meshfocus.doorbell.strokes > 1", ringState)
	p.Click(".ring .plain")
	silent("a call that is silenced here stops")

	bob.ring(time.Minute)
	rings("a call that is to be declined")
	p.Click(".ring .refuse")
	silent("a call that is declined stops")
	bob.declined()

	bob.ring(time.Minute)
	rings("a call that the phone will take")
	phone := message.Party{UserID: zoe, DeviceID: "ZOEDEVICE"}
	zoePhone.enter(phone, true)
	silent("a call that is answered elsewhere stops")
	zoePhone.enter(phone, false)

	bob.ring(time.Minute)
	rings("a call of one who will give up")
	bob.enter(device, false)
	silent("a call that nobody is in any more stops")

	bob.enter(device, true)
	bob.ring(time.Minute)
	rings("a call that is taken")
	p.Click(".ring .primary")
	inCall := func(title string) {
		t.Helper()
		p.Eventually(patience, "we are in the call of "+title, fmt.Sprintf("meshfocus.call?.state === 'joined' && document.querySelector('main.room h1')?.textContent === %q", title), "document.body.innerText")
	}
	inCall("Call")

	tea := h.room(t, "tea", "Tea")
	carl, zoeThere := tea.caller(t, "carl"), tea.caller(t, "zoe")
	carls := message.Party{UserID: "@carl:test.local", DeviceID: "CARLDEVICE"}
	carl.enter(carls, true)
	p.Eval("document.querySelector('main.room .tool-help').click()", nil)
	id = carl.ring(2 * time.Minute)
	p.Eventually(patience, "it rings in the call, over the dialog that was open",
		shownRing+" === 1 && meshfocus.doorbell.ringing && document.querySelector('main.room .ring').textContent.includes('Tea') && !document.querySelector('dialog[open]') && document.title.startsWith('carl calls you')", ringState)
	p.Eval("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'r'}))", nil)
	p.Eventually(patience, "a key leads there", "document.activeElement.textContent === 'Leave and answer'", ringState)
	lookAs(t, p, "ring-call")
	carl.redact(id)
	silent("a call that is taken back stops in a call too")
	inCall("Call")

	carl.ring(time.Minute)
	rings("a call that the phone will take")
	zoeThere.enter(phone, true)
	silent("a call that is answered elsewhere stops in a call too")
	zoeThere.enter(phone, false)

	carl.ring(time.Minute)
	rings("a call that is to be declined")
	p.Click(".ring .refuse")
	silent("a call that is declined stops in a call too")
	carl.declined()

	carl.ring(time.Minute)
	rings("a call for which we leave ours")
	p.Click(".ring .primary")
	inCall("Tea")
	until(t, patience, "we are in the one and not in the other", func() bool {
		return tea.members(t, carl.token)[zoe] && !h.members(t, bob.token)[zoe]
	}, func() any { return fmt.Sprint(tea.members(t, carl.token), h.members(t, bob.token)) })

	p.Click(".tool-leave")
	p.Eventually(patience, "we left", "document.querySelector('main.notice')", "document.body.innerText")
	bob.ring(time.Minute)
	rings("and are called there again")

	p.Go(h.pages + "/account/?")
	waitForRooms(p)
	rings("whoever comes back hears that it still rings")
	p.Click(".ring .plain")
	p.Click("#past summary")
	p.Eval("(() => { const room = document.querySelector('#past-room'); room.value = [...room.options].find(({text}) => text === 'Tea').value; room.dispatchEvent(new Event('change')); })()", nil)
	p.Eventually(patience, "the past of the room is told", `(() => {
	  const text = document.querySelector('.past > li')?.textContent.replace(/[\u2068\u2069]/g, '') ?? '';
	  return ['Video call: carl and you', 'still on', 'straight between the devices', 'on CARLDEVICE'].every((words) => text.includes(words));
	})()`, "document.querySelector('#past')?.textContent")
	p.Click(".past summary")
	lookAs(t, p, "past")
}

// room gives a further room of the same homeserver.
func (h *home) room(t *testing.T, alias, name string) *home {
	t.Helper()
	further := *h
	var err error
	if further.roomID, err = h.server.EnsureRoom(alias, name, "host", homeserver.PresetPublic); err != nil {
		t.Fatal(err)
	}
	return &further
}

// members gives the users with a membership in the slot of the room.
func (h *home) members(t *testing.T, token string) map[string]bool {
	t.Helper()
	var state []struct {
		Type, Sender string
		Content      map[string]any
	}
	h.request(t, token, http.MethodGet, "/rooms/"+url.PathEscape(h.roomID)+"/state", nil, &state)
	found := map[string]bool{}
	for _, event := range state {
		if event.Type == message.TypeCallMember && event.Content["application"] != nil {
			found[event.Sender] = true
		}
	}
	return found
}

// redact takes an event back.
func (c *caller) redact(id string) {
	c.t.Helper()
	c.request(c.t, c.token, http.MethodPut, "/rooms/"+url.PathEscape(c.roomID)+"/redact/"+url.PathEscape(id)+"/back", map[string]any{}, nil)
}

// declined checks that zoe's page said no where all can see it.
func (c *caller) declined() {
	c.t.Helper()
	until(c.t, patience, "the decline is in the room", func() bool {
		var page struct {
			Chunk []struct {
				Type, Sender string
				Content      struct {
					Relates struct {
						Kind string `json:"rel_type"`
						ID   string `json:"event_id"`
					} `json:"m.relates_to"`
				}
			}
		}
		c.request(c.t, c.token, http.MethodGet, "/rooms/"+url.PathEscape(c.roomID)+"/messages?dir=b&limit=50", nil, &page)
		for _, event := range page.Chunk {
			if event.Type == message.TypeDecline && event.Sender == zoe && event.Content.Relates.Kind == "m.reference" && event.Content.Relates.ID != "" {
				return true
			}
		}
		return false
	}, func() any { return "no decline" })
}

// lookAs asks axe, in light and dark, and keeps photographs if they are wanted.
func lookAs(t *testing.T, p *browser.Page, of string) {
	t.Helper()
	for _, dark := range []bool{false, true} {
		p.Dark(dark)
		accessible(t, p)
		dir := os.Getenv("MESHFOCUS_PICTURES")
		if dir == "" {
			continue
		}
		p.Front()
		p.Eval("scrollTo(0, document.querySelector('#past[open]')?.offsetTop ?? 0)", nil)
		name := of + map[bool]string{false: "-light", true: "-dark"}[dark]
		p.Screenshot(filepath.Join(dir, name+".png"))
		p.Size(360, 640, true)
		p.Eval("scrollTo(0, document.querySelector('#past[open]')?.offsetTop ?? 0)", nil)
		p.Eval("new Promise((done) => setTimeout(done, 400))", nil) // tiles move to their places
		p.Screenshot(filepath.Join(dir, name+"-phone.png"))
		p.Size(1280, 800, false)
	}
	p.Dark(false)
}
