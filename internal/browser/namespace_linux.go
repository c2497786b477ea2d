package browser

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"golang.org/x/sys/unix"
)

// Namespace is a network of its own for a browser: one link leads from it to
// this machine, and Move puts another in its place, as happens to a laptop
// that is carried from one Wi-Fi to the next. It needs root and iproute2.
type Namespace struct {
	name   string
	link   string // our end; the other end is "inside"
	subnet int
}

// Host is where this machine can be reached from inside, whatever the link.
const Host = "10.203.0.1"

// NewNamespace makes one without a link; it goes when the test ends.
func NewNamespace(t testing.TB) *Namespace {
	t.Helper()
	n := &Namespace{name: fmt.Sprintf("mf%d", unix.Getpid()), link: fmt.Sprintf("mf%d", unix.Getpid())}
	t.Cleanup(func() {
		_ = ip("link", "del", n.link)
		_ = ip("addr", "del", Host+"/32", "dev", "lo")
		_ = ip("netns", "del", n.name)
	})
	for _, words := range []string{
		"netns add " + n.name,
		"-n " + n.name + " link set lo up",
		"addr replace " + Host + "/32 dev lo",
	} {
		if err := ip(strings.Fields(words)...); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// Do runs something inside, on its own thread: sockets that it opens stay there,
// goroutines that it starts do not.
func (n *Namespace) Do(something func() error) error { return inside(n.name, something) }

// Move6 is Move to a link of IPv6 alone. It returns the new addresses outside
// and inside, ready to be used.
func (n *Namespace) Move6(t testing.TB) (outside, within string) {
	t.Helper()
	n.Cut()
	n.subnet++
	outside, within = fmt.Sprintf("fd42:203:%d::1", n.subnet), fmt.Sprintf("fd42:203:%d::2", n.subnet)
	for _, words := range []string{
		"link add " + n.link + " type veth peer name inside netns " + n.name,
		"addr add " + outside + "/64 dev " + n.link + " nodad",
		"link set " + n.link + " up",
		"-n " + n.name + " addr add " + within + "/64 dev inside nodad",
		"-n " + n.name + " link set inside up",
	} {
		if err := ip(strings.Fields(words)...); err != nil {
			t.Fatal(err)
		}
	}
	return outside, within
}

// Move gives the namespace another link with other addresses; the old one is
// gone at once. It returns the new address inside.
func (n *Namespace) Move(t testing.TB) (address string) {
	t.Helper()
	n.Cut()
	n.subnet++
	address = fmt.Sprintf("10.203.%d.2", n.subnet)
	outside := fmt.Sprintf("10.203.%d.1", n.subnet)
	for _, words := range []string{
		"link add " + n.link + " type veth peer name inside netns " + n.name,
		"addr add " + outside + "/24 dev " + n.link,
		"link set " + n.link + " up",
		"-n " + n.name + " addr add " + address + "/24 dev inside",
		"-n " + n.name + " link set inside up",
		"-n " + n.name + " route add default via " + outside,
	} {
		if err := ip(strings.Fields(words)...); err != nil {
			t.Fatal(err)
		}
	}
	return address
}

// Cut takes the link away; Move brings the next.
func (n *Namespace) Cut() { _ = ip("link", "del", n.link) }

func ip(words ...string) error {
	if out, err := exec.Command("ip", words...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(words, " "), err, out)
	}
	return nil
}

// In starts the browser inside a namespace. Only its DevTools are reachable
// from here, by a port that is passed through.
func In(t testing.TB, n *Namespace) Option {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	passage := &passage{listener: listener, inside: n.name, to: listener.Addr().String()}
	t.Cleanup(passage.close)
	passage.loops.Go(passage.accept)
	return func(a *chromedp.ExecAllocator) {
		Flag("remote-debugging-port", fmt.Sprint(port))(a)
		chromedp.ModifyCmdFunc(func(c *exec.Cmd) {
			ownGroup(c)
			c.Args = append([]string{"ip", "netns", "exec", n.name, c.Path}, c.Args[1:]...)
			c.Path, c.Err = exec.LookPath("ip")
		})(a)
	}
}

// passage leads connections to the same address inside a namespace.
type passage struct {
	listener net.Listener
	inside   string
	to       string
	loops    sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn // guarded by mu
	shut  bool       // guarded by mu
}

func (p *passage) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.shut = true
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.loops.Wait()
}

func (p *passage) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut {
		_ = c.Close()
		return false
	}
	p.conns = append(p.conns, c)
	return true
}

func (p *passage) accept() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		far, err := dialInside(p.inside, p.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		if !p.keep(near) || !p.keep(far) {
			return
		}
		p.loops.Go(func() { _, _ = io.Copy(far, near); _ = far.Close() })
		p.loops.Go(func() { _, _ = io.Copy(near, far); _ = near.Close() })
	}
}

// dialInside makes a connection from within a namespace.
func dialInside(namespace, to string) (conn net.Conn, err error) {
	err = inside(namespace, func() error {
		conn, err = net.Dial("tcp", to)
		return err
	})
	return conn, err
}

// inside does something within a namespace. A socket belongs to the namespace
// of the thread that makes it, so this one goes there and comes back. It must
// come back: were the thread given up, those Chromiums would be killed that it
// has started (Pdeathsig).
func inside(namespace string, do func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer home.Close()
	there, err := os.Open("/run/netns/" + namespace)
	if err != nil {
		return err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return err
	}
	return errors.Join(do(), unix.Setns(int(home.Fd()), unix.CLONE_NEWNET))
}
