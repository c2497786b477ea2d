package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	"meshfocus/bench/offset"
	"meshfocus/bench/remote"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
)

// waiter is what is asked of party.
type waiter struct {
	listening, token string
	most             int
}

func newParty() *cobra.Command {
	var w waiter
	c := &cobra.Command{
		Use: "party", Short: "Be the subscribers of calls that a run on another machine measures",
		Long: `Waits for a meshbench run --subscribers-at on another machine, and has the subscribers
of its calls here: publishers and, as a rule, the server are there. It answers there
as well what time it is, over UDP at the same port, so that latencies are corrected by
how far the two clocks are apart.

Who has the token can have as many subscribers come in to any server as --most says:
it goes in the clear, so take one of its own, in a network of your own.`,
		Example: `  meshbench party --listen :7900 --token open-sesame
  meshbench run call-3 --targets ours --server 10.0.0.1 --address 10.0.0.1 \
    --subscribers-at 10.0.0.2:7900 --subscribers-token open-sesame`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return w.wait(c.Context(), c.OutOrStdout()) },
	}
	flags := c.Flags()
	flags.StringVar(&w.listening, "listen", ":7900", "TCP and UDP address")
	flags.StringVar(&w.token, "token", "", "what whoever gives orders has to know")
	flags.IntVar(&w.most, "most", 50, "how many subscribers at most")
	return c
}

// wait takes orders until the context ends.
func (w waiter) wait(ctx context.Context, out io.Writer) error {
	if w.token == "" {
		return errors.New("party: say --token, without which anybody could have load sent from here")
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
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: remote.New(remote.Config{
		Token: w.token, Most: w.most, Program: built(), Address: partyAddress,
	})}
	ended := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer ended()
	if _, err := fmt.Fprintf(out, "waits for orders at %s\n", listener.Addr()); err != nil {
		cancel()
		return errors.Join(err, <-answered)
	}
	err = server.Serve(listener)
	cancel()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, <-answered)
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
	flags.StringVar(&m.address, "subscribers-at", "", "HOST:PORT of a meshbench party on another machine, which has the subscribers of calls")
	flags.StringVar(&m.token, "subscribers-token", "", "the token it was given")
}

func (m second) given() bool { return m.address != "" }

// suits says whether scenarios can be had that way.
func (m second) suits(scenarios []scenario.Scenario) error {
	if !m.given() {
		return nil
	}
	if _, _, err := net.SplitHostPort(m.address); err != nil {
		return fmt.Errorf("--subscribers-at %q is no HOST:PORT", m.address)
	}
	for _, s := range scenarios {
		if err := remote.Suits(s); err != nil {
			return err
		}
	}
	return nil
}

// machine gives it, once it is known that it is there, and that targets can be reached
// from it.
func (m second) machine(targets []rival.Rival, server netip.Addr, scenarios []scenario.Scenario) (remote.Machine, error) {
	machine := remote.Machine{Address: m.address, Token: m.token}
	host, _, _ := net.SplitHostPort(m.address) // was checked
	for _, r := range targets {
		if !here(host) && !slices.Contains(given, r.Name()) && server.IsLoopback() {
			return machine, fmt.Errorf("%s would be at %s, which %s cannot reach: say --server and --address with one of this machine", r.Name(), server, host)
		}
	}
	most := 0
	for _, s := range scenarios {
		most = max(most, s.Subscribers)
	}
	_, err := machine.Greet(context.Background(), most)
	return machine, err
}
