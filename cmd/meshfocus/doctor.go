package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"meshfocus/focus/probe"
	"meshfocus/signalling/inspect"
)

// Exit codes of `doctor`, listed in its help: 0 is nothing worse than a note.
const (
	exitDoctorWarning = 1
	exitDoctorBroken  = 2
	exitDoctorUnable  = 3
)

// doctorOptions are the flags of `doctor`.
type doctorOptions struct {
	token, tokenFile, user, passwordFile string
	room, vantage, ca, turnUsername      string
	turnURIs, external                   []string
	mediaPort, members                   int
	json, all                            bool
}

func newDoctor(std streams) *cobra.Command {
	var o doctorOptions
	c := &cobra.Command{
		Use:   "doctor [flags] HOMESERVER",
		Short: "Find out why calls do not work, and say how to mend it",
		Long: `doctor looks at HOMESERVER the way a client in a call does, one step after the
other, and says of each what came back; of what is wrong also the likely cause,
what to do, and what to paste where. What depends on a broken step is not tried:
the first broken one is the cause.

HOMESERVER is what people type into a client: a server name (example.org), a
user ID, or a base URL (https://matrix.example.org).

Without an account only what strangers see is checked. Give a token, or a login,
for the rest: transports, keys, messages between devices, delayed and sticky
events, and the TURN servers, through which datagrams are sent and looked for.
Any account will do; to find out about a client that fails, give its own token.

What it leaves behind: nothing. It sends one message to the account's own device
and makes a private room for itself, which it leaves and forgets. In --room it
only reads. With a login it makes a device and logs it out.

Exit codes: 0 fine · 1 warnings · 2 something is broken · 3 could not run`,
		Example: `  meshfocus doctor example.org
  meshfocus doctor https://matrix.example.org --user me --password-file pw
  MESHFOCUS_TOKEN=… meshfocus doctor example.org --room '#club:example.org'
  meshfocus doctor example.org --token-file token --json | jq -r 'select(.level=="broken")'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return unable("doctor wants one HOMESERVER, such as example.org or https://matrix.example.org, and got %d", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return doctor(c.Context(), std, o, args[0]) },
	}
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return unable("%w; see `%s --help`", err, c.CommandPath())
	})
	f := c.Flags()
	f.StringVar(&o.token, "token", "", "access `TOKEN` (better: --token-file, or environment MESHFOCUS_TOKEN)")
	f.StringVar(&o.tokenFile, "token-file", "", "`FILE` whose first line is an access token")
	f.StringVar(&o.user, "user", "", "user `ID` or name to log in as, with a password")
	f.StringVar(&o.passwordFile, "password-file", "", "`FILE` whose first line is the password (or environment MESHFOCUS_PASSWORD)")
	f.StringVar(&o.room, "room", "", "`ROOM` in which calls do not work, an ID or a quoted alias; it is only read")
	f.IntVar(&o.members, "members", 5, "size of the calls that TURN has to carry, in `DEVICES`; N take N·(N−1) relays, 0 leaves that out")
	f.StringSliceVar(&o.turnURIs, "turn-uri", nil, "TURN or STUN `URI` to try instead of those the homeserver names")
	f.StringVar(&o.turnUsername, "turn-username", "", "user `NAME` at those servers; the password is environment MESHFOCUS_TURN_PASSWORD")
	f.StringVar(&o.vantage, "vantage", "", "`URL` of a meshfocus elsewhere that knocks at our media port from outside")
	f.IntVar(&o.mediaPort, "media-port", 0, "that media `PORT`, as in the settings; 0 tries any")
	f.StringSliceVar(&o.external, "media-external", nil, "public `ADDRESS` as in the settings, to be compared with what STUN servers see")
	f.StringVar(&o.ca, "ca", "", "`FILE` with the certificates (PEM) of a private authority")
	f.BoolVar(&o.json, "json", false, "print a line of JSON for each finding, and one for the verdict")
	f.BoolVar(&o.all, "all", false, "show the details of what is fine too")
	return c
}

// unable is an error before anything was checked.
func unable(format string, args ...any) error {
	return failure{exitDoctorUnable, fmt.Errorf(format, args...)}
}

// doctor runs all checks and shows each as it ends.
func doctor(ctx context.Context, std streams, o doctorOptions, homeserver string) error {
	config, err := o.config(std, homeserver)
	if err != nil {
		return err
	}
	show := newDoctorView(std, o)
	config.Progress = show.progress
	inspector, err := inspect.New(config)
	if err != nil {
		return unable("%s", strings.TrimPrefix(err.Error(), "inspect: "))
	}
	show.begin(config)
	var findings []inspect.Finding
	record := func(f inspect.Finding) {
		findings = append(findings, f)
		show.finding(f)
	}
	for f := range inspector.Findings(ctx) {
		record(f)
	}
	prober := &probe.Prober{Roots: config.Roots, Progress: show.progress}
	for f := range o.media(ctx, std, prober, inspector.TURN()) {
		if f.Check == "turn" && f.Level == inspect.Skipped {
			f.Found = whyNoTurn(findings)
		}
		record(f)
	}
	if ctx.Err() != nil {
		show.verdict(findings, exitDoctorUnable)
		return unable("stopped before all was checked")
	}
	code := verdictOf(findings)
	show.verdict(findings, code)
	if first, found := inspect.First(findings); found {
		return failure{code, fmt.Errorf("%s: %s", first.Level, first.Check)}
	}
	return nil
}

// whyNoTurn says why no TURN server is known.
func whyNoTurn(findings []inspect.Finding) string {
	for _, f := range findings {
		if f.Check == "turn.server" && f.Level == inspect.Skipped {
			return f.Found
		}
	}
	return `needs "turn.server"`
}

// verdictOf is the exit code of findings.
func verdictOf(findings []inspect.Finding) int {
	first, found := inspect.First(findings)
	switch {
	case !found:
		return exitOK
	case first.Level == inspect.Broken:
		return exitDoctorBroken
	}
	return exitDoctorWarning
}

// config reads secrets and certificates.
func (o doctorOptions) config(std streams, homeserver string) (inspect.Config, error) {
	c := inspect.Config{Homeserver: homeserver, Token: o.token, User: o.user, Room: o.room}
	var err error
	if c.Token == "" && o.tokenFile != "" {
		if c.Token, err = firstLine("--token-file", o.tokenFile); err != nil {
			return c, err
		}
	}
	if o.passwordFile != "" {
		if c.Password, err = firstLine("--password-file", o.passwordFile); err != nil {
			return c, err
		}
	}
	switch {
	case c.Token != "" && o.user != "":
		return c, unable("--user and a token were given; one of them is enough")
	case o.user != "" && c.Password == "":
		c.Password = std.variable("MESHFOCUS_PASSWORD")
	case o.user == "" && c.Token == "":
		c.Token = std.variable("MESHFOCUS_TOKEN")
	}
	if o.user != "" && c.Password == "" {
		return c, unable("--user needs a password: give --password-file, or environment MESHFOCUS_PASSWORD")
	}
	if o.room != "" && c.Token == "" && o.user == "" {
		return c, unable("--room needs an account that is in the room: give --token-file, or --user and --password-file")
	}
	if o.mediaPort != 0 && o.vantage == "" {
		return c, unable("--media-port is knocked at from outside: run meshfocus vantage on another machine and give --vantage http://THERE:8477")
	}
	if o.ca != "" {
		c.Roots, err = certificates(o.ca)
	}
	return c, err
}

// firstLine reads a secret. The error names the flag and the file, never what
// stands in it.
func firstLine(flag, file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", unable("%s: %w", flag, err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimRight(line, "\r"); line == "" {
		return "", unable("%s: the first line of %s is empty", flag, file)
	}
	return line, nil
}

// certificates are the machine's authorities and those of a file.
func certificates(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, unable("--ca: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, unable("--ca: %s holds no certificate in PEM", file)
	}
	return pool, nil
}

// media yields the findings of the media half: what the homeserver's TURN
// servers, or those that were given, are worth.
func (o doctorOptions) media(ctx context.Context, std streams, prober *probe.Prober, turn inspect.TURN) iter.Seq[inspect.Finding] {
	subject := probe.Subject{
		Servers: turn.URIs, Credentials: probe.Credentials{Username: turn.Username, Password: turn.Password},
		Members: o.members, External: o.external, Vantage: o.vantage, MediaPort: o.mediaPort,
	}
	if len(o.turnURIs) > 0 {
		subject.Servers = o.turnURIs
		subject.Credentials = probe.Credentials{Username: o.turnUsername, Password: std.variable("MESHFOCUS_TURN_PASSWORD")}
	}
	return func(yield func(inspect.Finding) bool) {
		if len(subject.Servers) == 0 && subject.Vantage == "" {
			yield(inspect.Finding{Check: "turn", Level: inspect.Skipped, Tried: "send datagrams through TURN servers"})
			return
		}
		for f := range prober.Findings(ctx, subject) {
			if len(subject.Servers) == 0 && f.Check == "turn" {
				continue // "turn.server" has said so
			}
			merged := merge(f)
			if !yield(merged) {
				return
			}
		}
	}
}

// merge gives a finding of the media half the form of the other half, which
// says in Found why something was skipped.
func merge(f probe.Finding) inspect.Finding {
	level := inspect.Skipped
	if n := slices.Index([]probe.Level{probe.Fine, probe.Note, probe.Warning, probe.Broken}, f.Level); n >= 0 {
		level = []inspect.Level{inspect.Fine, inspect.Note, inspect.Warning, inspect.Broken}[n]
	}
	merged := inspect.Finding{Check: f.Check, Level: level, Tried: f.Tried, Found: f.Found, Cause: f.Cause, Fix: f.Fix, Snippet: f.Snippet, Command: f.Command, Took: f.Took}
	if level == inspect.Skipped && merged.Found == "" {
		merged.Found, merged.Cause = f.Cause, ""
	}
	return merged
}
