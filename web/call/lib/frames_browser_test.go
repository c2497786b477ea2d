package lib

import (
	"strconv"
	"testing"

	"meshfocus/internal/browser"
)

// TestFrames_InABrowser: calls whose frames are encrypted once more.
func TestFrames_InABrowser(t *testing.T) {
	b := browser.Start(t)
	for name, test := range map[string]func(*testing.T, *browser.Browser){
		"media flows both ways, the screen too":               framesFlow,
		"a key that is late brings the picture when it comes": framesWait,
		"another key shows nothing and is told":               framesWithAnotherKey,
		"who does not encrypt is not shown, and told so":      framesInTheClear,
		"keys change with who is there":                       framesRotate,
		"three layers are encrypted each":                     framesInLayers,
		"H.264":                                               framesInH264,
		"frames of somebody behind the other end":             framesOfOthers,
	} {
		t.Run(name, func(t *testing.T) { test(t, b) })
	}
}

// encrypted opens the page for calls that encrypt their frames.
func encrypted(t *testing.T, b *browser.Browser, names ...string) *browser.Page {
	t.Helper()
	p := open(t, b)
	p.Eval("void (room.options.encryptFrames = true)", nil)
	for _, name := range names {
		p.Eval("enter('"+name+"')", nil)
	}
	return p
}

const isKey = "(({event}) => event === 'org.matrix.msc4143.rtc.encryption_key')"

func framesFlow(t *testing.T, b *browser.Browser) {
	p := encrypted(t, b, "Anna", "Ben")
	eventually(p, "frames decode both ways", bothFlow)
	eventually(p, "nobody complains", "peer(anna).words === '' && peer(ben).words === ''")
	p.Eval("play(anna)", nil)
	eventually(p, "sound is opened too, for the fake microphone beeps", "peer(anna).speaking")
	p.Eval("anna.media.share()", nil)
	eventually(p, "Anna's screen is shown", "shows(ben, 'm.screenshare')")
	eventually(p, "and decoded", `pc(ben).getStats().then((stats) => [...stats.values()].filter((entry) =>
		entry.type === "inbound-rtp" && entry.kind === "video" && entry.framesDecoded > 5).length === 2)`)
	p.Eval("ben.media.share()", nil)
	eventually(p, "so is Ben's", `pc(anna).getStats().then((stats) => [...stats.values()].filter((entry) =>
		entry.type === "inbound-rtp" && entry.kind === "video" && entry.framesDecoded > 5).length === 2)`)
	callsAre(p, t, 1)
}

func framesWait(t *testing.T, b *browser.Browser) {
	p := encrypted(t, b)
	p.Eval(`(() => {
		const route = room.route.bind(room);
		room.kept = [];
		room.route = (from, to, event, content) => {
			if (from.name === "Anna" && event.endsWith("encryption_key") && room.kept) room.kept.push([from, to, event, content]);
			else route(from, to, event, content);
		};
		return enter("Anna").then(() => enter("Ben"));
	})()`, nil)
	eventually(p, "Anna sees Ben, who is told why he sees nothing", "sees(anna, ben) && peer(ben).words.includes('the key for them has not come')")
	var decoded int
	p.Eval("peer(ben).stats?.framesDecoded ?? 0", &decoded)
	if decoded != 0 {
		t.Errorf("%d frames decoded without the key", decoded)
	}
	p.Eval("(() => { const kept = room.kept; room.kept = null; kept.forEach((message) => room.route(...message)); })()", nil)
	eventually(p, "the key brings the picture", bothFlow)
	eventually(p, "and the word is gone", "peer(ben).words === ''")
}

func framesWithAnotherKey(t *testing.T, b *browser.Browser) {
	p := encrypted(t, b)
	p.Eval(`(() => {
		room.options.mangle = (content) => {
			if (content.media_key && room.forge) content.media_key.key = "AAECAwQFBgcICQoLDA0ODw";
			return content;
		};
		room.forge = true;
		return enter("Anna").then(() => enter("Ben"));
	})()`, nil)
	eventually(p, "both are told", "[anna, ben].every((party) => peer(party)?.words.includes('another key than the one that was sent'))")
	var decoded int
	p.Eval("(peer(ben).stats?.framesDecoded ?? 0) + (peer(anna).stats?.framesDecoded ?? 0)", &decoded)
	if decoded != 0 {
		t.Errorf("%d frames decoded with another key", decoded)
	}
	p.Eval("(room.forge = false, room.log.filter("+isKey+").forEach(({from, to, event, content}) => room.signallers.get(to + '/DEV' + to.slice(1, -5).toUpperCase()).handler.signal({from: {user_id: from, device_id: 'DEV' + from.slice(1, -5).toUpperCase()}, encrypted: true, event, content})))", nil)
	eventually(p, "the right ones bring the pictures", bothFlow)
}

func framesInTheClear(t *testing.T, b *browser.Browser) {
	p := encrypted(t, b, "Anna")
	p.Eval("enter('Ben', {encryptFrames: false})", nil)
	eventually(p, "Anna is told", "peer(anna)?.words.includes('without the encryption that this call asks for')")
	var decoded int
	p.Eval("(peer(ben).stats?.framesDecoded ?? 0) + (peer(anna).stats?.framesDecoded ?? 0)", &decoded)
	if decoded != 0 {
		t.Errorf("%d frames decoded", decoded)
	}
}

func framesRotate(t *testing.T, b *browser.Browser) {
	p := encrypted(t, b, "Anna", "Ben")
	eventually(p, "frames decode both ways", bothFlow)
	index := func(party string) (index int) {
		p.Eval(party+".call.mesh.frames.rotation.present.index", &index)
		return index
	}
	before := index("anna")
	p.Eval("enter('Carol')", nil)
	eventually(p, "all see all", "parties.every((a) => parties.every((b) => a === b || sees(a, b)))")
	p.Eval("carol.call.leave()", nil)
	eventually(p, "Anna and Ben use other keys", "[anna, ben].every(({call}) => call.mesh.frames.rotation.present.index > "+strconv.Itoa(before)+" && !call.mesh.frames.rotation.inRound)")
	eventually(p, "frames decode both ways", bothFlow)
	var strangers int
	p.Eval(`[anna, ben].filter(({call}) => {
		const { present } = call.mesh.frames.rotation;
		return room.log.some(({to, content}) => to === "@carol:test" && content.media_key?.key === btoa(String.fromCharCode(...present.raw)).replace(/=+$/, ""));
	}).length`, &strangers)
	if strangers != 0 {
		t.Error("Carol, who has left, has the key that is used")
	}
	callsAre(p, t, 3)
}

// framesOfOthers: a receiver's frames may be those of somebody behind the other
// end, and then his key counts.
func framesOfOthers(t *testing.T, b *browser.Browser) {
	p := encrypted(t, b, "Anna", "Ben")
	eventually(p, "frames decode both ways", bothFlow)
	p.Eval(`(() => {
		globalThis.own = (party) => pc(ben).getReceivers().forEach((receiver) => [...ben.call.mesh.peers.values()][0].connection.protection.setOwner(receiver, party));
		own("@carol:test/DEVCAROL");
	})()`, nil)
	eventually(p, "Carol's key is missed", `ben.call.mesh.frames.outcomes.get("@carol:test/DEVCAROL")?.bad === "no_key"`)
	p.Eval(`own("@anna:test/DEVANNA")`, nil)
	eventually(p, "frames decode both ways", bothFlow)
}

// framesInH264 moves the payload types of H.264 to the front of every description.
func framesInH264(t *testing.T, b *browser.Browser) {
	p := encrypted(t, b)
	p.Eval(`void (room.options.mangle = (content) => {
		for (const description of [content.offer, content.answer]) {
			if (!description) continue;
			const first = [...description.sdp.matchAll(/^a=rtpmap:(\d+) H264\//gm)].map(([, type]) => type);
			description.sdp = description.sdp.replace(/^(m=video \d+ \S+)((?: \d+)+)/m, (_, head, types) =>
				head + " " + [...first, ...types.trim().split(" ").filter((type) => !first.includes(type))].join(" "));
		}
		return content;
	})`, nil)
	p.Eval("enter('Anna').then(() => enter('Ben'))", nil)
	eventually(p, "H.264 decodes both ways", bothFlow+" && peer(anna).stats.codecVideo === 'H264' && peer(ben).stats.codecVideo === 'H264'")
}

func framesInLayers(t *testing.T, b *browser.Browser) {
	p := encrypted(t, b)
	p.Eval(`void (room.options.mangle = (content) => {
		if (content.offer) content.offer.sdp += "a=rid:q recv\r\na=rid:h recv\r\na=rid:f recv\r\na=simulcast:recv q;h;f\r\n";
		if (content.answer) content.answer.sdp = content.answer.sdp.replace(/a=(rid|simulcast):.*\r\n/g, "");
		return content;
	})`, nil)
	p.Eval("enter('Anna').then(() => enter('Ben', {media: new LocalMedia({video: {width: 1280, height: 720, frameRate: 15}})}))", nil)
	eventually(p, "Ben's browser sends three layers, and both are seen", "pc(ben).getSenders().some((sender) => sender.getParameters().encodings.length === 3) && sees(ben, anna)")
}
