package page

import (
	"fmt"
	"os"
	"testing"

	"meshfocus/internal/browser"
)

func TestPreJoin_SaysWhyThereIsNoCameraAndLetsOneJoin(t *testing.T) {
	b, base := browser.Start(t), serve(t)
	for code, words := range map[string]string{
		"denied": "Allow it in the address bar", "missing": "was found", "busy": "in use by another program", "insecure": "https://",
	} {
		p := b.Open(t, base+"/c/lobby?camera="+code)
		p.Front()
		p.Eventually(patience, code+" is said", fmt.Sprintf("document.querySelector('[role=alert]:not([hidden])')?.textContent.includes(%q)", words), "document.body.textContent")
		p.Eventually(patience, "joining without is said", "document.querySelector('form').textContent.includes('You join without camera and microphone')", "document.body.textContent")
		p.Click("button[type=submit]")
		p.Eventually(patience, "one joins without", "document.querySelector('.room .tile.own.blank')", "document.body.textContent")
		p.Close()
	}
}

func TestNotices_SayWhyThereIsNoCallAndTheWayOn(t *testing.T) {
	b, base := browser.Start(t), serve(t)
	for code, want := range map[string]struct{ title, way string }{
		"no_such_call": {"No call at this link", "To the start page"}, "room_full": {"The call is full", "Try again"},
		"server_full": {"The server is full", "Try again"}, "not_allowed": {"You may not join this call", "To the start page"},
		"homeserver_unreachable": {"The server cannot reach its homeserver", "Try again"},
		"never_heard_of":         {"The call cannot be joined", "Try again"},
	} {
		p := b.Open(t, base+"/c/lobby?refuse="+code)
		p.Front()
		p.Click("button[type=submit]")
		p.Eventually(patience, code+" is said", fmt.Sprintf("document.querySelector('.notice h1')?.textContent === %q && document.querySelector('.notice .primary').textContent === %q", want.title, want.way), "document.body.textContent")
		p.Close()
	}
}

func TestPass_IsAskedForOnlyWhenTheServerAsks(t *testing.T) {
	p := browser.Start(t).Open(t, serve(t)+"/c/lobby?pass=sesame")
	p.Front()
	p.Eventually(patience, "no pass phrase is asked for", "document.querySelector('input[name=pass]') && !document.querySelector('input[name=pass]').checkVisibility()", "")
	p.Click("button[type=submit]")
	p.Eventually(patience, "it is asked for", "document.activeElement.name === 'pass' && document.body.textContent.includes('This call has a pass phrase')", "document.body.textContent")
	p.Type("input[name=pass]", "wrong")
	p.Click("button[type=submit]")
	p.Eventually(patience, "it was wrong", "document.body.textContent.includes('not the pass phrase')", "document.body.textContent")
	p.Type("input[name=pass]", "sesame\r")
	p.Eventually(patience, "the right one lets in, by Enter", "document.querySelector('.room')", "document.body.textContent")
}

func TestRoom_SaysWhatGoesOn(t *testing.T) {
	p := joined(t, browser.Start(t), serve(t)+"/c/lobby?peers=2")
	says := func(words string) {
		t.Helper()
		p.Eventually(patience, "is said: "+words, fmt.Sprintf("[...document.querySelectorAll('.room [role=status]')].some((e) => e.textContent.replace(/[\u2068\u2069]/g, '').includes(%q))", words), "document.querySelector('.room').textContent")
	}
	p.Eval("fake.fill(3), fake.set(2, { state: 'connecting' })", nil)
	says("Carla Reyes joined.")
	p.Eval("fake.set(2, { state: 'connected' }), fake.set(0, { state: 'reconnecting' }), fake.say('The connection with Ann Lindqvist is lost, trying again.')", nil)
	says("is lost, trying again")
	p.Eventually(patience, "the tile says it", "document.querySelector('.tile .words:not([hidden])')?.textContent === 'reconnecting…'", "")
	p.Eval("fake.call.to('reconnecting')", nil)
	says("The server is gone; the call goes on.")
	p.Eventually(patience, "the banner says it", "document.querySelector('.banner:not([hidden])')?.textContent.includes('The call goes on')", "")
	p.Eval("fake.call.to('joined')", nil)
	says("The server is back.")
	p.Eval("fake.set(1, { state: 'failed', words: 'Bo Okafor cannot be reached; trying again in 10 s.' })", nil)
	p.Eventually(patience, "who failed, why and what next", "document.querySelector('.words.bad')?.textContent.includes('trying again in 10 s')", "")
}

func TestPairs_SayWhyNothingFlows(t *testing.T) {
	p := joined(t, browser.Start(t), serve(t)+"/c/lobby?peers=2")
	p.Eval(`fake.cells['@p0:x/D0>@p1:x/D1'] = { audio: 'none', video: 'none', words: 'The relay\u202eturn.example.org refuses.' }, document.querySelector('.tool-mesh').click(), fake.call.tell()`, nil)
	p.Eventually(patience, "the cell says it as text", "document.querySelector('.pairs[open] td .why')?.textContent === 'The relay turn.example.org refuses.'", "document.querySelector('.pairs').textContent")
	p.Eval(`fake.cells['@p0:x/D0>@p1:x/D1'].words = 'Another does.', fake.call.tell()`, nil)
	p.Eventually(patience, "and goes on with it", "document.querySelector('.pairs[open] td .why')?.textContent === 'Another does.'", "document.querySelector('.pairs').textContent")
}

func TestReload_LeadsBackIntoTheCall(t *testing.T) {
	p := joined(t, browser.Start(t), serve(t)+"/c/lobby")
	p.Click(".tool-mic")
	p.Eventually(patience, "the microphone is off", "fake.media.audioMuted", "")
	p.Reload()
	p.Eventually(patience, "the room is shown again, without a click, with the same seat and mute",
		"document.querySelector('.room') && fake.calls[0].seat === 'seat-1' && fake.calls[0].name === 'Mia' && fake.media.audioMuted", "document.body.textContent")
}

func TestReplaced_CanBeTakenBackAndLeftJoinedAgain(t *testing.T) {
	p := joined(t, browser.Start(t), serve(t)+"/c/lobby")
	p.Eval("fake.call.to('left', { code: 'replaced', words: 'x', fatal: true })", nil)
	p.Eventually(patience, "it is said", "document.querySelector('.notice .primary')?.textContent === 'Take it back'", "document.body.textContent")
	p.Click(".notice .primary")
	p.Eventually(patience, "it is taken back", "document.querySelector('.room') && fake.calls.at(-1).seat === 'seat-1'", "document.body.textContent")
	p.Click(".tool-leave")
	p.Eventually(patience, "we left", "document.querySelector('.notice .primary')?.textContent === 'Join again'", "document.body.textContent")
	p.Reload()
	p.Eventually(patience, "who left stays out after a reload", "document.querySelector('.prejoin')", "document.body.textContent")
}

func TestNames_AreTextAndNothingElse(t *testing.T) {
	p := joined(t, browser.Start(t), serve(t)+"/c/lobby?peers=2")
	p.Eval(`(() => {
	  const evil = '<img src=x onerror="globalThis.hit=1"><script>hit=1</scr' + 'ipt>\u202e"style=';
	  fake.set(0, { name: evil, state: 'failed', words: evil, key: '"><b>' });
	  fake.set(1, { name: 'x'.repeat(5000) });
	  fake.say(evil);
	  document.querySelector('.tool-mesh').click();
	})()`, nil)
	p.Eventually(patience, "the matrix shows the name as text", "document.querySelector('.pairs[open] table')?.textContent.includes('<img')", "document.body.textContent")
	var wrong []string
	p.Eval(`[
	  ...(globalThis.hit ? ['a script ran'] : []),
	  ...(document.querySelector('img, script:not([src]), b') ? ['markup came in'] : []),
	  ...([...document.querySelectorAll('bdi')].some((e) => e.textContent.length > 80) ? ['a name is not cut'] : []),
	  ...(/\u202e/.test(document.body.textContent + document.title) ? ['a name turns the text'] : []),
	  ...(document.documentElement.scrollWidth > innerWidth ? ['a name makes the page wider'] : []),
	]`, &wrong)
	for _, what := range wrong {
		t.Error(what)
	}
}

func TestStart_MakesACallAndShowsItsLink(t *testing.T) {
	base := serve(t)
	p := browser.Start(t).Open(t, base+"/")
	p.Front()
	p.Type("input[name=name]", "Mia")
	p.Type("input[name=title]", "Team")
	p.Click("form:has(input[name=title]) button[type=submit]")
	p.Eventually(patience, "the link is shown", fmt.Sprintf("document.querySelector('input.link')?.value === %q", base+"/c/abcdefghijklmnopqrstuvwxyz"), "document.body.textContent")
	p.Click(".result a.primary")
	p.Eventually(patience, "the way leads in, and the name is remembered", "document.querySelector('.prejoin input[name=name]')?.value === 'Mia'", "document.body.textContent")
}

// views are all that there is to see, each with what leads there.
var views = []struct{ name, path, enter, shown string }{
	{"start", "/", "", ".start"},
	{"pre-join", "/c/lobby", "", ".prejoin"},
	{"camera refused", "/c/lobby?camera=denied", "", ".trouble:not([hidden])"},
	{"pass phrase", "/c/lobby?pass=x", "document.querySelector('form').requestSubmit()", "input[name=pass]"},
	{"grid", "/c/lobby?peers=3", "document.querySelector('form').requestSubmit(), fake.set(1, {state: 'failed', words: 'Bo cannot be reached.'})", ".room .words.bad"},
	{"details", "/c/lobby?peers=3", "document.querySelector('form').requestSubmit(), setTimeout(() => document.querySelector('.tool-info').click(), 300), 0", ".facts:not([hidden])"},
	{"pairs", "/c/lobby?peers=3", "fake.cells['@p0:x/D0>@p1:x/D1'] = {video: 'stalled', to: undefined}, document.querySelector('form').requestSubmit(), setTimeout(() => document.querySelector('.tool-mesh').click(), 300), 0", ".pairs[open] table"},
	{"notice", "/c/lobby?refuse=room_full", "document.querySelector('form').requestSubmit()", ".notice"},
}

func TestViews_HaveNothingThatAxeCallsSerious(t *testing.T) {
	axe, err := os.ReadFile("../../../internal/npm/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	b, base := browser.Start(t), serve(t)
	for _, view := range views {
		p := b.Open(t, base+view.path)
		p.Front()
		p.Eventually(patience, view.name+" has begun", "document.querySelector('form')", "document.body.textContent")
		if view.enter != "" {
			p.Eval(view.enter, nil)
		}
		p.Eventually(patience, view.name+" is shown", fmt.Sprintf("document.querySelector(%q)?.checkVisibility()", view.shown), "document.body.textContent")
		p.Eval("(() => {"+string(axe)+"\n;globalThis.axe = globalThis.axe ?? window.axe})()", nil)
		for _, dark := range []bool{false, true} {
			p.Dark(dark)
			var found []string
			p.Eval(`axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations.filter((v) => ['serious', 'critical'].includes(v.impact)).map((v) => v.id + ': ' + v.nodes.map((n) => n.html.slice(0, 150) + ' ' + n.any.map((a) => a.message).join(' ')).join(' | ')))`, &found)
			for _, what := range found {
				t.Errorf("%s, dark %v: %s", view.name, dark, what)
			}
		}
		p.Close()
	}
}
