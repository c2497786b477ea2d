package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pion/stun/v4"
)

// diagnose names the likely cause of an error and the way out. The order is
// that of the road: name, route, port, TLS, STUN, credentials, resources.
func diagnose(err error, s server, c Credentials, now time.Time) remedy {
	for _, look := range []func(error, server) (remedy, bool){diagnoseRoad, diagnoseTLS, diagnoseTalk} {
		if r, ok := look(err, s); ok {
			return r
		}
	}
	if code := codeOf(err); code == stun.CodeUnauthorized || code == stun.CodeWrongCredentials {
		return diagnoseCredentials(s, c, now)
	}
	if r, ok := codes[codeOf(err)]; ok {
		return r
	}
	return remedy{
		cause: "the server refused for a reason of its own",
		fix:   "look into the TURN server's log at this time",
	}
}

func diagnoseRoad(err error, s server) (remedy, bool) {
	var name *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &name):
		return remedy{
			cause: "the name " + printable(s.host) + " does not resolve",
			fix:   "correct the name in the homeserver's list of TURN servers, or add the DNS record",
		}, true
	case errors.Is(err, syscall.ECONNREFUSED):
		return remedy{
			cause:   fmt.Sprintf("nothing listens at %s: the port is wrong, the server is not running, or it does not offer %s", s.address(), strings.ToUpper(string(s.way))),
			fix:     "start the TURN server with this listener, or correct the port in the homeserver's list",
			snippet: listener(s),
		}, true
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		return remedy{
			cause: "there is no route from here to " + s.host + ": most often the name has an IPv6 address only and this network none",
			fix:   "give the server an address of the family that this network has",
		}, true
	case s.way != UDP && !errors.Is(err, errSilent) && !errors.Is(err, errHandshake) && (errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()):
		return remedy{
			cause:   fmt.Sprintf("%s port %d does not answer: a firewall in front of the server drops it, or the address is wrong", strings.ToUpper(string(TCP)), s.port),
			fix:     fmt.Sprintf("open TCP port %d in the firewall in front of the TURN server", s.port),
			snippet: listener(s),
		}, true
	}
	return remedy{}, false
}

// listener is what coturn needs to be heard on a port.
func listener(s server) string {
	if s.way == TLS {
		return fmt.Sprintf("# coturn: turnserver.conf\ntls-listening-port=%d\ncert=/etc/ssl/turn/fullchain.pem\npkey=/etc/ssl/turn/privkey.pem", s.port)
	}
	return fmt.Sprintf("# coturn: turnserver.conf\nlistening-port=%d", s.port)
}

func diagnoseTLS(err error, s server) (remedy, bool) {
	if !errors.Is(err, errHandshake) {
		return remedy{}, false
	}
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &verification):
		return diagnoseCertificate(verification, s), true
	case errors.As(err, &record), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, context.DeadlineExceeded):
		return remedy{
			cause:   fmt.Sprintf("the server does not speak TLS on port %d: it has no certificate, or TLS is switched off", s.port),
			fix:     "give the TURN server its certificate and key, readable by its user, and take no-tls out",
			snippet: listener(s),
		}, true
	default:
		return remedy{
			cause:   "the server and we have no TLS version or cipher in common: " + printable(err.Error()),
			fix:     "allow TLS 1.2 or later and take cipher-list out",
			snippet: listener(s),
		}, true
	}
}

func diagnoseCertificate(err *tls.CertificateVerificationError, s server) remedy {
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	leaf := err.UnverifiedCertificates[0]
	renew := "renew the certificate and have the TURN server load it: coturn reads certificates at start and on SIGUSR2"
	switch {
	case errors.As(err.Err, &invalid) && invalid.Reason == x509.Expired && time.Now().Before(leaf.NotBefore):
		return remedy{
			cause: "the TLS certificate is valid from " + day(leaf.NotBefore) + " only: it is new, or the clock here is slow",
			fix:   "check the clocks of both machines",
		}
	case errors.As(err.Err, &invalid) && invalid.Reason == x509.Expired:
		return remedy{cause: "the TLS certificate expired on " + day(leaf.NotAfter), fix: renew, snippet: listener(s)}
	case errors.As(err.Err, &name):
		return remedy{
			cause:   fmt.Sprintf("the TLS certificate is for %s, not for %s", names(leaf), s.host),
			fix:     "use a name of the certificate in the homeserver's list of TURN servers, or get a certificate for " + s.host,
			snippet: listener(s),
		}
	default:
		return remedy{
			cause:   "the TLS certificate is not from an authority that browsers know: it is self-signed, or the intermediate certificate is missing",
			fix:     "give the TURN server the whole chain (fullchain.pem), not the last certificate alone",
			snippet: listener(s),
		}
	}
}

func names(leaf *x509.Certificate) string {
	all := append([]string(nil), leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return "no name at all"
	}
	return printable(strings.Join(all, ", "))
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006 15:04 UTC") }

func diagnoseTalk(err error, s server) (remedy, bool) {
	switch {
	case errors.Is(err, errOnlySTUN):
		return remedy{
			cause: "it is a STUN server: TURN is switched off, or the port belongs to another program",
			fix:   "take stun-only out, or name a TURN server",
		}, true
	case errors.Is(err, errSilent) && s.way == UDP:
		return remedy{
			cause:   fmt.Sprintf("nothing answers on UDP port %d: a firewall drops it, on the server's side or here, or the server listens to TCP only", s.port),
			fix:     fmt.Sprintf("open UDP port %d in the firewall in front of the TURN server; offer TURN over TLS on port 443 for networks that block UDP", s.port),
			snippet: listener(s),
		}, true
	case errors.Is(err, errSilent), errors.Is(err, errNotSTUN), errors.Is(err, errHungUp), errors.Is(err, syscall.ECONNRESET):
		return remedy{
			cause:   fmt.Sprintf("what listens at %s is no TURN server: a web server or a reverse proxy has the port, or coturn has this transport switched off", s.address()),
			fix:     "correct the port, or have the proxy pass the stream on without reading it",
			snippet: listener(s),
		}, true
	case errors.Is(err, errChallenge):
		return remedy{
			cause:   "the TURN server has no realm",
			fix:     "set one; clients cannot compute their key without it",
			snippet: "# coturn: turnserver.conf\nrealm=" + s.host,
		}, true
	case errors.Is(err, errNonces):
		return remedy{
			cause:   "the TURN server forgets its nonces at once: several servers answer under one address without sharing them, or stale-nonce is too short",
			fix:     "send each client to one server, and let nonces live ten minutes",
			snippet: "# coturn: turnserver.conf\nstale-nonce=600",
		}, true
	case errors.Is(err, errIntegrity):
		return remedy{
			cause:   "the server accepted the credentials but signs with others: something in between answers for it, or its realm differs from what it says",
			fix:     "take the proxy out of the way, and have one realm for all users",
			snippet: "# coturn: turnserver.conf\nrealm=" + s.host,
		}, true
	case errors.Is(err, errNoAddress):
		return remedy{
			cause: "the server's answer lacks the address that was asked for; it is too old (before RFC 5766) or broken",
			fix:   "update the TURN server",
		}, true
	}
	return remedy{}, false
}

// diagnoseCredentials tells an expiry from a secret.
func diagnoseCredentials(s server, c Credentials, now time.Time) remedy {
	const sharedSecret = "# coturn: turnserver.conf\nuse-auth-secret\nstatic-auth-secret=<the same as turn_shared_secret of Synapse's homeserver.yaml>"
	until, timed := expiry(c.Username)
	switch {
	case c.Username == "" || c.Password == "":
		return remedy{
			cause:   "the server wants credentials and there are none",
			fix:     "have the homeserver give them out (turn_shared_secret), or configure user name and password",
			snippet: sharedSecret,
		}
	case timed && until.Before(now):
		return remedy{
			cause:   "the credentials expired on " + day(until),
			fix:     "ask the homeserver for new ones; if these are new, its clock is slow or its turn_user_lifetime too short",
			snippet: "# Synapse: homeserver.yaml\nturn_user_lifetime: 1d",
		}
	case timed:
		return remedy{
			cause:   fmt.Sprintf("the TURN server has another secret than the homeserver that signed the credentials (they are good until %s, so it is not their age, unless the TURN server's clock is ahead)", day(until)),
			fix:     "put the same secret into both, and use-auth-secret without lt-cred-mech into coturn",
			snippet: sharedSecret,
		}
	}
	return remedy{
		cause:   "the TURN server does not know this user name with this password",
		fix:     "correct them, or let the homeserver make credentials from a shared secret",
		snippet: sharedSecret,
	}
}

// expiry reads the instant in front of a user name that a homeserver made:
// "<seconds since 1970>:<user>".
func expiry(username string) (time.Time, bool) {
	digits, _, _ := strings.Cut(username, ":")
	seconds, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || seconds < 1e9 || seconds > 1e11 {
		return time.Time{}, false
	}
	return time.Unix(seconds, 0), true
}
