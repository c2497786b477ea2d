package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// letsEncrypt is the default of tls.acme_directory.
const letsEncrypt = autocert.DefaultACMEDirectory

// door is where people come in: the listener, and by what it proves who it is.
type door struct {
	config   Config
	listener net.Listener
	tls      *tls.Config // nil: plain HTTP
	// fingerprint is that of a self-signed certificate, else empty.
	fingerprint string
	// challenge is the listener of ACME's HTTP-01, with its handler; else nil.
	challenge        net.Listener
	challengeHandler http.Handler
}

// openDoor listens and gets the certificate. After an error nothing is left
// open.
func openDoor(config Config, log *slog.Logger) (d *door, err error) {
	d = &door{config: config}
	if err := d.certify(log); err != nil {
		return nil, err
	}
	return d, d.listen()
}

func (d *door) listen() (err error) {
	if d.listener, err = listen(d.config.Listen, "--listen"); err != nil {
		return err
	}
	if d.challengeHandler == nil {
		return nil
	}
	if d.challenge, err = listen(d.config.TLS.HTTP, "tls.acme_http"); err != nil {
		return errors.Join(err, d.listener.Close())
	}
	return nil
}

func listen(address, setting string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w; is meshfocus already running, or is the port taken? choose another with %s", address, errors.Unwrap(err), setting)
	}
	return listener, nil
}

// certify prepares HTTPS in the way that was chosen.
func (d *door) certify(log *slog.Logger) error {
	c := d.config.TLS
	switch {
	case c.Cert != "":
		files, err := openCertificate(c.Cert, c.Key, log)
		if err != nil {
			return err
		}
		d.tls = &tls.Config{GetCertificate: files.get}
	case c.SelfSigned:
		dir := ""
		if data := d.config.Homeserver.Data; data != "" {
			dir = filepath.Join(data, "tls")
		}
		own, err := openSelfSigned(dir, d.extraNames(), log)
		if err != nil {
			return err
		}
		d.tls, d.fingerprint = &tls.Config{GetCertificate: own.get}, fingerprint(own.current)
	case len(c.ACME) > 0:
		d.useACME(acmeManager(d.config))
	}
	if d.tls != nil {
		d.tls.MinVersion = tls.VersionTLS12
	}
	return nil
}

// useACME lets a manager answer handshakes and challenges.
func (d *door) useACME(manager *autocert.Manager) {
	d.tls = manager.TLSConfig()
	if d.config.TLS.HTTP != "" {
		d.challengeHandler = manager.HTTPHandler(nil) // anything else is sent on to HTTPS
	}
}

// acmeManager gets and renews certificates (RFC 8555) and keeps them in the
// data directory.
func acmeManager(c Config) *autocert.Manager {
	return &autocert.Manager{
		Prompt: autocert.AcceptTOS, Email: c.TLS.Email,
		HostPolicy: autocert.HostWhitelist(c.TLS.ACME...),
		Cache:      autocert.DirCache(filepath.Join(c.Homeserver.Data, "acme")),
		Client:     &acme.Client{DirectoryURL: c.TLS.Directory, UserAgent: "meshfocus"},
	}
}

// extraNames are those that the settings tell of.
func (d *door) extraNames() (names []string) {
	host, _, err := net.SplitHostPort(d.config.Listen)
	if address, bad := netip.ParseAddr(host); err == nil && host != "" && (bad != nil || !address.IsUnspecified()) {
		names = append(names, host)
	}
	return names
}

// close lets go of what openDoor took, if it is not served.
func (d *door) close() error {
	err := d.listener.Close()
	if d.challenge != nil {
		err = errors.Join(err, d.challenge.Close())
	}
	return err
}

// scheme is "https" or "http".
func (d *door) scheme() string {
	if d.tls != nil {
		return "https"
	}
	return "http"
}

// address is the base URL for people on this machine, or the public one where
// there is one.
func (d *door) address() string {
	switch {
	case d.config.PublicURL != "":
		return strings.TrimSuffix(d.config.PublicURL, "/")
	case len(d.config.TLS.ACME) > 0:
		return d.at(d.config.TLS.ACME[0])
	}
	return d.own()
}

// own is the base URL on this machine.
func (d *door) own() string {
	bound := d.listener.Addr().(*net.TCPAddr)
	if bound.IP.IsUnspecified() {
		return d.at("127.0.0.1")
	}
	return d.at(bound.IP.String())
}

// at is our base URL under another name of this machine.
func (d *door) at(host string) string {
	port := d.listener.Addr().(*net.TCPAddr).Port
	if d.tls != nil && port == 443 {
		return "https://" + strings.TrimSuffix(net.JoinHostPort(host, ""), ":")
	}
	return d.scheme() + "://" + net.JoinHostPort(host, fmt.Sprint(port))
}

// nearby are the base URLs for other devices in the same network: none unless
// we listen on all addresses and speak HTTPS, without which there is no
// camera.
func (d *door) nearby() (urls []string) {
	if d.tls == nil || !d.listener.Addr().(*net.TCPAddr).IP.IsUnspecified() {
		return nil
	}
	for _, ip := range localAddresses() {
		if ip.To4() != nil && !ip.IsLoopback() {
			urls = append(urls, d.at(ip.String()))
		}
	}
	return urls
}

// serve serves until ctx ends, then lets what is under way finish.
func (d *door) serve(ctx context.Context, handler http.Handler, log *slog.Logger) error {
	server := &http.Server{Handler: handler, TLSConfig: d.tls, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	if d.tls == nil {
		return serveHTTP(ctx, server, func() error { return server.Serve(d.listener) })
	}
	return serveHTTP(ctx, server, func() error { return server.ServeTLS(d.listener, "", "") })
}

// serveChallenge answers the ACME authority; it returns at once when nothing
// is to be answered.
func (d *door) serveChallenge(ctx context.Context) error {
	if d.challenge == nil {
		return nil
	}
	server := &http.Server{Handler: d.challengeHandler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}
	return serveHTTP(ctx, server, func() error { return server.Serve(d.challenge) })
}

// serveHTTP runs a server until ctx ends.
func serveHTTP(ctx context.Context, server *http.Server, run func() error) error {
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped <- errors.Join(server.Shutdown(grace), server.Close())
	})
	err := run()
	if stop() {
		return err // it ended by itself
	}
	if err := <-stopped; !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// behindProxies lets requests that come through a trusted proxy show where
// they come from: the last address of X-Forwarded-For that is no proxy's,
// because whoever is before that may have written what they like.
func behindProxies(trusted []netip.Prefix, next http.Handler) http.Handler {
	if len(trusted) == 0 {
		return next
	}
	isProxy := func(text string) bool {
		address, err := netip.ParseAddr(strings.TrimSpace(text))
		return err == nil && slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(address.Unmap()) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil || !isProxy(host) {
			next.ServeHTTP(w, r)
			return
		}
		way := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for i := len(way) - 1; i >= 0; i-- {
			address, err := netip.ParseAddr(strings.TrimSpace(way[i]))
			if err != nil {
				break
			}
			host = address.String()
			if !isProxy(host) {
				break
			}
		}
		shown := *r
		shown.RemoteAddr = net.JoinHostPort(host, "0")
		next.ServeHTTP(w, &shown)
	})
}
