package home

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"meshfocus/bench/rival"
)

// ErrMissing: the program of a homeserver, or what it needs, is not there.
var ErrMissing = errors.New("cannot be started")

// Target is a homeserver that can be measured.
type Target interface {
	// Name is what tables call it: "embedded", "synapse".
	Name() string
	// Start starts it in a place, and returns when it answers. The error, ErrMissing,
	// says in a sentence what is missing.
	Start(ctx context.Context, at rival.Place) (Place, error)
}

// Place is where a homeserver answers.
type Place struct {
	URL     string
	Version string
	// Token is for registration, "" where none is wanted.
	Token string
	// PID is the process whose usage counts, 0 of one that is far.
	PID int
	// Stop ends it, and waits for it. Nil: it is not ours to end, and accounts that
	// were made on it are.
	Stop func() error
}

// Embedded is our own: a verb of our program that takes --listen.
type Embedded struct{ Program, Verb, Version string }

// Name gives "embedded".
func (Embedded) Name() string { return "embedded" }

// Start starts the verb.
func (e Embedded) Start(ctx context.Context, at rival.Place) (Place, error) {
	address, err := free()
	if err != nil {
		return Place{}, err
	}
	return start(ctx, at, e.Name(), address, e.Version, e.Program, e.Verb, "--listen", address)
}

// Script is a homeserver that a script runs in the foreground: SCRIPT DIR PORT, with
// what it needs kept below DIR (internal/scripts/synapse, dendrite).
type Script struct{ Title, Path, Keep string }

// Name gives the title.
func (s Script) Name() string { return s.Title }

// Start starts the script, which may take some minutes the first time.
func (s Script) Start(ctx context.Context, at rival.Place) (Place, error) {
	path, err := filepath.Abs(s.Path)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		return Place{}, fmt.Errorf("%w: %s: it is started by a script of the source tree: %w", ErrMissing, s.Title, err)
	}
	keep, err := filepath.Abs(s.Keep)
	if err == nil {
		err = os.MkdirAll(keep, 0o777)
	}
	if err != nil {
		return Place{}, err
	}
	address, err := free()
	if err != nil {
		return Place{}, err
	}
	_, port, _ := net.SplitHostPort(address)
	place, err := start(ctx, at, s.Title, address, "", path, keep, port)
	if err == nil && place.Version == unknown {
		place.Version = writtenIn(path)
	}
	return place, err
}

// unknown is the version of a homeserver that does not tell.
const unknown = "unknown"

// writtenIn gives the version that a script says it runs: version=v1.2.
func writtenIn(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return unknown
	}
	for line := range strings.Lines(string(text)) {
		if version, ok := strings.CutPrefix(strings.TrimSpace(line), "version="); ok {
			return version
		}
	}
	return unknown
}

// Remote is a homeserver that is far.
type Remote struct{ URL, Token string }

// Name gives the name of its host.
func (r Remote) Name() string {
	if u, err := url.Parse(r.URL); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	return r.URL
}

// Start sees whether it answers.
func (r Remote) Start(ctx context.Context, _ rival.Place) (Place, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	version, err := versionOf(ctx, r.URL)
	if err != nil {
		return Place{}, fmt.Errorf("%w: %s does not answer: %w", ErrMissing, r.URL, err)
	}
	return Place{URL: r.URL, Version: version, Token: r.Token}, nil
}

// start starts a command and waits until a homeserver answers.
func start(ctx context.Context, at rival.Place, name, address, version string, command ...string) (Place, error) {
	const building = 15 * time.Minute
	ctx, cancel := context.WithTimeout(ctx, building)
	defer cancel()
	process, err := rival.StartCommand(at, "home-"+name, nil, command...)
	if err != nil {
		return Place{}, fmt.Errorf("%w: %w", ErrMissing, err)
	}
	if err := process.Answers(ctx, address); err != nil {
		return Place{}, fmt.Errorf("%w: %w", ErrMissing, err)
	}
	place := Place{URL: "http://" + address, Version: version, PID: process.PID(), Stop: process.Stop}
	for {
		told, err := versionOf(ctx, place.URL)
		switch {
		case err == nil:
			if place.Version == "" {
				place.Version = told
			}
			return place, nil
		case ctx.Err() != nil:
			return Place{}, errors.Join(fmt.Errorf("%s does not answer: %w", name, err), process.Stop())
		}
		pause(ctx, 100*time.Millisecond)
	}
}

// versionOf asks a homeserver which it is, as far as it tells: where other servers
// ask it, and else in the header of its answers. The error is that it does not answer.
func versionOf(ctx context.Context, base string) (string, error) {
	ask := func(path string, into any) (header string, err error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
		if err != nil {
			return "", err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return "", fmt.Errorf("%s: %s", path, response.Status)
		}
		return response.Header.Get("Server"), json.NewDecoder(response.Body).Decode(into)
	}
	header, err := ask("/_matrix/client/versions", &struct{}{})
	if err != nil {
		return "", err
	}
	var told struct {
		Server struct{ Name, Version string }
	}
	if _, err := ask("/_matrix/federation/v1/version", &told); err == nil && told.Server.Name != "" {
		return told.Server.Name + " " + told.Server.Version, nil
	}
	if header == "" {
		header = unknown
	}
	return header, nil
}

// free gives an address on loopback that nobody listens on.
func free() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	port := listener.Addr().(*net.TCPAddr).Port // of a TCP listener
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), listener.Close()
}
