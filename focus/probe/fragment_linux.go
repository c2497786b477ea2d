package probe

import "syscall"

// setDontFragment sends every datagram whole, whatever the kernel believes of
// the path: ip(7), IP_PMTUDISC_PROBE.
func setDontFragment(fd uintptr, ipv4 bool) error {
	if ipv4 {
		return syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_MTU_DISCOVER, syscall.IP_PMTUDISC_PROBE)
	}
	return syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_MTU_DISCOVER, syscall.IPV6_PMTUDISC_PROBE)
}
