package link

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/pion/dtls/v3"

	"meshfocus/focus/transport/srtp"
)

// secure is the loop of DTLS: it waits for a path, shakes hands, tells the
// keys, and then serves data channels, or reads what nobody wants.
func (l *Link) secure() {
	select {
	case <-l.reach:
	case <-l.life.Done():
		return
	}
	conn, err := l.handshake()
	if err == nil {
		err = l.announce(conn)
	}
	if err != nil {
		l.fail(err)
		return
	}
	l.serve(conn)
	if l.life.Err() == nil {
		l.events.Put(PeerLeft{})
	}
}

// handshake gives a connection with the peer whose fingerprint was announced.
func (l *Link) handshake() (*dtls.Conn, error) {
	conn, err := l.dtlsConn()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(l.life, dtlsHandshake)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

func (l *Link) dtlsConn() (*dtls.Conn, error) {
	shared := []dtls.Option{
		dtls.WithCertificates(*l.config.Certificate.of),
		dtls.WithSRTPProtectionProfiles(l.offered()...),
		dtls.WithFlightInterval(dtlsRetransmit),
		dtls.WithLoggerFactory(l.config.Logs),
		dtls.WithInsecureSkipVerify(true), // the fingerprint says whom to trust
		dtls.WithVerifyPeerCertificate(func(shown [][]byte, _ [][]*x509.Certificate) error {
			if len(shown) == 0 {
				return fmt.Errorf("%w: it showed none", ErrFingerprint)
			}
			return checkFingerprint(l.peer.Fingerprints, shown[0])
		}),
	}
	if l.peer.Client {
		var options []dtls.ClientOption
		for _, option := range shared {
			options = append(options, option)
		}
		return dtls.ClientWithOptions(l.dtls, peerAddr{}, options...)
	}
	options := []dtls.ServerOption{
		dtls.WithClientAuth(dtls.RequireAnyClientCert),
		// ICE has asked the peer back already (RFC 6347 section 4.2.1).
		dtls.WithInsecureSkipVerifyHello(true),
	}
	for _, option := range shared {
		options = append(options, option)
	}
	return dtls.ServerWithOptions(l.dtls, peerAddr{}, options...)
}

func (l *Link) offered() []dtls.SRTPProtectionProfile {
	var profiles []dtls.SRTPProtectionProfile
	for _, profile := range l.config.Profiles {
		profiles = append(profiles, dtls.SRTPProtectionProfile(profile))
	}
	return profiles
}

// announce tells the keys that media is protected with.
func (l *Link) announce(conn *dtls.Conn) error {
	chosen, ok := conn.SelectedSRTPProtectionProfile()
	if !ok {
		return errors.Join(ErrNoProfile, conn.Close())
	}
	state, ok := conn.ConnectionState()
	if !ok {
		return errors.Join(errors.New("link: handshake without a state"), conn.Close())
	}
	profile := srtp.Profile(chosen)
	material, err := state.ExportKeyingMaterial(srtp.ExporterLabel, nil, profile.MaterialLen())
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	keys, err := srtp.NewKeys(profile, material)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	secured := Secured{Seal: keys.Server, Open: keys.Client}
	if l.peer.Client {
		secured = Secured{Seal: keys.Client, Open: keys.Server}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.secured = true
	l.events.Put(secured)
	l.noteState()
	return nil
}

// fail notes that the Link will never be secured.
func (l *Link) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.failure = fmt.Errorf("link: handshake: %w", err)
		l.noteState()
	}
}

// serve is DTLS after its handshake, until its end.
func (l *Link) serve(conn *dtls.Conn) {
	said := make(chan struct{})
	stop := context.AfterFunc(l.life, func() {
		defer close(said)
		_ = conn.Close()
	})
	defer func() {
		if stop() {
			_ = conn.Close()
			return
		}
		<-said // the farewell needs the path
	}()
	if l.drain(conn) {
		l.exchange(conn)
	}
}
