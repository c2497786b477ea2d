package headless

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"meshfocus/focus/transport"
	"meshfocus/internal/registration"
	"meshfocus/internal/testcard"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/message"
)

// TestMain lets the test binary be its own child process: a homeserver or a
// party that can be killed.
func TestMain(m *testing.M) {
	switch role := os.Getenv("MESHFOCUS_CHILD"); role {
	case "":
		goleak.VerifyTestMain(m)
	case "homeserver":
		os.Exit(childHomeserver())
	case "party":
		os.Exit(childParty())
	default:
		fmt.Fprintln(os.Stderr, "unknown role", role)
		os.Exit(2)
	}
}

// patience is how long what has to come is waited for; the machine may be busy.
const patience = 60 * time.Second

// eventually waits until what it waits for is true; why explains afterwards
// what was there instead.
func eventually(t *testing.T, limit time.Duration, what string, is func() bool, why func() string) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s\n%s", limit, what, why())
		}
		time.Sleep(20 * time.Millisecond) // the pace of looking, not a wait
	}
}

// home is a homeserver that parties can have accounts on.
type home interface {
	url() string
	// account gives credentials for a user who is made if need be.
	account(t *testing.T, name string) matrix.Config
	// room gives a room that all of them may join.
	room() string
}

// embedded is the homeserver of this project, in this process, over HTTP.
type embedded struct {
	server *homeserver.Server
	http   *http.Server
	base   string
	roomID string
	books
}

// books keeps the login and keys of each account, so that a party which comes
// back is the same device.
type books struct {
	mu       sync.Mutex
	accounts map[string]matrix.Config
}

// account gives the known account of a name, or keeps the new one's token.
func (b *books) keep(t *testing.T, base, name string, token func() (string, error)) matrix.Config {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if known, ok := b.accounts[name]; ok {
		return known
	}
	fresh, err := token()
	if err != nil {
		t.Fatalf("an account for %s: %v", name, err)
	}
	if b.accounts == nil {
		b.accounts = map[string]matrix.Config{}
	}
	b.accounts[name] = matrix.Config{Homeserver: base, Token: fresh, StateDir: filepath.Join(t.TempDir(), name)}
	return b.accounts[name]
}

func startHome(t *testing.T) *embedded { return startHomeWith(t, nil) }

// startHomeWith starts one that names TURN servers.
func startHomeWith(t *testing.T, turn *homeserver.TurnServers) *embedded {
	t.Helper()
	server, err := homeserver.New(homeserver.Config{ServerName: "test.local", Registration: homeserver.RegistrationOpen, Turn: turn})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &embedded{server: server, http: &http.Server{Handler: server.Handler()}, base: "http://" + listener.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { _ = server.Run(ctx) })
	loops.Go(func() { _ = h.http.Serve(listener) })
	t.Cleanup(func() { cancel(); _ = h.http.Close(); loops.Wait() })
	if err := server.EnsureUser("host", ""); err != nil {
		t.Fatal(err)
	}
	if h.roomID, err = server.EnsureRoom("call", "Call", "host", homeserver.PresetPublic); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *embedded) url() string  { return h.base }
func (h *embedded) room() string { return h.roomID }

func (h *embedded) account(t *testing.T, name string) matrix.Config {
	t.Helper()
	return h.keep(t, h.base, name, func() (string, error) {
		if err := h.server.EnsureUser(name, ""); err != nil {
			return "", err
		}
		return h.server.IssueToken(name, strings.ToUpper(name)+"DEVICE", name)
	})
}

// card is what the parties of these tests publish.
func card() *Clip { return &Clip{Video: testcard.Video, Audio: testcard.Audio} }

// party is a participant that runs.
type party struct {
	*Participant
	name   string
	cancel context.CancelFunc
	done   chan error
}

// startParty opens and runs a participant in the home's room. It is stopped
// with the test if it was not before.
func startParty(t *testing.T, h home, name string, change func(*Config)) *party {
	t.Helper()
	config := Config{
		Account: h.account(t, name), Room: h.room(), Clip: card(),
		Media: transport.Config{Loopback: true, TCP: true}, Log: testLog(t, name),
	}
	if change != nil {
		change(&config)
	}
	ctx, cancel := context.WithCancel(context.Background())
	participant, err := Open(ctx, config)
	if err != nil {
		cancel()
		t.Fatalf("%s: %v", name, err)
	}
	p := &party{Participant: participant, name: name, cancel: cancel, done: make(chan error, 1)}
	go func() { p.done <- participant.Run(ctx) }()
	t.Cleanup(func() { p.stop(t) })
	return p
}

// stop lets the party leave. Stopping twice is fine.
func (p *party) stop(t *testing.T) {
	t.Helper()
	p.cancel()
	if err, open := <-p.done; open {
		close(p.done)
		if err != nil {
			t.Errorf("%s ended with: %v", p.name, err)
		}
	}
}

// testLog shows warnings of a party in the test's output.
func testLog(t *testing.T, name string) *slog.Logger {
	level := slog.LevelWarn
	if os.Getenv("MESHFOCUS_TEST_DEBUG") != "" {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level})).With("test", name)
}

// link is a party's link to another, the zero Link if there is none.
func (p *party) link(to message.Party) Link {
	for _, l := range p.Status().Links {
		if l.Peer == to {
			return l
		}
	}
	return Link{}
}

// flows reports whether both sound and picture of the peer have arrived.
func flows(l Link) bool {
	if l.State != negotiate.Connected || l.Stats == nil {
		return false
	}
	frames := map[transport.Kind]uint64{}
	for _, r := range l.Stats.Received {
		frames[r.Kind] += r.Frames
	}
	return frames[transport.Audio] >= 20 && frames[transport.Video] >= 10
}

// allFlow waits until on every ordered pair sound and picture arrive.
func allFlow(t *testing.T, limit time.Duration, parties ...*party) {
	t.Helper()
	eventually(t, limit, "media on every link, both ways", func() bool {
		for _, from := range parties {
			for _, to := range parties {
				if from != to && !flows(from.link(to.Party())) {
					return false
				}
			}
		}
		return true
	}, func() string { return describe(parties...) })
}

// describe is the pair matrix in words.
func describe(parties ...*party) string {
	var b strings.Builder
	for _, p := range parties {
		s := p.Status()
		fmt.Fprintf(&b, "%s: %s %s\n", p.name, s.State, s.Trouble)
		for _, l := range s.Links {
			fmt.Fprintf(&b, "  %s %s, %d bytes in, %d out, attempts %d, %s %s\n", l.Peer, l.State, l.BytesIn, l.BytesOut, l.Attempts, l.Words, l.Detail)
		}
	}
	return b.String()
}

// child is a process of this test binary in another role.
type child struct {
	*exec.Cmd
	errs bytes.Buffer
}

// startChild starts a role with its instructions as JSON on the standard
// input and returns the first line it prints.
func startChild(t *testing.T, role string, instructions any) (*child, string) {
	t.Helper()
	input, err := json.Marshal(instructions)
	if err != nil {
		t.Fatal(err)
	}
	c := &child{Cmd: exec.Command(os.Args[0])}
	c.Env = append(os.Environ(), "MESHFOCUS_CHILD="+role)
	c.Stdin = bytes.NewReader(input)
	c.Stderr = &c.errs
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.kill() })
	var first strings.Builder
	one := make([]byte, 1)
	for {
		if _, err := out.Read(one); err != nil {
			c.kill()
			t.Fatalf("the %s child ended: %s", role, c.errs.String())
		}
		if one[0] == '\n' {
			return c, first.String()
		}
		first.Write(one)
	}
}

// kill is kill -9; a second one does nothing.
func (c *child) kill() {
	if c.ProcessState == nil {
		_ = c.Process.Kill()
		_ = c.Wait()
	}
}

// homeserverChild says what a homeserver child does.
type homeserverChild struct {
	Listen, Data string
}

// childHomeserver is the whole life of a homeserver in a process of its own.
// It prints its address when it listens.
func childHomeserver() int {
	var do homeserverChild
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := json.NewDecoder(os.Stdin).Decode(&do)
	if err == nil {
		err = runHomeserver(ctx, do)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func runHomeserver(ctx context.Context, do homeserverChild) error {
	server, err := homeserver.New(homeserver.Config{ServerName: "test.local", DataDir: do.Data, Registration: homeserver.RegistrationOpen})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", do.Listen)
	if err != nil {
		return err
	}
	ran := make(chan error, 1)
	go func() { ran <- server.Run(ctx) }()
	if err := server.EnsureUser("host", ""); err != nil {
		return err
	}
	if _, err := server.EnsureRoom("call", "Call", "host", homeserver.PresetPublic); err != nil {
		return err
	}
	web := &http.Server{Handler: server.Handler()}
	go func() { _ = web.Serve(listener) }()
	fmt.Println("http://" + listener.Addr().String())
	err = <-ran
	_ = web.Close()
	return err
}

// partyChild says what a party child does.
type partyChild struct {
	Account    matrix.Config
	Room       string
	LeaveDelay time.Duration
	Forward    bool // sends nothing then
}

// childParty is a participant in a process of its own, until it is killed.
func childParty() int {
	var do partyChild
	err := json.NewDecoder(os.Stdin).Decode(&do)
	if err == nil {
		var p *Participant
		config := Config{
			Account: do.Account, Room: do.Room, Clip: card(), LeaveDelay: do.LeaveDelay,
			Media: transport.Config{Loopback: true}, Forward: do.Forward,
		}
		if do.Forward {
			config.Clip = nil
		}
		p, err = Open(context.Background(), config)
		if err == nil {
			fmt.Println(p.Party().DeviceID)
			err = p.Run(context.Background())
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// remote is a homeserver that is reached by its address only.
type remote struct {
	base, alias string
	books
}

func (r *remote) url() string  { return r.base }
func (r *remote) room() string { return r.alias }

// account registers a user, as anybody could.
func (r *remote) account(t *testing.T, name string) matrix.Config {
	t.Helper()
	return r.keep(t, r.base, name, func() (string, error) { return register(r.base, name+suffix(t)) })
}

// suffix makes names of one test different from those of another, which may
// have used the same homeserver.
func suffix(t *testing.T) string {
	sum := fnv.New32a()
	_, _ = io.WriteString(sum, t.Name())
	return fmt.Sprintf("-%d-%x", os.Getpid(), sum.Sum32())
}

// register makes an account by open registration and returns its token.
func register(base, name string) (token string, err error) {
	made, err := registration.Make(base, name, "for tests only", strings.ToUpper(name)+"DEVICE")
	return made.Token, err
}

// request sends JSON, if any, and reads JSON.
func request(method, url, token string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if body == nil {
		text = nil
	}
	request, err := http.NewRequest(method, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Close = true
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err = io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= 500 || (response.StatusCode >= 400 && method == http.MethodGet) {
		return fmt.Errorf("%s: %s", response.Status, text)
	}
	return json.Unmarshal(text, answer)
}
