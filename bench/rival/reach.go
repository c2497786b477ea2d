package rival

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"

	"meshfocus/bench/rival/door"
)

// Reach is how subscribers on another machine come in to a server that runs: by one of
// Door, WHEP, LiveKit and Janus. It is a message to that machine, and has secrets.
type Reach struct {
	Title string `json:"title"` // of its kind
	// Door is the URL of a forwarder behind package door.
	Door string `json:"door,omitempty"`
	// WHEP is the URL of a stream, with its token.
	WHEP   string `json:"whep,omitempty"`
	Bearer string `json:"bearer,omitempty"`
	// LiveKit is its URL; Tokens let subscribers in there, by their names, and Tracks are
	// its names for what publishers send, by theirs.
	LiveKit string            `json:"livekit,omitempty"`
	Tokens  map[string]string `json:"tokens,omitempty"`
	Tracks  map[string]string `json:"tracks,omitempty"`
	// Janus is the URL of its websocket; Feeds are the numbers of publishers there.
	Janus string         `json:"janus,omitempty"`
	Feeds map[string]int `json:"feeds,omitempty"`
}

// Reachable is a Server that others may come in to from another machine, by names.
type Reachable interface {
	Reach(names []string) Reach
}

// ErrReach: what is given as a Reach is none.
var ErrReach = errors.New("there is no way to the server")

// Host gives where the server is, once it is known that there is one way. The error is
// ErrReach.
func (r Reach) Host() (string, error) {
	given := slices.DeleteFunc([]string{r.Door, r.WHEP, r.LiveKit, r.Janus}, func(s string) bool { return s == "" })
	if len(given) != 1 || r.Title == "" {
		return "", fmt.Errorf("%w: %d are given", ErrReach, len(given))
	}
	u, err := url.Parse(given[0])
	if err != nil || u.Hostname() == "" || !slices.Contains([]string{"http", "https", "ws", "wss"}, u.Scheme) {
		return "", fmt.Errorf("%w: it has no URL", ErrReach)
	}
	return u.Hostname(), nil
}

// Name is the Title.
func (r Reach) Name() string { return r.Title }

// Version is not known.
func (r Reach) Version(context.Context) (string, error) { return r.Title, nil }

// Start starts nothing: it gives a Server for subscribers alone.
func (r Reach) Start(ctx context.Context, _ Place, _ Options) (Server, error) {
	switch {
	case r.Door != "":
		return &Served{Client: door.Client{URL: r.Door}, End: func() error { return nil }}, nil
	case r.WHEP != "":
		return &sessions{whip: &WHIP{SubscribeURL: r.WHEP, Bearer: r.Bearer}}, nil
	case r.LiveKit != "":
		return &liveKitAt{liveKit: liveKit{site: site{address: r.LiveKit, tokens: r.Tokens}, tracks: r.Tracks}}, nil
	case r.Janus != "":
		j, err := sit(ctx, r.Janus)
		if err != nil {
			return nil, err
		}
		j.feeds = r.Feeds
		return &janusAt{j}, nil
	}
	return nil, ErrReach
}

// Reach gives the door.
func (s *Served) Reach([]string) Reach { return Reach{Title: "door", Door: s.Client.URL} }

// Reach gives the stream.
func (s *sessions) Reach([]string) Reach {
	return Reach{Title: s.whip.Name(), WHEP: s.whip.SubscribeURL, Bearer: s.whip.Bearer}
}

// Reach gives the room, and a token for each.
func (k *liveKit) Reach(names []string) Reach {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := Reach{Title: "livekit", LiveKit: k.site.address, Tokens: make(map[string]string), Tracks: maps.Clone(k.tracks)}
	for _, name := range names {
		r.Tokens[name] = k.site.token(name, subscribes)
	}
	return r
}

// Reach gives the videoroom.
func (j *janus) Reach([]string) Reach { return Reach{Title: "janus", Janus: j.url, Feeds: j.feeds} }

// janusAt is a session in a videoroom that runs on another machine.
type janusAt struct{ *janus }

// PID is 0: it does not run here.
func (*janusAt) PID() int { return 0 }

// Stop ends the session, and with it all subscribers.
func (j *janusAt) Stop() error {
	_ = j.socket.Close()
	return nil
}
