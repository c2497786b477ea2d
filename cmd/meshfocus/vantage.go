package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"meshfocus/focus/probe"
)

// vantageBytes is more than a vantage's requests need.
const vantageBytes = 8 << 10

func newVantage(std streams) *cobra.Command {
	var listen string
	var trusted []string
	var asJSON bool
	c := &cobra.Command{
		Use:   "vantage [flags]",
		Short: "Knock at the media ports of those who ask, for their doctor",
		Long: `vantage helps the doctor of another machine: it knocks at a media port of
whoever asks, by UDP and by TCP, so that they see whether the port is open from
outside. Run it on a machine that is not in their network, until they are done.

It knocks nowhere but at the address that the question came from, once for each
question, and says nothing that the asker chooses but a short token. Nothing
secret is said, so HTTP will do.

Exit codes: 0 stopped · 1 failed · 2 wrong usage`,
		Example: `  meshfocus vantage --listen :8477                       here
  meshfocus doctor example.org --media-port 40000 \
      --vantage http://203.0.113.5:8477                  there`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("vantage takes no arguments, and got %q", args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return vantage(c.Context(), std, listen, trusted, asJSON) },
	}
	f := c.Flags()
	f.StringVar(&listen, "listen", ":8477", "`ADDRESS` to be asked at")
	f.StringSliceVar(&trusted, "trusted-proxy", nil, "`ADDRESS` or network of a reverse proxy in front, whose X-Forwarded-For counts")
	f.BoolVar(&asJSON, "json", false, "print where it listens as a line of JSON")
	return c
}

// vantage serves until ctx ends.
func vantage(ctx context.Context, std streams, listen string, trusted []string, asJSON bool) error {
	prefixes, err := proxies(trusted)
	if err != nil {
		return usage("--trusted-proxy: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", listen, err)
	}
	address := listener.Addr().String()
	if asJSON {
		err = json.NewEncoder(std.out).Encode(map[string]string{"event": "listening", "address": address})
	} else {
		_, err = fmt.Fprintf(std.out, "listening at %s; ask with: meshfocus doctor HOMESERVER --vantage http://<this machine>:%d\n",
			address, listener.Addr().(*net.TCPAddr).Port)
	}
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{Handler: behindProxies(prefixes, probe.NewVantage(nil)), MaxHeaderBytes: vantageBytes,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: 10 * time.Second}
	if err := serveHTTP(ctx, server, func() error { return server.Serve(listener) }); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
