package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"meshfocus/focus/turn"
)

// RelayConfig is about our own TURN server.
type RelayConfig struct {
	Listen         string   `koanf:"listen"`
	External       string   `koanf:"external"`
	Secret         string   `koanf:"secret"`
	Ports          string   `koanf:"ports"`
	Allow          []string `koanf:"allow"`
	MaxPerUser     int      `koanf:"max_per_user"`
	MaxAllocations int      `koanf:"max_allocations"`
}

// relayGroup begins the keys of relaySettings.
const relayGroup = "relay."

func relaySettings() []setting {
	return []setting{
		{key: "relay.listen", flag: "relay-listen", def: "", check: checkTURNRelay,
			about: "UDP address of a TURN relay, such as :3478, for people who reach each other in no other way. The embedded homeserver names it to its clients, with credentials that this daemon makes; another homeserver needs relay.secret (`meshfocus relay`). Empty: there is none. Its port and relay.ports have to be open in the firewall."},
		{key: "relay.external", flag: "relay-external", def: "",
			about: "Address under which everybody reaches the relay, if NAT gives this machine another one. Empty is that of relay.listen, of media.external if it has one only, or the one by which this machine reaches others."},
		{key: "relay.secret", def: "", secret: true,
			about: "What credentials of the relay are made with, which a homeserver of another kind has to know (turn_shared_secret). Empty makes one, kept in homeserver.data if there is that."},
		{key: "relay.ports", flag: "relay-ports", def: fmt.Sprintf("%d-%d", turn.DefaultFirstPort, turn.DefaultLastPort),
			about: "UDP ports that the relay sends to others from, and gets from them, one for each connection that is relayed."},
		{key: "relay.allow", flag: "relay-allow", def: []string{},
			about: "Networks (192.168.0.0/16) that the relay sends to although they are private, so that relayed people reach what is in them. Without, it is no way into the network that it stands in; two who are both relayed meet anyway."},
		{key: "relay.max_per_user", def: turn.DefaultPerUser,
			about: "How many connections of one user are relayed at once. A member of a call of n needs n - 1, and twice as many while its network changes."},
		{key: "relay.max_allocations", def: turn.DefaultInAll,
			about: "How many connections are relayed at once in all."},
	}
}

func checkTURNRelay(c Config) error {
	if c.Relay.Listen == "" {
		return nil
	}
	for _, uri := range c.TURN.URIs {
		if strings.HasPrefix(uri, "turn") {
			return fmt.Errorf("clients are told one user name for all TURN servers, and %q needs another; leave it out of turn.uris, or relay.listen empty", uri)
		}
	}
	if c.Upstream.URL != "" {
		return errors.New("clients ask the homeserver behind upstream.url for relays, not this daemon; run `meshfocus relay` beside it")
	}
	_, err := c.turnRelay()
	return err
}

// turnRelay is what the settings say, but for the address by which we reach others and the secret.
func (c Config) turnRelay() (relay turn.Config, err error) {
	r := c.Relay
	if relay.Listen, err = listenAddress(r.Listen); err != nil {
		return relay, err
	}
	external := r.External
	if external == "" && relay.Listen.Addr().IsUnspecified() && len(c.Media.External) == 1 {
		external, _, _ = strings.Cut(c.Media.External[0], "/")
	}
	if external != "" {
		if relay.External, err = netip.ParseAddr(external); err != nil {
			return relay, fmt.Errorf("relay.external is %q, which is no address; write 203.0.113.5", external)
		}
	} else if !relay.Listen.Addr().IsUnspecified() {
		relay.External = relay.Listen.Addr()
	}
	if relay.External.IsValid() && relay.External.Is4() && relay.Listen.Addr() == netip.IPv6Unspecified() {
		relay.Listen = netip.AddrPortFrom(netip.Addr{}, relay.Listen.Port())
	}
	if relay.FirstPort, relay.LastPort, err = portRange(r.Ports); err != nil {
		return relay, err
	}
	if relay.Allow, err = proxies(r.Allow); err != nil {
		return relay, fmt.Errorf("relay.allow: %w", err)
	}
	if r.MaxPerUser < 1 || r.MaxAllocations < 1 {
		return relay, fmt.Errorf("with %d connections for a user and %d in all nothing is relayed; use 1 or more", r.MaxPerUser, r.MaxAllocations)
	}
	relay.PerUser, relay.InAll = r.MaxPerUser, r.MaxAllocations
	return relay, nil
}

// listenAddress reads ":3478" or "203.0.113.5:3478".
func listenAddress(text string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(text)
	number, bad := strconv.ParseUint(port, 10, 16)
	address := netip.IPv6Unspecified() // of both families, as far as it goes
	if err == nil && host != "" {
		address, err = netip.ParseAddr(host)
	}
	if err != nil || bad != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is not an address to relay at; write :3478, or 203.0.113.5:3478", text)
	}
	return netip.AddrPortFrom(address.Unmap(), uint16(number)), nil
}

// portRange reads "49152-65535".
func portRange(text string) (first, last uint16, err error) {
	from, to, _ := strings.Cut(text, "-")
	a, bad := strconv.ParseUint(from, 10, 16)
	b, worse := strconv.ParseUint(to, 10, 16)
	if bad != nil || worse != nil || a == 0 || a > b {
		return 0, 0, fmt.Errorf("relay.ports is %q, which are no ports; write 49152-65535", text)
	}
	return uint16(a), uint16(b), nil
}

// openRelay binds the port of the relay; nil where there is to be none.
func openRelay(c Config, log *slog.Logger) (*turn.Relay, error) {
	if c.Relay.Listen == "" {
		return nil, nil
	}
	config, err := c.turnRelay()
	if err != nil {
		return nil, err
	}
	guessed := !config.External.IsValid()
	if guessed {
		if config.External, err = outward(); err != nil {
			return nil, fmt.Errorf("relay: %w; set relay.external", err)
		}
		config.Listen = netip.AddrPortFrom(netip.Addr{}, config.Listen.Port())
	}
	if config.Secret, err = c.relaySecret(); err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	relay, err := turn.Open(config)
	if err != nil {
		return nil, err
	}
	if guessed && config.External.IsPrivate() {
		log.Warn("the relay has a private address: set relay.external for people who are elsewhere", "address", relay.Address())
	}
	return relay, nil
}

// relaySecret is the one that was set, or that of the data, or a fresh one.
func (c Config) relaySecret() (turn.Secret, error) {
	if c.Relay.Secret != "" {
		return turn.Secret(c.Relay.Secret), nil
	}
	path := ""
	if c.Homeserver.Data != "" {
		path = filepath.Join(c.Homeserver.Data, "relay.secret")
	}
	secret, err := keepSecret(path)
	return turn.Secret(base64.StdEncoding.EncodeToString(secret)), err
}

// outward is the address of this machine by which it reaches others. Nothing is sent.
func outward() (netip.Addr, error) {
	const anywhere = "192.0.2.1:9" // RFC 5737
	way, err := net.Dial("udp4", anywhere)
	if err != nil {
		return netip.Addr{}, err
	}
	defer way.Close()
	return way.LocalAddr().(*net.UDPAddr).AddrPort().Addr(), nil // of a UDP socket
}

// uriOf is how clients are told of a relay (RFC 7065).
func uriOf(r *turn.Relay) string { return fmt.Sprintf("turn:%s?transport=udp", r.Address()) }

// closeRelay lets go of one that will not run.
func (d *daemon) closeRelay() error {
	if d.turn == nil {
		return nil
	}
	return d.turn.Close()
}

// relayFamilies are the figures of the relay, none without one.
func (d *daemon) relayFamilies() []family {
	if d.turn == nil {
		return nil
	}
	s := d.turn.Stats()
	each := func(label string, names []string, values ...uint64) (samples []sample) {
		for i, name := range names {
			samples = append(samples, sample{labels: []string{label, name}, value: float64(values[i])})
		}
		return samples
	}
	to := []string{"peers", "clients"}
	return []family{
		{"meshfocus_relay_allocations", "gauge", "Connections that are relayed at present.", []sample{{value: float64(s.Allocations)}}},
		{"meshfocus_relay_allocations_total", "counter", "Connections that were relayed.", []sample{{value: float64(s.Allocated)}}},
		{"meshfocus_relay_packets_total", "counter", "Datagrams that were relayed, by whom they went to.", each("to", to, s.ToPeers.Packets, s.ToClients.Packets)},
		{"meshfocus_relay_bytes_total", "counter", "Bytes of them, without headers.", each("to", to, s.ToPeers.Bytes, s.ToClients.Bytes)},
		{"meshfocus_relay_refused_total", "counter", "What the relay refused: requests, and datagrams to closed ports of this machine.",
			each("reason", []string{"credentials", "quota", "peer", "port"}, s.Refused.Credentials, s.Refused.Quota, s.Refused.Peers, s.Refused.Ports)},
	}
}

func newRelay(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "relay",
		Short: "Relay for another homeserver's users: a TURN server and nothing else",
		Long: `relay is the TURN server of serve alone, for people on a homeserver that is not
ours. The homeserver and the relay share a secret, by which it makes credentials that
run out; Synapse has it as turn_shared_secret. Set it here by relay.secret in the file
of --config, or MESHFOCUS_RELAY_SECRET.

Its port (UDP 3478 unless --relay-listen says another) and relay.ports have to be open
in the firewall. Private addresses are no peers unless --relay-allow says so.

Exit codes: 0 stopped · 1 failed · 2 wrong usage or configuration`,
		Example: `  MESHFOCUS_RELAY_SECRET=… meshfocus relay
  meshfocus relay --config relay.yaml --relay-external 203.0.113.5 --relay-ports 50000-50999`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := loadFor(c, std)
			if err != nil {
				return err
			}
			return relayAlone(c.Context(), l.Config, std)
		},
	}
	addSomeFlags(c.Flags(), func(s setting) bool { return strings.HasPrefix(s.key, relayGroup) || strings.HasPrefix(s.key, "log.") })
	return c
}

// relayAlone relays until ctx ends.
func relayAlone(ctx context.Context, c Config, std streams) error {
	if c.Relay.Secret == "" {
		return usage("a secret is missing that the homeserver knows as well; set MESHFOCUS_RELAY_SECRET, or relay.secret in the file of --config")
	}
	if c.Relay.Listen == "" {
		c.Relay.Listen = ":3478"
	}
	relay, err := openRelay(c, newLogger(c.Log, std.err))
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(std.out, "relaying at %s over UDP. For Synapse:\n\n    turn_uris: [%q]\n    turn_shared_secret: …   # as relay.secret here\n\n^C stops.\n",
		relay.Address(), uriOf(relay)); err != nil {
		return errors.Join(err, relay.Close())
	}
	return relay.Run(ctx)
}
