package matrix

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2/maybe"
	"maunium.net/go/mautrix/id"

	"meshfocus/signalling/message"
)

// credentials is what account.json in the state directory holds. PickleKey
// wraps the Olm keys in the database beside it.
type credentials struct {
	Homeserver string `json:"homeserver"`
	UserID     string `json:"user_id"`
	DeviceID   string `json:"device_id"`
	Token      string `json:"access_token"`
	PickleKey  []byte `json:"pickle_key"`
}

func (c credentials) party() message.Party {
	return message.Party{UserID: c.UserID, DeviceID: c.DeviceID}
}

// accountStore is the state directory: account.json, and olm.db which the
// crypto store opens. Used by Open only, except for forget and close.
type accountStore struct {
	directory   string
	credentials credentials
	lock        *os.File
}

func openAccountStore(directory string) (*accountStore, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	store := &accountStore{directory: directory}
	var err error
	if store.lock, err = lockFile(filepath.Join(directory, "lock")); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrStateInUse, directory)
	}
	if err = store.read(); err != nil {
		return nil, errors.Join(fmt.Errorf("state directory: %w", err), store.close())
	}
	return store, nil
}

func (s *accountStore) path() string { return filepath.Join(s.directory, "account.json") }

func (s *accountStore) database() string { return filepath.Join(s.directory, "olm.db") }

func (s *accountStore) read() error {
	text, err := os.ReadFile(s.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err = json.Unmarshal(text, &s.credentials); err != nil {
		return fmt.Errorf("%s is damaged: %w", s.path(), err)
	}
	return nil
}

// keep stores who we are. Another account than the stored one is refused, its
// keys are not ours to overwrite.
func (s *accountStore) keep(party message.Party, homeserver, token string) error {
	known := s.credentials.party()
	if known != (message.Party{}) && known != party {
		return fmt.Errorf("%w: %s holds %s, the credentials are those of %s; use another directory",
			ErrStateMismatch, s.directory, known, party)
	}
	s.credentials.UserID, s.credentials.DeviceID = party.UserID, party.DeviceID
	s.credentials.Homeserver, s.credentials.Token = homeserver, token
	if len(s.credentials.PickleKey) == 0 {
		s.credentials.PickleKey = make([]byte, 32)
		if _, err := rand.Read(s.credentials.PickleKey); err != nil {
			return err
		}
	}
	return s.write()
}

// write replaces account.json as a whole, so that a crash leaves the old or
// the new one.
func (s *accountStore) write() error {
	text, err := json.MarshalIndent(s.credentials, "", "  ")
	if err != nil {
		return err
	}
	return maybe.WriteFile(s.path(), text, 0o600)
}

// forget removes what a logged-out device leaves behind.
func (s *accountStore) forget() error {
	var errs []error
	for _, path := range []string{s.path(), s.database(), s.database() + "-wal", s.database() + "-shm"} {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (s *accountStore) close() error {
	if s.lock == nil {
		return nil
	}
	return s.lock.Close()
}

func userID(p message.Party) id.UserID { return id.UserID(p.UserID) }

func deviceID(p message.Party) id.DeviceID { return id.DeviceID(p.DeviceID) }
