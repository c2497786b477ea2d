package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"meshfocus/signalling/upstream"
	"meshfocus/web/stats"
)

// UpstreamConfig is about a homeserver that we stand in front of.
type UpstreamConfig struct {
	URL        string   `koanf:"url"`
	Transports []string `koanf:"transports"`
	KeyFile    string   `koanf:"key_file"`
	MaxDelayed int      `koanf:"max_delayed"`
}

// upstreamSettings are those of the group, for the table of settings.
func upstreamSettings() []setting {
	return []setting{
		{key: "upstream.url", flag: "upstream", def: "", check: checkUpstream,
			about: "Base URL of a homeserver to stand in front of, such as a Dendrite at http://127.0.0.1:8008. What calls need and it lacks is added (docs/upstream.md), all else passes untouched. The embedded homeserver, the lobby and the call page are off then, unless lobby.enabled says otherwise. Needs homeserver.data."},
		{key: "upstream.transports", def: []string{}, check: checkUpstreamTransports,
			about: `Transports that everybody with an account is told of, in order of preference, each a JSON object such as {"type":"livekit","livekit_service_url":"https://sfu.example.org"}. Empty recommends full_mesh.`},
		{key: "upstream.key_file", flag: "upstream-key", def: "",
			about: "File with the key (32 bytes, mode 0600, made if it is missing) that seals delayed events and access tokens on disk. Empty is upstream.key in homeserver.data; elsewhere it keeps copies of the data from being of use to others."},
		{key: "upstream.max_delayed", def: 100, check: checkMaxDelayed,
			about: "How many delayed events a user may have scheduled. Their longest delay is homeserver.max_delay."},
	}
}

func checkUpstream(c Config) error {
	if c.Upstream.URL == "" {
		return nil
	}
	if _, err := upstream.ParseURL(c.Upstream.URL); err != nil {
		return err
	}
	if c.Homeserver.Data == "" {
		return errors.New("delayed events have to outlive a restart; set homeserver.data (--data DIR)")
	}
	return nil
}

func checkUpstreamTransports(c Config) error { return upstream.CheckTransports(c.upstreamTransports()) }

func checkMaxDelayed(c Config) error {
	if c.Upstream.MaxDelayed < 1 {
		return fmt.Errorf("with %d delayed events nobody leaves a call after a crash; use 1 or more", c.Upstream.MaxDelayed)
	}
	return nil
}

func (c Config) upstreamTransports() (list []json.RawMessage) {
	for _, text := range c.Upstream.Transports {
		list = append(list, json.RawMessage(text))
	}
	if len(list) == 0 {
		list = append(list, c.fullMesh())
	}
	return list
}

// fullMesh is the transport that we recommend.
func (c Config) fullMesh() json.RawMessage {
	return fmt.Appendf(nil, `{"type":"full_mesh","max_participants":%d}`, c.Media.MaxMembers)
}

// withoutLobby turns the lobby off where nobody asked for it.
func (l loaded) withoutLobby() Config {
	c := l.Config
	if c.Upstream.URL != "" && l.origins["lobby.enabled"] == originDefault {
		c.Lobby.Enabled = false
	}
	return c
}

func newUpstream(c Config, log *slog.Logger) (*upstream.Server, error) {
	trusted, err := proxies(c.TrustedProxies)
	if err != nil {
		return nil, err
	}
	return upstream.New(upstream.Config{
		URL: c.Upstream.URL, PublicURL: strings.TrimSuffix(c.PublicURL, "/"), DataDir: c.Homeserver.Data, KeyFile: c.Upstream.KeyFile,
		Transports: c.upstreamTransports(), MaxDelay: c.Homeserver.MaxDelay, MaxDelayedPerUser: c.Upstream.MaxDelayed,
		TrustedProxies: trusted, Log: log,
	})
}

// upstreamCounts are the figures of a front.
func upstreamCounts(s upstream.Stats) *stats.Upstream {
	counts := stats.Upstream{
		Adds: []string{}, Waiting: s.Delayed, Tokens: s.Devices,
		Sent: s.Sent, Failed: s.Failed, MostLateMs: s.MostLate.Milliseconds(),
	}
	if s.Looked {
		counts.Answers = &s.Answers
	}
	if s.AddsDelayed {
		counts.Adds = append(counts.Adds, "delayed events")
	}
	if s.AddsTransports {
		counts.Adds = append(counts.Adds, "transports")
	}
	return &counts
}

// withStatus answers /status.json, which no homeserver has, and gives all else
// to the front.
func withStatus(front http.Handler, status func() stats.Status) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/status.json" || r.Method != http.MethodGet {
			front.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-cache")
		_ = json.NewEncoder(w).Encode(status()) // who has gone is no error of ours
	})
}

// serveUpstream stands in front of a homeserver, and is nothing else, until
// ctx ends.
func serveUpstream(ctx context.Context, config Config, out io.Writer, log *slog.Logger) error {
	server, err := newUpstream(config, log)
	if err != nil {
		return err
	}
	door, err := openDoor(config, log)
	if err != nil {
		ended, end := context.WithCancel(ctx)
		end() // Run then only lets go of the data
		return errors.Join(err, server.Run(ended))
	}
	started := time.Now()
	handler := withStatus(server.Handler(), func() stats.Status {
		return stats.Status{Version: version(), Started: started, Taken: time.Now(), Homeserver: door.address(),
			Parties: []stats.Party{}, Upstream: upstreamCounts(server.Stats())}
	})
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	beyond := context.WithoutCancel(ctx)
	stopUpstream := background(beyond, fail, "upstream", server.Run)
	stopHTTP := background(beyond, fail, "http", func(ctx context.Context) error { return door.serve(ctx, handler, log) })
	stopChallenge := background(beyond, fail, "certificate challenges", door.serveChallenge)
	fmt.Fprintf(out, "meshfocus %s stands in front of %s. Clients use\n\n    %s\n\n", version(), config.Upstream.URL, door.address())
	fmt.Fprintf(out, "  data         %s, delayed events and the tokens that send them, sealed\n", config.Homeserver.Data)
	fmt.Fprintf(out, "  status       %s/status.json\n\n^C stops.\n", door.own())
	log.Info("started", "address", door.address(), "upstream", config.Upstream.URL)
	<-ctx.Done()
	stopHTTP()
	stopChallenge()
	stopUpstream()
	log.Info("stopped")
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// inFrontOf gives the homeserver's paths to a front, and the others to pages.
func inFrontOf(front, pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, prefix := range []string{"/_matrix/", "/.well-known/matrix/", "/_synapse/", "/_dendrite/"} {
			if strings.HasPrefix(r.URL.Path, prefix) {
				front.ServeHTTP(w, r)
				return
			}
		}
		pages.ServeHTTP(w, r)
	})
}
