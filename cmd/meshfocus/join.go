package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"meshfocus/focus/transport"
	"meshfocus/mesh/headless"
	"meshfocus/signalling/matrix"
)

// joinOptions are the flags of `join`.
type joinOptions struct {
	homeserver, token, user, passwordFile, device, state string
	call, encrypt, record                                string
	publish, turnURIs, external                          []string
	turnUsername                                         string
	length, leaveDelay                                   time.Duration
	json, loopback, tcp                                  bool
	relay, trust                                         string
	mediaPort, maxMembers                                int
	logLevel                                             string
}

func newJoin(std streams) *cobra.Command {
	var o joinOptions
	c := &cobra.Command{
		Use:   "join [flags] ROOM",
		Short: "Join a call in a room as a participant without a screen",
		Long: `join takes part in the call of ROOM (an ID or an alias, quoted) until ^C or --for.

It sends what --publish names and records what arrives, one WebM file per
remote participant. Sources: IVF (VP8, VP9, AV1), H.264 Annex B, Ogg Opus;
files loop. RTP from ffmpeg or GStreamer comes in by an address:
rtp://127.0.0.1:5004?codec=vp8 (codecs: vp8, vp9, av1, h264, opus).

Log in with --token, or with --user and a password from --password-file.
Secrets may come from the environment instead: MESHFOCUS_TOKEN,
MESHFOCUS_PASSWORD. A device is made for the run and logged out at its end,
unless --state keeps it.`,
		Example: `  meshfocus join --homeserver https://matrix.example.org --user @me:example.org \
      --password-file pw --record out --for 30s '#club:example.org'
  meshfocus join --homeserver http://127.0.0.1:8008 --token "$TOKEN" \
      --publish talk.ivf --publish talk.ogg --call conf-1 --json '!room:localhost'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("join wants one ROOM, such as '#lobby:localhost' or '!id:localhost', and got %d; quote it, # starts a comment in a shell", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return join(c.Context(), std, o, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.homeserver, "homeserver", "", "base `URL` of the homeserver, or its server name")
	f.StringVar(&o.token, "token", "", "access `TOKEN` (better: environment MESHFOCUS_TOKEN)")
	f.StringVar(&o.user, "user", "", "user `ID` to log in as, with a password")
	f.StringVar(&o.passwordFile, "password-file", "", "`FILE` whose first line is the password (or environment MESHFOCUS_PASSWORD)")
	f.StringVar(&o.device, "device", "", "device `ID` to log in with")
	f.StringVar(&o.state, "state", "", "`DIR` that keeps login and keys, so that the same device returns")
	f.StringVar(&o.call, "call", "", "also join the MSC3401 conference `CONF_ID`, for js-sdk and Hydrogen clients; it is made when it is not there")
	f.StringVar(&o.encrypt, "encrypt", "auto", "signalling inside Olm: require, prefer, off, or auto (require in encrypted rooms, else prefer)")
	f.StringArrayVar(&o.publish, "publish", nil, "`FILE` or rtp:// address to send; repeat for picture and sound")
	f.StringVar(&o.record, "record", "", "`DIR` to record what arrives in")
	f.DurationVar(&o.length, "for", 0, "leave after this `TIME`, such as 30s")
	f.BoolVar(&o.json, "json", false, "print JSON lines of links and statistics instead of the display")
	f.StringSliceVar(&o.turnURIs, "turn-uri", nil, "TURN or STUN `URI` besides those the homeserver names")
	f.StringVar(&o.turnUsername, "turn-username", "", "user `NAME` at those servers; the password is environment MESHFOCUS_TURN_PASSWORD")
	f.StringVar(&o.relay, "relay", "auto", "send media through TURN only, which hides our addresses: auto (in public rooms, if a TURN server is known), always, never")
	f.StringVar(&o.trust, "trust", "cross_signed", "devices to talk to: cross_signed (by owners who have cross-signing), any, verified")
	f.IntVar(&o.mediaPort, "media-port", 0, "one UDP and TCP `PORT` for all media; 0 takes any free one")
	f.StringSliceVar(&o.external, "media-external", nil, "public `ADDRESS` in front of this machine, or public/local")
	f.BoolVar(&o.tcp, "media-tcp", true, "media may come over ICE-TCP too")
	f.BoolVar(&o.loopback, "media-loopback", true, "offer loopback addresses too, for parties on this machine")
	f.IntVar(&o.maxMembers, "max-members", 8, "largest call to join, in `DEVICES`")
	f.DurationVar(&o.leaveDelay, "leave-delay", 30*time.Second, "after a crash the homeserver ends our membership in this `TIME`")
	f.StringVar(&o.logLevel, "log-level", "warn", "lowest `LEVEL` that is logged: debug, info, warn, error")
	return c
}

// join runs one participant and shows how it does.
func join(ctx context.Context, std streams, o joinOptions, room string) error {
	log := newLogger(LogConfig{Level: o.logLevel, Format: map[bool]string{true: "json", false: "text"}[o.json]}, std.err)
	config, err := o.participant(std, room, log)
	if err != nil {
		return err
	}
	if o.length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.length)
		defer cancel()
	}
	show := newDisplay(std.out, o.json)
	config.OnStatus = show.status
	participant, err := headless.Open(ctx, config)
	if err != nil {
		return classify(err)
	}
	err = participant.Run(ctx)
	if err == nil || show.hasBegun() {
		show.finish(participant.Status())
	}
	return classify(err)
}

// participant turns flags and environment into what a participant is told.
func (o joinOptions) participant(std streams, room string, log *slog.Logger) (headless.Config, error) {
	account, err := o.account(std, log)
	if err != nil {
		return headless.Config{}, err
	}
	relay, err := headless.ParseRelayPolicy(o.relay)
	if err != nil {
		return headless.Config{}, usage("--relay: %w", err)
	}
	var servers []transport.ICEServer
	if len(o.turnURIs) > 0 {
		servers = append(servers, transport.ICEServer{URLs: o.turnURIs, Username: o.turnUsername, Credential: std.variable("MESHFOCUS_TURN_PASSWORD")})
	}
	return headless.Config{
		Account: account, Room: room,
		Media:  transport.Config{Port: o.mediaPort, External: o.external, TCP: o.tcp, Loopback: o.loopback, MDNS: true, Log: log},
		CallID: o.call, Publish: o.publish, RecordDir: o.record,
		ICEServers: servers, Relay: relay, MaxMembers: o.maxMembers, LeaveDelay: o.leaveDelay, Log: log,
	}, nil
}

// account says who joins. A secret given on the command line goes before one
// from the environment, and an explicit user before a token that lies about
// there.
func (o joinOptions) account(std streams, log *slog.Logger) (matrix.Config, error) {
	mode, err := matrix.ParseEncryptMode(o.encrypt)
	if err != nil {
		return matrix.Config{}, usage("--encrypt: %w", err)
	}
	trust, err := matrix.ParseTrustPolicy(o.trust)
	if err != nil {
		return matrix.Config{}, usage("--trust: %w", err)
	}
	if o.homeserver == "" {
		return matrix.Config{}, usage("--homeserver is missing: give its base URL, such as http://127.0.0.1:8008")
	}
	account := matrix.Config{
		Homeserver: o.homeserver, Token: o.token, UserID: o.user, DeviceID: o.device, DeviceName: "meshfocus join",
		StateDir: o.state, Encrypt: mode, Trust: trust, Log: log,
	}
	if o.passwordFile != "" {
		text, err := os.ReadFile(o.passwordFile)
		if err != nil {
			return account, usage("--password-file: %w", err)
		}
		account.Password, _, _ = strings.Cut(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	}
	if account.Token == "" && account.Password == "" && o.user != "" {
		account.Password = std.variable("MESHFOCUS_PASSWORD")
	}
	if account.Token == "" && account.Password == "" {
		account.Token = std.variable("MESHFOCUS_TOKEN")
	}
	if err := account.Validate(); err != nil {
		return account, usage("%w", err)
	}
	return account, nil
}

// classify gives an error of a participant its exit code.
func classify(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, matrix.ErrUnreachable):
		return failure{exitUnreachable, err}
	case errors.Is(err, matrix.ErrBadLogin), errors.Is(err, matrix.ErrBadToken), errors.Is(err, matrix.ErrNotAllowed), errors.Is(err, matrix.ErrNotFound):
		return failure{exitRefused, err}
	case errors.Is(err, headless.ErrSource):
		return failure{exitMedia, err}
	}
	return failure{exitFailed, err}
}
