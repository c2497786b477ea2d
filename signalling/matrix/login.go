package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"maunium.net/go/mautrix"

	"meshfocus/signalling/message"
)

// findHomeserver turns what the user gave into a base URL: a URL is taken as
// it is, a server name is looked up by .well-known and falls back to the name
// itself (client-server API, server discovery).
func findHomeserver(ctx context.Context, homeserver string, transport http.RoundTripper) (*url.URL, error) {
	if strings.Contains(homeserver, "://") {
		return parseBase(homeserver)
	}
	base, err := parseBase("https://" + homeserver)
	if err != nil {
		return nil, err
	}
	found, err := askWellKnown(ctx, base, transport)
	if err != nil {
		return nil, err
	}
	if found == "" {
		return base, nil
	}
	return parseBase(found)
}

func parseBase(text string) (*url.URL, error) {
	base, err := url.Parse(strings.TrimRight(text, "/"))
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, fmt.Errorf("homeserver %q is no address: give a URL like https://matrix.example.org or a server name", text)
	}
	return base, nil
}

// askWellKnown reads the base URL a server name delegates to; "" when the name
// delegates to nobody.
func askWellKnown(ctx context.Context, base *url.URL, transport http.RoundTripper) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath(".well-known/matrix/client").String(), nil)
	if err != nil {
		return "", err
	}
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return "", unreachable(base, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return "", nil
	}
	var wellKnown struct {
		Homeserver struct {
			BaseURL string `json:"base_url"`
		} `json:"m.homeserver"`
	}
	err = readJSON(answer.Body, &wellKnown)
	if err != nil || wellKnown.Homeserver.BaseURL == "" {
		return "", fmt.Errorf("%w: %s delegates by .well-known, but names no m.homeserver base_url", ErrUnreachable, base.Host)
	}
	return wellKnown.Homeserver.BaseURL, nil
}

// readJSON reads a small answer of a server that may be anybody.
func readJSON(body io.Reader, into any) error {
	return json.NewDecoder(io.LimitReader(body, 64<<10)).Decode(into)
}

// authenticate finds a token that works, in this order: the one given, the one
// stored, a new one by password. Then party is who the homeserver says we are.
func (a *Account) authenticate(ctx context.Context) error {
	stored := a.storedCredentials()
	switch {
	case a.config.Token != "":
		return a.useToken(ctx, a.config.Token)
	case stored.Token != "" && a.config.Password == "":
		return a.useToken(ctx, stored.Token)
	case stored.Token != "":
		err := a.useToken(ctx, stored.Token)
		if !errors.Is(err, ErrBadToken) {
			return err
		}
		return a.logIn(ctx, stored.DeviceID)
	case a.config.Password != "":
		return a.logIn(ctx, a.config.DeviceID)
	default:
		return fmt.Errorf("state directory %s holds no account: give a token, or user and password", a.config.StateDir)
	}
}

func (a *Account) storedCredentials() credentials {
	if a.store == nil {
		return credentials{}
	}
	return a.store.credentials
}

// useToken asks whom a token belongs to.
func (a *Account) useToken(ctx context.Context, token string) error {
	a.client.AccessToken = token
	var answer struct {
		UserID   string `json:"user_id"`
		DeviceID string `json:"device_id"`
	}
	err := a.patiently(ctx, func(ctx context.Context) error {
		return a.call(ctx, http.MethodGet, clientPath("v3", "account", "whoami"), nil, nil, &answer)
	})
	switch {
	case err != nil:
		return a.explain("use access token", err)
	case answer.DeviceID == "":
		return errors.New("the access token belongs to no device: calls go from device to device, log in to get one")
	case a.config.DeviceID != "" && a.config.DeviceID != answer.DeviceID:
		return fmt.Errorf("the access token belongs to device %s, not to %s: leave the device out, or give its own token",
			answer.DeviceID, a.config.DeviceID)
	}
	return a.become(message.Party{UserID: answer.UserID, DeviceID: answer.DeviceID})
}

// logIn gets a token by password, for the given device or a new one.
func (a *Account) logIn(ctx context.Context, deviceID string) error {
	request := map[string]any{
		"type":                        "m.login.password",
		"identifier":                  map[string]string{"type": "m.id.user", "user": a.config.UserID},
		"password":                    a.config.Password,
		"initial_device_display_name": a.config.DeviceName,
	}
	if deviceID != "" {
		request["device_id"] = deviceID
	}
	var answer struct {
		Token    string `json:"access_token"`
		UserID   string `json:"user_id"`
		DeviceID string `json:"device_id"`
	}
	err := a.patiently(ctx, func(ctx context.Context) error {
		return a.call(ctx, http.MethodPost, clientPath("v3", "login"), nil, request, &answer)
	})
	if found := classify(err); found.kind == faultForbidden || found.kind == faultToken {
		return fmt.Errorf("log in as %s: %w: %s", a.config.UserID, ErrBadLogin, found.words())
	}
	if err != nil {
		return a.explain("log in as "+a.config.UserID, err)
	}
	a.client.AccessToken = answer.Token
	return a.become(message.Party{UserID: answer.UserID, DeviceID: answer.DeviceID})
}

// publishedKeys asks what the homeserver tells others about our device; nil
// when it has no keys.
func (a *Account) publishedKeys(ctx context.Context) (*mautrix.DeviceKeys, error) {
	self := a.party
	var answer *mautrix.RespQueryKeys
	err := a.patiently(ctx, func(ctx context.Context) (err error) {
		answer, err = a.client.QueryKeys(ctx, &mautrix.ReqQueryKeys{
			DeviceKeys: mautrix.DeviceKeysRequest{userID(self): {deviceID(self)}},
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	keys, ok := answer.DeviceKeys[userID(self)][deviceID(self)]
	if !ok {
		return nil, nil
	}
	return &keys, nil
}

// warnOfKeys tells when encryption is off for a device that has published
// keys: others will encrypt to it, and it cannot read that.
func (a *Account) warnOfKeys(ctx context.Context) {
	if keys, err := a.publishedKeys(ctx); err == nil && keys != nil {
		a.log.Warn("encryption is off, but this device has published keys: peers that encrypt will not be understood; use another device")
	}
}

// become settles who we are, and stores it.
func (a *Account) become(party message.Party) error {
	a.party = party
	a.client.UserID, a.client.DeviceID = userID(party), deviceID(party)
	if a.store == nil {
		return nil
	}
	return a.store.keep(party, a.client.HomeserverURL.String(), a.client.AccessToken)
}
