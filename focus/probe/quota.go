package probe

import (
	"context"
	"fmt"
	"time"

	"github.com/pion/stun/v4"
)

// quotaBound is how many relays we take at most, for some seconds: what a
// call of ten needs. A server with ports for fewer has other troubles.
const quotaBound = 90

// quotaSnippet is what lets a call have its relays; 0 stands for any number.
func quotaSnippet(relays int) string {
	if relays == 0 {
		return "# coturn: turnserver.conf\nuser-quota=0\ntotal-quota=0"
	}
	return fmt.Sprintf("# coturn: turnserver.conf\nuser-quota=%d\ntotal-quota=0", relays)
}

// Quota takes as many relays at once as a call of n members may need, n·(n−1),
// at most 90, and gives them back. A member needs n−1 of them: a server that
// gives these but not all is enough if it counts by user, and each has its own
// credentials.
func (p *Prober) Quota(ctx context.Context, server string, credentials Credentials, n int) (f Finding) {
	s, err := parseServer(server, "")
	if err != nil {
		return unreadable("turn.quota", server, err)
	}
	n = max(n, 2)
	want := min(n*(n-1), quotaBound)
	f = begin("turn.quota", fmt.Sprintf("%d relays at once at %s, for a call of %d", want, s, n))
	defer f.took(time.Now())
	var taken []*allocation
	defer func() {
		for _, a := range taken {
			a.release(ctx)
		}
	}()
	for len(taken) < want {
		p.say("turn.quota: relay %d of %d at %s", len(taken)+1, want, s)
		a, err := p.allocate(ctx, s, credentials)
		if err != nil {
			f.judgeQuota(err, s, credentials, len(taken), n)
			stopped(ctx, &f)
			return f
		}
		taken = append(taken, a)
	}
	f.Found = fmt.Sprintf("all %d were allocated", want)
	if want < n*(n-1) {
		f.Found += fmt.Sprintf(" (%d would be needed; more were not tried)", n*(n-1))
	}
	return f
}

// judgeQuota says what a call of n makes of the number of relays reached.
func (f *Finding) judgeQuota(err error, s server, c Credentials, reached, n int) {
	r := diagnose(err, s, c, time.Now())
	if codeOf(err) != stun.CodeAllocQuotaReached {
		f.failed(fmt.Errorf("after %d relays: %w", reached, err), r)
		return
	}
	f.Found = count(reached, "relays were", "relay was") + " allocated, the next one was answered with 486 (quota reached)"
	r.snippet = quotaSnippet(2 * (n - 1))
	switch {
	case reached == 0:
		r.cause = "the quota of relays is used up already, by others or by a call that is on"
		f.worse(Broken, r)
	case reached < n-1:
		r.cause = fmt.Sprintf("the quota is %s; each member of a call of %d needs %d, one for each other member", count(reached, "relays", "relay"), n, n-1)
		f.worse(Broken, r)
	default:
		r.cause = fmt.Sprintf("the quota is %s: enough for one member of a call of %d (%d), not for all of them (%d) if it is the server's total or if all share one user name",
			count(reached, "relays", "relay"), n, n-1, n*(n-1))
		f.worse(Warning, r)
	}
}

// count is a number of things.
func count(n int, many, one string) string {
	if n == 1 {
		many = one
	}
	return fmt.Sprintf("%d %s", n, many)
}
