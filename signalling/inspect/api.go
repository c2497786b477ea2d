package inspect

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"meshfocus/signalling/message"
)

// versions is the answer of /versions.
type versions struct {
	answer   answer
	Versions []string        `json:"versions"`
	Features map[string]bool `json:"unstable_features"`
}

const pathVersions = "/_matrix/client/versions"

// checkVersions asks the one question that every homeserver answers to
// everybody.
func (i *Inspector) checkVersions(ctx context.Context) Finding {
	a := i.fetchVersions(ctx, i.base.String())
	v := &versions{answer: a}
	a.read(v)
	i.versions = v
	f := i.judgeVersions(ctx, a, v.Versions)
	if f.Level == Fine {
		if i.software = i.identify(ctx, a); i.software != "" {
			f.Found = i.software + ": " + f.Found
		}
	}
	f.Tried = "GET " + i.base.String() + pathVersions
	return f
}

func (i *Inspector) fetchVersions(ctx context.Context, base string) answer {
	return i.send(ctx, http.MethodGet, base+pathVersions, http.Header{"Origin": {i.config.Origin}}, nil)
}

// identify finds out whose homeserver it is, "" if nobody says: for what to
// paste, not for what to expect of it.
func (i *Inspector) identify(ctx context.Context, a answer) string {
	if strings.HasPrefix(a.header.Get("Server"), "Synapse/") {
		return "Synapse"
	}
	ask := func(path string) answer {
		return i.send(ctx, http.MethodGet, i.base.String()+path, http.Header{}, nil)
	}
	var body struct{ Server struct{ Name string } }
	if ask("/_matrix/federation/v1/version").read(&body); body.Server.Name != "" {
		return excerpt(body.Server.Name)
	}
	if up := ask("/_dendrite/monitor/up"); up.status == http.StatusOK && !up.isHTML() {
		return "Dendrite" // one that does not federate
	}
	return ""
}

func (i *Inspector) judgeVersions(ctx context.Context, a answer, list []string) Finding {
	switch {
	case a.ok() && len(list) > 0:
		return fine("Matrix, up to %s", list[len(list)-1])
	case a.err != nil:
		return Finding{Level: Broken, Found: a.words(), Cause: "the port is open, but what listens there gives no answer to HTTP; an overloaded homeserver does that too",
			Fix: "look at the log of reverse proxy and homeserver while this runs again"}
	case a.status >= 300 && a.status < 400:
		return judgeRedirect(a, i.base)
	case a.status == http.StatusBadGateway || a.status == http.StatusServiceUnavailable || a.status == http.StatusGatewayTimeout:
		return Finding{Level: Broken, Found: a.words(), Cause: "the reverse proxy runs, and the homeserver behind it does not answer it",
			Fix: "start the homeserver; compare its listener's address and port with those in the reverse proxy", Command: proxy("nginx", i.base.Hostname())}
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		return Finding{Level: Broken, Found: a.words(), Cause: "something before the homeserver wants a login of its own (basic auth, single sign-on, a bot filter); clients cannot give it",
			Fix: "take /_matrix and /.well-known/matrix out of it"}
	}
	if better := i.betterBase(ctx); better != "" {
		return Finding{Level: Broken, Found: a.words(), Cause: fmt.Sprintf("the path of the base URL is wrong: %s answers as a homeserver", better),
			Fix: fmt.Sprintf("give %s as base URL, in .well-known/matrix/client too", better)}
	}
	if a.isHTML() || a.status == http.StatusNotFound {
		return Finding{Level: Broken, Found: a.words(), Cause: "a web server answers, and does not pass /_matrix on to the homeserver; or this is the address of a web site, not of the homeserver",
			Fix: "pass /_matrix on in the reverse proxy, without changing the path", Command: proxy("nginx", i.base.Hostname())}
	}
	return Finding{Level: Broken, Found: a.words() + ", in which no versions of Matrix are listed", Cause: "whatever listens there is not a Matrix homeserver",
		Fix: "look for the base URL in .well-known/matrix/client of the server name, or in the settings of a client that works"}
}

func judgeRedirect(a answer, base *url.URL) Finding {
	to, err := base.Parse(a.header.Get("Location"))
	if err != nil {
		to = base
	}
	f := Finding{Level: Broken, Found: a.words(), Cause: "the homeserver is at another address; clients do not follow redirects with a token in their hands",
		Fix: fmt.Sprintf("give %s://%s as base URL, in .well-known/matrix/client too", excerpt(to.Scheme), excerpt(to.Host))}
	if base.Scheme == "http" && to.Scheme == "https" && to.Hostname() == base.Hostname() {
		f.Cause = "the server wants HTTPS"
	}
	return f
}

// betterBase tries the addresses that people mean when they give too long or
// too short a path. It answers "" when none is a homeserver.
func (i *Inspector) betterBase(ctx context.Context) string {
	root := i.base.Scheme + "://" + i.base.Host
	before, _, found := strings.Cut(i.base.String(), "/_matrix")
	candidates := []string{root}
	if found {
		candidates = []string{before, root}
	}
	for _, candidate := range candidates {
		if candidate == i.base.String() {
			continue
		}
		var v versions
		a := i.fetchVersions(ctx, candidate)
		if a.read(&v); a.ok() && len(v.Versions) > 0 {
			return candidate
		}
	}
	return ""
}

// checkSpeed is about how long an answer takes that costs the server nothing.
func (i *Inspector) checkSpeed(context.Context) Finding {
	took := i.versions.answer.took
	tried := "time the answer about versions"
	if took < i.config.Slow {
		return Finding{Tried: tried, Found: plainTime(took)}
	}
	return Finding{Level: Warning, Tried: tried, Found: fmt.Sprintf("%s; below %s is good", plainTime(took), plainTime(i.config.Slow)),
		Cause: "the homeserver is overloaded or far away; Element Call gives a request that keeps a membership alive 2 s, and then members vanish and come back",
		Fix:   "look at the load of the homeserver and its database; give a small machine fewer large rooms"}
}

// Limits of the difference between clocks. The Date header has whole seconds.
// A membership lives for hours, the ring of a call for 30 to 120 s (MSC4075),
// a delayed leave 8 s and more, which only the server's clock counts.
const (
	skewNoticed  = 5 * time.Second
	skewHarmful  = 30 * time.Second
	dateAccuracy = time.Second
)

// checkClock compares the server's clock with ours.
func (i *Inspector) checkClock(context.Context) Finding {
	a := i.versions.answer
	tried := "compare the Date of the answer with the clock here"
	date, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		return Finding{Level: Note, Tried: tried, Found: "no Date header", Cause: "the reverse proxy takes it away", Fix: "nothing to do if the server's clock is set by NTP"}
	}
	local := a.sent.Add(a.took / 2)
	skew := date.Add(dateAccuracy / 2).Sub(local)
	size := max(skew.Abs()-dateAccuracy/2-a.took/2, 0) // at least
	found := fmt.Sprintf("the server's clock is %s %s the one here", plainTime(skew.Abs().Round(time.Second)), map[bool]string{true: "ahead of", false: "behind"}[skew > 0])
	f := Finding{Level: Warning, Tried: tried, Found: found, Cause: "one of the two clocks is not set by NTP. Clients compare a membership's age with their own clock: calls seem over, or never over, and do not ring",
		Fix: "on the server and here: timedatectl set-ntp true; timedatectl says whether it is synchronised"}
	switch {
	case size >= skewHarmful:
		f.Level = Broken
	case size < skewNoticed:
		return Finding{Tried: tried, Found: "the clocks agree, as far as a Date header tells"}
	}
	return f
}

// feature is what a flag of /versions means for calls.
type feature struct {
	flag, name, without string
	level               Level
	fix                 string // "" to switch it on
	part                string // of what `meshfocus snippet` prints for the homeserver
}

func featureTable() []feature {
	return []feature{
		{message.FeatureDelayedEvents, "delayed events", "a device that crashes stays in the call as a ghost until its membership expires, up to hours", Warning,
			"", "delayed"},
		{message.FeatureTransports, "the transports endpoint", "some clients do not even ask for transports, bots made with mautrix among them", Note,
			"", "transports"},
		{message.FeatureSticky, "sticky events", "members are state events, which need power in the room, and are never encrypted", Note,
			"nothing to do for full mesh", ""},
	}
}

// checkFeatures looks at what the server says it can; whether it can is seen
// later.
func (i *Inspector) checkFeatures(context.Context) Finding {
	f := Finding{Tried: "look for the flags of real-time calls in /versions"}
	var has, lacks []string
	for _, feature := range featureTable() {
		named := feature.flag + " (" + feature.name + ")"
		if i.versions.Features[feature.flag] {
			has = append(has, named)
			continue
		}
		lacks = append(lacks, named)
		if f.Level < feature.level { // the worst comes first
			f.Level, f.Cause = feature.level, "without "+feature.name+", "+feature.without
			f.Fix, f.Command = feature.fix, nil
			if feature.part != "" {
				f.Fix, f.Command = i.switchOn(feature.name), i.homeserver(feature.part)
			}
		}
	}
	f.Found = "all there: " + strings.Join(has, ", ")
	if len(lacks) > 0 {
		f.Found = "missing: " + strings.Join(lacks, ", ")
	}
	return f
}
