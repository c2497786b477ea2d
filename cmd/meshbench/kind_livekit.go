package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
)

// farLiveKit is what is asked of run about a LiveKit that runs already.
type farLiveKit struct {
	url, key, secret string
	process          int
}

func (k *farLiveKit) flags(flags *pflag.FlagSet) {
	flags.StringVar(&k.url, "livekit-at", "", "URL of a LiveKit that runs already, such as wss://livekit.example.org: the target livekit-at")
	flags.StringVar(&k.key, "livekit-key", "", "key of its API")
	flags.StringVar(&k.secret, "livekit-secret", "", "secret of that key")
	flags.IntVar(&k.process, "livekit-process", 0, "number of its process, if it runs here: what it uses is counted")
}

func (k farLiveKit) given() bool { return k.url != "" }

// host is where it is.
func (k farLiveKit) host() (string, error) {
	address := k.url
	if rest, ok := strings.CutPrefix(address, "ws"); ok { // ws and wss
		address = "http" + rest
	}
	host, err := hostOf("--livekit-at", address)
	if err != nil {
		return "", fmt.Errorf("--livekit-at %q is no address such as wss://livekit.example.org", k.url)
	}
	return host, nil
}

// own is the address of parties: that from which the server is reached.
func (k farLiveKit) own() (string, error) {
	host, err := k.host()
	if err != nil || here(host) {
		return loopback, err
	}
	address, err := toward(host)
	return address.String(), err
}

// rival is the target, once it is known that scenarios can be had of it and that it
// may be sent them.
func (k farLiveKit) rival(mayLoad string, scenarios []scenario.Scenario) (rival.Rival, error) {
	host, err := k.host()
	if err != nil {
		return nil, err
	}
	if k.key == "" || k.secret == "" {
		return nil, errors.New("the target livekit-at is given by --livekit-at URL, --livekit-key and --livekit-secret")
	}
	if err := counted(k.process, "--livekit-process", scenarios); err != nil {
		return nil, err
	}
	if err := gentle(scenarios, mayLoad, host); err != nil {
		return nil, err
	}
	return rival.LiveKitAt{URL: k.url, Key: k.key, Secret: k.secret, Process: k.process}, nil
}
