package probe

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// Prober holds what all checks share. The zero value works; it must not be
// copied after its first check.
type Prober struct {
	// Progress, if set, hears what is about to be tried, one line each. It is
	// called on the goroutine of the check.
	Progress func(step string)
	// Roots verify TURN servers and the vantage; nil stands for the system's.
	Roots *x509.CertPool
	// Patience is how long one answer is awaited; 0 stands for 5 s.
	Patience time.Duration
	// HTTP asks the vantage; nil stands for a client with Patience as timeout.
	HTTP *http.Client

	// hurry bounds how long a datagram is awaited that may be lost, where tests
	// lose many; 0 leaves it to each check.
	hurry time.Duration

	released atomic.Int64 // when a relay was given back last, in Unix milliseconds
}

// defaultPatience allows five transmissions, more than a satellite's delay, and
// a server that is out of breath for some seconds.
const defaultPatience = 5 * time.Second

func (p *Prober) patience() time.Duration {
	if p.Patience > 0 {
		return p.Patience
	}
	return defaultPatience
}

// lost is how long a datagram is awaited before it is taken for lost.
func (p *Prober) lost(usual time.Duration) time.Duration {
	if p.hurry > 0 {
		return min(usual, p.hurry)
	}
	return min(usual, p.patience())
}

// say tells progress.
func (p *Prober) say(format string, arguments ...any) {
	if p.Progress != nil {
		p.Progress(fmt.Sprintf(format, arguments...))
	}
}

// stopped turns a finding of a check that was cancelled into Skipped, so that
// nobody blames a server for it.
func stopped(ctx context.Context, f *Finding) bool {
	cause := context.Cause(ctx)
	if deadline, bounded := ctx.Deadline(); cause == nil && bounded && !time.Now().Before(deadline) {
		cause = context.DeadlineExceeded // a socket may notice it before the context does
	}
	if cause == nil {
		return false
	}
	f.Found = ""
	f.worse(Skipped, remedy{cause: "stopped before the answer: " + cause.Error()})
	return true
}
