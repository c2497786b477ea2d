package party

import (
	"net/netip"

	"meshfocus/focus/transport/srtp"
)

// known is the payload type of those who have not agreed to one.
const known = 96

// Address is where an End has its socket.
func (e *End) Address() netip.AddrPort { return e.socket.local }

// Direct has an End send to an address, and take what comes, by a key that is the same
// for all and no secret: without a description, ICE and DTLS, and without feedback that
// would have to be agreed to. It is in the place of Offer and Accept, for what passes on
// datagrams and is no server. It is called once.
func (e *End) Direct(to netip.AddrPort) error {
	profile := e.load.config.Profile
	keys, err := srtp.NewKeys(profile, make([]byte, profile.MaterialLen()))
	if err != nil {
		return err
	}
	seal, err := srtp.NewSealer(keys.Client)
	if err != nil {
		return err
	}
	open, err := srtp.NewOpener(keys.Client)
	if err != nil {
		return err
	}
	e.change(func(w *wire) {
		w.seal, w.open, w.remote, w.sending, w.reduced = seal, open, to, len(e.sources) > 0, true
		w.out.media, w.in.media = known, known
	})
	close(e.ready)
	return nil
}
