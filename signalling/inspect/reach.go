package inspect

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// checkDNS looks the host up.
func (i *Inspector) checkDNS(ctx context.Context) Finding {
	host := i.base.Hostname()
	tried := "look up " + host
	if _, err := netip.ParseAddr(host); err == nil {
		return Finding{Tried: tried, Found: "it is an address already"}
	}
	ctx, cancel := context.WithTimeout(ctx, i.config.Patience)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	var dnsError *net.DNSError
	switch {
	case errors.As(err, &dnsError) && dnsError.IsNotFound:
		return Finding{Level: Broken, Tried: tried, Found: "no such name",
			Cause: "a typing error, a record that is missing, or a name that only another network's resolver knows (VPN, split DNS)",
			Fix:   "add A and AAAA records for " + host + ", or run doctor where the name is known"}
	case err != nil:
		return Finding{Level: Broken, Tried: tried, Found: excerpt(err.Error()),
			Cause: "the resolver of this machine does not answer", Fix: "try again, or from another machine; the homeserver was not reached at all"}
	}
	var names []string
	for _, address := range addresses {
		names = append(names, address.Unmap().String())
	}
	return Finding{Tried: tried, Found: strings.Join(names, ", ")}
}

// connectTime is how long a connection may take for one address.
const connectTime = 4 * time.Second

// checkConnect opens a TCP connection to every address of the host, because
// a dead one among them costs some clients a wait and others the call.
func (i *Inspector) checkConnect(ctx context.Context) Finding {
	host, port := i.base.Hostname(), cmp.Or(i.base.Port(), map[string]string{"https": "443", "http": "80"}[i.base.Scheme])
	tried := fmt.Sprintf("connect to port %s of %s", port, host)
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return Finding{Level: Broken, Tried: tried, Found: excerpt(err.Error()), Cause: "the name was there a moment ago", Fix: "look at the resolver"}
	}
	good, bad, last := i.dialEach(ctx, addresses, port)
	switch {
	case len(good) == 0 && errors.Is(last, syscall.ECONNREFUSED):
		return Finding{Level: Broken, Tried: tried, Found: "connection refused", Cause: "nothing listens there: homeserver or reverse proxy is not running, or listens on another address or port",
			Fix: "start it, and look with `ss -ltnp` on the server what listens where; behind a container publish port " + port}
	case len(good)+len(bad) == 0:
		return Finding{Level: Broken, Tried: tried, Found: plainError(reason(last)), Cause: "this machine is in no network that leads to " + strings.Join(addresses, ", "),
			Fix: "run doctor from another network; if the server has IPv6 alone, many clients cannot reach it either"}
	case len(good) == 0:
		return Finding{Level: Broken, Tried: tried, Found: "no answer (" + plainError(reason(last)) + ")", Cause: "a firewall or router drops what arrives for port " + port + ", or the address is an old one",
			Fix: "open TCP " + port + " in firewall and router, and compare the address with that of the server"}
	case len(bad) > 0 && host != "localhost":
		return Finding{Level: Warning, Tried: tried, Found: fmt.Sprintf("%s answers, %s does not", strings.Join(good, ", "), strings.Join(bad, ", ")),
			Cause: "a DNS record (often AAAA) names an address on which nothing listens; clients of that family wait or fail",
			Fix:   "listen on that address too, or remove its record"}
	}
	return Finding{Tried: tried, Found: "connected to " + strings.Join(good, ", ")}
}

// dialEach tries every address. Those in a network that this machine has not,
// IPv6 often, say nothing about the server, unless there are no others.
func (i *Inspector) dialEach(ctx context.Context, addresses []string, port string) (good, bad []string, last error) {
	dialer := &net.Dialer{Timeout: min(connectTime, i.config.Patience)}
	for _, address := range addresses {
		connection, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(address, port))
		switch {
		case err == nil:
			_ = connection.Close()
			good = append(good, address)
		case errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EADDRNOTAVAIL):
			last = cmp.Or(last, err)
		default:
			last, bad = err, append(bad, address)
		}
	}
	return good, bad, last
}

// reason is the inmost error of a failed dial, which names no address.
func reason(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// expiresSoon is when a certificate should have been renewed: authorities of
// short-lived ones renew with a third left, 30 of 90 days.
const expiresSoon = 14 * 24 * time.Hour

// checkTLS looks at the certificate by itself, so that what is wrong with it
// has a name.
func (i *Inspector) checkTLS(ctx context.Context) Finding {
	host := i.base.Hostname()
	if i.base.Scheme == "http" {
		return i.judgePlain()
	}
	tried := "check the certificate for " + host
	dialer := tls.Dialer{Config: &tls.Config{ServerName: host, InsecureSkipVerify: true}} // verified below, by parts
	ctx, cancel := context.WithTimeout(ctx, i.config.Patience)
	defer cancel()
	connection, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, cmp.Or(i.base.Port(), "443")))
	if err != nil {
		return judgeHandshake(err, i.base, tried)
	}
	defer connection.Close()
	state := connection.(*tls.Conn).ConnectionState()
	f := judgeCertificate(state.PeerCertificates, host, i.config.Roots, time.Now())
	f.Tried = tried
	return f
}

func judgeHandshake(err error, base *url.URL, tried string) Finding {
	host := base.Hostname()
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		return Finding{Level: Broken, Tried: tried, Found: "the port does not speak TLS", Cause: "plain HTTP is served there",
			Fix: "put a reverse proxy with a certificate in front; or, in your own network only, give http://" + base.Host, Command: proxy("caddy", host)}
	}
	return Finding{Level: Broken, Tried: tried, Found: "no TLS connection: " + excerpt(err.Error()),
		Cause: "the server has no certificate for this name, or something between cuts TLS off", Fix: "look at the log of the reverse proxy; Caddy fetches a certificate once the name points to it", Command: proxy("caddy", host)}
}

// judgePlain is about http://, which is good on the machine itself only.
func (i *Inspector) judgePlain() Finding {
	host := i.base.Hostname()
	tried := "see whether the connection is encrypted"
	if address, err := netip.ParseAddr(host); host == "localhost" || err == nil && address.IsLoopback() {
		return Finding{Tried: tried, Found: "plain HTTP on the machine itself, which is good enough for tests"}
	}
	return Finding{Level: Warning, Tried: tried, Found: "plain HTTP",
		Cause: "no certificate yet; pages served by HTTPS may not talk to it, and everybody on the way reads tokens",
		Fix:   "put a reverse proxy with a certificate in front", Command: proxy("caddy", host)}
}

// judgeCertificate says what a client would object to: time first, then the
// name, then who signed it. Pure.
func judgeCertificate(chain []*x509.Certificate, host string, roots *x509.CertPool, now time.Time) Finding {
	if len(chain) == 0 {
		return Finding{Level: Broken, Found: "no certificate", Cause: "the server offers none", Fix: "configure one", Command: proxy("caddy", host)}
	}
	leaf, between := chain[0], x509.NewCertPool()
	for _, certificate := range chain[1:] {
		between.AddCert(certificate)
	}
	const renewed = "renew it and reload what serves it: certbot renew --force-renewal; Caddy does it by itself if ports 80 and 443 reach it"
	switch {
	case now.After(leaf.NotAfter):
		return Finding{Level: Broken, Found: fmt.Sprintf("expired on %s", day(leaf.NotAfter)), Cause: "renewal failed, or the server was not reloaded after it", Fix: renewed}
	case now.Before(leaf.NotBefore):
		return Finding{Level: Broken, Found: fmt.Sprintf("valid from %s on only", day(leaf.NotBefore)), Cause: "a clock is wrong, on the machine that made it or on this one", Fix: "set both clocks by NTP"}
	}
	if leaf.VerifyHostname(host) != nil {
		return Finding{Level: Broken, Found: "it is for " + namesOf(leaf), Cause: "another site's certificate is served for " + host + ": the reverse proxy has no site of that name, or the certificate lacks it",
			Fix: "add " + host + " to the site and its certificate", Command: proxy("caddy", host)}
	}
	_, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: between, CurrentTime: now})
	switch {
	case err == nil && leaf.NotAfter.Sub(now) < expiresSoon:
		return Finding{Level: Warning, Found: fmt.Sprintf("good until %s, %d days from now", day(leaf.NotAfter), int(leaf.NotAfter.Sub(now).Hours()/24)),
			Cause: "by now it should have been renewed", Fix: renewed}
	case err == nil:
		return fine("good until %s, signed by %s", day(leaf.NotAfter), cmp.Or(leaf.Issuer.CommonName, strings.Join(leaf.Issuer.Organization, ", ")))
	case leaf.Issuer.String() == leaf.Subject.String():
		return Finding{Level: Broken, Found: "self-signed", Cause: "it was made on the server; no device believes it unless its owner says so",
			Fix: "get one from an authority; a private one has to be installed on every phone, and here with --ca"}
	case len(chain) == 1:
		return Finding{Level: Broken, Found: "signed by " + leaf.Issuer.CommonName + ", whose own certificate is missing", Cause: "the chain is incomplete, which browsers mend and phones and Go do not; or the authority is a private one",
			Fix: "serve fullchain.pem instead of cert.pem; give a private authority with --ca"}
	}
	return Finding{Level: Broken, Found: excerpt(err.Error()), Cause: "the authority is not one that this machine believes",
		Fix: "get a certificate from a public authority; give a private one with --ca"}
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }

func namesOf(leaf *x509.Certificate) string {
	names := append([]string{}, leaf.DNSNames...)
	for _, address := range leaf.IPAddresses {
		names = append(names, address.String())
	}
	if len(names) == 0 {
		return cmp.Or(leaf.Subject.CommonName, "no name at all")
	}
	if len(names) > 4 {
		names = append(names[:4], fmt.Sprintf("%d others", len(names)-4))
	}
	return strings.Join(names, ", ")
}
