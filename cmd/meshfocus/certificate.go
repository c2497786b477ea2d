package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/renameio/v2/maybe"
)

// certificateFiles are a certificate and its key, read again at the next
// handshake after one of them changed. A pair that does not fit, as between
// the two writes of a renewal, leaves the one before in use.
type certificateFiles struct {
	cert, key string
	log       *slog.Logger

	// guarded by mu
	mu     sync.Mutex
	loaded *tls.Certificate
	stamp  string // of the files when they were last read
}

// openCertificate reads the pair for the first time.
func openCertificate(cert, key string, log *slog.Logger) (*certificateFiles, error) {
	f := &certificateFiles{cert: cert, key: key, log: log}
	if _, err := f.get(nil); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *certificateFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	stamp := stampOf(f.cert) + stampOf(f.key)
	if stamp == f.stamp && f.loaded != nil {
		return f.loaded, nil
	}
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	again := f.stamp != ""
	f.stamp = stamp
	switch {
	case err == nil:
		f.loaded = &pair
		if again {
			f.log.Info("certificate read again", "fingerprint", fingerprint(&pair))
		}
	case f.loaded == nil:
		return nil, fmt.Errorf("certificate %s with key %s: %w", f.cert, f.key, err)
	default:
		f.log.Warn("certificate cannot be read again; the one before stays", "err", err)
	}
	return f.loaded, nil
}

// stampOf changes when the file does.
func stampOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(info.ModTime().UnixNano(), "/", info.Size(), " ")
}

// Life of a self-signed certificate, and when it is made anew: a browser's
// exception for it is asked for again each time.
const (
	selfSignedLife  = 365 * 24 * time.Hour
	selfSignedRenew = 30 * 24 * time.Hour
)

// selfSigned is a certificate that we make for the names and addresses of this
// machine. It is kept in dir, if there is one. A handshake on an address that
// it does not have (the machine came to another network) makes a new one with
// the same key.
type selfSigned struct {
	dir   string
	extra []string // names besides this machine's own
	log   *slog.Logger

	// guarded by mu
	mu      sync.Mutex
	current *tls.Certificate
}

// openSelfSigned takes the kept certificate or makes one.
func openSelfSigned(dir string, extra []string, log *slog.Logger) (*selfSigned, error) {
	s := &selfSigned{dir: dir, extra: extra, log: log}
	if dir != "" {
		kept, err := tls.LoadX509KeyPair(s.path("crt"), s.path("key"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("the self-signed certificate in %s: %w; remove it and a new one is made", dir, err)
		}
		if err == nil {
			s.current = &kept
		}
	}
	if s.current != nil && covers(s.current.Leaf, s.names(), time.Now()) {
		return s, nil
	}
	return s, s.renew(time.Now())
}

func (s *selfSigned) path(kind string) string { return filepath.Join(s.dir, "self-signed."+kind) }

func (s *selfSigned) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if covers(s.current.Leaf, localAddress(hello), now) {
		return s.current, nil
	}
	if err := s.renew(now); err != nil {
		return nil, err
	}
	s.log.Warn("this machine's addresses changed; browsers will ask about the certificate again", "fingerprint", fingerprint(s.current))
	return s.current, nil
}

// localAddress is where the handshake arrived: an address that we have, which
// nobody can make up.
func localAddress(hello *tls.ClientHelloInfo) []string {
	if hello == nil || hello.Conn == nil {
		return nil
	}
	at, ok := hello.Conn.LocalAddr().(*net.TCPAddr)
	if !ok || at.IP.IsLinkLocalUnicast() {
		return nil
	}
	return []string{at.IP.String()}
}

// names are what people may call this machine.
func (s *selfSigned) names() []string {
	names := append([]string{"localhost"}, s.extra...)
	if host, err := os.Hostname(); err == nil && !strings.ContainsAny(host, " _") {
		names = append(names, strings.ToLower(host))
	}
	for _, ip := range localAddresses() {
		names = append(names, ip.String())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// localAddresses are this machine's, but for those that need a zone.
func localAddresses() (ips []net.IP) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && !network.IP.IsLinkLocalUnicast() {
			ips = append(ips, network.IP)
		}
	}
	return ips
}

func covers(cert *x509.Certificate, names []string, now time.Time) bool {
	if now.After(cert.NotAfter.Add(-selfSignedRenew)) || now.Before(cert.NotBefore) {
		return false
	}
	return !slices.ContainsFunc(names, func(name string) bool { return cert.VerifyHostname(name) != nil })
}

// renew makes a certificate with the present names, and the key if there is
// none yet.
func (s *selfSigned) renew(now time.Time) error {
	var key *ecdsa.PrivateKey
	if s.current != nil {
		key, _ = s.current.PrivateKey.(*ecdsa.PrivateKey)
	}
	if key == nil {
		var err error
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return fmt.Errorf("key of the self-signed certificate: %w", err)
		}
	}
	certPEM, keyPEM, err := sign(key, s.names(), now)
	if err != nil {
		return fmt.Errorf("self-signed certificate: %w", err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return fmt.Errorf("self-signed certificate: %w", err)
	}
	s.current = &pair
	if s.dir == "" {
		return nil
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("self-signed certificate: %w", err)
	}
	return errors.Join(maybe.WriteFile(s.path("key"), keyPEM, 0o600), maybe.WriteFile(s.path("crt"), certPEM, 0o600))
}

// sign makes a certificate for a server (RFC 5280), as PEM.
func sign(key *ecdsa.PrivateKey, names []string, now time.Time) (certPEM, keyPEM []byte, err error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "meshfocus on this network"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(selfSignedLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), nil
}

// fingerprint is the SHA-256 of the certificate as browsers show it.
func fingerprint(pair *tls.Certificate) string {
	return strings.ReplaceAll(strings.ToUpper(fmt.Sprintf("% x", sha256.Sum256(pair.Certificate[0]))), " ", ":")
}
