package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"meshfocus/bench/clock"
	"meshfocus/bench/contest"
	"meshfocus/bench/offset"
	"meshfocus/bench/remote"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
)

// waiter is what is asked of party.
type waiter struct {
	listening, token, mayLoad string
	most                      int
}

func newParty() *cobra.Command {
	var w waiter
	c := &cobra.Command{
		Use: "party", Short: "Be the subscribers of calls that a run on another machine measures",
		Long: `Waits for a meshbench run --subscribers-at on another machine, and has the subscribers
of its calls here: publishers and, as a rule, the server are there. It answers there
as well what time it is, over UDP at the same port, so that latencies are corrected by
how far the two clocks are apart.

It prints what such a run needs: the address with the fingerprint of a certificate, and
a token, both made anew with each start. Who has them can have as many subscribers as
--most says come in to servers on the machine that gives the orders, and a few to any
other; more to one whose host is named by --i-may-load.`,
		Example: `  meshbench party --listen :7900
  meshbench run call-3 --targets ours --server 10.0.0.1 --address 10.0.0.1 \
    --subscribers-at 10.0.0.2:7900#FINGERPRINT --subscribers-token TOKEN`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return w.wait(c.Context(), c.OutOrStdout()) },
	}
	flags := c.Flags()
	flags.StringVar(&w.listening, "listen", ":7900", "TCP and UDP address")
	flags.StringVar(&w.token, "token", "", "what whoever gives orders has to know, 8 characters or more; one is made if none is said")
	flags.StringVar(&w.mayLoad, "i-may-load", "", "hosts of servers that may be sent real load, with commas, besides those of who gives the orders")
	flags.IntVar(&w.most, "most", 50, "how many subscribers at most")
	return c
}

// wait takes orders until the context ends.
func (w waiter) wait(ctx context.Context, out io.Writer) error {
	token := w.token
	if token == "" {
		token = rand.Text()
	} else if len(token) < leastToken {
		return fmt.Errorf("party: a --token of %d characters is soon guessed: say none, and one is made", len(token))
	}
	certificate, err := remote.Certificate()
	if err != nil {
		return err
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4)) // as where calls are measured
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", w.listening)
	if err != nil {
		return err
	}
	defer listener.Close()
	conn, err := new(net.ListenConfig).ListenPacket(ctx, "udp", listener.Addr().String())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answered := make(chan error, 1)
	go func() {
		answered <- clock.Serve(ctx, conn.(*net.UDPConn), offset.Clock{}) // udp gives that
		cancel()
	}()
	server := &http.Server{
		ReadHeaderTimeout: 5 * time.Second, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13},
		TLSNextProto: make(map[string]func(*http.Server, *tls.Conn, http.Handler)), // HTTP/1.1: a connection for each round
		ErrorLog:     log.New(io.Discard, "", 0),                                   // strangers' mistakes
		Handler: remote.New(remote.Config{
			Token: token, Most: w.most, Program: built(), Address: partyAddress, Permit: w.permit,
		}),
	}
	ended := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer ended()
	if err := w.say(out, listener.Addr().(*net.TCPAddr).AddrPort(), remote.Fingerprint(certificate), token); err != nil {
		cancel()
		return errors.Join(err, <-answered)
	}
	err = server.ServeTLS(listener, "", "")
	cancel()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, <-answered)
}

// leastToken is how long a token is at least.
const leastToken = 8

// say prints what a run elsewhere needs. A token that was given is known there.
func (w waiter) say(out io.Writer, at netip.AddrPort, fingerprint, token string) error {
	address := at.Addr().Unmap()
	if address.IsUnspecified() {
		address = outermost()
	}
	line := fmt.Sprintf("waits for orders of: meshbench run --subscribers-at %s#%s", netip.AddrPortFrom(address, at.Port()), fingerprint)
	if w.token == "" {
		line += " --subscribers-token " + token
	}
	_, err := fmt.Fprintln(out, line)
	return err
}

// outermost is an address of this machine that others know, as far as it can tell: of
// several, that which leads to the Internet.
func outermost() netip.Addr {
	if address, err := toward("192.0.2.1"); err == nil { // RFC 5737: nobody's
		return address
	}
	all, _ := net.InterfaceAddrs() // none is none
	for _, a := range all {
		if network, ok := a.(*net.IPNet); ok {
			if address, ok := netip.AddrFromSlice(network.IP); ok && address.Unmap().Is4() && !address.Unmap().IsLoopback() {
				return address.Unmap()
			}
		}
	}
	return netip.MustParseAddr(loopback)
}

// permit says why a server at a host may not be sent a scenario from here, if so.
func (w waiter) permit(s scenario.Scenario, host string) error {
	return gentle([]scenario.Scenario{s}, w.mayLoad, host)
}

// partyAddress is that of parties from which a host is reached.
func partyAddress(host string) (netip.Addr, error) {
	if here(host) {
		return netip.MustParseAddr(loopback), nil
	}
	return toward(host)
}

// second is what is asked of run about a machine with the subscribers.
type second struct{ address, token string }

func (m *second) flags(flags *pflag.FlagSet) {
	flags.StringVar(&m.address, "subscribers-at", "", "HOST:PORT#FINGERPRINT of a meshbench party on another machine, which has the subscribers of calls")
	flags.StringVar(&m.token, "subscribers-token", "", "its token")
}

func (m second) given() bool { return m.address != "" }

// suits says whether scenarios can be had that way.
func (m second) suits(scenarios []scenario.Scenario) error {
	if !m.given() {
		return nil
	}
	if _, err := remote.At(m.address, m.token); err != nil {
		return fmt.Errorf("--subscribers-at: %w", err)
	}
	for _, s := range scenarios {
		if err := remote.Suits(s); err != nil {
			return err
		}
	}
	return nil
}

// elsewhere gives it, once it is known that it is there, that targets can be reached from
// it, and that it may load them.
func (q comparison) elsewhere(targets []rival.Rival, server netip.Addr, scenarios []scenario.Scenario) (remote.Machine, error) {
	machine, err := remote.At(q.second.address, q.second.token)
	if err != nil {
		return machine, err
	}
	most := 0
	for _, s := range scenarios {
		most = max(most, s.Subscribers)
	}
	for _, r := range targets {
		if !here(machine.Host()) && !slices.Contains(given, r.Name()) && server.IsLoopback() {
			return machine, fmt.Errorf("%s would be at %s, which %s cannot reach: say --server and --address with one of this machine", r.Name(), server, machine.Host())
		}
	}
	if _, err := machine.Greet(context.Background(), most); err != nil {
		return machine, err
	}
	for _, r := range targets {
		host, err := q.hostOf(r, server)
		if err != nil {
			return machine, err
		}
		for _, s := range scenarios {
			if !contest.Suits(s, r.Name()) {
				continue
			}
			if err := machine.Permits(context.Background(), s, host); err != nil {
				return machine, err
			}
		}
	}
	return machine, nil
}

// hostOf is where subscribers will find a target.
func (q comparison) hostOf(target rival.Rival, server netip.Addr) (string, error) {
	switch target.Name() {
	case "whip":
		hosts, err := q.whip.hosts()
		return hosts[1], err
	case "livekit-at":
		return q.farLiveKit.host()
	}
	return server.String(), nil
}
