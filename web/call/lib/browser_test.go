package lib

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"meshfocus/internal/browser"
)

const patience = 60 * time.Second

// explain says how all parties of the page see each other.
const explain = "[parties.map(describe), room.log.slice(-8).map(brief)]"

// open serves the library as it stands in the folder, opens the page of the
// tests and lets people of these names join, one after another.
func open(t *testing.T, b *browser.Browser, names ...string) *browser.Page {
	t.Helper()
	server := httptest.NewServer(http.FileServer(http.Dir(".")))
	t.Cleanup(server.Close)
	page := b.Open(t, server.URL+"/testdata/")
	page.Eventually(patience, "the page is ready", "globalThis.enter !== undefined", "")
	for _, name := range names {
		page.Eval("enter('"+name+"')", nil)
	}
	return page
}

// eventually waits until an expression about the parties is true.
func eventually(p *browser.Page, what, expression string) {
	p.Eventually(patience, what, expression, explain)
}

const bothFlow = "sees(anna, ben) && sees(ben, anna)"

// TestCall_InABrowser is one browser for all, since each takes long to start.
func TestCall_InABrowser(t *testing.T) {
	b := browser.Start(t)
	for name, test := range map[string]func(*testing.T, *browser.Browser){
		"media flows both ways, and is reported":              flows,
		"mute is told and read":                               mutes,
		"a screen is shared, stopped and shared again":        shares,
		"both share at once":                                  sharesAtOnce,
		"ICE restarts from either side":                       restarts,
		"who leaves and comes back is called anew":            rejoins,
		"a server that is away ends nothing":                  staysWithoutServer,
		"another room of a server that forgot ends nothing":   changesRoom,
		"without camera and microphone one still hears":       listens,
		"a camera that is opened later is seen":               opensLater,
		"a device that is changed needs no offer":             changesDevice,
		"an offer that asks for three layers gets them":       sendsLayers,
		"three meet in a mesh":                                meetsThree,
		"in a conference alone, with messages out of order":   endures,
		"a membership that flickers ends nothing":             flickers,
		"a call without candidates in its invite finds a way": trickles,
	} {
		t.Run(name, func(t *testing.T) { test(t, b) })
	}
}

func flows(t *testing.T, b *browser.Browser) {
	p := open(t, b, "Anna", "Ben")
	eventually(p, "frames decode both ways", bothFlow)
	eventually(p, "both ends report that all flows", `["audio", "video"].every((kind) => ["@anna:test/DEVANNA>@ben:test/DEVBEN", "@ben:test/DEVBEN>@anna:test/DEVANNA"]
		.every((cell) => anna.call.snapshot().matrix.cells.get(cell)?.[kind] === "flows"))`)
	p.Eval("play(anna)", nil)
	eventually(p, "somebody speaks, for the fake microphone beeps", "peer(anna).speaking")
	var kinds []string
	p.Eval("room.log.map(({event}) => event)", &kinds)
	if len(kinds) != 3 {
		t.Errorf("a pair on one machine took %d messages, should be invite, answer, select_answer: %v", len(kinds), kinds)
	}
}

func mutes(t *testing.T, b *browser.Browser) {
	p := open(t, b, "Anna", "Ben")
	eventually(p, "frames decode both ways", bothFlow)
	p.Eval("anna.media.setMuted({audio: true})", nil)
	eventually(p, "Ben knows of the microphone", "camera(ben).audioMuted && !camera(ben).videoMuted")
	p.Eval("anna.media.setMuted({audio: false, video: true})", nil)
	eventually(p, "Ben knows of the camera", "!camera(ben).audioMuted && camera(ben).videoMuted")
	eventually(p, "the table knows", `ben.call.snapshot().matrix.cells.get("@anna:test/DEVANNA>@ben:test/DEVBEN").video === "muted"`)
	p.Eval("anna.media.setMuted({video: false})", nil)
	eventually(p, "Ben sees Anna again", "!camera(ben).videoMuted && sees(ben, anna)")
}

func shares(t *testing.T, b *browser.Browser) {
	p := open(t, b, "Anna", "Ben")
	eventually(p, "frames decode both ways", bothFlow)
	for range 2 {
		for _, party := range []string{"anna", "ben"} {
			other := map[string]string{"anna": "ben", "ben": "anna"}[party]
			p.Eval(party+".media.share()", nil)
			eventually(p, party+"'s screen is shown", "shows("+other+", 'm.screenshare')")
			eventually(p, "the membership says so", "room.signallers.get(anna.call.mesh.self.user_id + '/DEVANNA') && "+party+".signaller.feeds.includes('m.screenshare')")
			p.Eval(party+".media.unshare()", nil)
			eventually(p, party+"'s screen is gone", other+".call.snapshot().peers[0].streams.length === 1")
		}
	}
	var lines int
	p.Eval("pc(anna).getTransceivers().length", &lines)
	if lines > 4 {
		t.Errorf("%d m-lines after two shares each: they have to be used again", lines)
	}
	eventually(p, "the cameras are still seen", bothFlow)
}

func sharesAtOnce(t *testing.T, b *browser.Browser) {
	p := open(t, b, "Anna", "Ben")
	eventually(p, "frames decode both ways", bothFlow)
	p.Eval("Promise.all([anna.media.share(), ben.media.share()])", nil)
	eventually(p, "both screens are shown", "shows(ben, 'm.screenshare') && shows(anna, 'm.screenshare')")
	callsAre(p, t, 1)
}

// callsAre fails unless exactly so many calls were placed.
func callsAre(p *browser.Page, t *testing.T, want int) {
	t.Helper()
	var invites int
	p.Eval("room.log.filter(({event}) => event === 'm.call.invite').length", &invites)
	if invites != want {
		t.Errorf("%d calls were placed, want %d", invites, want)
	}
}

func restarts(t *testing.T, b *browser.Browser) {
	p := open(t, b, "Anna", "Ben")
	eventually(p, "frames decode both ways", bothFlow)
	for _, party := range []string{"anna", "ben"} {
		p.Eval("(globalThis.before = ufrag(anna), "+party+".call.networkChanged())", nil)
		eventually(p, "there is a new generation of ICE", "ufrag(anna) !== before && pc(anna).signalingState === 'stable' && pc(ben).signalingState === 'stable'")
		eventually(p, "frames decode both ways", bothFlow)
	}
	callsAre(p, t, 1)
}

func rejoins(t *testing.T, b *browser.Browser) {
	p := open(t, b, "Anna", "Ben")
	eventually(p, "frames decode both ways", bothFlow)
	p.Eval("ben.call.leave()", nil)
	eventually(p, "Anna is alone", "anna.call.snapshot().peers.length === 0 && anna.says.includes('Ben left.')")
	p.Eval("enter('Ben')", nil)
	eventually(p, "frames decode both ways", bothFlow)
	p.Eval("anna.call.leave().then(() => enter('Anna'))", nil)
	eventually(p, "frames decode both ways", bothFlow)
}

func staysWithoutServer(t *testing.T, b *browser.Browser) {
	p := open(t, b, "Anna", "Ben")
	eventually(p, "frames decode both ways", bothFlow)
	p.Eval("(anna.signaller.cut(), ben.signaller.cut(), anna.media.setMuted({audio: true}))", nil)
	eventually(p, "the server is missed", "anna.call.state === 'reconnecting'")
	p.Eval("globalThis.frames = peer(ben).stats.framesDecoded", nil)
	eventually(p, "pictures go on", "peer(ben).stats.framesDecoded > frames + 10")
	p.Eval("(anna.signaller.mend(), ben.signaller.mend())", nil)
	eventually(p, "what was said meanwhile arrives", "anna.call.state === 'joined' && camera(ben).audioMuted")
	callsAre(p, t, 1)
}

func changesRoom(t *testing.T, b *browser.Browser) {
	p := open(t, b, "Anna", "Ben")
	eventually(p, "frames decode both ways", bothFlow)
	p.Eval(`(() => {
		anna.signaller.cut(); ben.signaller.cut(); room.id = "!another:test";
		for (const party of parties) { party.signaller.feeds = null; party.signaller.mend(); }
	})()`, nil)
	p.Eval("anna.media.setMuted({audio: true})", nil)
	eventually(p, "messages name the other room", "camera(ben).audioMuted && room.log.at(-1).content.room_id === '!another:test'")
	callsAre(p, t, 1)
}

func listens(t *testing.T, b *browser.Browser) {
	p := open(t, b, "Anna")
	p.Eval("enter('Ben', {open: false})", nil)
	eventually(p, "Ben sees Anna, who knows that he sends nothing", "sees(ben, anna) && camera(anna)?.audioMuted && camera(anna)?.videoMuted")
	p.Eval("ben.call.leave().then(() => enter('Aaron', {open: false}))", nil)
	eventually(p, "so does Aaron, who calls", "sees(aaron, anna) && camera(anna)?.audioMuted && camera(anna)?.videoMuted")
}

func opensLater(t *testing.T, b *browser.Browser) {
	p := open(t, b)
	p.Eval("enter('Anna', {open: false}).then(() => enter('Ben', {open: false}))", nil)
	eventually(p, "both are connected", "peer(anna)?.state === 'connected' && peer(ben)?.state === 'connected'")
	p.Eval("Promise.all([anna.media.open(), ben.media.open()])", nil)
	eventually(p, "frames decode both ways", bothFlow)
	eventually(p, "nothing is muted", "!camera(anna).videoMuted && !camera(ben).videoMuted && !camera(ben).audioMuted")
}

func changesDevice(t *testing.T, b *browser.Browser) {
	p := open(t, b, "Anna", "Ben")
	eventually(p, "frames decode both ways", bothFlow)
	p.Eval(`(async () => {
		globalThis.messages = room.log.length;
		const devices = await anna.media.devices();
		await anna.media.use({ videoDevice: devices.video.at(-1).id, audioDevice: devices.audio.at(-1).id });
		globalThis.frames = peer(ben).stats.framesDecoded;
	})()`, nil)
	eventually(p, "pictures go on", "peer(ben).stats.framesDecoded > frames + 10 && room.log.length === messages")
	p.Eval("anna.media.video.onended()", nil)
	eventually(p, "a camera that was pulled out is told", "camera(ben).videoMuted")
}

// sendsLayers alters the invite as the daemon's parties write theirs.
func sendsLayers(t *testing.T, b *browser.Browser) {
	p := open(t, b)
	p.Eval(`void (room.options.mangle = (content) => {
		if (content.offer) {
			content.offer.sdp += "a=rid:q recv\r\na=rid:h recv\r\na=rid:f recv\r\na=simulcast:recv q;h;f\r\n";
		}
		if (content.answer) {
			globalThis.answer = content.answer.sdp;
			content.answer.sdp = content.answer.sdp.replace(/a=(rid|simulcast):.*\r\n/g, "");
		}
		return content;
	})`, nil)
	p.Eval("enter('Anna').then(() => enter('Ben', {media: new LocalMedia({video: {width: 1280, height: 720, frameRate: 15}})}))", nil)
	eventually(p, "Ben's answer sends three", "/a=simulcast:send q;h;f/.test(globalThis.answer)")
	eventually(p, "Ben's browser sends them", "pc(ben).getSenders().some((sender) => sender.getParameters().encodings.length === 3) && sees(ben, anna)")
}

func meetsThree(t *testing.T, b *browser.Browser) {
	p := open(t, b, "Carol", "Anna", "Ben")
	eventually(p, "all see all", "parties.every((a) => parties.every((b) => a === b || sees(a, b)))")
	callsAre(p, t, 3)
}

// endures holds every third message back, so that later ones overtake it.
func endures(t *testing.T, b *browser.Browser) {
	p := open(t, b)
	p.Eval(`(() => {
		room.options.forms = ["conference"];
		room.options.delay = (count) => count % 3 === 0 ? 300 : 5;
		return enter("Anna").then(() => enter("Ben"));
	})()`, nil)
	eventually(p, "frames decode both ways", bothFlow)
	p.Eval("anna.media.share()", nil)
	eventually(p, "the screen is shown", "shows(ben, 'm.screenshare')")
	p.Eval("room.options.delay = undefined", nil)
}

func flickers(t *testing.T, b *browser.Browser) {
	p := open(t, b, "Anna", "Ben")
	eventually(p, "frames decode both ways", bothFlow)
	p.Eval("(() => { globalThis.feeds = ben.signaller.feeds; ben.signaller.feeds = null; room.changed(); })()", nil)
	eventually(p, "Anna is told", "peer(anna).words.includes('seems to have left')")
	p.Eval("(() => { ben.signaller.feeds = feeds; room.changed(); })()", nil)
	eventually(p, "all is well", "peer(anna).words === '' && peer(anna).state === 'connected'")
	callsAre(p, t, 1)
}

func trickles(t *testing.T, b *browser.Browser) {
	p := open(t, b)
	p.Eval(`void (room.options.mangle = (content) => {
		for (const description of [content.offer, content.answer]) {
			if (!description) continue;
			const lines = description.sdp.match(/^a=candidate:.*$/gm) ?? [];
			description.sdp = description.sdp.replace(/^a=(candidate|end-of-candidates).*\r\n/gm, "");
			const later = { ...content, seq: content.seq + 1, "org.matrix.msgid": "x" + Math.random(),
				candidates: [...lines.map((line) => ({ candidate: line.slice(2).trim(), sdpMid: "0", sdpMLineIndex: 0 })), { candidate: "" }] };
			delete later.offer; delete later.answer;
			const [from, to] = content.offer ? [anna, ben] : [ben, anna];
			setTimeout(() => to.signaller.handler.signal({ from: from.signaller.self, encrypted: true, event: "m.call.candidates", content: later }), 50);
		}
		return content;
	})`, nil)
	p.Eval("enter('Anna').then(() => enter('Ben'))", nil)
	eventually(p, "frames decode both ways", bothFlow)
}
