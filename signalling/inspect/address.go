package inspect

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// wellKnown is what /.well-known/matrix/client says (client-server API,
// "Server Discovery").
type wellKnown struct {
	answer answer
	base   string
	fields map[string]json.RawMessage
}

// checkAddress turns what the person gave into the address of the API, as a
// client would.
func (i *Inspector) checkAddress(ctx context.Context) Finding {
	given := i.config.Homeserver
	if strings.Contains(given, "://") {
		i.setBase(given)
		return Finding{Tried: "use " + i.base.String() + " as the base URL, as given", Found: "nothing to look up"}
	}
	if strings.HasPrefix(given, "@") {
		_, given, _ = strings.Cut(given, ":")
	}
	i.serverName = given
	w := i.fetchWellKnown(ctx, given)
	i.wellKnown = &w
	f := w.judge(given)
	f.Tried = fmt.Sprintf("look up the base URL of %s at https://%s/.well-known/matrix/client", given, given)
	switch {
	case f.Level == Broken:
	case w.base != "":
		i.setBase(w.base)
	default:
		i.setBase("https://" + given)
	}
	return f
}

func (i *Inspector) setBase(text string) {
	base, err := url.Parse(strings.TrimRight(text, "/"))
	if err != nil {
		return // judged before
	}
	base.RawQuery, base.Fragment = "", ""
	i.base = base
}

// maxRedirects is how many steps a lookup follows; browsers follow 20.
const maxRedirects = 5

// fetchWellKnown asks by HTTPS and follows redirects, as the text asks.
func (i *Inspector) fetchWellKnown(ctx context.Context, server string) wellKnown {
	address := "https://" + server + "/.well-known/matrix/client"
	header := func() http.Header { return http.Header{"Origin": {i.config.Origin}} }
	a := i.send(ctx, http.MethodGet, address, header(), nil)
	for step := 0; step < maxRedirects && a.err == nil && a.status >= 300 && a.status < 400; step++ {
		from, err := url.Parse(address)
		if err != nil {
			break
		}
		to, err := from.Parse(a.header.Get("Location"))
		if err != nil || to.String() == address {
			break
		}
		address = to.String()
		a = i.send(ctx, http.MethodGet, address, header(), nil)
	}
	w := wellKnown{answer: a}
	if a.ok() {
		a.read(&w.fields)
		var home struct {
			BaseURL string `json:"base_url"`
		}
		_ = json.Unmarshal(w.fields["m.homeserver"], &home)
		w.base = home.BaseURL
	}
	return w
}

// judge says what the answer means for who looked it up by server name.
func (w wellKnown) judge(server string) Finding {
	a := w.answer
	snippet := snippetWellKnown(server)
	switch {
	case a.err != nil:
		return Finding{Level: Note, Found: a.words(),
			Cause: "nothing answers HTTPS at the server name itself, so clients take https://" + server + " as the base URL",
			Fix:   "if the homeserver is elsewhere, give its base URL; to let people type " + server + ", serve the file there"}
	case a.status == http.StatusNotFound:
		return Finding{Level: Note, Found: a.words(),
			Cause: "no such file, so clients take https://" + server + " as the base URL",
			Fix:   "if the homeserver is elsewhere, publish the file; or check again with the base URL", Snippet: snippet}
	case a.isHTML():
		return Finding{Level: Broken, Found: a.words(),
			Cause: "the web site at " + server + " answers every path with a page of its own, so that clients cannot read where the homeserver is",
			Fix:   "serve the file as JSON before the rules of the web site", Snippet: snippet}
	case a.status != http.StatusOK:
		return Finding{Level: Broken, Found: a.words(),
			Cause: "whatever answers at " + server + " does not serve the file", Fix: "serve it with status 200, or answer 404 if there is none", Snippet: snippet}
	case !a.isJSON():
		return Finding{Level: Broken, Found: a.words(),
			Cause: "the file is not JSON; a comma or a quote is missing or too much", Fix: "publish exactly this", Snippet: snippet}
	case w.base == "":
		return Finding{Level: Broken, Found: "no m.homeserver with a base_url in it",
			Cause: "the file was made for something else or misspelt", Fix: "add the base URL", Snippet: snippet}
	}
	if parsed, err := url.Parse(w.base); err != nil || parsed.Host == "" || (parsed.Scheme != "https" && parsed.Scheme != "http") {
		return Finding{Level: Broken, Found: fmt.Sprintf("base_url is %q", excerpt(w.base)),
			Cause: "that is no URL with https:// and a host", Fix: "write the whole address", Snippet: snippet}
	}
	if origin := a.header.Values("Access-Control-Allow-Origin"); len(origin) != 1 {
		return Finding{Level: Warning, Found: fmt.Sprintf("base URL %s, with %d Access-Control-Allow-Origin headers", w.base, len(origin)),
			Cause: "browsers may read the file only with exactly one such header: web clients and call pages cannot find the homeserver, apps can", Fix: "set it once, where the file is served", Snippet: snippet}
	}
	return fine("base URL %s", w.base)
}

// checkWellKnown compares, for who gave a base URL, what those get who type
// the server name.
func (i *Inspector) checkWellKnown(ctx context.Context) Finding {
	if i.wellKnown != nil {
		f := note("read already, see \"address\"")
		f.Level, f.Tried = Fine, "compare the user's server name with what was given"
		if i.serverName != "" && serverOf(i.userID) != i.serverName {
			f = Finding{Level: Note, Tried: f.Tried, Found: fmt.Sprintf("the user is of %s, looked up was %s", serverOf(i.userID), i.serverName),
				Cause: "the homeserver's server_name is not the name that was given", Fix: "people have to type " + serverOf(i.userID)}
		}
		return f
	}
	server := serverOf(i.userID)
	w := i.fetchWellKnown(ctx, server)
	i.wellKnown, i.serverName = &w, server
	f := w.judge(server)
	f.Tried = fmt.Sprintf("look up %s, the server name of %s, as who types it would", server, i.userID)
	if f.Level == Broken {
		f.Level = Warning // for those who type the server name
	}
	switch {
	case isLocalName(server) && f.Level == Note:
		return Finding{Level: Note, Tried: f.Tried, Found: f.Found, Cause: server + " is no public name, so clients have to be given the base URL, and Element Call cannot find a LiveKit focus of this server",
			Fix: "nothing to do for full mesh"}
	case f.Level == Fine && !sameBase(w.base, i.base):
		return Finding{Level: Warning, Tried: f.Tried, Found: fmt.Sprintf("it names %s, and what was checked is %s", w.base, i.base),
			Cause: "an old file, or two addresses for one homeserver; who types the server name gets the other one",
			Fix:   "name the address that is meant in the file, or check the other one too", Snippet: snippetWellKnown(server)}
	}
	return f
}

func sameBase(text string, base *url.URL) bool {
	return strings.EqualFold(strings.TrimRight(text, "/"), strings.TrimRight(base.String(), "/"))
}

func serverOf(userID string) string {
	_, server, _ := strings.Cut(userID, ":")
	return server
}

// isLocalName says that a server name means nothing outside of its network.
func isLocalName(server string) bool {
	host := server
	if name, _, err := net.SplitHostPort(server); err == nil {
		host = name
	}
	if address, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return address.IsLoopback() || address.IsPrivate() || address.IsLinkLocalUnicast()
	}
	if !strings.Contains(host, ".") {
		return true
	}
	for _, end := range []string{".local", ".localhost", ".lan", ".internal", ".home.arpa", ".test", ".invalid"} {
		if strings.HasSuffix(host, end) {
			return true
		}
	}
	return false
}
