package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"meshfocus/focus/trace"
	"meshfocus/focus/turn"
	"meshfocus/mesh"
	"meshfocus/mesh/forward"
	"meshfocus/mesh/headless"
	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/socket"
	"meshfocus/signalling/upstream"
	"meshfocus/web/stats"
)

func newServe(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve the call page, with a test card in its lobby (the default)",
		Long: `serve prints an address: open it in a browser to be in the call of the lobby,
where a test card plays, or to make calls of your own, which are links to give
away. Browsers send straight to each other; this process only carries words.

Behind the page is a Matrix homeserver (one server name, no federation) that
any client may use, and a status page that shows every link. Nothing needs to
be configured. Other machines need HTTPS, because browsers give no camera
without: --self-signed, --tls-cert with --tls-key, or --acme.`,
		Example: `  meshfocus serve                                         everything in memory
  meshfocus serve --data ./data                           kept over restarts
  meshfocus serve --listen :8443 --self-signed            for phones in the same network
  meshfocus serve --listen :443 --acme call.example.org --data /var/lib/meshfocus
  meshfocus serve --insecure-http --listen :8008 --public-url https://call.example.org \
      --trusted-proxy 10.0.0.1                            behind a reverse proxy
  meshfocus serve --lobby=false                           without the lobby
  meshfocus serve --upstream http://127.0.0.1:8008 --listen 127.0.0.1:8009 --data DIR \
      --public-url https://matrix.example.org             in front of a homeserver that lacks what calls need`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := loadFor(c, std)
			if err != nil {
				return err
			}
			return serve(c.Context(), l.withoutLobby(), std.out, newLogger(l.Log, std.err))
		},
	}
	addFlags(c.Flags())
	return c
}

// daemon is everything that `serve` runs. It is put together by newDaemon and
// ends in the reverse order: parties leave while the homeserver still listens,
// then the listener closes, then the homeserver writes what it has.
type daemon struct {
	config     Config
	log        *slog.Logger
	started    time.Time
	homeserver *homeserver.Server
	upstream   *upstream.Server // in front of the homeserver that others see; nil = that is ours
	inside     inside           // the homeserver, for our own parties
	door       *door
	trusted    []netip.Prefix
	page       *stats.Page
	relay      headless.RelayPolicy
	frames     mesh.FramePolicy
	trust      matrix.TrustPolicy // of guests and of the lobby's parties
	gateway    *socket.Gateway
	guests     *guests
	house      *forward.House // of all that forwards; nil: nothing does
	forwarding *forwarding    // in people's calls; nil: nowhere
	turn       *turn.Relay    // our own; nil: there is none
	traces     *trace.Store   // of paths; nil: there is no place for them
	newCall    http.Handler
	// seats are added while the status loop reads them.
	seats atomic.Pointer[[]seat]
}

// seat is one headless party and what it is there for.
type seat struct {
	party *headless.Participant
	role  string
}

// serve runs until ctx ends. It prints the address once everybody can be
// reached there.
func serve(ctx context.Context, config Config, out io.Writer, log *slog.Logger) error {
	if config.Upstream.URL != "" && !config.Lobby.Enabled {
		return serveUpstream(ctx, config, out, log)
	}
	d, err := newDaemon(config, log)
	if err != nil {
		return err
	}
	return d.run(ctx, out)
}

func newDaemon(config Config, log *slog.Logger) (*daemon, error) {
	d := &daemon{config: config, log: log, started: time.Now()}
	d.seats.Store(&[]seat{})
	d.page = stats.New(d.status, log)
	d.traces = d.newTraces()
	var err error
	if d.trusted, err = proxies(config.TrustedProxies); err != nil {
		return nil, err
	}
	if d.turn, err = openRelay(config, log); err != nil {
		return nil, err
	}
	homeserverConfig, err := d.homeserverConfig()
	if err == nil {
		d.door, err = openDoor(config, log)
	}
	if err != nil {
		return nil, errors.Join(err, d.closeRelay())
	}
	if err := d.open(homeserverConfig); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// open reads what was kept. After an error close lets go of it.
func (d *daemon) open(config homeserver.Config) (err error) {
	if d.config.Upstream.URL != "" {
		if d.upstream, err = newUpstream(d.config, d.log); err != nil {
			return err
		}
	}
	if d.homeserver, err = homeserver.New(config); err != nil {
		return err
	}
	d.inside = inside{d.homeserver.Handler()}
	if err = d.openCalls(); err != nil || !d.config.Forward.Enabled {
		return err
	}
	if d.house, err = d.openHouse(); err == nil {
		d.forwarding = newForwarding(d, d.house)
	}
	return err
}

// close lets go of what a daemon that will not run has taken.
func (d *daemon) close() error {
	ended, end := context.WithCancel(context.Background())
	end() // Run then only lets go of the data
	err := errors.Join(d.door.close(), d.closeHouse(), d.closeRelay())
	if d.homeserver != nil {
		err = errors.Join(err, d.homeserver.Run(ended))
	}
	if d.upstream != nil {
		err = errors.Join(err, d.upstream.Run(ended))
	}
	return err
}

// closeHouse ends what forwards, behind its parties.
func (d *daemon) closeHouse() error {
	if d.house == nil {
		return nil
	}
	return d.house.Close()
}

func (d *daemon) homeserverConfig() (homeserver.Config, error) {
	c := d.config.Homeserver
	limits, err := rateLimits(c.RateLimits)
	config := homeserver.Config{
		RateLimits: limits,
		ServerName: c.ServerName, BaseURL: d.config.PublicURL, DataDir: c.Data,
		Registration: homeserver.Mode(c.Registration), RegistrationTokens: c.RegistrationTokens,
		Reserved: reserved, Guests: c.Guests, MaxDelay: c.MaxDelay, Log: d.log,
		Transports: []json.RawMessage{d.config.fullMesh()},
	}
	if turn := d.config.TURN; len(turn.URIs) > 0 {
		config.Turn = &homeserver.TurnServers{URIs: turn.URIs, Username: turn.Username, Password: turn.Password, Lifetime: turn.TTL}
	}
	if d.turn != nil {
		config.Turn = &homeserver.TurnServers{URIs: append([]string{uriOf(d.turn)}, d.config.TURN.URIs...), Credentials: d.turn.Credentials, Lifetime: d.config.TURN.TTL}
	}
	return config, err
}

// run starts everything in order and stops it in reverse. The first part that
// fails ends the others; its error is returned.
func (d *daemon) run(ctx context.Context, out io.Writer) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	beyond := context.WithoutCancel(ctx)
	stopHomeserver := background(beyond, fail, "homeserver", d.homeserver.Run)
	stopUpstream := func() {}
	if d.upstream != nil {
		stopUpstream = background(beyond, fail, "upstream", d.upstream.Run)
	}
	stopRelay := func() {}
	if d.turn != nil {
		stopRelay = background(beyond, fail, "relay", d.turn.Run)
	}
	stopPage := background(beyond, fail, "status page", d.page.Run)
	stopGateway := background(beyond, fail, "gateway", d.gateway.Run)
	stopHousekeeping := background(beyond, fail, "housekeeping", d.guests.housekeeping)
	stopTraces := background(beyond, fail, "traces", d.keepTraces)
	stopHTTP := background(beyond, fail, "http", func(ctx context.Context) error { return d.door.serve(ctx, d.handler(), d.log) })
	stopChallenge := background(beyond, fail, "certificate challenges", d.door.serveChallenge)

	err := d.call(ctx, fail, out)
	d.forwarding.close()
	err = errors.Join(err, d.closeHouse())
	stopTraces()
	stopPage() // before HTTP: its sockets are not idle by themselves
	stopGateway()
	stopHousekeeping()
	stopHomeserver()
	stopRelay()
	stopHTTP()
	stopChallenge()
	stopUpstream()
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	d.log.Info("stopped")
	return err
}

// background runs a loop and returns what stops it and waits for it.
func background(ctx context.Context, fail context.CancelCauseFunc, name string, loop func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := loop(ctx); err != nil && !errors.Is(err, context.Canceled) {
			fail(fmt.Errorf("%s: %w", name, err))
		}
	}()
	return func() { cancel(); <-done }
}

// call keeps the lobby's parties in their call until ctx ends and they left.
func (d *daemon) call(ctx context.Context, fail context.CancelCauseFunc, out io.Writer) error {
	if err := d.homeserver.EnsureUser(host, ""); err != nil {
		return err
	}
	if d.config.Lobby.Enabled {
		if err := d.openLobby(ctx); err != nil {
			fail(err)
			d.runParties(ctx, fail) // those that were opened are closed
			return err
		}
	}
	d.announce(out)
	d.log.Info("started", "address", d.door.address(), "lobby", d.config.Lobby.Enabled)
	d.runParties(ctx, fail)
	<-ctx.Done()
	return nil
}

// announce prints the one address to open, and what else there is below it.
func (d *daemon) announce(out io.Writer) {
	fmt.Fprintf(out, "meshfocus %s is up. Open\n\n    %s/\n\n", version(), d.door.address())
	if d.config.Lobby.Enabled && d.config.Lobby.TestCard {
		fmt.Fprint(out, "in two or three tabs; a test card is waiting in the lobby.\n\n")
	}
	say := func(what, format string, args ...any) {
		fmt.Fprintf(out, "  %-12s "+format+"\n", append([]any{what}, args...)...)
	}
	if own := d.door.own(); own != d.door.address() {
		say("listens on", "%s/", own)
	}
	for i, url := range d.door.nearby() {
		say([]string{"phones", ""}[min(i, 1)], "%s/", url)
	}
	if d.door.fingerprint != "" {
		say("certificate", "self-signed, so browsers ask once; its SHA-256 fingerprint is")
		half := len(d.door.fingerprint)/2 + 1
		say("", "%s", d.door.fingerprint[:half])
		say("", "%s", d.door.fingerprint[half:])
	}
	say("status", "%s/status", d.door.address())
	if d.upstream != nil {
		say("homeserver", "%s for Matrix clients, in front of %s", d.door.address(), d.config.Upstream.URL)
	} else {
		say("homeserver", "%s for any Matrix client, server name %s", d.door.address(), d.config.Homeserver.ServerName)
	}
	if d.config.Lobby.Enabled {
		say("lobby", "%s", d.lobbyAlias())
	}
	for _, seat := range *d.seats.Load() {
		say(seat.role, "media on port %d", seat.party.MediaPort())
	}
	if d.house != nil && !d.config.Lobby.Enabled {
		say("focus", "media on port %d", d.house.Network.Port())
	}
	if d.turn != nil {
		say("relay", "%s, for who is told of it by the homeserver", uriOf(d.turn))
	}
	if d.config.Homeserver.Data == "" {
		say("data", "in memory; --data DIR keeps it")
	}
	fmt.Fprint(out, "\n^C stops.\n")
}

// runParties returns when all of them have left.
func (d *daemon) runParties(ctx context.Context, fail context.CancelCauseFunc) {
	var parties sync.WaitGroup
	for _, seat := range *d.seats.Load() {
		parties.Go(func() {
			if err := seat.party.Run(ctx); err != nil {
				fail(fmt.Errorf("the %s cannot go on: %w", seat.role, err))
			}
		})
	}
	parties.Wait()
}

// status is what the page shows.
func (d *daemon) status() stats.Status {
	counts := d.homeserver.Stats()
	s := stats.Status{
		Version: version(), Started: d.started, Taken: time.Now(), Homeserver: d.door.address(),
		ServerName: d.config.Homeserver.ServerName,
		Users:      counts.Users, Rooms: counts.Rooms, DelayedEvents: counts.Delayed,
		Parties: []stats.Party{}, Calls: d.callCounts(),
	}
	if d.config.Lobby.Enabled {
		s.Lobby = d.lobbyAlias()
	}
	if d.upstream != nil {
		s.Upstream = upstreamCounts(d.upstream.Stats())
	}
	s.Forwarding = d.forwarded()
	for _, seat := range d.parties() {
		party := partyOf(seat.party.Status(), seat.role)
		party.MediaPort = seat.party.MediaPort()
		s.Parties = append(s.Parties, party)
	}
	return s
}

// parties are all of ours, in the lobby and in people's calls.
func (d *daemon) parties() []seat {
	parties := *d.seats.Load()
	visiting, _ := d.forwarding.parties()
	for _, party := range visiting {
		parties = append(parties[:len(parties):len(parties)], seat{party, focusUser})
	}
	return parties
}

// callCounts are the figures of the call page.
func (d *daemon) callCounts() stats.Calls {
	s := d.gateway.Stats()
	return stats.Calls{
		Links: d.guests.book.Len(), Sockets: s.Sockets, Seats: s.Seats, Away: s.Detached, Rooms: s.Calls,
		Refused: s.Refused + s.WrongOrigin, Dropped: s.Slow + s.Silent + s.TooLarge + s.TooFast,
	}
}
