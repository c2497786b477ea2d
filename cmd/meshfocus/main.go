// Command meshfocus holds full-mesh Matrix calls: it serves a page where
// browsers call each other, over an embedded homeserver (serve, the default),
// or joins a call in any room on any homeserver as a headless participant
// (join).
//
// It is the only place that knows every room of the house, and the only one
// that reads flags, environment and files.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: os.Environ()})
	stop()
	os.Exit(code)
}
