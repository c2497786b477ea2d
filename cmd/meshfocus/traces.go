package main

import (
	"context"
	"fmt"
	"path/filepath"

	"meshfocus/focus/trace"
)

// TracesConfig is about what is kept of how paths are estimated.
type TracesConfig struct {
	Folder string `koanf:"folder"`
	Most   int    `koanf:"most_mb"`
	Paths  int    `koanf:"paths"`
}

func tracesSettings() []setting {
	return []setting{
		{key: "traces.folder", flag: "traces", def: "",
			about: "Folder in which traces of paths are kept while it exists (docs/bwe.md): make it, and what is decided about each path that is estimated (forward.adaptive) is recorded from then on; move it away, and it ends. Empty is traces in homeserver.data, and nothing without that."},
		{key: "traces.most_mb", def: 256, check: checkTraces,
			about: "How many megabytes of them are kept; the oldest go first."},
		{key: "traces.paths", def: 64,
			about: "Of how many paths at once. Others are not recorded until one ends."},
	}
}

func checkTraces(c Config) error {
	if c.Traces.Most < 1 || c.Traces.Paths < 1 {
		return fmt.Errorf("traces.most_mb is %d and traces.paths %d; give 1 or more. Nothing is kept while the folder does not exist", c.Traces.Most, c.Traces.Paths)
	}
	return nil
}

// newTraces gives what keeps traces, nil without a place for them.
func (d *daemon) newTraces() *trace.Store {
	c := d.config.Traces
	if c.Folder == "" {
		if d.config.Homeserver.Data == "" {
			return nil
		}
		c.Folder = filepath.Join(d.config.Homeserver.Data, "traces")
	}
	return trace.New(trace.Config{Folder: c.Folder, Most: int64(c.Most) << 20, Paths: c.Paths, Log: d.log})
}

// keepTraces writes them until the context ends.
func (d *daemon) keepTraces(ctx context.Context) error {
	if d.traces == nil {
		return nil
	}
	return d.traces.Run(ctx)
}

// traceFamilies are of what is kept.
func (d *daemon) traceFamilies() []family {
	s := d.traces.Stats()
	one := func(name, kind, help string, value uint64) family {
		return family{name, kind, help, []sample{{value: float64(value)}}}
	}
	return []family{
		one("meshfocus_traces", "gauge", "Paths whose traces are being kept.", uint64(s.Paths)),
		one("meshfocus_traces_bytes_total", "counter", "Written to traces, before packing.", s.Bytes),
		one("meshfocus_traces_cut_total", "counter", "Times that a trace ended because it could not be written as fast.", s.Cut),
		one("meshfocus_traces_failed_total", "counter", "Times that a trace could not be written.", s.Failed),
	}
}
