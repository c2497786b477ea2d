package relay

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"meshfocus/bench/rival"
	"meshfocus/focus/turn"
)

// user, password and realm are those that targets are started with.
const user, password, realm = "bench", "a password", "bench"

// login is what a client says who it is.
type login struct{ user, password string }

// Target is a TURN server that can be started.
type Target interface {
	Name() string
	// Version says what exactly would be started. The error is rival.ErrMissing.
	Version(ctx context.Context) (string, error)
	// login gives the credentials of a client.
	login() login
	// command gives what starts it on a UDP port of an address, with what it writes in a folder.
	command(listen netip.AddrPort, folder string) []string
}

// Coturn is coturn's turnserver, with one thread that relays and the rest as it comes.
type Coturn struct{ Program string }

// Name is "coturn".
func (Coturn) Name() string { return "coturn" }

// Version asks the program.
func (c Coturn) Version(ctx context.Context) (string, error) {
	output, err := exec.CommandContext(ctx, c.Program, "--version").Output()
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	if err != nil || lines[0] == "" {
		return "", fmt.Errorf("%w: coturn (apt-get install coturn, or --coturn): %w", rival.ErrMissing, err)
	}
	return "coturn " + lines[len(lines)-1], nil
}

func (Coturn) login() login { return login{user, password} }

func (c Coturn) command(listen netip.AddrPort, folder string) []string {
	address, port := listen.Addr().String(), strconv.Itoa(int(listen.Port()))
	command := []string{
		c.Program, "-n", "--no-cli", "--simple-log", "--relay-threads=1", "--no-tls", "--no-dtls", "--lt-cred-mech",
		"--realm=" + realm, "--user=" + user + ":" + password, "--listening-ip=" + address, "--relay-ip=" + address,
		"--listening-port=" + port, "--tls-listening-port=" + port, "--log-file=" + filepath.Join(folder, "coturn-own.log"),
		"--pidfile=" + filepath.Join(folder, "coturn.pid"), "--userdb=" + filepath.Join(folder, "coturn.db"),
	}
	if listen.Addr().IsLoopback() {
		command = append(command, "--allow-loopback-peers")
	}
	return command
}

// Verb is a relay that is a verb of our own program: a plain one on pion/turn.
type Verb struct{ Title, Program, Verb, Module string }

// Name gives the title.
func (v Verb) Name() string { return v.Title }

// Version gives that of the module.
func (v Verb) Version(ctx context.Context) (string, error) {
	return rival.Forward{Title: v.Title, Program: v.Program, Verb: v.Verb, Module: v.Module}.Version(ctx)
}

func (Verb) login() login { return login{user, password} }

func (v Verb) command(listen netip.AddrPort, _ string) []string {
	return []string{v.Program, v.Verb, "--listen", listen.String(), "--realm", realm, "--user", user, "--password", password}
}

// Ours is that of focus/turn, in a process of our own program.
type Ours struct{ Program string }

// Name is "ours".
func (Ours) Name() string { return "ours" }

// Version is that of this program.
func (o Ours) Version(ctx context.Context) (string, error) {
	return rival.Forward{Title: o.Name(), Program: o.Program}.Version(ctx)
}

func (Ours) login() login {
	name, word := turn.Secret(password).Credentials(user, time.Now().Add(time.Hour))
	return login{name, word}
}

func (o Ours) command(listen netip.AddrPort, _ string) []string {
	return []string{o.Program, "relay-ours", "--listen", listen.String(), "--realm", realm, "--secret", password}
}

// start starts a target at a port that is free.
func start(t Target, place rival.Place) (server rival.Command, listen netip.AddrPort, err error) {
	listen = netip.AddrPortFrom(place.Address, 3478)
	if free, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(place.Address, 0))); err == nil {
		listen = free.LocalAddr().(*net.UDPAddr).AddrPort() // of a UDP socket
		free.Close()
	} // else it is an address of another network, where nobody else listens
	server, err = rival.StartCommand(place, "relay-"+t.Name(), nil, t.command(listen, place.Folder)...)
	return server, listen, err
}
