package inspect

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// Inspector makes one round of checks. Its fields are what earlier checks
// learnt, for later ones; all belong to the caller of Findings.
type Inspector struct {
	config Config
	web    *http.Client
	table  []check

	base       *url.URL // of the API, without a slash at its end; nil until known
	serverName string   // "" until known
	wellKnown  *wellKnown
	versions   *versions
	software   string // the homeserver's, "" if it does not say

	token    string
	loggedIn bool // by us, to be logged out
	userID   string
	deviceID string
	guest    bool

	transports []transport // what the endpoint said
	scratch    string      // ID of our private room, to be left
	turn       TURN
	room       *room
	questions  int // makes requests different from each other

	// stopped has the checks on which no other can build, each with the one
	// that is to blame.
	stopped map[string]string
}

// check is one line of the table. It runs when none of those it needs is
// broken, skipped, or has said itself that nothing can build on it.
type check struct {
	name  string
	needs []string
	run   func(*Inspector, context.Context) Finding
}

// checks is the table, in the order of dependence.
func checks() []check {
	return []check{
		{"address", nil, (*Inspector).checkAddress},
		{"dns", []string{"address"}, (*Inspector).checkDNS},
		{"connect", []string{"dns"}, (*Inspector).checkConnect},
		{"tls", []string{"connect"}, (*Inspector).checkTLS},
		{"versions", []string{"tls"}, (*Inspector).checkVersions},
		{"speed", []string{"versions"}, (*Inspector).checkSpeed},
		{"clock", []string{"versions"}, (*Inspector).checkClock},
		{"cors", []string{"versions"}, (*Inspector).checkCORS},
		{"features", []string{"versions"}, (*Inspector).checkFeatures},
		{"transports.open", []string{"versions"}, (*Inspector).checkOpenTransports},
		{"token", []string{"versions"}, (*Inspector).checkToken},
		{"wellknown", []string{"token"}, (*Inspector).checkWellKnown},
		{"transports", []string{"token"}, (*Inspector).checkTransports},
		{"transports.wellknown", []string{"transports"}, (*Inspector).checkPublishedTransports},
		{"turn.server", []string{"token"}, (*Inspector).checkTurnServer},
		{"keys.onetime", []string{"token"}, (*Inspector).checkOneTimeKeys},
		{"keys.crosssigning", []string{"token"}, (*Inspector).checkCrossSigning},
		{"todevice", []string{"token"}, (*Inspector).checkToDevice},
		{"scratch", []string{"token"}, (*Inspector).checkScratch},
		{"delayed", []string{"scratch"}, (*Inspector).checkDelayed},
		{"delayed.restart", []string{"delayed"}, (*Inspector).checkRestart},
		{"sticky", []string{"scratch"}, (*Inspector).checkSticky},
		{"room", []string{"token"}, (*Inspector).checkRoom},
		{"room.power", []string{"room"}, (*Inspector).checkPower},
		{"room.devices", []string{"room"}, (*Inspector).checkDevices},
	}
}

// Checks lists the names of all checks in the order in which they run.
func Checks() (names []string) {
	for _, c := range checks() {
		names = append(names, c.name)
	}
	return names
}

// New makes an inspector. The error wraps ErrConfig.
func New(config Config) (*Inspector, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	return &Inspector{config: config, web: newWeb(config), table: checks(), token: config.Token, stopped: map[string]string{}}, nil
}

// Findings runs the checks and yields what each found, as it ends. When the
// loop over it ends, early too, what was made in the account is gone again, as
// far as the homeserver lets it. A context that ends leaves the rest skipped.
func (i *Inspector) Findings(ctx context.Context) iter.Seq[Finding] {
	return func(yield func(Finding) bool) {
		defer i.cleanUp(context.WithoutCancel(ctx))
		for _, c := range i.table {
			begun := time.Now()
			f := i.perform(ctx, c)
			f.Check, f.Took = c.name, time.Since(begun)
			if f.Level == Broken || f.Level == Skipped {
				i.stop(c)
			}
			if !yield(f.without(i.secrets())) {
				return
			}
		}
	}
}

func (i *Inspector) perform(ctx context.Context, c check) Finding {
	if ctx.Err() != nil {
		return skipped("stopped before this was tried")
	}
	for _, name := range c.needs {
		if cause, stopped := i.stopped[name]; stopped {
			return skipped("needs %q", cause)
		}
	}
	if i.config.Progress != nil {
		i.config.Progress(c.name)
	}
	return c.run(i, ctx)
}

// stop keeps others from building on a check.
func (i *Inspector) stop(c check) {
	for _, name := range c.needs {
		if cause, stopped := i.stopped[name]; stopped {
			i.stopped[c.name] = cause
			return
		}
	}
	i.stopped[c.name] = c.name
}

// secrets are the texts that no finding may hold.
func (i *Inspector) secrets() []string {
	return []string{i.config.Token, i.config.Password, i.token, i.turn.Password}
}

// cleanUp leaves no trace of us.
func (i *Inspector) cleanUp(ctx context.Context) {
	defer i.web.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, i.config.Patience)
	defer cancel()
	if i.scratch != "" {
		i.ask(ctx, http.MethodPost, clientPath("v3", "rooms", i.scratch, "leave"), nothing)
		i.ask(ctx, http.MethodPost, clientPath("v3", "rooms", i.scratch, "forget"), nothing)
	}
	if i.loggedIn {
		i.ask(ctx, http.MethodPost, clientPath("v3", "logout"), nothing)
	}
}

// unique gives a name that this run has not used before.
func (i *Inspector) unique() string {
	i.questions++
	return fmt.Sprintf("meshfocus-doctor-%d-%d", time.Now().UnixNano(), i.questions)
}
