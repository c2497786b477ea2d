package home

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
)

// flow is one way to prove oneself: all of its stages.
type flow struct {
	Stages []string `json:"stages"`
}

// The stages that we can pass ("User-Interactive Authentication API" of the
// client-server API).
const (
	stageDummy    = "m.login.dummy"
	stageToken    = "m.login.registration_token"
	stagePassword = "m.login.password"
)

// account is who a device is.
type account struct {
	User   string `json:"user_id"`
	Device string `json:"device_id"`
	Token  string `json:"access_token"`
}

// register makes an account with a device. The token is for homeservers that want
// one of registration, "" if there is none. The error says what the homeserver wants.
func (w *wire) register(ctx context.Context, name, password, token string) (a account, err error) {
	request := object{"username": name, "password": password, "initial_device_display_name": "meshbench"}
	var limited atomic.Uint64
	err = w.inStages(ctx, request, object{"type": stageDummy}, func(stage, session string) object {
		switch {
		case stage == stageToken && token != "":
			return object{"type": stage, "session": session, "token": token}
		case stage == stageDummy:
			return object{"type": stage, "session": session}
		}
		return nil
	}, func() error {
		return patiently(ctx, &limited, func() error { return w.call(ctx, "", http.MethodPost, "v3/register", request, &a) })
	})
	if err != nil {
		return a, fmt.Errorf("an account for %s: %w", name, err)
	}
	if a.Token == "" {
		return a, fmt.Errorf("an account for %s: the homeserver gave no token", name)
	}
	return a, nil
}

// deactivate ends an account that register has made.
func (w *wire) deactivate(ctx context.Context, a account, password string) error {
	request := object{}
	return w.inStages(ctx, request, nil, func(stage, session string) object {
		if stage != stagePassword {
			return nil
		}
		return object{"type": stage, "session": session, "password": password, "identifier": object{"type": "m.id.user", "user": a.User}}
	}, func() error { return w.call(ctx, a.Token, http.MethodPost, "v3/account/deactivate", request, nil) })
}

// inStages sends a request again and again, each time with the proof of another
// stage as its auth, until it is granted. pass gives nil for a stage that we cannot.
func (w *wire) inStages(ctx context.Context, request, first object, pass func(stage, session string) object, send func() error) error {
	if first != nil {
		request["auth"] = first
	}
	var passed []string
	for {
		err := send()
		var no *refusal
		if !errors.As(err, &no) || no.status != http.StatusUnauthorized || no.session == "" {
			return err
		}
		stage, proof := next(no, passed, pass)
		if proof == nil {
			return fmt.Errorf("it wants one of %v, or refuses what it got: %w", no.flows, err)
		}
		passed = append(passed, stage)
		request["auth"] = proof
	}
}

// next gives the first stage that was not passed of a flow that we can go to its end.
func next(no *refusal, passed []string, pass func(stage, session string) object) (string, object) {
	for _, f := range no.flows {
		left := slices.DeleteFunc(slices.Clone(f.Stages), func(stage string) bool { return slices.Contains(passed, stage) })
		hopeless := slices.ContainsFunc(left, func(stage string) bool { return pass(stage, no.session) == nil })
		if len(left) > 0 && !hopeless {
			return left[0], pass(left[0], no.session)
		}
	}
	return "", nil
}
