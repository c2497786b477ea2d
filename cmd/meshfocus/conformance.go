package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"meshfocus/signalling/conformance"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// conformanceOptions are the flags of `conformance`.
type conformanceOptions struct {
	signIn
	room, peer, session string
	only                []string
	list, json, clear   bool
	junit               string
	patience, silence   time.Duration
	logLevel            string
}

func newConformance(std streams) *cobra.Command {
	var o conformanceOptions
	c := &cobra.Command{
		Use:   "conformance [flags]",
		Short: "Try whether a client, or this program itself, keeps to the full-mesh page",
		Long: `conformance without --room runs the recorded rooms that this program carries
through its own reader of memberships.

With --room and --peer it is the peer of a client that is in the call of that
room, any device of any program, and takes it through a list of lines: it sends
what peers are allowed to send and what they must not, and says for each line
whether the client passes, with the rule of docs/msc-full-mesh.md. Media flows in
two lines only, and is silence. Part of the list needs an account that sorts
before the client's, part one that sorts after it: run it from both for the whole
list. The part in which we call takes a minute and a half, because a client may
take ten invites a minute, the other half a minute.

Sign in as for join, with a device of its own. The exit code is 1 when a line
fails.`,
		Example: `  meshfocus conformance
  meshfocus conformance --homeserver https://matrix.example.org --user @aaa:example.org \
      --password-file pw --room '#club:example.org' --peer @bob:example.org/BOBDEV
  meshfocus conformance --list`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return conform(c.Context(), std, o) },
	}
	f := c.Flags()
	o.addFlags(f)
	f.StringVar(&o.room, "room", "", "`ROOM` in whose call the client is; it is joined")
	f.StringVar(&o.peer, "peer", "", "the client, as @user:server/`DEVICE`")
	f.StringVar(&o.session, "session", "", "slot or conference `ID` in which it is met; the slot of the room where it is in several")
	f.StringSliceVar(&o.only, "only", nil, "run these `LINES` only")
	f.BoolVar(&o.list, "list", false, "print the list with its rules, and run nothing")
	f.BoolVar(&o.clear, "clear", false, "speak cleartext, to a client that cannot decrypt")
	f.BoolVar(&o.json, "json", false, "print the report as JSON")
	f.StringVar(&o.junit, "junit", "", "write the report to `FILE` in JUnit's format")
	f.DurationVar(&o.patience, "patience", 10*time.Second, "how long the client may take for what it has to do")
	f.DurationVar(&o.silence, "silence", 3*time.Second, "how long it has to refrain from what it must not do")
	f.StringVar(&o.logLevel, "log-level", "error", "lowest `LEVEL` that is logged: debug, info, warn, error")
	return c
}

// conform runs what the flags ask for and prints the report.
func conform(ctx context.Context, std streams, o conformanceOptions) error {
	if o.list {
		return writeChecks(std.out, o.json)
	}
	var report conformance.Report
	var err error
	if o.room == "" && o.peer == "" {
		if report, err = conformance.Vectors(); err == nil && !o.json {
			err = report.WriteText(std.out)
		}
	} else {
		report, err = o.tryPeer(ctx, std)
	}
	if err != nil {
		return classify(err)
	}
	if o.json {
		if err := writeJSON(std.out, report); err != nil {
			return err
		}
	}
	if o.junit != "" {
		if err := writeReport(o.junit, report); err != nil {
			return err
		}
	}
	if failed := report.Count(conformance.Failed); failed > 0 {
		return failure{exitFailed, fmt.Errorf("%d lines failed", failed)}
	}
	return nil
}

func writeReport(path string, report conformance.Report) error {
	var text strings.Builder
	if err := report.WriteJUnit(&text); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		return failure{exitFailed, fmt.Errorf("--junit: %w", err)}
	}
	return nil
}

// writeChecks prints the list.
func writeChecks(w io.Writer, asJSON bool) error {
	type shown struct {
		ID    string           `json:"id"`
		Title string           `json:"title"`
		Rule  conformance.Rule `json:"rule"`
	}
	lines := []shown{}
	for _, c := range conformance.Checks() {
		lines = append(lines, shown{c.ID, c.Title, c.Rule})
	}
	if asJSON {
		return writeJSON(w, lines)
	}
	for _, l := range lines {
		if _, err := fmt.Fprintf(w, "%-18s %s\n%18s %s\n", l.ID, l.Title, "", l.Rule); err != nil {
			return err
		}
	}
	return nil
}

// parsePeer reads "@user:server/DEVICE". A local part may hold slashes, a server
// name holds none.
func parsePeer(text string) (message.Party, error) {
	local, rest, found := strings.Cut(text, ":")
	server, device, hasDevice := strings.Cut(rest, "/")
	if !found || !hasDevice || !strings.HasPrefix(local, "@") || server == "" || device == "" {
		return message.Party{}, usage("--peer %q: want a user and a device, such as @bob:example.org/BOBDEV; `meshfocus calls list` names them", text)
	}
	return message.Party{UserID: local + ":" + server, DeviceID: device}, nil
}

// tryPeer signs in, meets the client and takes it through the list.
func (o conformanceOptions) tryPeer(ctx context.Context, std streams) (report conformance.Report, err error) {
	if o.room == "" || o.peer == "" {
		return report, usage("--room and --peer belong together: who is tried, and in which room")
	}
	peer, err := parsePeer(o.peer)
	if err != nil {
		return report, err
	}
	account, err := o.open(ctx, std)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, signOff(ctx, account, o.token == "" && o.state == "" && o.user != "")) }()
	roomID, err := account.JoinRoom(ctx, o.room)
	if err != nil {
		return report, err
	}
	guest := &tester{account: account, roomID: roomID, mailbox: conformance.NewMailbox(), fresh: make(chan membership.Facts, 1)}
	account.Subscribe(roomID, guest)
	inner, stop := context.WithCancelCause(ctx)
	var loops sync.WaitGroup
	loops.Go(func() { stop(account.Run(inner)) })
	defer func() { stop(nil); loops.Wait() }()
	if err = guest.meet(inner, peer, o.session); err != nil {
		return report, errors.Join(err, endOf(inner))
	}
	media, err := openTestMedia(account, o.log(std))
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, media.network.Close()) }()
	config := conformance.Config{
		Self: account.Party(), Peer: peer, Key: guest.key, Wire: guest, Mailbox: guest.mailbox, Connect: media.connect,
		Olm: !o.clear, Only: o.only, Patience: o.patience, Silence: o.silence,
	}
	if !o.json {
		fmt.Fprintf(std.out, "%s in %s of %s, seen from %s\n", peer, guest.key.ConfID, roomID, account.Party())
		config.OnResult = func(r conformance.Result) { fmt.Fprint(std.out, r) }
		config.OnPause = func(wait time.Duration) {
			fmt.Fprintf(std.out, "...   waiting %s: a client may take ten invites a minute\n", wait.Round(time.Second))
		}
	}
	report, err = conformance.Run(inner, config)
	err = errors.Join(err, guest.Leave(context.WithoutCancel(ctx)), endOf(inner))
	if err == nil && !o.json {
		fmt.Fprintf(std.out, "%d pass, %d fail, %d do not apply\n", report.Count(conformance.Passed), report.Count(conformance.Failed), report.Count(conformance.NotApplicable))
	}
	return report, err
}

// endOf is why the account's loop ended by itself, nil while it runs.
func endOf(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// open signs in as a device that encrypts when it can, and hears everything.
func (o conformanceOptions) open(ctx context.Context, std streams) (*matrix.Account, error) {
	config, err := o.account(std)
	if err != nil {
		return nil, err
	}
	config.DeviceName, config.Encrypt, config.Trust = "meshfocus conformance", matrix.EncryptPrefer, matrix.TrustAny
	if o.clear {
		config.Encrypt = matrix.EncryptOff
	}
	config.Log = o.log(std)
	if err := config.Validate(); err != nil {
		return nil, usage("%w", err)
	}
	return matrix.Open(ctx, config)
}

func (o conformanceOptions) log(std streams) *slog.Logger {
	return newLogger(LogConfig{Level: o.logLevel}, std.err)
}

// signOff lets go of an account, and of the device if it was made for this.
func signOff(ctx context.Context, account *matrix.Account, made bool) error {
	var err error
	if made {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 8*time.Second)
		defer cancel()
		err = account.Logout(ctx)
	}
	return errors.Join(err, account.Close())
}

// tester is the account as conformance sees it: a Wire and a Sink.
type tester struct {
	account *matrix.Account
	roomID  string
	key     membership.Key
	form    message.Form
	mailbox *conformance.Mailbox
	fresh   chan membership.Facts

	// Of the present membership; owned by the goroutine of the run.
	member *matrix.Membership
	stop   context.CancelFunc
	ended  chan struct{}
}

func (t *tester) SetFacts(facts membership.Facts) {
	t.mailbox.SetFacts(facts)
	select {
	case <-t.fresh:
	default:
	}
	select {
	case t.fresh <- facts:
	default:
	}
}

func (t *tester) Receive(batch []matrix.Received) {
	heard := make([]conformance.Heard, len(batch))
	for i, r := range batch {
		heard[i] = conformance.Heard{From: r.From, Encrypted: r.Encrypted, Signal: r.Signal, Type: r.Type, Content: r.Content, At: time.Now()}
	}
	t.mailbox.Put(heard...)
}

// meet waits for the room and finds the session in which the client is: the
// one named, else a slot before a conference.
func (t *tester) meet(ctx context.Context, peer message.Party, session string) error {
	ctx, cancel := context.WithTimeout(ctx, factsLimit)
	defer cancel()
	var facts membership.Facts
	select {
	case facts = <-t.fresh:
	case <-ctx.Done():
		return fmt.Errorf("look at %s: %w", t.roomID, ctx.Err())
	}
	for _, s := range membership.Compute(facts, time.Now()).Sessions {
		if session != "" && !message.SameSlot(s.ConfID, session) {
			continue
		}
		for _, m := range s.Members {
			if m.Party == peer && (t.key.ConfID == "" || s.Form != message.FormCalls) {
				t.key, t.form = s.Key, s.Form
			}
		}
	}
	if t.key.ConfID == "" {
		return fmt.Errorf("%w of %s: %s; `meshfocus calls list` says who is", conformance.ErrNoPeer, t.roomID, peer)
	}
	return nil
}

// Enter joins the session and keeps the membership alive, or goes on under
// another session ID.
func (t *tester) Enter(ctx context.Context, sessionID string) error {
	if t.member != nil {
		return t.member.Renew(ctx, sessionID)
	}
	config := matrix.MembershipConfig{RoomID: t.roomID, SessionID: sessionID, Feeds: []message.Feed{{Purpose: message.PurposeUserMedia}}}
	if t.form == message.FormCalls {
		config.CallID = t.key.ConfID
	} else {
		config.Slot = true
	}
	t.member = t.account.NewMembership(config)
	if err := t.member.Join(ctx); err != nil {
		return err
	}
	var inner context.Context
	inner, t.stop = context.WithCancel(ctx)
	t.ended = make(chan struct{})
	go func(m *matrix.Membership, ended chan struct{}) {
		defer close(ended)
		_ = m.Run(inner) // how it ends is seen in the room
	}(t.member, t.ended)
	return nil
}

// Leave ends the present membership, if there is one.
func (t *tester) Leave(ctx context.Context) error {
	if t.member == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	err := t.member.Leave(ctx)
	if t.stop != nil {
		t.stop()
		<-t.ended
	}
	t.member, t.stop = nil, nil
	return err
}

func (t *tester) Send(ctx context.Context, to message.Party, eventType string, content json.RawMessage, clear bool) error {
	return t.account.SendRaw(ctx, to, eventType, content, clear)
}
