// Package turnserver runs Debian's TURN server, coturn, for tests, and a STUN server
// that says what it is told to. It is imported by tests only.
//
// A Server listens at 127.0.0.1 for UDP, TCP and, with a certificate, TLS, all on one
// port, and relays there; it knows the user alice with the password secret, unless
// its options say something else.
package turnserver

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"meshfocus/internal/freeport"
)

// User and Password are those of the user that a Server knows. internal/scripts/synapse
// names them, too.
const User, Password = "alice", "secret"

// patience is how long coturn may take to begin: the machine may be busy.
const patience = 30 * time.Second

// defaults hold where no option has the same name.
var defaults = []string{
	"--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--allow-loopback-peers", "--realm=example.org", "--no-dtls",
	"--no-tls", "--lt-cred-mech", "--user=" + User + ":" + Password,
}

// instead are the options that take a default of another name away.
var instead = map[string][]string{
	"--cert": {"--no-tls"}, "--no-auth": {"--lt-cred-mech", "--user"}, "--use-auth-secret": {"--lt-cred-mech", "--user"},
}

// Server is one that runs until the test ends.
type Server struct {
	t       testing.TB
	address string
	options []string
	command *exec.Cmd
	ended   chan struct{}
}

// Start runs one with more options on a free port, and gives "127.0.0.1:port".
func Start(t testing.TB, options ...string) (address string) {
	t.Helper()
	for range 5 { // somebody else may take the port first
		s := &Server{t: t, address: fmt.Sprintf("127.0.0.1:%d", freePair(t)), options: options}
		t.Cleanup(s.Stop)
		if s.begin() {
			return s.address
		}
		s.Stop()
	}
	t.Fatal("coturn did not listen on any of five ports")
	return ""
}

// At runs one at an address that the test has chosen.
func At(t testing.TB, address string, options ...string) *Server {
	t.Helper()
	s := &Server{t: t, address: address, options: options}
	t.Cleanup(func() { s.Stop() })
	s.Start()
	return s
}

// Start runs it again after Stop.
func (s *Server) Start() {
	s.t.Helper()
	if !s.begin() {
		s.t.Fatalf("coturn does not listen on %s", s.address)
	}
}

// Stop kills it.
func (s *Server) Stop() {
	if s.command != nil {
		_ = s.command.Process.Kill()
		<-s.ended
	}
}

// Address is where it listens.
func (s *Server) Address() string { return s.address }

// begin reports whether it listens.
func (s *Server) begin() bool {
	s.t.Helper()
	binary, err := exec.LookPath("turnserver")
	if err != nil {
		s.t.Fatal("turnserver is missing: apt-get install coturn")
	}
	_, port, _ := net.SplitHostPort(s.address)
	directory := s.t.TempDir()
	s.command = exec.Command(binary, append(with(s.options), "-n", "--no-cli", "--simple-log", "--relay-threads=1",
		"--listening-port="+port, "--tls-listening-port="+port, "--log-file="+filepath.Join(directory, "log"),
		"--pidfile="+filepath.Join(directory, "pid"), "--userdb="+filepath.Join(directory, "db"))...)
	if err := s.command.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.ended = make(chan struct{})
	go func(command *exec.Cmd, ended chan<- struct{}) {
		_ = command.Wait()
		close(ended)
	}(s.command, s.ended)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		select {
		case <-s.ended: // the port was taken
			return false
		default:
		}
		if s.answers("tcp") && (slices.Contains(s.options, "--no-udp") || s.answers("udp")) {
			return true
		}
	}
	return false
}

// with gives the options, and the defaults that they leave.
func with(options []string) []string {
	given := map[string]bool{}
	for _, option := range options {
		name, _, _ := strings.Cut(option, "=")
		given[name] = true
		for _, other := range instead[name] {
			given[other] = true
		}
	}
	all := slices.Clone(options)
	for _, option := range defaults {
		if name, _, _ := strings.Cut(option, "="); !given[name] {
			all = append(all, option)
		}
	}
	return all
}

// answers asks for a binding (RFC 8489 section 5): over UDP it begins after TCP, and
// until then the port refuses.
func (s *Server) answers(network string) bool {
	conn, err := net.DialTimeout(network, s.address, time.Second)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	if network == "tcp" {
		return true
	}
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := fmt.Fprintf(conn, "\x00\x01\x00\x00\x21\x12\xa4\x42is it there?"); err != nil {
		return false
	}
	_, err = conn.Read(make([]byte, 1500))
	return err == nil
}

// freePair gives a port behind which another is free: with a second address coturn
// listens there too (RFC 5780).
func freePair(t testing.TB) int {
	t.Helper()
	for {
		port := freeport.Port(t)
		if conn, err := net.ListenUDP("udp4", &net.UDPAddr{Port: port + 1}); err == nil {
			_ = conn.Close()
			return port
		}
	}
}
