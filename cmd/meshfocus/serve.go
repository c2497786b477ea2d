package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"meshfocus/focus/transport"
	"meshfocus/internal/testcard"
	"meshfocus/mesh/headless"
	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/matrix"
	"meshfocus/web/stats"
)

func newServe(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve a homeserver with a running call in its lobby (the default)",
		Long: `serve runs a Matrix homeserver in this process (one server name, no
federation), a lobby room in which a test card is on call with a viewer, and
a status page that shows every link. Nothing needs to be configured.`,
		Example: `  meshfocus serve                                 everything in memory
  meshfocus serve --data ./data --listen :8008     kept, and open to the network
  meshfocus serve --test-card=false --lobby=false  only the homeserver`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := loadFor(c, std)
			if err != nil {
				return err
			}
			return serve(c.Context(), l.Config, std.out, newLogger(l.Log, std.err))
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
	listener   net.Listener
	page       *stats.Page
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
	homeserverConfig, err := d.homeserverConfig()
	if err != nil {
		return nil, err
	}
	if d.listener, err = net.Listen("tcp", config.Listen); err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w; is meshfocus already running, or is the port taken? choose another with --listen", config.Listen, errors.Unwrap(err))
	}
	if d.homeserver, err = homeserver.New(homeserverConfig); err != nil {
		return nil, errors.Join(err, d.listener.Close())
	}
	return d, nil
}

func (d *daemon) homeserverConfig() (homeserver.Config, error) {
	c := d.config.Homeserver
	limits, err := rateLimits(c.RateLimits)
	config := homeserver.Config{
		RateLimits: limits,
		ServerName: c.ServerName, BaseURL: d.config.PublicURL, DataDir: c.Data,
		Registration: homeserver.Mode(c.Registration), RegistrationTokens: c.RegistrationTokens,
		Guests: c.Guests, MaxDelay: c.MaxDelay, Log: d.log,
		Transports: []json.RawMessage{fmt.Appendf(nil, `{"type":"full_mesh","max_participants":%d}`, d.config.Media.MaxMembers)},
	}
	if turn := d.config.TURN; len(turn.URIs) > 0 {
		config.Turn = &homeserver.TurnServers{URIs: turn.URIs, Username: turn.Username, Password: turn.Password, Lifetime: turn.TTL}
	}
	return config, err
}

// address is the base URL that processes on this machine use.
func (d *daemon) address() string {
	bound := d.listener.Addr().(*net.TCPAddr)
	host := bound.IP.String()
	if bound.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, fmt.Sprint(bound.Port))
}

// run starts everything in order and stops it in reverse. The first part that
// fails ends the others; its error is returned.
func (d *daemon) run(ctx context.Context, out io.Writer) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	beyond := context.WithoutCancel(ctx)
	stopHomeserver := d.background(beyond, fail, "homeserver", d.homeserver.Run)
	stopPage := d.background(beyond, fail, "status page", d.page.Run)
	server := &http.Server{Handler: d.handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(d.log.Handler(), slog.LevelDebug)}
	stopHTTP := d.background(beyond, fail, "http", func(ctx context.Context) error { return serveHTTP(ctx, server, d.listener) })

	err := d.call(ctx, fail, out)
	stopPage() // before HTTP: its sockets are not idle by themselves
	stopHomeserver()
	stopHTTP()
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	d.log.Info("stopped")
	return err
}

// background runs a loop and returns what stops it and waits for it.
func (d *daemon) background(ctx context.Context, fail context.CancelCauseFunc, name string, loop func(context.Context) error) (stop func()) {
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

// serveHTTP serves until ctx ends, then lets what is under way finish.
func serveHTTP(ctx context.Context, server *http.Server, listener net.Listener) error {
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped <- errors.Join(server.Shutdown(grace), server.Close())
	})
	err := server.Serve(listener)
	if stop() {
		return err // it ended by itself
	}
	if err := <-stopped; !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// handler puts homeserver and page under one address.
func (d *daemon) handler() http.Handler {
	page, matrixAPI := d.page.Handler(), d.homeserver.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/_matrix/") || strings.HasPrefix(r.URL.Path, "/.well-known/matrix/") {
			matrixAPI.ServeHTTP(w, r)
			return
		}
		page.ServeHTTP(w, r)
	})
}

// call keeps the lobby's parties in their call until ctx ends and they left.
func (d *daemon) call(ctx context.Context, fail context.CancelCauseFunc, out io.Writer) error {
	if d.config.Lobby.Enabled {
		if err := d.openLobby(ctx); err != nil {
			fail(err)
			d.runParties(ctx, fail) // those that were opened are closed
			return err
		}
	}
	fmt.Fprintf(out, "meshfocus %s is up\n\n  status page and homeserver   %s\n", version(), d.address())
	if d.config.Lobby.Enabled {
		fmt.Fprintf(out, "  lobby                        %s\n", d.lobbyAlias())
	}
	for _, seat := range *d.seats.Load() {
		fmt.Fprintf(out, "  %-27s  media on port %d\n", seat.role, seat.party.MediaPort())
	}
	if d.config.Homeserver.Data == "" {
		fmt.Fprintln(out, "  data                         in memory; --data DIR keeps it")
	}
	fmt.Fprint(out, "\n^C stops.\n")
	d.log.Info("started", "address", d.address(), "lobby", d.config.Lobby.Enabled)
	d.runParties(ctx, fail)
	<-ctx.Done()
	return nil
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

func (d *daemon) lobbyAlias() string { return "#lobby:" + d.config.Homeserver.ServerName }

// openLobby makes the room and the parties that are to be in it.
func (d *daemon) openLobby(ctx context.Context) error {
	const host = "meshfocus"
	if err := d.homeserver.EnsureUser(host, ""); err != nil {
		return fmt.Errorf("lobby: %w", err)
	}
	if _, err := d.homeserver.EnsureRoom("lobby", d.config.Lobby.Name, host, homeserver.PresetPublic); err != nil {
		return fmt.Errorf("lobby: %w", err)
	}
	if d.config.Lobby.TestCard {
		clip := &headless.Clip{Video: testcard.Video, Audio: testcard.Audio}
		if err := d.addParty(ctx, "testcard", "test card", clip); err != nil {
			return err
		}
	}
	if d.config.Lobby.Viewer {
		return d.addParty(ctx, "viewer", "viewer", nil)
	}
	return nil
}

// addParty opens a headless party on a device of its own.
func (d *daemon) addParty(ctx context.Context, name, role string, clip *headless.Clip) error {
	if err := d.homeserver.EnsureUser(name, ""); err != nil {
		return fmt.Errorf("%s: %w", role, err)
	}
	device := strings.ToUpper(name)
	token, err := d.homeserver.IssueToken(name, device, "meshfocus "+role)
	if err != nil {
		return fmt.Errorf("%s: %w", role, err)
	}
	mode, err := matrix.ParseEncryptMode(d.config.Lobby.Encrypt)
	if err != nil {
		return fmt.Errorf("%s: %w", role, err)
	}
	account := matrix.Config{Homeserver: d.address(), Token: token, DeviceID: device, Encrypt: mode, Log: d.log}
	if d.config.Homeserver.Data != "" {
		account.StateDir = filepath.Join(d.config.Homeserver.Data, "parties", name)
	}
	c := d.config.Media
	media := transport.Config{Port: c.Port, External: c.External, TCP: c.TCP, Loopback: c.Loopback, Log: d.log}
	if media.Port != 0 {
		media.Port += len(*d.seats.Load())
	}
	relay, err := headless.ParseRelayPolicy(c.Relay)
	if err != nil {
		return fmt.Errorf("%s: %w", role, err)
	}
	party, err := headless.Open(ctx, headless.Config{
		Account: account, Room: d.lobbyAlias(), Clip: clip, Media: media,
		Relay: relay, MaxMembers: d.config.Media.MaxMembers, Log: d.log,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", role, err)
	}
	seats := append(slices.Clone(*d.seats.Load()), seat{party, role})
	d.seats.Store(&seats)
	return nil
}

// status is what the page shows.
func (d *daemon) status() stats.Status {
	counts := d.homeserver.Stats()
	s := stats.Status{
		Version: version(), Started: d.started, Taken: time.Now(), Homeserver: d.address(),
		ServerName: d.config.Homeserver.ServerName,
		Users:      counts.Users, Rooms: counts.Rooms, DelayedEvents: counts.Delayed,
		Parties: []stats.Party{},
	}
	if d.config.Lobby.Enabled {
		s.Lobby = d.lobbyAlias()
	}
	for _, seat := range *d.seats.Load() {
		party := partyOf(seat.party.Status(), seat.role)
		party.MediaPort = seat.party.MediaPort()
		s.Parties = append(s.Parties, party)
	}
	return s
}
