package home

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"

	"meshfocus/signalling/homeserver"
)

// Serve is our own homeserver, in memory and with open registration, until the
// context ends. Show it to no network.
func Serve(ctx context.Context, listen string) error {
	server, err := homeserver.New(homeserver.Config{ServerName: "bench.local", Registration: homeserver.RegistrationOpen})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	web := &http.Server{Handler: server.Handler()}
	defer context.AfterFunc(ctx, func() { _ = web.Close() })()
	var loop sync.WaitGroup
	inner, end := context.WithCancel(ctx)
	loop.Go(func() { err = server.Run(inner) })
	served := web.Serve(listener)
	end()
	loop.Wait()
	if errors.Is(served, http.ErrServerClosed) {
		served = nil
	}
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(served, err)
}
