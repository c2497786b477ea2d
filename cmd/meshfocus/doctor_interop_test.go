//go:build interop

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Routers, as rules of the kernel's own NAT: the one that most routers at home
// have. The link outwards is "wan".
const (
	preserving = `chain after { type nat hook postrouting priority srcnat; oifname "wan" masquerade; }`
	symmetric  = `chain after { type nat hook postrouting priority srcnat; oifname "wan" masquerade fully-random; }`
	everybody  = `chain before { type nat hook prerouting priority dstnat; iifname "wan" dnat to ` + homeAddress + `; }`
	whoWasSent = `set asked { type inet_service . ipv4_addr; flags dynamic; timeout 1m; }
chain pass { type filter hook forward priority filter; oifname "wan" meta l4proto udp update @asked { udp sport . ip daddr }; }
chain before { type nat hook prerouting priority dstnat; iifname "wan" udp dport . ip saddr @asked dnat to ` + homeAddress + `; }`
	forwardBoth = `chain before { type nat hook prerouting priority dstnat; iifname "wan" meta l4proto { tcp, udp } th dport 40000 dnat to ` + homeAddress + `; }`
	forwardUDP  = `chain before { type nat hook prerouting priority dstnat; iifname "wan" udp dport 40000 dnat to ` + homeAddress + `; }`
	mute        = `chain silence { type filter hook output priority filter; icmp type destination-unreachable drop; }`
	// On the machine itself, without a router.
	drops   = `chain guard { type filter hook input priority filter; policy drop; iifname "lo" accept; ct state established,related accept; }`
	refuses = `chain guard { type filter hook input priority filter; iifname "lo" accept; ct state established,related accept; meta l4proto tcp reject with tcp reset; drop; }`
)

// doctorPlace is where a doctor is run, and what it has to find there.
type doctorPlace struct {
	name     string
	router   []string // rules; nil for none
	machine  string   // rules on the machine itself
	mtu      int      // of the tunnel to the router; 0 for no tunnel
	external bool     // the router's address is in media.external
	wants    []string // "check=level: words", of what is worse than fine, and of "nat" and "mtu"
}

// doctorPlaces are tried with --media-port 40000.
func doctorPlaces() []doctorPlace {
	const closed, noExternal = "port=warning: none of 3 datagrams", "external=note: from outside our"
	whole := "mtu=fine: 1472 bytes pass"
	routed := func(name string, nat string, rules ...string) doctorPlace {
		return doctorPlace{name: name, router: rules, wants: []string{whole, nat, noExternal, closed, "port.tcp=warning: was not answered"}}
	}
	refusing := func(p doctorPlace) doctorPlace { p.wants[len(p.wants)-1] = "port.tcp=warning: was refused"; return p }
	places := []doctorPlace{
		{name: "no NAT", wants: []string{whole, "nat=fine: is our own address, no NAT; everybody may send"}},
		{name: "a firewall that drops", machine: drops, wants: []string{whole, "nat=fine: no NAT; only who was sent to may send", closed, "port.tcp=warning: was not answered"}},
		{name: "a firewall that refuses", machine: refuses, wants: []string{whole, "nat=fine: no NAT; only who was sent to may send", closed, "port.tcp=warning: was refused"}},
		{name: "full cone", router: []string{preserving, everybody}, external: true,
			wants: []string{whole, "nat=fine: the same port for every destination; everybody may send"}},
		refusing(routed("restricted cone", "nat=fine: the same port for every destination; only addresses that we sent to", preserving, whoWasSent)),
		refusing(routed("port restricted cone", "nat=note: the same port for every destination; only who was sent to", preserving)),
		refusing(routed("symmetric", "nat=warning: another port for each destination; only who was sent to", symmetric)),
		{name: "port forwarding", router: []string{preserving, forwardBoth}, external: true, wants: []string{whole, "nat=note: only who was sent to"}},
		{name: "port forwarding for UDP alone", router: []string{preserving, forwardUDP}, external: true,
			wants: []string{whole, "nat=note: only who was sent to", "port.tcp=warning: was refused"}},
		{name: "port forwarding and a firewall behind it", router: []string{preserving, forwardBoth}, machine: drops, external: true,
			wants: []string{whole, "nat=note: only who was sent to", closed, "port.tcp=warning: was not answered"}},
	}
	for mtu, level := range map[int]string{1492: "fine", 1420: "fine", 1280: "fine", 1248: "fine", 1240: "warning", 1200: "warning"} {
		for how, rule := range map[string]string{"which routers say": "", "in silence": mute} {
			places = append(places, doctorPlace{name: fmt.Sprintf("an MTU of %d, %s", mtu, how), router: []string{preserving, everybody, rule}, mtu: mtu, external: true,
				wants: []string{fmt.Sprintf("mtu=%s: %d bytes pass", level, mtu-28), "nat=fine: everybody may send"}})
		}
	}
	return places
}

// TestInterop_DoctorKnowsTheNetworkItIsIn runs the doctor behind real routers,
// with coturn and a vantage on the other side of them.
func TestInterop_DoctorKnowsTheNetworkItIsIn(t *testing.T) {
	program := filepath.Join(t.TempDir(), "meshfocus")
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "goolm", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is shipped, and has been built by then
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	outside := newInternet(t, program)
	all := doctorPlaces()
	said := make([]report, len(all))
	var homes []home
	for n, place := range all {
		homes = append(homes, outside.connect(t, n, place))
	}
	// Some at once: all would keep each other, and coturn, from the processor.
	var consulting sync.WaitGroup
	rooms := make(chan struct{}, 8)
	for n, home := range homes {
		rooms <- struct{}{}
		consulting.Go(func() {
			said[n] = home.consult(program)
			<-rooms
		})
	}
	consulting.Wait()
	for n, place := range all {
		t.Run(place.name, func(t *testing.T) { place.compare(t, said[n]) })
	}
}

// saidLine is a finding as the doctor's JSON has it.
type saidLine struct{ Event, Check, Level, Found, Cause, Fix string }

// report is what one doctor said: word for word, without what could not be
// tried, and its findings by check.
type report struct {
	words    string
	findings map[string]saidLine
}

// compare wants each finding that is not fine to be expected, and the others
// to say what they should.
func (p doctorPlace) compare(t *testing.T, said report) {
	for _, check := range []string{"stun", "turn.udp", "turn.tcp", "mtu", "nat", "external", "port", "port.tcp"} {
		got, tried := said.findings[check]
		at := slices.IndexFunc(p.wants, func(want string) bool { return strings.HasPrefix(want, check+"=") })
		want := check + "=fine: "
		if at >= 0 {
			want = p.wants[at]
		}
		level, words, _ := strings.Cut(strings.TrimPrefix(want, check+"="), ": ")
		if !tried || got.Level != level || !strings.Contains(got.Found, words) {
			t.Errorf("%s: want %s\ngot %+v", p.name, want, got)
		}
	}
	if t.Failed() {
		t.Logf("%s: what was said:\n%s", p.name, said.words)
	}
}

// consult runs the doctor here and gives what it says of the media half.
func (h home) consult(program string) report {
	arguments := []string{"netns", "exec", h.name, program, "doctor", "http://" + turnAddress + ":8477", "--json", "--members", "0",
		"--turn-uri", "turn:" + turnAddress + "?transport=udp", "--turn-uri", "turn:" + turnAddress + "?transport=tcp", "--turn-username", "alice",
		"--vantage", "http://" + turnAddress + ":8477", "--media-port", "40000"}
	if h.external {
		arguments = append(arguments, "--media-external", h.outside)
	}
	command := exec.Command("ip", arguments...)
	command.Env = append(os.Environ(), "MESHFOCUS_TURN_PASSWORD=secret")
	out, err := command.CombinedOutput() // its exit code is about the homeserver too
	said := report{findings: map[string]saidLine{}}
	for line := range bytes.Lines(out) {
		if !bytes.Contains(line, []byte(`"level":"skipped","found":"needs`)) {
			said.words += string(line)
		}
		var found saidLine
		if json.Unmarshal(line, &found) == nil && found.Event == "finding" {
			said.findings[found.Check] = found
		}
	}
	said.words += fmt.Sprint(err)
	return said
}
