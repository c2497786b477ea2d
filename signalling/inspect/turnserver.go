package inspect

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// TURN is what the homeserver gives clients to reach each other by
// (client-server API, "voip/turnServer"). Username and Password are secret.
type TURN struct {
	URIs               []string
	Username, Password string
	Lifetime           time.Duration // 0 = none was said
}

// TURN gives the answer of the homeserver, once Findings has yielded
// "turn.server". It is empty when there was none.
func (i *Inspector) TURN() TURN { return i.turn }

// relays says whether any of the servers relays.
func (t TURN) relays() bool {
	return slices.ContainsFunc(t.URIs, func(uri string) bool {
		_, relay := uriFault(uri)
		return relay
	})
}

// shortLifetime is too short: clients ask anew every ten minutes at most.
const shortLifetime = 10 * time.Minute

// checkTurnServer looks at the answer alone; whether the servers work is for
// others to find out.
func (i *Inspector) checkTurnServer(ctx context.Context) Finding {
	a := i.ask(ctx, http.MethodGet, clientPath("v3", "voip", "turnServer"), nil)
	var body struct {
		URIs               []string
		Username, Password string
		TTL                float64
	}
	a.read(&body)
	i.turn = TURN{body.URIs, body.Username, body.Password, time.Duration(body.TTL * float64(time.Second))}
	f := i.judgeTurn(a)
	f.Tried = "ask for TURN servers (GET …/voip/turnServer)"
	return f
}

func (i *Inspector) judgeTurn(a answer) Finding {
	const without = "without TURN, devices in different networks often cannot reach each other: one sees the other, no picture, no sound"
	switch {
	case a.status == http.StatusForbidden && i.guest:
		return Finding{Level: Note, Found: a.words(), Cause: "guests get no TURN servers here, so some of them will not be connected", Fix: "turn_allow_guests: true in Synapse, if you want it"}
	case !a.ok() && !a.unrecognised():
		return Finding{Level: Broken, Found: a.words(), Cause: "the homeserver does not tell its TURN servers; " + without, Fix: "look at its log"}
	case !a.ok() || len(i.turn.URIs) == 0:
		return Finding{Level: Warning, Found: map[bool]string{true: "an empty answer", false: a.words()}[a.ok()], Cause: "no TURN server is configured in the homeserver; " + without,
			Fix: "install coturn, or start meshfocus relay, and name it; in one network, or a VPN, calls work without", Command: i.homeserver("turn")}
	}
	relays, encrypted, tcp := 0, false, false
	for _, uri := range i.turn.URIs {
		fault, relay := uriFault(uri)
		if fault != "" {
			return Finding{Level: Broken, Found: fmt.Sprintf("%q: %s", excerpt(uri), fault), Cause: "one address that cannot be read makes some clients refuse all of them", Fix: "write turn:host:3478?transport=udp, and turns:host:443?transport=tcp", Command: i.homeserver("turn")}
		}
		if relay {
			relays++
		}
		encrypted = encrypted || strings.HasPrefix(uri, "turns:")
		tcp = tcp || strings.Contains(uri, "transport=tcp")
	}
	switch {
	case relays > 0 && (i.turn.Username == "" || i.turn.Password == ""):
		return Finding{Level: Broken, Found: "TURN servers without user name or password", Cause: "the homeserver has no secret for them, and no TURN server for calls works without",
			Fix: "set turn_shared_secret to coturn's static-auth-secret", Command: i.homeserver("turn")}
	case i.turn.Lifetime <= 0:
		return Finding{Level: Note, Found: listURIs(i.turn.URIs) + ", with no ttl", Cause: "clients cannot know how long the password works", Fix: "set turn_user_lifetime: 1h in Synapse"}
	case i.turn.Lifetime < shortLifetime:
		return Finding{Level: Warning, Found: fmt.Sprintf("the password works for %s only", plainTime(i.turn.Lifetime)), Cause: "the ttl is in seconds; clients ask again after ten minutes, and then calls over the relay end",
			Fix: "set turn_user_lifetime: 1h in Synapse"}
	case relays == 0:
		return Finding{Level: Warning, Found: "STUN only: " + listURIs(i.turn.URIs), Cause: without, Fix: "add a TURN server", Command: i.homeserver("turn")}
	case !tcp && !encrypted:
		return Finding{Level: Note, Found: listURIs(i.turn.URIs), Cause: "only UDP: networks that let nothing but web traffic out are left out", Fix: "add turns: over TCP, best on port 443", Command: i.homeserver("turn")}
	}
	return fine("%s, with a password for %s", listURIs(i.turn.URIs), plainTime(i.turn.Lifetime))
}

// uriFault says what is wrong with the address of an ICE server (RFC 7064,
// RFC 7065), and whether it relays.
func uriFault(uri string) (fault string, relay bool) {
	scheme, rest, found := strings.Cut(uri, ":")
	switch {
	case !found || strings.HasPrefix(rest, "//"):
		return "it does not begin with turn:, turns:, stun: or stuns: and a host", false
	case scheme != "turn" && scheme != "turns" && scheme != "stun" && scheme != "stuns":
		return "it does not begin with turn:, turns:, stun: or stuns:", false
	}
	host, query, asked := strings.Cut(rest, "?")
	if parsed, err := url.Parse("//" + host); err != nil || parsed.Hostname() == "" || parsed.Path != "" {
		return "it has no host", false
	}
	if asked && query != "transport=udp" && query != "transport=tcp" {
		return "after ? only transport=udp or transport=tcp may follow", false
	}
	return "", strings.HasPrefix(scheme, "turn")
}

func listURIs(uris []string) string { return strings.Join(uris, ", ") }
