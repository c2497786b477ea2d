package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"meshfocus/focus/transport"
	"meshfocus/mesh"
	"meshfocus/mesh/headless"
	"meshfocus/signalling/matrix"
)

// joinOptions are the flags of `join`.
type joinOptions struct {
	signIn
	call, encrypt, record       string
	publish, turnURIs, external []string
	turnUsername                string
	length, leaveDelay          time.Duration
	json, loopback, tcp, answer bool
	forward, adaptive           bool
	relay, trust, profile, via  string
	frames                      string
	mediaPort, maxMembers       int
	logLevel                    string
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
unless --state keeps it.

With --answer it waits for a ring (MSC4075), tells it, joins if it is for us, and
leaves when all others have left; then it waits for the next. With --json each ring
is a line with "event":"ring" and its "state", or the rule by which it was
"refused"; it is "answered here" when we are in the call, and not before.`,
		Example: `  meshfocus join --homeserver https://matrix.example.org --user @me:example.org \
      --password-file pw --record out --for 30s '#club:example.org'
  meshfocus join --homeserver http://127.0.0.1:8008 --token "$TOKEN" \
      --publish talk.ivf --publish talk.ogg --call conf-1 --json '!room:localhost'
  meshfocus join --homeserver https://matrix.example.org --state bot --answer --json \
      --publish announcement.ogg '!room:example.org'
  meshfocus join --homeserver https://matrix.example.org --state focus --forward '#club:example.org'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("join wants one ROOM, such as '#lobby:localhost' or '!id:localhost', and got %d; quote it, # starts a comment in a shell", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return join(c.Context(), std, o, args[0]) },
	}
	o.addCallFlags(c.Flags())
	c.Flags().BoolVar(&o.forward, "forward", false, "forward: others publish to us once, and get of it what they ask for; nothing is published or recorded")
	c.Flags().BoolVar(&o.answer, "answer", false, "wait until somebody rings us, answer, leave when all others have left, and wait again")
	return c
}

// addCallFlags adds the flags of all verbs that take part in a call.
func (o *joinOptions) addCallFlags(f *pflag.FlagSet) {
	o.signIn.addFlags(f)
	f.StringVar(&o.call, "call", "", "also join the MSC3401 conference `CONF_ID`, for js-sdk and Hydrogen clients; it is made when it is not there")
	f.StringVar(&o.encrypt, "encrypt", "auto", "signalling inside Olm: require, prefer, off, or auto (require in encrypted rooms, else prefer)")
	f.StringArrayVar(&o.publish, "publish", nil, "`FILE` or rtp:// address to send; repeat for picture and sound, and for other sizes of the same picture")
	f.StringVar(&o.record, "record", "", "`DIR` to record what arrives in")
	f.DurationVar(&o.length, "for", 0, "leave after this `TIME`, such as 30s")
	f.BoolVar(&o.json, "json", false, "print JSON lines of links and statistics instead of the display")
	f.StringSliceVar(&o.turnURIs, "turn-uri", nil, "TURN or STUN `URI` besides those the homeserver names")
	f.StringVar(&o.turnUsername, "turn-username", "", "user `NAME` at those servers; the password is environment MESHFOCUS_TURN_PASSWORD")
	f.StringVar(&o.relay, "relay", "auto", "send media through TURN only, which hides our addresses: auto (in public rooms, if a TURN server is known), always, never")
	f.StringVar(&o.frames, "media-encryption", "auto", "encrypt sound and picture once more, from end to end: auto (in encrypted rooms, what goes by a focus), on (all in the call have to do the same), off")
	f.StringVar(&o.via, "via", "direct", "which way media take: direct (a connection with everybody) or focus (all by a member that forwards, while there is one; connected directly are those who do not do the same)")
	f.StringVar(&o.trust, "trust", "cross_signed", "devices to talk to: any, known (with the keys first seen), cross_signed (by owners who have cross-signing), verified")
	f.StringVar(&o.profile, "membership-profile", "session", "how we are written down in the slot: session (in the state), sticky (MSC4354, where the homeserver has that; else in the state) or famedly (the Dart SDK's call; joined of itself where all others are in it)")
	f.BoolVar(&o.adaptive, "adaptive", true, "pace what is sent to each peer, and give it the size of the picture that its way carries, by an estimate; with =false the largest leaves as it was encoded")
	f.IntVar(&o.mediaPort, "media-port", 0, "one UDP and TCP `PORT` for all media; 0 takes any free one")
	f.StringSliceVar(&o.external, "media-external", nil, "public `ADDRESS` in front of this machine, or public/local")
	f.BoolVar(&o.tcp, "media-tcp", true, "media may come over ICE-TCP too")
	f.BoolVar(&o.loopback, "media-loopback", true, "offer loopback addresses on a machine that has no others")
	f.IntVar(&o.maxMembers, "max-members", 8, "largest call to join, in `DEVICES`")
	f.DurationVar(&o.leaveDelay, "leave-delay", 30*time.Second, "after a crash the homeserver ends our membership in this `TIME`")
	f.StringVar(&o.logLevel, "log-level", "warn", "lowest `LEVEL` that is logged: debug, info, warn, error")
}

// join runs one participant and shows how it does.
func join(ctx context.Context, std streams, o joinOptions, room string) error {
	if !o.answer {
		return o.run(ctx, std, room, func(*headless.Config) {},
			func(ctx context.Context, p *headless.Participant, _ *display) error { return p.Run(ctx) })
	}
	return o.run(ctx, std, room, func(config *headless.Config) { config.OnDemand = true }, answerRings)
}

// run opens a participant, lets the verb take part, and shows how it does.
func (o joinOptions) run(ctx context.Context, std streams, room string, change func(*headless.Config),
	takePart func(context.Context, *headless.Participant, *display) error) error {
	log := newLogger(LogConfig{Level: o.logLevel, Format: map[bool]string{true: "json", false: "text"}[o.json]}, std.err)
	config, err := o.participant(std, room, log)
	if err != nil {
		return err
	}
	change(&config)
	show := newDisplay(std.out, o.json)
	config.OnStatus = show.status
	participant, err := headless.Open(ctx, config)
	if err != nil {
		return classify(err)
	}
	if o.length > 0 { // a slow homeserver takes nothing off it
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.length)
		defer cancel()
	}
	err = takePart(ctx, participant, show)
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
	if o.forward {
		if len(o.publish) > 0 || o.record != "" {
			return headless.Config{}, usage("--forward passes on what others send; it cannot --publish or --record besides, so start another `meshfocus join` for that")
		}
		relay = forwardRelay(relay)
	}
	frames, err := mesh.ParseFramePolicy(o.frames)
	if err != nil {
		return headless.Config{}, usage("--media-encryption: %w", err)
	}
	via, err := headless.ParseViaPolicy(o.via)
	if err != nil {
		return headless.Config{}, usage("--via: %w", err)
	}
	if via == headless.ViaFocus && o.forward {
		return headless.Config{}, usage("--via focus is for those who let another member forward, and --forward for that one: leave out one of them")
	}
	profile, err := matrix.ParseProfile(o.profile)
	if err != nil {
		return headless.Config{}, usage("--membership-profile: %w", err)
	}
	var servers []transport.ICEServer
	if len(o.turnURIs) > 0 {
		servers = append(servers, transport.ICEServer{URLs: o.turnURIs, Username: o.turnUsername, Credential: std.variable("MESHFOCUS_TURN_PASSWORD")})
	}
	return headless.Config{
		Account: account, Room: room,
		Media:  transport.Config{Port: o.mediaPort, External: o.external, TCP: o.tcp, Loopback: o.loopback && transport.OnlyLoopback(), MDNS: true, Log: log},
		CallID: o.call, Publish: o.publish, RecordDir: o.record, Forward: o.forward, Via: via,
		ICEServers: servers, Relay: relay, MaxMembers: o.maxMembers, LeaveDelay: o.leaveDelay, Profile: profile, EncryptFrames: frames, AsItComes: !o.adaptive, Log: log,
	}, nil
}

// account says who joins, and how it talks.
func (o joinOptions) account(std streams, log *slog.Logger) (matrix.Config, error) {
	mode, err := matrix.ParseEncryptMode(o.encrypt)
	if err != nil {
		return matrix.Config{}, usage("--encrypt: %w", err)
	}
	trust, err := matrix.ParseTrustPolicy(o.trust)
	if err != nil {
		return matrix.Config{}, usage("--trust: %w", err)
	}
	account, err := o.signIn.account(std)
	if err != nil {
		return account, err
	}
	account.DeviceName, account.Encrypt, account.Trust, account.Log = "meshfocus join", mode, trust, log
	if err := account.Validate(); err != nil {
		return account, usage("%w", err)
	}
	return account, nil
}

// classify gives an error of a participant its exit code, unless it has one.
func classify(err error) error {
	var known failure
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.Is(err, matrix.ErrUnreachable):
		return failure{exitUnreachable, err}
	case errors.Is(err, matrix.ErrBadLogin), errors.Is(err, matrix.ErrBadToken), errors.Is(err, matrix.ErrNotAllowed), errors.Is(err, matrix.ErrNotFound):
		return failure{exitRefused, err}
	case errors.Is(err, headless.ErrSource):
		return failure{exitMedia, err}
	}
	return failure{exitFailed, err}
}
