//go:build interop

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The network of these tests: one segment that everybody reaches, with a relay
// on two addresses, and homes behind routers of their own.
const (
	turnAddress  = "198.51.100.1"
	otherAddress = "198.51.100.2"
	homeAddress  = "192.168.77.2"
)

// internet is the namespace in the middle: a bridge, coturn and a vantage.
type internet struct{ name string }

// home is a namespace in which something is tried.
type home struct {
	name, outside string // its name, its address as others see it
	external      bool
}

func newInternet(t *testing.T, program string) internet {
	t.Helper()
	n := internet{fmt.Sprintf("mfi%d", os.Getpid())}
	namespace(t, n.name)
	// An address of its own, or it takes the lowest of its ports, and those who
	// know it already talk to nobody.
	network(t, "-n "+n.name, "link add segment address 02:00:00:00:00:01 type bridge", "link set segment up",
		"addr add "+turnAddress+"/24 dev segment", "addr add "+otherAddress+"/24 dev segment")
	directory := t.TempDir()
	n.start(t, "turnserver", "-n", "--no-cli", "--simple-log", "--log-file="+directory+"/log", "--pidfile="+directory+"/pid", "--userdb="+directory+"/db",
		"--listening-ip="+turnAddress, "--listening-ip="+otherAddress, "--relay-ip="+turnAddress, "--no-tls", "--no-dtls",
		"--lt-cred-mech", "--user=alice:secret", "--realm=example.org")
	n.start(t, program, "vantage", "--listen", turnAddress+":8477")
	for _, port := range []string{"3478", "8477"} {
		n.await(t, port)
	}
	return n
}

// start runs a program in the middle until the test ends.
func (n internet) start(t *testing.T, program string, arguments ...string) {
	t.Helper()
	command := exec.Command("ip", append([]string{"netns", "exec", n.name, program}, arguments...)...)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
}

// await waits until a TCP port is listened at.
func (n internet) await(t *testing.T, port string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		out, _ := exec.Command("ip", "netns", "exec", n.name, "cat", "/proc/net/tcp").Output()
		var number int
		_, _ = fmt.Sscan(port, &number)
		if strings.Contains(string(out), fmt.Sprintf(":%04X 00000000:0000 0A", number)) {
			return
		}
	}
	t.Fatalf("nobody listens at port %s", port)
}

// connect makes a home: a machine on the segment itself, or behind a router,
// or behind a tunnel that leads to one.
func (n internet) connect(t *testing.T, number int, p doctorPlace) home {
	t.Helper()
	name := func(kind string) string { return fmt.Sprintf("mf%s%d.%d", kind, os.Getpid(), number) }
	h := home{name("h"), fmt.Sprintf("198.51.100.%d", 10+number), p.external}
	namespace(t, h.name)
	outermost, rules := h.name, strings.Join(p.router, "\n")
	if p.router != nil {
		outermost = name("r")
		router(t, outermost)
		inner := outermost
		if p.mtu != 0 {
			inner = name("t")
			router(t, inner)
			cable(t, outermost, "near", "10.9.0.1/24", inner, "far", "10.9.0.2/24")
			network(t, "-n "+outermost, fmt.Sprintf("link set near mtu %d", p.mtu), "route add 192.168.77.0/24 via 10.9.0.2")
			network(t, "-n "+inner, fmt.Sprintf("link set far mtu %d", p.mtu), "route add default via 10.9.0.1")
			filter(t, inner, rules) // there is no "wan", so only what is not about it
		}
		cable(t, inner, "lan", "192.168.77.1/24", h.name, "eth", homeAddress+"/24")
		network(t, "-n "+h.name, "route add default via 192.168.77.1")
	}
	port := fmt.Sprintf("port%d", number)
	network(t, "", "link add wan netns "+outermost+" type veth peer name "+port+" netns "+n.name)
	network(t, "-n "+n.name, "link set "+port+" master segment", "link set "+port+" up")
	network(t, "-n "+outermost, "addr add "+h.outside+"/24 dev wan", "link set wan up")
	filter(t, outermost, rules)
	filter(t, h.name, p.machine)
	return h
}

// router makes a namespace that passes on.
func router(t *testing.T, name string) {
	t.Helper()
	namespace(t, name)
	execute(t, "ip", "netns", "exec", name, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
}

// cable connects two namespaces.
func cable(t *testing.T, one, link, address, two, peer, other string) {
	t.Helper()
	network(t, "", "link add "+link+" netns "+one+" type veth peer name "+peer+" netns "+two)
	network(t, "-n "+one, "addr add "+address+" dev "+link, "link set "+link+" up")
	network(t, "-n "+two, "addr add "+other+" dev "+peer, "link set "+peer+" up")
}

// namespace makes one that ends with the test.
func namespace(t *testing.T, name string) {
	t.Helper()
	network(t, "", "netns add "+name)
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", name).Run() })
	network(t, "-n "+name, "link set lo up")
}

// network runs commands of ip(8).
func network(t *testing.T, where string, commands ...string) {
	t.Helper()
	for _, command := range commands {
		execute(t, "ip", strings.Fields(where+" "+command)...)
	}
}

// filter gives a namespace rules of nft(8).
func filter(t *testing.T, name, rules string) {
	t.Helper()
	if strings.TrimSpace(rules) == "" {
		return
	}
	command := exec.Command("ip", "netns", "exec", name, "nft", "-f", "-")
	command.Stdin = strings.NewReader("table ip doctor {\n" + rules + "\n}\n")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v\n%s", err, out)
	}
}
