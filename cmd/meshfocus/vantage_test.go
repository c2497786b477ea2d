package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"meshfocus/focus/probe"
)

func TestVantage_KnocksAtThePortOfADoctor(t *testing.T) {
	reader, writer := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	var errs bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"vantage", "--listen", "127.0.0.1:0", "--json"}, streams{out: writer, err: &errs})
		_ = writer.Close()
	}()
	var line struct{ Event, Address string }
	if err := json.NewDecoder(reader).Decode(&line); err != nil || line.Event != "listening" {
		t.Fatalf("%+v, %v, %s", line, err, &errs)
	}
	for _, check := range []func(context.Context, string, int) probe.Finding{new(probe.Prober).OwnPort, new(probe.Prober).OwnTCPPort} {
		if f := check(t.Context(), "http://"+line.Address, 0); f.Level != probe.Fine {
			t.Errorf("%+v", f)
		}
	}
	stop()
	if code := <-ended; code != exitOK {
		t.Errorf("ended with %d: %s", code, &errs)
	}
}

func TestVantage_SaysWhatIsWrongWithItsFlags(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"vantage example.org", exitUsage, "takes no arguments"},
		{"vantage --trusted-proxy nonsense", exitUsage, "--trusted-proxy"},
		{"vantage --listen 127.0.0.1:99999", exitFailed, "--listen 127.0.0.1:99999"},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), strings.Fields(c.args), streams{out: &out, err: &errs})
		if code != c.code || !strings.Contains(errs.String(), c.says) {
			t.Errorf("%s: %d, %s", c.args, code, &errs)
		}
	}
}
