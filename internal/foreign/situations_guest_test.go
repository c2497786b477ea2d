package foreign

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"meshfocus/internal/freeport"
	"meshfocus/internal/turnserver"
)

// guestSituations is who meets people that come by a link. Those are devices
// of the daemon's own homeserver, so another takes no part.
func guestSituations() []situation {
	return []situation{
		{name: "guest", about: "the peer calls a guest of the daemon's lobby, and is called by one, who leaves", kinds: Kinds(), home: "embedded", run: guest},
	}
}

// guest has the peer, a registered user of the daemon's homeserver, and two
// guests in the lobby with its test card and viewer.
func guest(s *scene) {
	base := s.daemon()
	home := Home{Name: "daemon", Base: base}
	wish := Wish{Socket: base + "/call/socket", Link: "lobby"}
	guests := []*Peer{s.peer(Guest, "one"), s.peer(Guest, "two")}
	for _, g := range guests {
		g.Join(wish)
	}
	room := home.Find(s, "#lobby:localhost")
	var peers []*Peer
	for _, name := range []string{first, "zz"} { // guests are called web-…
		account := home.Register(s, name, "DEVICE")
		peer := Open(s, s.workshop, s.chromium, s.kind, account)
		peer.Join(Wish{Room: room, Wait: true})
		peers = append(peers, peer)
	}
	for _, g := range guests {
		s.star(g, peers...)
	}
	guests[0].Leave()
	for _, peer := range peers {
		s.gone(peer, guests[0])
	}
	// js-sdk looks every five seconds for members whom it has no call with, and calls
	// whom it saw when it heard of the end: a ghost of a minute.
	time.Sleep(6 * time.Second)
	for _, peer := range peers {
		if l := link(peer, guests[0]); l.State != "none" {
			s.Errorf("%s calls the guest that has left: %s", peer.who(), l)
		}
	}
}

// daemon starts `meshfocus serve`, which lets the workshop's pages in, and
// gives its address.
func (s *scene) daemon() (base string) {
	s.Helper()
	program := filepath.Join(s.TempDir(), "meshfocus")
	build := exec.Command("go", "build", "-tags", "goolm", "-o", program, "meshfocus/cmd/meshfocus")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is shipped, and has been built by then
	if out, err := build.CombinedOutput(); err != nil {
		s.Fatalf("building the daemon: %v\n%s", err, out)
	}
	address := freeport.Address(s, "127.0.0.1")
	command := exec.Command(program, "serve", "--listen", address, "--media-relay", "never", "--turn-uri", "turn:"+s.relay.Address()+"?transport=udp")
	// The daemon refuses settings that it does not know, as those of this bench.
	clean := slices.DeleteFunc(os.Environ(), func(setting string) bool { return strings.HasPrefix(setting, "MESHFOCUS_") })
	command.Env = append(clean, "MESHFOCUS_CALL_ORIGINS="+s.workshop.Origin(), "MESHFOCUS_TURN_USERNAME="+turnserver.User, "MESHFOCUS_TURN_PASSWORD="+turnserver.Password)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	command.Stderr = s.Output()
	if err := command.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = command.Process.Signal(os.Interrupt); _ = command.Wait() })
	s.until("the daemon answers", func() (bool, string) {
		answer, err := http.Get("http://" + address + "/status.json")
		if err != nil {
			return false, err.Error()
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK, answer.Status
	})
	return "http://" + address
}
