package inspect

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"meshfocus/signalling/message"
)

// crossing is a request as a page of another origin makes it.
type crossing struct{ method, path string }

// crossings are requests that a reverse proxy is known to treat differently.
func crossings() []crossing {
	return []crossing{
		{http.MethodPut, clientPath("v3", "rooms", "!doctor:doctor.invalid", "state", message.TypeCallMember, "doctor")},
		{http.MethodPost, clientPath("v3", "keys", "claim")},
		{http.MethodGet, message.PathTransports},
		{http.MethodPost, message.PathDelayedEvents + "/doctor/restart"},
	}
}

// checkCORS asks for permission as a browser does before each request of a
// page that is not served by the homeserver (Fetch standard, "CORS-preflight
// fetch"), and looks at a real answer.
func (i *Inspector) checkCORS(ctx context.Context) Finding {
	tried := "ask from a page of another origin, as a browser does (OPTIONS, then the answer itself)"
	if fault := allowFault(i.versions.answer.header, i.config.Origin); fault.found != "" {
		return i.corsFinding(tried, "GET "+pathVersions, fault)
	}
	for _, c := range crossings() {
		a := i.send(ctx, http.MethodOptions, i.base.String()+c.path, http.Header{
			"Origin": {i.config.Origin}, "Access-Control-Request-Method": {c.method}, "Access-Control-Request-Headers": {"authorization,content-type"},
		}, nil)
		if fault := preflightFault(a, c.method, i.config.Origin); fault.found != "" {
			return i.corsFinding(tried, c.method+" "+c.path, fault)
		}
	}
	return Finding{Tried: tried, Found: fmt.Sprintf("%d kinds of requests are allowed", len(crossings()))}
}

// corsFault is why a browser would not go on, and what is usually behind it.
type corsFault struct{ found, cause string }

const (
	corsLost   = "the reverse proxy takes the headers away that the homeserver sets, or answers itself"
	corsTwice  = "homeserver and reverse proxy both set it, and browsers refuse two"
	corsNarrow = "the reverse proxy was told to let one web client in; other clients and call pages are left out"
	corsOwn    = "the reverse proxy sets a list of its own, which is too short"
)

func (i *Inspector) corsFinding(tried, request string, fault corsFault) Finding {
	return Finding{Level: Broken, Tried: tried, Found: request + ": " + fault.found,
		Cause: fault.cause + ". Calls in a browser end with \"failed to fetch\", while apps and curl work",
		Fix:   "pass OPTIONS on to the homeserver, and remove every Access-Control header from the reverse proxy: homeservers set them", Command: proxy("nginx", i.base.Hostname())}
}

// preflightFault says why a browser would not send the request; the zero value
// if it would.
func preflightFault(a answer, method, origin string) corsFault {
	if a.err != nil || a.status < 200 || a.status > 299 {
		return corsFault{"OPTIONS was answered by " + a.statusWords(), "the reverse proxy does not pass OPTIONS on, or wants a token with it, which browsers do not send"}
	}
	if fault := allowFault(a.header, origin); fault.found != "" {
		return fault
	}
	methods, headers := listOf(a.header, "Access-Control-Allow-Methods"), listOf(a.header, "Access-Control-Allow-Headers")
	switch {
	case method != http.MethodGet && method != http.MethodPost && !slices.Contains(methods, "*") && !slices.Contains(methods, strings.ToLower(method)):
		return corsFault{"Access-Control-Allow-Methods does not list " + method, corsOwn}
	case slices.Contains(headers, "*") && !slices.Contains(headers, "authorization"):
		return corsFault{"Access-Control-Allow-Headers is *", "the reverse proxy sets a list of its own, and * does not stand for Authorization, which has to be listed"}
	case !slices.Contains(headers, "authorization"):
		return corsFault{"Access-Control-Allow-Headers does not list Authorization", corsOwn}
	case !slices.Contains(headers, "*") && !slices.Contains(headers, "content-type"):
		return corsFault{"Access-Control-Allow-Headers does not list Content-Type", corsOwn}
	}
	return corsFault{}
}

// allowFault looks at Access-Control-Allow-Origin.
func allowFault(header http.Header, origin string) corsFault {
	values := header.Values("Access-Control-Allow-Origin")
	switch {
	case len(values) == 0:
		return corsFault{"there is no Access-Control-Allow-Origin", corsLost}
	case len(values) > 1 || strings.Contains(values[0], ","):
		return corsFault{"Access-Control-Allow-Origin is there twice", corsTwice}
	case values[0] != "*" && values[0] != origin:
		return corsFault{fmt.Sprintf("Access-Control-Allow-Origin is %q, which lets only that page in", excerpt(values[0])), corsNarrow}
	}
	return corsFault{}
}

func listOf(header http.Header, name string) (list []string) {
	for _, value := range header.Values(name) {
		for entry := range strings.SplitSeq(value, ",") {
			list = append(list, strings.ToLower(strings.TrimSpace(entry)))
		}
	}
	return list
}
