package inspect

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"meshfocus/signalling/message"
)

// transport is one entry of a list of transports (MSC4143).
type transport struct {
	Type    string `json:"type"`
	LiveKit string `json:"livekit_service_url"`
}

func (t transport) String() string {
	if t.LiveKit != "" {
		return t.Type + " at " + t.LiveKit
	}
	return t.Type
}

const pathTransportsStable = "/_matrix/client/v1/rtc/transports"

// checkOpenTransports asks without a token: the answer has to be a refusal
// with its reason, or clients take it for something else (decision D14).
func (i *Inspector) checkOpenTransports(ctx context.Context) Finding {
	tried := "ask for transports without a token, on both paths"
	var seen []string
	for _, path := range []string{message.PathTransports, pathTransportsStable} {
		a := i.send(ctx, http.MethodGet, i.base.String()+path, http.Header{}, nil)
		switch {
		case a.status == http.StatusUnauthorized && a.errcode() == "M_MISSING_TOKEN":
			seen = append(seen, "refused as it should be")
		case a.unrecognised() && a.errcode() != "":
			seen = append(seen, "not there")
		case a.status == http.StatusUnauthorized:
			return Finding{Level: Warning, Tried: tried, Found: path + ": " + a.words(), Cause: "a refusal without M_MISSING_TOKEN: something before the homeserver answers, or an old one; clients do not know whether to log in or to go on without transports",
				Fix: "pass the path on to the homeserver like the rest of /_matrix", Command: proxy("nginx", i.base.Hostname())}
		case a.ok():
			seen = append(seen, "open to everybody")
		default:
			return Finding{Level: Warning, Tried: tried, Found: path + ": " + a.words(), Cause: "that is no answer of a homeserver to this question; the reverse proxy passes only some paths on",
				Fix: "pass all of /_matrix on", Command: proxy("nginx", i.base.Hostname())}
		}
	}
	return Finding{Tried: tried, Found: fmt.Sprintf("unstable path %s, stable path %s", seen[0], seen[1])}
}

// checkTransports asks as a client does.
func (i *Inspector) checkTransports(ctx context.Context) Finding {
	f := i.judgeTransports(ctx)
	f.Tried = "ask for transports with the token, on the unstable path and then the stable one"
	return f
}

func (i *Inspector) judgeTransports(ctx context.Context) Finding {
	unstable := i.ask(ctx, http.MethodGet, message.PathTransports, nil)
	stable := i.ask(ctx, http.MethodGet, pathTransportsStable, nil)
	for _, a := range []answer{unstable, stable} {
		if f := i.refusedTransports(a); f.Level != Fine {
			f.Found = a.path + ": " + a.words()
			return f
		}
	}
	if !unstable.ok() && !stable.ok() {
		return Finding{Level: Warning, Found: "neither path is there", Cause: "the homeserver has no transports endpoint, or it is switched off. Full mesh works without; Element Call says MISSING_MATRIX_RTC_TRANSPORT",
			Fix: i.switchOn("the transports endpoint"), Command: i.homeserver("transports")}
	}
	if !unstable.ok() {
		i.transports, _ = readTransports(stable)
		return Finding{Level: Warning, Found: "the stable path lists " + listTransports(i.transports) + "; the unstable path is not there", Cause: "clients of today ask on the unstable path",
			Fix: "let the homeserver, or its reverse proxy, answer on both", Snippet: snippetBothPaths(i.base.Hostname())}
	}
	var fault string
	i.transports, fault = readTransports(unstable)
	switch {
	case fault != "":
		return Finding{Level: Broken, Found: fault, Cause: "the list was written by hand, and clients stop at what they cannot read", Fix: "make every entry an object with a string type", Command: i.homeserver("transports")}
	case len(i.transports) == 0:
		return Finding{Level: Warning, Found: "an empty answer", Cause: "the endpoint is switched on and nothing is configured for it, or the section is indented wrongly. Full mesh works without; Element Call says MISSING_MATRIX_RTC_TRANSPORT",
			Fix: "name the transports, then restart the homeserver", Command: i.homeserver("transports")}
	case !slices.ContainsFunc(i.transports, transport.isMesh):
		return Finding{Level: Note, Found: listTransports(i.transports), Cause: "full mesh is not recommended by this homeserver, so clients that know both prefer the others",
			Fix: "add full_mesh to the list, before the others to prefer it", Command: i.homeserver("transports")}
	}
	found := listTransports(i.transports)
	if !stable.ok() {
		found += "; not on the stable path yet, which is usual"
	}
	return fine("%s", found)
}

// refusedTransports judges what is neither a list nor a missing endpoint.
func (i *Inspector) refusedTransports(a answer) Finding {
	nginx := proxy("nginx", i.base.Hostname())
	switch {
	case a.ok() || a.unrecognised() && a.errcode() != "":
		return Finding{}
	case a.status == http.StatusUnauthorized:
		return Finding{Level: Broken, Cause: "the same token was good a moment ago: for this path the reverse proxy drops the Authorization header, or passes it to another service", Fix: "pass the path on to the homeserver like the rest of /_matrix", Command: nginx}
	case a.status == http.StatusForbidden && i.guest:
		return Finding{Level: Note, Cause: "this homeserver tells guests no transports", Fix: "nothing to do for full mesh"}
	case a.status == http.StatusNotFound || a.isHTML():
		return Finding{Level: Warning, Cause: "not the homeserver answers but the reverse proxy, and without M_UNRECOGNIZED clients do not fall back", Fix: "pass all of /_matrix on", Command: nginx}
	case a.status == http.StatusTooManyRequests:
		return Finding{Level: Warning, Cause: "the homeserver limits how often this may be asked, too tightly", Fix: "raise the limit for this account or address"}
	}
	return Finding{Level: Broken, Cause: "the endpoint is there and does not work", Fix: "look at the homeserver's log for this path"}
}

// readTransports reads the list under either of its names (decision D16).
func readTransports(a answer) (list []transport, fault string) {
	var body struct {
		Unstable json.RawMessage `json:"rtc_transports"`
		Stable   json.RawMessage `json:"transports"`
	}
	a.read(&body)
	return parseTransports(bytes.Join([][]byte{body.Unstable, body.Stable}, nil), body.Unstable, body.Stable)
}

func parseTransports(either []byte, lists ...json.RawMessage) (list []transport, fault string) {
	if len(either) == 0 {
		return nil, ""
	}
	for _, raw := range lists {
		if len(raw) == 0 {
			continue
		}
		if json.Unmarshal(raw, &list) != nil {
			return nil, "the list of transports is not a list of objects"
		}
		for n, entry := range list {
			if entry.Type == "" {
				return nil, fmt.Sprintf("entry %d of the list has no type", n+1)
			}
		}
		return list, ""
	}
	return nil, ""
}

// isMesh accepts the spellings of decision D5.
func (t transport) isMesh() bool {
	return t.Type == message.FocusFullMesh || t.Type == "mesh" || strings.HasSuffix(t.Type, "."+message.FocusFullMesh)
}

func listTransports(list []transport) string {
	if len(list) == 0 {
		return "nothing"
	}
	var words []string
	for _, t := range list {
		words = append(words, t.String())
	}
	return strings.Join(words, ", ")
}

// wellKnownTransports are the names of the list in /.well-known/matrix/client,
// the one in use first (MSC4143, MSC4158).
var wellKnownTransports = []string{"org.matrix.msc4143.rtc_foci", "m.rtc_foci", "org.matrix.msc4158.rtc_foci"}

// checkPublishedTransports compares the old, public list with the endpoint's,
// and looks whether the LiveKit services named in either can be there.
func (i *Inspector) checkPublishedTransports(ctx context.Context) Finding {
	tried := "compare the list in .well-known with the endpoint's, and knock at the LiveKit services named"
	var published []transport
	if i.wellKnown != nil {
		for _, key := range wellKnownTransports {
			if raw := i.wellKnown.fields[key]; len(raw) > 0 {
				published, _ = parseTransports(raw, raw)
				break
			}
		}
	}
	for _, t := range slices.Concat(i.transports, published) {
		if fault := i.knock(ctx, t); fault != "" {
			return Finding{Level: Warning, Tried: tried, Found: t.LiveKit + ": " + fault, Cause: "Element Call takes the first LiveKit focus it is told, and stops when that does not answer. Full mesh needs none",
				Fix: "mend the service (its address is that of lk-jwt-service, https://, not of LiveKit, wss://), or take it from the list"}
		}
	}
	if len(published) > 0 && listTransports(published) != listTransports(i.transports) {
		return Finding{Level: Warning, Tried: tried, Found: fmt.Sprintf(".well-known lists %s, the endpoint %s", listTransports(published), listTransports(i.transports)),
			Cause: "two places, configured separately; older clients read the first, newer ones the second, and they do not meet", Fix: "write the same list in both"}
	}
	return Finding{Tried: tried, Found: fmt.Sprintf("%d in .well-known, %d from the endpoint", len(published), len(i.transports))}
}

// knock asks a LiveKit authorisation service whether it lives. Its health
// page is that of lk-jwt-service; that there is an answer is enough.
func (i *Inspector) knock(ctx context.Context, t transport) (fault string) {
	if t.LiveKit == "" {
		return ""
	}
	address, err := url.Parse(t.LiveKit)
	if err != nil || address.Host == "" || address.Scheme != "https" && address.Scheme != "http" {
		return "that is no http address"
	}
	a := i.send(ctx, http.MethodGet, strings.TrimRight(t.LiveKit, "/")+"/healthz", http.Header{}, nil)
	if a.err != nil || a.status >= 500 {
		return a.words()
	}
	return ""
}
