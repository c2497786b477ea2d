package inspect

import (
	"context"
	"fmt"
	"net/http"
	"slices"
)

// checkToken finds out who we are; with a password it logs in first.
func (i *Inspector) checkToken(ctx context.Context) Finding {
	if i.token == "" && i.config.User == "" {
		return Finding{Level: Skipped, Tried: "use an account", Found: "no token and no login was given, so only what strangers see is checked",
			Fix: "give --token-file, or --user and --password-file; any account on the server will do, better an own one for doctor"}
	}
	if i.token == "" {
		if f := i.login(ctx); f.Level != Fine {
			return f
		}
	}
	a := i.ask(ctx, http.MethodGet, clientPath("v3", "account", "whoami"), nil)
	var who struct {
		User   string `json:"user_id"`
		Device string `json:"device_id"`
		Guest  bool   `json:"is_guest"`
	}
	a.read(&who)
	i.userID, i.deviceID, i.guest = who.User, who.Device, who.Guest
	f := i.judgeWhoami(a)
	f.Tried = "ask whose token it is (GET …/account/whoami)"
	if i.loggedIn {
		f.Tried = "log in as " + i.config.User + ", for the time of these checks, and " + f.Tried
	}
	return f
}

func (i *Inspector) judgeWhoami(a answer) Finding {
	switch {
	case a.ok() && i.userID != "" && i.deviceID == "":
		return Finding{Level: Warning, Found: i.userID + ", without a device", Cause: "the token is one of an application service or an administrator; a call needs a device",
			Fix: "take the token of a login"}
	case a.ok() && i.userID != "":
		kind := ""
		if i.guest {
			kind = ", a guest"
		}
		return fine("%s, device %s%s", i.userID, i.deviceID, kind)
	case a.errcode() == "M_UNKNOWN_TOKEN":
		return Finding{Level: Broken, Found: a.words(), Cause: "the token has been logged out, has expired, or belongs to another homeserver",
			Fix: "take a new one from a client (Element: Settings, Help & About, Access Token), or let doctor log in with --user and --password-file"}
	case a.errcode() == "M_MISSING_TOKEN":
		return Finding{Level: Broken, Found: a.words(), Cause: "a token was sent and did not arrive: the reverse proxy takes the Authorization header away",
			Fix: "pass it on: with basic auth in front, or Apache without CGIPassAuth, it is lost", Command: proxy("nginx", i.base.Hostname())}
	case a.status == http.StatusUnauthorized && a.errcode() == "":
		return Finding{Level: Broken, Found: a.words(), Cause: "that is not the homeserver's answer, which always gives a reason: something before it wants a login of its own",
			Fix: "take /_matrix out of basic auth or single sign-on", Command: proxy("nginx", i.base.Hostname())}
	}
	return Finding{Level: Broken, Found: a.words(), Cause: "the homeserver does not take part of the API that every client begins with", Fix: "look at its log"}
}

// login makes a device with the password.
func (i *Inspector) login(ctx context.Context) Finding {
	tried := "log in as " + i.config.User + " with a password"
	flows := i.ask(ctx, http.MethodGet, clientPath("v3", "login"), nil)
	var offered struct {
		Flows []struct{ Type string }
	}
	flows.read(&offered)
	if flows.ok() && !slices.ContainsFunc(offered.Flows, func(f struct{ Type string }) bool { return f.Type == "m.login.password" }) {
		return Finding{Level: Broken, Tried: tried, Found: "the homeserver takes no passwords from clients", Cause: "its accounts are with an authentication service (MAS, single sign-on)",
			Fix: "give a token instead: --token-file"}
	}
	a := i.ask(ctx, http.MethodPost, clientPath("v3", "login"), map[string]any{
		"type": "m.login.password", "identifier": map[string]string{"type": "m.id.user", "user": i.config.User},
		"password": i.config.Password, "initial_device_display_name": "meshfocus doctor",
	})
	var made struct {
		Token string `json:"access_token"`
	}
	a.read(&made)
	if i.token = made.Token; a.ok() && i.token != "" {
		i.loggedIn = true
		return Finding{}
	}
	f := Finding{Level: Broken, Tried: tried, Found: a.words(), Cause: "the homeserver refuses the login", Fix: "look at its log"}
	switch {
	case a.errcode() == "M_FORBIDDEN":
		f.Cause, f.Fix = "user or password is wrong", "try them in a client; the password is the file's first line"
	case a.errcode() == "M_USER_DEACTIVATED":
		f.Cause, f.Fix = "the account is deactivated", "take another one"
	case a.status == http.StatusTooManyRequests:
		f.Cause, f.Fix = "too many logins from this address", fmt.Sprintf("wait %s, or give a token", plainTime(a.retryAfter()))
	}
	return f
}
