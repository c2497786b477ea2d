package rival

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"meshfocus/bench/party"
)

// Janus is janus with its videoroom, from the distribution's packages. Its own
// libsrtp may be put before the distribution's.
type Janus struct {
	Program string
	// Modules holds the folders plugins and transports.
	Modules string
	// Libraries is a folder with libraries to be used instead of the system's, ""
	// for none.
	Libraries string
	// Loops bounds its event loops, 0 is a thread for each connection, as it
	// comes.
	Loops int
}

// Name is "janus".
func (Janus) Name() string { return "janus" }

// Version asks the program, and the linker which libsrtp it gets.
func (j Janus) Version(ctx context.Context) (string, error) {
	output, err := exec.CommandContext(ctx, j.Program, "--version").CombinedOutput()
	found := regexp.MustCompile(`Janus version: \S+ \(([0-9.]+)\)`).FindSubmatch(output)
	if found == nil {
		return "", fmt.Errorf("%w: janus (package janus): %v", ErrMissing, err)
	}
	return string(found[1]) + ", " + j.cipher(ctx), nil
}

// cipher says which library libsrtp encrypts with.
func (j Janus) cipher(ctx context.Context) string {
	program, err := exec.LookPath(j.Program)
	if err != nil {
		return "unknown libsrtp"
	}
	list := exec.CommandContext(ctx, "ldd", program)
	list.Env = append(os.Environ(), j.environment()...)
	output, err := list.Output()
	found := regexp.MustCompile(`libsrtp2\.so\S* => (\S+)`).FindSubmatch(output)
	if err != nil || found == nil {
		return "unknown libsrtp"
	}
	needs, _ := exec.CommandContext(ctx, "ldd", string(found[1])).Output()
	switch {
	case strings.Contains(string(needs), "libcrypto"):
		return "libsrtp on OpenSSL"
	case strings.Contains(string(needs), "libnss3"):
		return "libsrtp on NSS"
	}
	return "libsrtp with ciphers of its own"
}

func (j Janus) environment() []string {
	if j.Libraries == "" {
		return nil
	}
	return []string{"LD_LIBRARY_PATH=" + j.Libraries}
}

// settings are the files that it wants, by name.
func (j Janus) settings(place Place, codec string) map[string]string {
	return map[string]string{
		"janus.jcfg": fmt.Sprintf(`general: {
	plugins_folder = "%[1]s/plugins"
	transports_folder = "%[1]s/transports"
	debug_level = 2
	session_timeout = 0
	event_loops = %[2]d
}
nat: { ice_enforce_list = "%[3]s", ice_consent_freshness = false }
media: { ipv6 = false }
plugins: { disable = "%[4]s" }
transports: { disable = "libjanus_http.so,libjanus_pfunix.so,libjanus_rabbitmq.so,libjanus_mqtt.so,libjanus_nanomsg.so" }
`, j.Modules, j.Loops, place.Address, strings.Join(otherPlugins(), ",")),
		"janus.transport.websockets.jcfg": fmt.Sprintf(`general: { ws = true, ws_port = %d, ws_ip = "%s", wss = false }
`, port, place.Address),
		"janus.plugin.videoroom.jcfg": fmt.Sprintf(`room-%d: {
	description = "bench", secret = "bench", publishers = 1000, bitrate = 0, audiocodec = "opus", videocodec = "%s", h264_profile = "42e01f", vp9_profile = "0"
	transport_wide_cc_ext = true, notify_joining = false
}
`, janusRoom, cmp.Or(codec, "vp8")),
	}
}

// otherPlugins are those of the package that are not needed.
func otherPlugins() (files []string) {
	for _, name := range strings.Fields("audiobridge duktape echotest lua nosip recordplay sip streaming textroom videocall voicemail") {
		files = append(files, "libjanus_"+name+".so")
	}
	return files
}

// Start starts the server and opens a session in it.
func (j Janus) Start(ctx context.Context, place Place, options Options) (Server, error) {
	folder := filepath.Join(place.Folder, "janus")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	for name, text := range j.settings(place, options.Codec) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	p, err := start(place, "janus", j.environment(), j.Program, "--configs-folder="+folder, "--disable-colors")
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort(place.Address.String(), strconv.Itoa(port))
	if err := p.answers(ctx, address); err != nil {
		return nil, err
	}
	s, err := sit(ctx, "ws://"+address)
	if err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	s.process = p
	return s, nil
}

// sit opens a session in a server that runs.
func sit(ctx context.Context, at string) (*janus, error) {
	dialer := websocket.Dialer{Subprotocols: []string{"janus-protocol"}}
	socket, _, err := dialer.DialContext(ctx, at, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: janus: %w", ErrRefused, err)
	}
	s := &janus{url: at, socket: socket, feeds: make(map[string]int), handles: make(map[*party.End]uint64)}
	created, err := s.ask(ctx, map[string]any{"janus": "create"}, "success")
	if err != nil {
		_ = socket.Close()
		return nil, err
	}
	s.session = created.Data.ID
	return s, nil
}

// errNoFeed: a publisher is not there, or not yet. noFeed is what the videoroom calls it
// (JANUS_VIDEOROOM_ERROR_NO_SUCH_FEED).
var errNoFeed = fmt.Errorf("%w: janus", ErrRefused)

const noFeed = 428

// janusRoom is the number of the room that all meet in.
const janusRoom = 1

// janus is a process with one session, in which each party has a handle. What
// is asked is answered before anything else is asked, so that nothing but one
// caller reads the socket.
type janus struct {
	*process // nil of one on another machine
	url      string
	socket   *websocket.Conn
	session  uint64
	feeds    map[string]int // numbers of publishers

	mu      sync.Mutex // guards what follows, and reading from the socket
	asked   int
	handles map[*party.End]uint64 // of subscribers
}

// janusMessage is what comes: https://janus.conf.meetecho.com/docs/rest.html.
type janusMessage struct {
	Janus       string `json:"janus"`
	Transaction string `json:"transaction"`
	Data        struct {
		ID uint64 `json:"id"`
	} `json:"data"`
	Error struct {
		Reason string `json:"reason"`
	} `json:"error"`
	Plugin struct {
		Data struct {
			Error string `json:"error"`
			Code  int    `json:"error_code"`
		} `json:"data"`
	} `json:"plugindata"`
	JSEP *janusDescription `json:"jsep"`
}

type janusDescription struct {
	Type    string `json:"type"`
	SDP     string `json:"sdp"`
	Trickle bool   `json:"trickle"`
	// RIDOrder is smallestFirst of offers with layers.
	RIDOrder string `json:"rid_order,omitempty"`
}

// smallestFirst: rids stand in our offers as substreams are counted. Where nothing is
// said the first is the largest to it.
const smallestFirst = "lmh"

func (j *janus) Publish(ctx context.Context, end *party.End) error {
	handle, err := j.attach(ctx)
	if err != nil {
		return err
	}
	feed := len(j.feeds) + 1
	j.feeds[end.Name] = feed
	return exchange(ctx, end, func(offer string) (string, error) {
		body := map[string]any{"request": "joinandconfigure", "room": janusRoom, "ptype": "publisher", "id": feed, "display": end.Name}
		joined, err := j.tell(ctx, handle, body, &janusDescription{Type: "offer", SDP: offer, RIDOrder: smallestFirst})
		return joined.SDP, err
	})
}

func (j *janus) Subscribe(ctx context.Context, end *party.End, from []*party.End) error {
	handle, err := j.attach(ctx)
	if err != nil {
		return err
	}
	var streams []map[string]any
	for _, publisher := range from {
		streams = append(streams, map[string]any{"feed": j.feeds[publisher.Name]})
	}
	body := map[string]any{"request": "join", "room": janusRoom, "ptype": "subscriber", "streams": streams}
	offer, err := j.tell(ctx, handle, body, nil)
	for errors.Is(err, errNoFeed) && ctx.Err() == nil { // its handshake with the publisher ends a little after ours
		time.Sleep(time.Millisecond)
		offer, err = j.tell(ctx, handle, body, nil)
	}
	if err != nil {
		return err
	}
	answer, err := end.Answer(ctx, offer.SDP)
	if err != nil {
		return err
	}
	if _, err = j.tell(ctx, handle, map[string]any{"request": "start"}, &janusDescription{Type: "answer", SDP: answer}); err != nil {
		return err
	}
	j.mu.Lock()
	j.handles[end] = handle
	j.mu.Unlock()
	return j.choose(ctx, handle, end, from)
}

// Choose asks for another layer.
func (j *janus) Choose(ctx context.Context, end *party.End, from []*party.End) error {
	j.mu.Lock()
	handle := j.handles[end]
	j.mu.Unlock()
	return j.choose(ctx, handle, end, from)
}

// choose asks for a layer of each picture that has several. Mids of a handle are
// counted from 0, over sounds and pictures of each publisher, in its own order.
func (j *janus) choose(ctx context.Context, handle uint64, end *party.End, from []*party.End) error {
	var streams []map[string]any
	mid := -1
	for _, publisher := range from {
		mid++
		if publisher.Speaks() {
			mid++
		}
		if publisher.Layers() > 1 {
			streams = append(streams, map[string]any{"mid": strconv.Itoa(mid), "substream": end.LayerOf(publisher)})
		}
	}
	if streams == nil {
		return nil
	}
	_, err := j.tell(ctx, handle, map[string]any{"request": "configure", "streams": streams}, nil)
	return err
}

// Allocations are not told: it is written in C.
func (j *janus) Allocations(context.Context) (uint64, bool) { return 0, false }

func (j *janus) Stop() error {
	_ = j.socket.Close()
	return j.process.Stop()
}

// attach makes a handle in the videoroom.
func (j *janus) attach(ctx context.Context) (uint64, error) {
	attached, err := j.ask(ctx, map[string]any{"janus": "attach", "plugin": "janus.plugin.videoroom"}, "success")
	return attached.Data.ID, err
}

// tell sends a message to the videoroom and waits for its event; it gives the
// description that came along.
func (j *janus) tell(ctx context.Context, handle uint64, body map[string]any, jsep *janusDescription) (janusDescription, error) {
	message := map[string]any{"janus": "message", "handle_id": handle, "body": body}
	if jsep != nil {
		message["jsep"] = jsep
	}
	event, err := j.ask(ctx, message, "event")
	switch {
	case err == nil && event.Plugin.Data.Code == noFeed:
		err = fmt.Errorf("%w: %s", errNoFeed, event.Plugin.Data.Error)
	case err == nil && event.Plugin.Data.Error != "":
		err = fmt.Errorf("%w: janus: %s", ErrRefused, event.Plugin.Data.Error)
	}
	if err != nil || event.JSEP == nil {
		return janusDescription{}, err
	}
	return *event.JSEP, nil
}

// ask sends a request and waits for what answers it, of a kind.
func (j *janus) ask(ctx context.Context, request map[string]any, kind string) (m janusMessage, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.asked++
	transaction := strconv.Itoa(j.asked)
	request["transaction"] = transaction
	if j.session != 0 {
		request["session_id"] = j.session
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = j.socket.SetReadDeadline(deadline) // a socket that is closed says so below
	}
	// Not WriteJSON: Janus takes no line's end behind an object.
	text, err := json.Marshal(request)
	if err != nil {
		return m, err
	}
	if err := j.socket.WriteMessage(websocket.TextMessage, text); err != nil {
		return m, fmt.Errorf("%w: janus: %w", ErrRefused, err)
	}
	for {
		_, data, err := j.socket.ReadMessage()
		if err != nil {
			return m, fmt.Errorf("%w: janus: asked to %s: %w", ErrRefused, request["janus"], err)
		}
		m = janusMessage{}
		if err := json.Unmarshal(data, &m); err != nil {
			return m, fmt.Errorf("%w: janus: %w", ErrRefused, err)
		}
		switch {
		case m.Transaction != transaction:
		case m.Janus == "error":
			return m, fmt.Errorf("%w: janus: %s", ErrRefused, m.Error.Reason)
		case m.Janus == kind:
			return m, nil
		}
	}
}
