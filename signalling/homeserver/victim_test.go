package homeserver_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"

	"meshfocus/signalling/homeserver"
)

// victim is a homeserver in a process of its own, which can be killed and
// whose memory is its own. It is this test binary again.
type victim struct {
	address string // http://host:port
	kill    func() // kill -9, returns when the process has gone; may be repeated

	orders  io.Writer
	answers *bufio.Reader
}

// victimData makes TestServer_LosesNothingItAcknowledged be a victim. Its
// value is the data folder, or inMemory.
const (
	victimData = "HOMESERVER_TEST_VICTIM"
	inMemory   = "-"
	// victimProfile names a file for the CPU profile of the order "quit".
	victimProfile = "HOMESERVER_TEST_PROFILE"
)

func startVictim(t testing.TB, folder string) *victim {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestServer_LosesNothingItAcknowledged$")
	child.Env = append(os.Environ(), victimData+"="+folder)
	child.Stderr = os.Stderr
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	v := &victim{orders: stdin, answers: bufio.NewReader(output)}
	v.kill = sync.OnceFunc(func() {
		child.Process.Kill()
		child.Wait() // says that it was killed
		stdin.Close()
	})
	t.Cleanup(v.kill)
	v.address = v.hear(t, "serving")
	return v
}

// hear reads a line that begins with a word and returns the rest.
func (v *victim) hear(t testing.TB, word string) string {
	t.Helper()
	line, err := v.answers.ReadString('\n')
	rest, ok := strings.CutPrefix(strings.TrimSpace(line), word+" ")
	if !ok {
		v.kill()
		t.Fatalf("victim said %q (%v), want %s", line, err, word)
	}
	return rest
}

// device makes a user with one device.
func (v *victim) device(t testing.TB, client *http.Client, name string) visitor {
	t.Helper()
	fmt.Fprintln(v.orders, "device", name)
	return visitor{
		base: v.address, http: client, device: "DEVICE",
		user: "@" + name + ":example.org", token: v.hear(t, "token"),
	}
}

// memory is what the process has in use after a collection, in bytes.
func (v *victim) memory(t testing.TB) (heap, stacks int64) {
	t.Helper()
	fmt.Fprintln(v.orders, "memory")
	if _, err := fmt.Sscan(v.hear(t, "memory"), &heap, &stacks); err != nil {
		t.Fatal(err)
	}
	return heap, stacks
}

// quit ends the process in good order and lets it write its profile.
func (v *victim) quit(t testing.TB) {
	t.Helper()
	fmt.Fprintln(v.orders, "quit")
	v.hear(t, "bye")
}

// beVictim is the child's life. It ends when it is told to, when it is killed,
// and when its parent is gone.
func beVictim(folder string) {
	if folder == inMemory {
		folder = ""
	}
	server, err := homeserver.New(homeserver.Config{
		ServerName: "example.org", DataDir: folder,
		Registration: homeserver.RegistrationOpen, MaxDelayedPerUser: 1 << 20,
	})
	var listener net.Listener
	if err == nil {
		listener, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go http.Serve(listener, server.Handler())
	go func() {
		obey(server)
		cancel()
	}()
	fmt.Println("serving", "http://"+listener.Addr().String())
	fmt.Println("bye", server.Run(ctx))
	os.Exit(0)
}

// obey follows orders, one a line, until "quit" or the end.
func obey(server *homeserver.Server) {
	if name := os.Getenv(victimProfile); name != "" {
		file, err := os.Create(name)
		if err != nil || pprof.StartCPUProfile(file) != nil {
			fmt.Println("failed:", err)
			return
		}
		defer file.Close()
		defer pprof.StopCPUProfile()
	}
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		word, rest, _ := strings.Cut(orders.Text(), " ")
		switch word {
		case "quit":
			return
		case "device":
			token := ""
			err := server.EnsureUser(rest, "")
			if err == nil {
				token, err = server.IssueToken(rest, "DEVICE", "")
			}
			if err != nil {
				fmt.Println("failed:", err)
				continue
			}
			fmt.Println("token", token)
		case "memory":
			var stats runtime.MemStats
			runtime.GC()
			runtime.GC() // what the first one's finalizers let go
			runtime.ReadMemStats(&stats)
			fmt.Println("memory", stats.HeapInuse, stats.StackInuse)
		}
	}
}
