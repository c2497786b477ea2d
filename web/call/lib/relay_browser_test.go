package lib

import (
	"fmt"
	"net/netip"
	"testing"

	"meshfocus/internal/browser"
	"meshfocus/internal/turnserver"
)

// relayed says that media goes by a relay only, with a user name that it does not
// know; fresh is what the signaller answers who asks for others.
func relayed(p *browser.Page, address, fresh string) {
	p.Eval(fmt.Sprintf(`(() => {
		const server = (username) => [{ urls: ["turn:%s?transport=udp"], username, credential: %q }];
		Object.assign(room.options, { relayOnly: true, iceServers: server("mallory"), freshServers: %s });
	})()`, address, turnserver.Password, fresh), nil)
}

// TestRelay_ThatRefusesIsNamed goes through coturn, with one browser for all.
func TestRelay_ThatRefusesIsNamed(t *testing.T) {
	b, address := browser.Start(t), turnserver.Start(t)
	t.Run("at once, to both ends, and in the table", func(t *testing.T) { refuses(t, b, address) })
	t.Run("fresh credentials are fetched once and heal it", func(t *testing.T) { heals(t, b, address) })
	t.Run("fresh credentials of one end alone heal it too", func(t *testing.T) { healsCallee(t, b, address) })
	t.Run("and so is one that is silent", func(t *testing.T) { isSilent(t, b) })
}

func refuses(t *testing.T, b *browser.Browser, address string) {
	p := open(t, b)
	relayed(p, address, "undefined")
	p.Eval(`(() => {
		Object.assign(globalThis, { states: [], tables: {} });
		const began = performance.now();
		const look = () => { for (const { name, call } of parties) {
			const { peers, matrix } = call.snapshot();
			for (const { state, words } of peers) {
				const text = name + " " + state + " " + words;
				if (!states.some((one) => one.text === text)) states.push({ text, at: Math.round(performance.now() - began) });
			}
			for (const [pair, { words }] of matrix.cells) if (words) ((tables[name] ??= {})[pair] ??= new Set()).add(words);
		} };
		setInterval(look, 20);
	})()`, nil)
	p.Eval("enter('Anna').then(() => enter('Ben'))", nil)
	// What was said counts, not what is said when it is looked: the next try may be under way.
	eventually(p, "who calls says why", "states.some(({ text }) => /^Anna failed The relay 127.0.0.1 refuses the name and password it was given .401.. In this call media goes by a relay only. Trying again soon.$/.test(text))")
	for _, one := range []string{"Anna", "Ben"} {
		for _, pair := range []string{"@anna:test/DEVANNA>@ben:test/DEVBEN", "@ben:test/DEVBEN>@anna:test/DEVANNA"} {
			eventually(p, "the table says it to "+one+" of "+pair, fmt.Sprintf("[...(tables[%q]?.[%q] ?? [])].some((words) => words.startsWith('The relay 127.0.0.1 refuses'))", one, pair))
		}
	}
	eventually(p, "it is tried again, and others are asked for once", "states.filter(({ text }) => text.startsWith('Anna failed')).length === 1 && anna.call.mesh.peers.values().next().value.negotiation.counts.attempts > 1 && anna.signaller.asked === 1")
	var states []struct {
		Text string
		At   int
	}
	p.Eval("states", &states)
	for _, state := range states {
		t.Logf("%5d ms: %s", state.At, state.Text)
	}
}

const bothRelayed = "[anna, ben].every((one) => peer(one).stats?.path === 'relay')"

func heals(t *testing.T, b *browser.Browser, address string) {
	p := open(t, b)
	relayed(p, address, fmt.Sprintf("server(%q)", turnserver.User))
	p.Eval("enter('Anna').then(() => enter('Ben'))", nil)
	eventually(p, "frames decode both ways", bothFlow)
	eventually(p, "by the relay", bothRelayed)
	eventually(p, "nothing is said of it any more", "peer(anna).words === '' && peer(ben).words === '' && anna.signaller.asked === 1 && ben.signaller.asked === 1")
	callsAre(p, t, 1)
}

func healsCallee(t *testing.T, b *browser.Browser, address string) {
	p := open(t, b)
	relayed(p, address, fmt.Sprintf("server(%q)", turnserver.User))
	p.Eval("enter('Ben')", nil)
	p.Eval("(room.options.iceServers = room.options.freshServers, enter('Anna'))", nil)
	eventually(p, "frames decode both ways", bothFlow)
	eventually(p, "by the relay", bothRelayed)
	eventually(p, "who was called asked for others", "ben.signaller.asked === 1 && !anna.signaller.asked")
	callsAre(p, t, 1)
}

func isSilent(t *testing.T, b *browser.Browser) {
	p := open(t, b)
	relayed(p, turnserver.STUN(t, netip.AddrPort{}), "undefined")
	p.Eval("enter('Anna').then(() => enter('Ben'))", nil)
	eventually(p, "it is named", "/^The relay 127.0.0.1 does not answer[.]/.test(peer(anna)?.words)")
	eventually(p, "the table says it, too", "ben.call.snapshot().matrix.cells.get('@anna:test/DEVANNA>@ben:test/DEVBEN').words?.includes('does not answer')")
}
