package endtoend

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"meshfocus/internal/freeport"

	"go.uber.org/goleak"
)

// program is the binary under test, built once.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "meshfocus-endtoend-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "meshfocus")
		build := exec.Command("go", "build", "-tags", "goolm", "-o", program, "meshfocus/cmd/meshfocus")
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is shipped, and has been built by then
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building: %v\n%s", err, out)
			return 1
		}
		code := m.Run()
		if err := goleak.Find(); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return code
	}())
}

// daemon is a running `meshfocus serve`, with an address that it keeps when
// it is started again.
type daemon struct {
	listen string // host:port
	args   []string

	cmd  *exec.Cmd
	done chan struct{}

	mu  sync.Mutex
	log bytes.Buffer // guarded by mu; everything it said in all its lives
}

// serve starts the daemon on a free port of a host, "127.0.0.1" as a rule.
func serve(t *testing.T, host string, args ...string) *daemon {
	t.Helper()
	d := &daemon{listen: freeport.Address(t, host), args: args}
	d.start(t)
	t.Cleanup(func() {
		d.stop(t)
		if t.Failed() {
			t.Logf("the daemon said:\n%s", d.said())
		}
	})
	return d
}

func (d *daemon) base() string { return "http://" + d.listen }

func (d *daemon) start(t *testing.T) {
	t.Helper()
	d.cmd = exec.Command(program, append([]string{"serve", "--listen", d.listen}, d.args...)...)
	d.cmd.Env = slices.DeleteFunc(os.Environ(), func(setting string) bool { return strings.HasPrefix(setting, "MESHFOCUS_") })
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.cmd.Stderr = writer(d.write)
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	d.done = done
	go func(cmd *exec.Cmd) {
		defer close(done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			_, _ = d.write(append(lines.Bytes(), '\n'))
		}
		_ = cmd.Wait()
	}(d.cmd)
	client := http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	until(t, joinLimit, "the daemon answers", func() bool {
		answer, err := client.Get(d.base() + "/status.json")
		if err == nil {
			_ = answer.Body.Close()
		}
		return err == nil && answer.StatusCode == http.StatusOK
	}, d.said)
}

func (d *daemon) stop(t *testing.T) {
	t.Helper()
	_ = d.cmd.Process.Signal(os.Interrupt)
	select {
	case <-d.done:
	case <-time.After(joinLimit):
		_ = d.cmd.Process.Kill()
		<-d.done
		t.Errorf("the daemon did not stop soon after ^C:\n%s", d.said())
	}
}

func (d *daemon) kill() { _ = d.cmd.Process.Kill(); <-d.done }

func (d *daemon) write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.Write(p)
}

func (d *daemon) said() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.String()
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// until waits for a condition, and says what else there was.
func until(t *testing.T, limit time.Duration, what string, is func() bool, why func() string) {
	t.Helper()
	for deadline := time.Now().Add(limit); !is(); time.Sleep(25 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s\n%s", limit, what, why())
		}
	}
}
