package main

import (
	"os"
	"strings"

	"github.com/spf13/pflag"

	"meshfocus/signalling/matrix"
)

// signIn are the flags by which a verb signs in to a homeserver. All verbs that
// do so have the same ones.
type signIn struct {
	homeserver, token, user, passwordFile, device, state string
}

// addFlags adds the flags of signing in.
func (s *signIn) addFlags(f *pflag.FlagSet) {
	f.StringVar(&s.homeserver, "homeserver", "", "base `URL` of the homeserver, or its server name")
	f.StringVar(&s.token, "token", "", "access `TOKEN` (better: environment MESHFOCUS_TOKEN)")
	f.StringVar(&s.user, "user", "", "user `ID` to log in as, with a password")
	f.StringVar(&s.passwordFile, "password-file", "", "`FILE` whose first line is the password (or environment MESHFOCUS_PASSWORD)")
	f.StringVar(&s.device, "device", "", "device `ID` to log in with")
	f.StringVar(&s.state, "state", "", "`DIR` that keeps login and keys, so that the same device returns")
}

// account says who signs in. A secret given on the command line goes before
// one from the environment, and an explicit user before a token that lies
// about there. The result is not validated: the caller adds what it needs.
func (s signIn) account(std streams) (matrix.Config, error) {
	if s.homeserver == "" {
		return matrix.Config{}, usage("--homeserver is missing: give its base URL, such as http://127.0.0.1:8008")
	}
	account := matrix.Config{Homeserver: s.homeserver, Token: s.token, UserID: s.user, DeviceID: s.device, StateDir: s.state}
	if s.passwordFile != "" {
		text, err := os.ReadFile(s.passwordFile)
		if err != nil {
			return account, usage("--password-file: %w", err)
		}
		account.Password, _, _ = strings.Cut(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	}
	if account.Token == "" && account.Password == "" && s.user != "" {
		account.Password = std.variable("MESHFOCUS_PASSWORD")
	}
	if account.Token == "" && account.Password == "" {
		account.Token = std.variable("MESHFOCUS_TOKEN")
	}
	return account, nil
}
