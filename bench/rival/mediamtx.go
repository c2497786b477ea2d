package rival

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// MediaMTX is a server of WHIP and WHEP with one stream. It cuts frames anew, so that packets
// that leave are not those that came, and knows one layer.
type MediaMTX struct{ Program string }

// Name is "mediamtx".
func (MediaMTX) Name() string { return "mediamtx" }

// Version asks the program.
func (m MediaMTX) Version(ctx context.Context) (string, error) {
	output, err := exec.CommandContext(ctx, m.Program, "--version").Output()
	found := regexp.MustCompile(`^v([0-9][0-9.]*)\s*$`).FindSubmatch(output)
	if found == nil {
		return "", fmt.Errorf("%w: mediamtx (https://github.com/bluenviron/mediamtx): %v", ErrMissing, err)
	}
	return string(found[1]), nil
}

// stream is the name of the one that all watch.
const stream = "stage"

// settings has it go by one address, offer no other, and let in everybody.
func (MediaMTX) settings(place Place) string {
	return fmt.Sprintf(`{rtsp: no, rtmp: no, hls: no, srt: no, logLevel: warn, webrtcAddress: "%[1]s:%[2]d", webrtcLocalUDPAddress: "%[1]s:%[3]d",
webrtcIPsFromInterfaces: no, webrtcAdditionalHosts: ["%[1]s"], webrtcTrackGatherTimeout: 1s, paths: {all_others: {}}}
`, place.Address, port, port+2)
}

// Start starts the server.
func (m MediaMTX) Start(ctx context.Context, place Place, _ Options) (Server, error) {
	settings := filepath.Join(place.Folder, "mediamtx.yml")
	if err := os.WriteFile(settings, []byte(m.settings(place)), 0o644); err != nil {
		return nil, err
	}
	p, err := start(place, "mediamtx", nil, m.Program, settings)
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort(place.Address.String(), strconv.Itoa(port))
	if err := p.answers(ctx, address); err != nil {
		return nil, err
	}
	at := "http://" + address + "/" + stream
	return &mediaMTX{&sessions{whip: &WHIP{PublishURL: at + "/whip", SubscribeURL: at + "/whep"}}, p}, nil
}

// mediaMTX is a process, and those who are in.
type mediaMTX struct {
	*sessions
	process *process
}

func (m *mediaMTX) PID() int { return m.process.PID() }

// Stop ends the process, and with it all sessions.
func (m *mediaMTX) Stop() error { return m.process.Stop() }
