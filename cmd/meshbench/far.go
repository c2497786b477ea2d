package main

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// hostOf gives the host of a server that was given by its URL.
func hostOf(flag, address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("%s %q is no address such as https://matrix.example.org", flag, address)
	}
	return u.Hostname(), nil
}

// here reports whether a host is this machine, by its name alone.
func here(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// permitted says whether a server may get more load than the bound, beyond which one
// that is far has to be named twice.
func permitted(host, mayLoad, load, bound string) error {
	if here(host) || slices.Contains(strings.Split(mayLoad, ","), host) {
		return nil
	}
	return fmt.Errorf("%s: say --i-may-load %s if you may send that there; without it %s are sent at most", load, host, bound)
}

// toward is our address as a host sees it, as far as this machine knows.
func toward(host string) (netip.Addr, error) {
	connection, err := net.Dial("udp4", net.JoinHostPort(host, "9")) // nothing is sent
	if err != nil {
		return netip.Addr{}, fmt.Errorf("there is no way to %s: %w", host, err)
	}
	defer connection.Close()
	return connection.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil // of a UDP socket
}
