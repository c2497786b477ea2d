package matrix

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"meshfocus/signalling/message"
)

// transportsFor is how long a list of transports is kept.
const transportsFor = time.Hour

// transportPause is the back-off while the homeserver does not say.
var transportPause = backoff{first: 5 * time.Second, most: 5 * time.Minute}

// transportCache keeps the list of transports. Guarded by turn, which a fetch
// holds, so that many callers at once make one request.
type transportCache struct {
	turn     chan struct{} // has one token
	known    bool
	list     []message.TransportHint
	err      error // why there is no list, while none is known
	until    time.Time
	failures int
	said     string // the last line of the log
}

func newTransportCache() *transportCache {
	c := &transportCache{turn: make(chan struct{}, 1)}
	c.turn <- struct{}{}
	return c
}

// Transports asks what the homeserver recommends: its endpoint, by the unstable
// and the stable name, then .well-known of the user's server unless the
// homeserver was given as an address (decisions D14 to D17). An empty list is
// no error and forbids nothing. The answer is kept for an hour; on trouble the
// last list stays, and is asked for again after a while. A refused token is
// ErrBadToken. Safe to call before every connection.
func (a *Account) Transports(ctx context.Context) ([]message.TransportHint, error) {
	cache := a.advice
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-cache.turn:
	}
	defer func() { cache.turn <- struct{}{} }()
	if now := time.Now(); now.Before(cache.until) {
		return cache.list, cache.err
	}
	answer := a.askTransports(ctx)
	if ctx.Err() != nil && answer.err != nil {
		return cache.list, ctx.Err() // the caller's own end says nothing
	}
	a.keepTransports(answer)
	return cache.list, cache.err
}

// transportAnswer is what came of asking, with what was tried for it.
type transportAnswer struct {
	list   []message.TransportHint
	source string // what decided
	tried  []string
	err    error // trouble; there is no list
	after  time.Duration
}

// tell adds a source and what it said.
func (t *transportAnswer) tell(source, said string) {
	t.tried = append(t.tried, source+" says "+said)
}

// keepTransports puts an answer into the cache and says in one line what came
// of it; at debug level when that is no news.
func (a *Account) keepTransports(answer transportAnswer) {
	cache := a.advice
	line, level := "transports of the homeserver", slog.LevelInfo
	if answer.err == nil {
		cache.known, cache.list, cache.err, cache.failures = true, answer.list, nil, 0
		cache.until = time.Now().Add(transportsFor)
	} else {
		cache.failures++
		pause := max(answer.after, transportPause.wait(cache.failures, a.random()))
		cache.until = time.Now().Add(pause)
		line, level = "the homeserver does not say its transports", slog.LevelWarn
		if cache.known {
			line += ", the last list stays"
		} else {
			cache.err = a.explain("ask for transports", answer.err)
		}
	}
	words := strings.Join(answer.tried, "; ")
	if said := line + words; said == cache.said {
		level = slog.LevelDebug
	} else {
		cache.said = said
	}
	a.log.Log(context.Background(), level, line, "transports", typesOf(cache.list), "from", answer.source, "because", words)
}

func typesOf(list []message.TransportHint) []string {
	types := make([]string, 0, len(list))
	for _, hint := range list {
		types = append(types, hint.Type)
	}
	return types
}

// featureTransportsStable in /versions announces the stable path (MSC4143).
const featureTransportsStable = message.FeatureTransports + ".stable"

// transportPaths are the names of the endpoint, the likelier first. What
// /versions says is a hint only (decision D15): the endpoint existed before its
// flag did.
func (a *Account) transportPaths() (names []string, paths [][]any) {
	unstable, stable := pathOf(message.PathTransports), clientPath("v1", "rtc", "transports")
	if a.features[featureTransportsStable] {
		return []string{"the stable endpoint", "the unstable endpoint"}, [][]any{stable, unstable}
	}
	return []string{"the unstable endpoint", "the stable endpoint"}, [][]any{unstable, stable}
}

// askTransports goes through the sources until one decides. It never asks
// without the token (decision D14).
func (a *Account) askTransports(ctx context.Context) (answer transportAnswer) {
	names, paths := a.transportPaths()
	for n, path := range paths {
		var content json.RawMessage
		err := a.getPath(ctx, &content, path)
		if a.judgeTransports(&answer, names[n], content, err) {
			return answer
		}
	}
	const wellKnown = ".well-known"
	answer.source = "nowhere"
	if strings.Contains(a.config.Homeserver, "://") {
		answer.tell(wellKnown, "nothing, it is not asked for a homeserver given by its address")
		return answer
	}
	list, said := a.wellKnownTransports(ctx)
	answer.tell(wellKnown, said)
	if len(list) > 0 {
		answer.list, answer.source = list, wellKnown
	}
	return answer
}

// judgeTransports reads what the endpoint answered and reports whether that
// decides; otherwise the next source is asked (MSC4143, discovery).
func (a *Account) judgeTransports(answer *transportAnswer, name string, content json.RawMessage, err error) bool {
	answer.source = name
	found := classify(err)
	switch found.kind {
	case faultNone:
		list, err := message.ParseTransports(content)
		if err != nil {
			answer.tell(name, "what cannot be read")
			answer.err = fmt.Errorf("answer of %s: %w", name, err)
			return true
		}
		answer.list = list
		answer.tell(name, fmt.Sprintf("%d transports", len(list)))
		return true
	case faultForbidden:
		answer.tell(name, found.words()+", as to guests: none for us")
		return true
	case faultNotFound, faultUnrecognised, faultRefused:
		answer.tell(name, found.words())
		return false
	case faultToken:
		answer.tell(name, "our token is refused")
	case faultNetwork:
		answer.tell(name, innermost(err))
	default:
		answer.tell(name, found.words())
	}
	answer.err, answer.after = err, found.retryAfter
	return true
}

// wellKnownTransports reads the list that older servers publish, and says what
// was found. Anything but a readable answer means that there is none.
func (a *Account) wellKnownTransports(ctx context.Context) ([]message.TransportHint, string) {
	_, server, _ := strings.Cut(a.party.UserID, ":")
	address := url.URL{Scheme: "https", Host: server, Path: "/.well-known/matrix/client"}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, fmt.Sprintf("nothing, %q is no address", server)
	}
	answer, err := a.client.Client.Do(request)
	if err != nil {
		return nil, innermost(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Sprintf("HTTP %d", answer.StatusCode)
	}
	var fields map[string]json.RawMessage
	if err := readJSON(answer.Body, &fields); err != nil {
		return nil, "what cannot be read"
	}
	list, key := transportsIn(fields)
	if key == "" {
		return nil, "nothing of transports"
	}
	return list, fmt.Sprintf("%d transports as %s", len(list), key)
}

// transportsIn reads the first list that a .well-known answer holds, and names
// its key.
func transportsIn(fields map[string]json.RawMessage) ([]message.TransportHint, string) {
	for _, key := range wellKnownTransportKeys {
		list, ok := fields[key]
		if !ok {
			continue
		}
		content, err := json.Marshal(map[string]json.RawMessage{"transports": list})
		if err != nil {
			return nil, key
		}
		hints, _ := message.ParseTransports(content) // what is no list is an empty one
		return hints, key
	}
	return nil, ""
}
