package conformance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// Config says which client is tried, and from where.
type Config struct {
	Self, Peer message.Party
	// Key is the session in which the client is a member.
	Key     membership.Key
	Wire    Wire
	Mailbox *Mailbox
	// Connect makes our end of a connection that carries media; nil if there is
	// none, and lines that need it do not apply.
	Connect func(context.Context) (Connection, error)
	// Olm: what is sent is encrypted, except where a line wants otherwise.
	Olm bool
	// Only lists IDs of lines to run, and no others; empty runs all.
	Only []string
	// Lead is how long the client has to see our membership before we call,
	// default a sixth of Silence: that calls may overtake it is a line of its
	// own.
	Lead time.Duration
	// Patience is how long the client may take for what it has to do, default
	// 10 s; Silence how long it has to refrain from what it must not, default
	// 3 s.
	Patience, Silence time.Duration
	// OnResult is given each line when it is done, OnPause how long we have to
	// wait before the client may be called again; both may be nil.
	OnResult func(Result)
	OnPause  func(time.Duration)
}

// ErrNoPeer: the client is no member of the session.
var ErrNoPeer = errors.New("the client is not in the call")

// Run takes a client through the list. Its error is ErrNoPeer, that of a line's
// name, or the context's; what the client gets wrong stands in the report.
func Run(ctx context.Context, config Config) (Report, error) {
	if config.Patience <= 0 {
		config.Patience = 10 * time.Second
	}
	if config.Silence <= 0 {
		config.Silence = 3 * time.Second
	}
	if config.Lead <= 0 {
		config.Lead = config.Silence / 6
	}
	report := Report{Suite: "peer", Subject: config.Peer.String()}
	for _, id := range config.Only {
		if !slices.ContainsFunc(Checks(), func(c Check) bool { return c.ID == id }) {
			return report, fmt.Errorf("there is no line %q; lines are %s", id, strings.Join(Lines(), ", "))
		}
	}
	b := &bench{config: config}
	if came, err := b.until(ctx, config.Patience, b.findPeer); err != nil || !came {
		return report, errors.Join(err, fmt.Errorf("%w: %s is no member of %s", ErrNoPeer, config.Peer, config.Key.ConfID))
	}
	for _, row := range rows(config.Only) {
		begun := time.Now()
		errs := b.row(ctx, row)
		if ctx.Err() != nil {
			return report, ctx.Err()
		}
		for i, check := range row {
			result := resultOf(check, errs[i], time.Since(begun))
			report.Results = append(report.Results, result)
			if config.OnResult != nil {
				config.OnResult(result)
			}
		}
	}
	return report, nil
}

// rows is the list, or what was asked for of it, with neighbours together that
// only wait.
func rows(only []string) (rows [][]Check) {
	waiting := false
	for _, check := range Checks() {
		if len(only) > 0 && !slices.Contains(only, check.ID) {
			continue
		}
		if quiet := check.provoke != nil; quiet && waiting {
			rows[len(rows)-1] = append(rows[len(rows)-1], check)
		} else {
			rows, waiting = append(rows, []Check{check}), quiet
		}
	}
	return rows
}

// row runs one check, or several that wait beside each other, from a clean
// start, and tidies up whatever came of it.
func (b *bench) row(ctx context.Context, row []Check) []error {
	errs, apply := make([]error, len(row)), false
	for i, check := range row {
		errs[i] = b.applies(check)
		apply = apply || errs[i] == nil
	}
	if !apply {
		return errs
	}
	err := b.approach(ctx, row[0])
	switch {
	case err == nil && row[0].provoke != nil:
		b.provoke(ctx, row, errs)
	case err == nil:
		errs[0] = row[0].run(ctx, b)
	}
	err = cmp.Or(err, b.end(ctx))
	for i := range errs {
		errs[i] = cmp.Or(errs[i], err)
	}
	return errs
}

// approach enters, and gives the client time to see it where we are to call.
func (b *bench) approach(ctx context.Context, check Check) error {
	if check.outside {
		return nil
	}
	err := b.enter(ctx)
	if err == nil && b.config.Self.Before(b.config.Peer) {
		err = b.pause(ctx, b.config.Lead)
	}
	return err
}

// provoke tries the lines of a row for which nothing stands in errs: it waits
// once for whatever they want not to come.
func (b *bench) provoke(ctx context.Context, row []Check, errs []error) {
	begun := time.Now()
	taboos := make([]taboo, len(row))
	for i, check := range row {
		if errs[i] == nil {
			taboos[i], errs[i] = check.provoke(ctx, b)
		}
	}
	err := b.pause(ctx, b.config.Silence)
	for i, t := range taboos {
		if errs[i] != nil {
			continue
		}
		if errs[i] = err; err == nil {
			if h, came := b.take(t.is); came {
				errs[i] = cameAfter(t.what, h, begun)
			}
		}
	}
}

// resultOf words how a line ended.
func resultOf(check Check, err error, took time.Duration) Result {
	result := Result{ID: check.ID, Title: check.Title, Rule: check.Rule, Outcome: Passed, Took: took}
	var unfit notApplicable
	switch {
	case errors.As(err, &unfit):
		result.Outcome, result.Detail = NotApplicable, string(unfit)
	case err != nil:
		result.Outcome, result.Detail = Failed, err.Error()
	}
	return result
}

// notApplicable is why a line says nothing about this client.
type notApplicable string

func (n notApplicable) Error() string { return string(n) }

// applies says whether the line can be tried from where we are.
func (b *bench) applies(check Check) error {
	self, peer := b.config.Self, b.config.Peer
	switch {
	case check.role == ours && !self.Before(peer):
		return notApplicable("needs a peer that sorts before " + peer.String() + ": run it again from such an account")
	case check.role == theirs && !peer.Before(self):
		return notApplicable("needs a peer that sorts after " + peer.String() + ": run it again from such an account")
	case check.olm && !b.config.Olm:
		return notApplicable("needs encryption")
	case check.encrypted && !b.facts.Encrypted:
		return notApplicable("needs an encrypted room")
	case check.fits != nil:
		return check.fits(b)
	}
	return nil
}
