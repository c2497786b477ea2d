package probe

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// External compares the addresses that media.external announces with what a
// STUN server sees. Entries are "203.0.113.5" or "203.0.113.5/10.0.0.2", as in
// the setting.
func (p *Prober) External(ctx context.Context, server string, configured []string) (f Finding) {
	s, err := parseServer(server, UDP)
	if err != nil {
		return unreadable("external", server, err)
	}
	f = begin("external", fmt.Sprintf("the external addresses [%s] against what %s sees", printable(strings.Join(configured, " ")), s))
	defer f.took(time.Now())
	p.say("external: asking %s for our address", s)
	local, seen, err := p.reflexive(ctx, s)
	switch {
	case stopped(ctx, &f):
	case err != nil:
		f.Found = err.Error()
		f.worse(Skipped, remedy{cause: "the server does not tell our address", fix: "see the finding on STUN first"})
	default:
		f.judgeExternal(local.Addr(), seen.Addr(), configured)
	}
	return f
}

// judgeExternal compares for the local address that the way to the server has.
func (f *Finding) judgeExternal(local, seen netip.Addr, configured []string) {
	right := "# meshfocus: settings\nmedia:\n  external: [\"" + seen.String() + "\"]"
	f.Found = "from outside our " + local.String() + " is " + seen.String()
	var others []string
	for _, entry := range configured {
		public, inner, err := externalEntry(entry)
		if err != nil {
			f.worse(Broken, remedy{cause: err.Error(), fix: "correct the entry", snippet: right})
			return
		}
		if public == seen && (!inner.IsValid() || inner == local) {
			return
		}
		if public.Is4() == seen.Is4() && (!inner.IsValid() || inner == local) {
			others = append(others, public.String())
		}
	}
	switch {
	case len(others) > 0 && seen != local:
		f.worse(Broken, remedy{
			cause:   "the setting announces " + strings.Join(others, ", ") + ", but the address from outside is " + seen.String() + ": the provider has given another one, or the entry is another machine's",
			fix:     "correct the setting",
			snippet: right,
		})
	case len(others) > 0:
		f.worse(Note, remedy{
			cause: "the setting announces " + strings.Join(others, ", ") + ", which this server does not see: right if it is in the same network as we are, wrong if it is outside",
			fix:   "ask a STUN server outside this network",
		})
	case seen != local:
		f.worse(Note, remedy{
			cause:   "there is a NAT and no external address is set: parties are reached by what STUN finds out, which fails behind NATs that give each destination another port",
			fix:     "if the router forwards the media port to this machine, say so",
			snippet: right,
		})
	}
}

// externalEntry reads an entry of the setting.
func externalEntry(entry string) (public, local netip.Addr, err error) {
	outer, inner, mapped := strings.Cut(entry, "/")
	if public, err = netip.ParseAddr(outer); err == nil && mapped {
		local, err = netip.ParseAddr(inner)
	}
	if err != nil {
		err = fmt.Errorf("external address %q: want \"203.0.113.5\" or \"203.0.113.5/10.0.0.2\"", printable(entry))
	}
	return public.Unmap(), local.Unmap(), err
}
