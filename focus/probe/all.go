package probe

import (
	"context"
	"iter"
	"slices"
)

// Subject is what All looks at.
type Subject struct {
	// Servers are the stun: and turn: URIs of the homeserver or of the
	// configuration, in order of preference.
	Servers []string
	// Credentials are for all of them; a homeserver gives one set.
	Credentials Credentials
	// Members is the size of the call to be carried; below 2, quotas are not
	// tried.
	Members int
	// External is the setting media.external.
	External []string
	// Vantage is the URL of a Vantage, "" for none, and MediaPort the setting
	// media.port.
	Vantage   string
	MediaPort int
}

// All gives the findings of Findings at once.
func (p *Prober) All(ctx context.Context, subject Subject) []Finding {
	return slices.Collect(p.Findings(ctx, subject))
}

// Findings does every check there is something for, each once and in the order
// in which one needs the other, and yields what each found as it ends: the
// first Broken finding is the cause to look at first. What cannot be tried for
// that reason is Skipped.
func (p *Prober) Findings(ctx context.Context, subject Subject) iter.Seq[Finding] {
	return func(yield func(Finding) bool) {
		for _, step := range p.steps(ctx, subject) {
			for _, f := range step() {
				if !yield(f) {
					return
				}
			}
		}
	}
}

// steps are the checks in their order. Those of relays tell the later ones
// which of them works.
func (p *Prober) steps(ctx context.Context, subject Subject) (steps []func() []Finding) {
	one := func(check func() Finding) {
		steps = append(steps, func() []Finding { return []Finding{check()} })
	}
	plan, relay := p.plan(subject), ""
	for _, text := range plan.stun {
		one(func() Finding { return p.STUN(ctx, text) })
	}
	for _, text := range subject.relays() {
		one(func() Finding {
			f := p.TURN(ctx, text, subject.Credentials, "")
			if f.works() && relay == "" {
				relay = text
			}
			return f
		})
	}
	steps = append(steps, func() []Finding { return p.needRelay(ctx, subject, relay) })
	if len(plan.udp) > 0 {
		one(func() Finding { return p.NAT(ctx, plan.udp...) })
		one(func() Finding { return p.External(ctx, plan.udp[0], subject.External) })
	}
	if subject.Vantage != "" {
		one(func() Finding { return p.OwnPort(ctx, subject.Vantage, subject.MediaPort) })
		one(func() Finding { return p.OwnTCPPort(ctx, subject.Vantage, subject.MediaPort) })
	}
	return steps
}

// needRelay are the checks that mean something only if a relay works.
func (p *Prober) needRelay(ctx context.Context, subject Subject, relay string) []Finding {
	var findings []Finding
	switch {
	case len(subject.relays()) == 0:
		return []Finding{{Check: "turn", Level: Warning, Tried: "the list of TURN servers", Found: "it is empty",
			Cause: "nobody offers a relay: pairs whose NATs do not let each other in have no connection", Fix: "set up coturn and name it in the homeserver's configuration",
			Command: nameRelay()}}
	case relay == "":
		skipped := Finding{Level: Skipped, Cause: "no relay works; see above", Fix: "repair the relay first"}
		for _, check := range []string{"turn.quota", "mtu"} {
			skipped.Check = check
			findings = append(findings, skipped)
		}
		return findings
	}
	if subject.Members >= 2 {
		findings = append(findings, p.Quota(ctx, relay, subject.Credentials, subject.Members))
	}
	if s, err := parseServer(relay, ""); err == nil && s.way == UDP {
		findings = append(findings, p.MTU(ctx, relay, subject.Credentials))
	}
	return findings
}

// relays are the servers that are TURN servers, or look like nothing else.
func (s Subject) relays() []string {
	return slices.DeleteFunc(slices.Clone(s.Servers), func(text string) bool {
		server, err := parseServer(text, "")
		return err == nil && !server.turn
	})
}

// plan is whom to ask for our address: each server once, over UDP.
type plan struct{ stun, udp []string }

func (p *Prober) plan(subject Subject) plan {
	var chosen plan
	seen := map[string]bool{}
	for _, text := range subject.Servers {
		s, err := parseServer(text, "")
		if err != nil || seen[s.String()] {
			continue // TURN reports the first
		}
		seen[s.String()] = true
		if s.way == UDP {
			chosen.udp = append(chosen.udp, text)
		}
		if s.way == UDP || !s.turn {
			chosen.stun = append(chosen.stun, text)
		}
	}
	return chosen
}
