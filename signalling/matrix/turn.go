package matrix

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ICEServer is one entry of a peer connection's server list. All URLs of one
// entry share the credentials; STUN needs none.
type ICEServer struct {
	URLs                 []string
	Username, Credential string
}

// TurnServers is what the homeserver offers. Expires is when the credentials
// end, zero if they do not: a connection that uses them should restart ICE
// shortly before.
type TurnServers struct {
	Servers []ICEServer
	Expires time.Time
}

// turnAnswer is the answer of voip/turnServer. TTL is in seconds.
type turnAnswer struct {
	Username string   `json:"username"`
	Password string   `json:"password"`
	URIs     []string `json:"uris"`
	TTL      float64  `json:"ttl"`
}

const (
	// turnOften is the least time between two fetches while the credentials
	// last, turnRarely between two that found no servers.
	turnOften  = 10 * time.Minute
	turnRarely = time.Hour
	// turnMargin is the least life that credentials must have left; a tenth
	// of their life if that is more.
	turnMargin = time.Minute
)

// turnPause is the back-off after failed fetches.
var turnPause = backoff{first: 30 * time.Second, most: 10 * time.Minute}

// turnPolicy decides when to ask for TURN servers again. Pure; its zero value
// asks at once.
type turnPolicy struct {
	known    TurnServers
	lifetime time.Duration // of the known credentials; zero: for ever
	next     time.Time     // no fetch before
	earliest time.Time     // no fetch before, even if the credentials end
	failures int
}

// due reports whether to fetch. Credentials that are about to end are due
// sooner than others, unless fetching failed.
func (p *turnPolicy) due(now time.Time) bool {
	if p.failures == 0 && p.ending(now) {
		return !now.Before(p.earliest)
	}
	return !now.Before(p.next)
}

func (p *turnPolicy) ending(now time.Time) bool {
	return !p.known.Expires.IsZero() && p.known.Expires.Sub(now) < max(p.lifetime/10, turnMargin)
}

// current gives what may be used now: never credentials that have ended.
func (p *turnPolicy) current(now time.Time) TurnServers {
	if !p.known.Expires.IsZero() && !now.Before(p.known.Expires) {
		return TurnServers{}
	}
	return p.known
}

// answered takes an answer, which may name no servers.
func (p *turnPolicy) answered(answer turnAnswer, now time.Time) (dropped []string) {
	servers, dropped := answer.servers()
	*p = turnPolicy{known: TurnServers{Servers: servers}, next: now.Add(turnOften), earliest: now.Add(turnMargin / 2)}
	switch {
	case len(servers) == 0:
		p.next = now.Add(turnRarely)
	case answer.TTL > 0:
		const longest = 365 * 24 * time.Hour
		p.lifetime = time.Duration(min(answer.TTL, longest.Seconds()) * float64(time.Second))
		p.known.Expires = now.Add(p.lifetime)
	}
	return dropped
}

// none takes the answer that there are no servers for us: 403, 404.
func (p *turnPolicy) none(now time.Time) { *p = turnPolicy{next: now.Add(turnRarely)} }

// failed takes a fetch without an answer. What is known stays in use.
func (p *turnPolicy) failed(after time.Duration, now time.Time, random float64) {
	p.failures++
	p.next = now.Add(max(after, turnPause.wait(p.failures, random)))
}

// servers sorts the URIs into one entry with credentials and one without, and
// names those it dropped: one bad URL fails a whole peer connection.
func (a turnAnswer) servers() (servers []ICEServer, dropped []string) {
	var turn, stun []string
	for _, uri := range a.URIs {
		switch scheme := iceScheme(uri); {
		case scheme == "stun" || scheme == "stuns":
			stun = append(stun, uri)
		case scheme != "" && a.Username != "" && a.Password != "":
			turn = append(turn, uri)
		default:
			dropped = append(dropped, uri)
		}
	}
	if len(turn) > 0 {
		servers = append(servers, ICEServer{URLs: turn, Username: a.Username, Credential: a.Password})
	}
	if len(stun) > 0 {
		servers = append(servers, ICEServer{URLs: stun})
	}
	return servers, dropped
}

// iceScheme gives the scheme of a valid STUN or TURN URI (RFC 7064, RFC 7065),
// "" for anything else.
func iceScheme(uri string) string {
	scheme, rest, ok := strings.Cut(uri, ":")
	if !ok || !slices.Contains([]string{"stun", "stuns", "turn", "turns"}, scheme) {
		return ""
	}
	authority, query, hasQuery := strings.Cut(rest, "?")
	if hasQuery && (strings.HasPrefix(scheme, "stun") || (query != "transport=udp" && query != "transport=tcp")) {
		return ""
	}
	if !isAuthority(authority) {
		return ""
	}
	return scheme
}

// isAuthority reports whether text is host or host:port, an IPv6 host in
// brackets.
func isAuthority(text string) bool {
	host, port, hasPort := text, "", false
	if strings.HasPrefix(text, "[") {
		inside, after, closed := strings.Cut(text[1:], "]")
		address, err := netip.ParseAddr(inside)
		if !closed || err != nil || !address.Is6() {
			return false
		}
		if after == "" {
			return true
		}
		host, port, hasPort = inside, strings.TrimPrefix(after, ":"), true
		if !strings.HasPrefix(after, ":") {
			return false
		}
	} else {
		host, port, hasPort = strings.Cut(text, ":")
		if !isHost(host) {
			return false
		}
	}
	if !hasPort {
		return host != ""
	}
	number, err := strconv.ParseUint(port, 10, 16)
	return err == nil && number > 0
}

// isHost reports whether text can be a host name or an IPv4 address.
func isHost(text string) bool {
	if text == "" || len(text) > 253 {
		return false
	}
	for _, char := range text {
		switch {
		case char >= 'a' && char <= 'z', char >= 'A' && char <= 'Z', char >= '0' && char <= '9':
		case char == '.', char == '-', char == '_':
		default:
			return false
		}
	}
	return true
}
