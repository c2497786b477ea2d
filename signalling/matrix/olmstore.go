//go:build goolm

package matrix

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"sync"
	"time"

	"go.mau.fi/util/dbutil"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/id"
	_ "modernc.org/sqlite" // the SQLite driver, in Go

	"meshfocus/signalling/message"
)

// olmStore is mautrix' SQL store on one SQLite connection, in the state
// directory or in memory. (mautrix' own memory store takes the oldest session
// for the latest one, and has races.)
//
// The session methods are serialised here: the store's session cache and the
// single connection are two locks that it takes in both orders.
type olmStore struct {
	*crypto.SQLCryptoStore
	sessions sync.Mutex
	database *sql.DB
}

// openOlmStore opens or creates the store of a device. An empty path keeps it
// in memory.
func openOlmStore(ctx context.Context, path string, party message.Party, pickleKey []byte) (*olmStore, error) {
	// Small pages: in memory a table or index takes one at least, and there are
	// some forty.
	address := "file::memory:?_time_format=sqlite&_pragma=page_size(1024)"
	if path != "" {
		if err := createPrivate(path); err != nil {
			return nil, fmt.Errorf("encryption store: %w", err)
		}
		address = "file:" + path + "?_time_format=sqlite&_txlock=immediate" +
			"&_pragma=journal_mode(wal)&_pragma=synchronous(normal)&_pragma=busy_timeout(5000)"
	}
	database, err := sql.Open("sqlite", address)
	if err != nil {
		return nil, fmt.Errorf("encryption store: %w", err)
	}
	database.SetMaxOpenConns(1)
	database.SetConnMaxLifetime(0)
	database.SetConnMaxIdleTime(0)
	wrapped, err := dbutil.NewWithDB(database, "sqlite")
	if err != nil {
		return nil, fmt.Errorf("encryption store: %w", err)
	}
	store := &olmStore{
		SQLCryptoStore: crypto.NewSQLCryptoStore(wrapped, nil, party.String(), deviceID(party), pickleKey),
		database:       database,
	}
	if err = store.DB.Upgrade(ctx); err != nil {
		_ = database.Close()
		return nil, fmt.Errorf("encryption store: %w", err)
	}
	return store, nil
}

// createPrivate makes a file that nobody else may read, unless it is there;
// SQLite gives its permissions to the files beside it.
func createPrivate(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

// forgetDevice removes a device altogether; the store itself only marks them.
func (s *olmStore) forgetDevice(ctx context.Context, user id.UserID, device id.DeviceID) error {
	_, err := s.DB.Exec(ctx, "DELETE FROM crypto_device WHERE user_id=$1 AND device_id=$2", user, device)
	return err
}

func (s *olmStore) close() error { return s.database.Close() }

func (s *olmStore) HasSession(ctx context.Context, key id.SenderKey) bool {
	s.sessions.Lock()
	defer s.sessions.Unlock()
	return s.SQLCryptoStore.HasSession(ctx, key)
}

func (s *olmStore) GetSessions(ctx context.Context, key id.SenderKey) (crypto.OlmSessionList, error) {
	s.sessions.Lock()
	defer s.sessions.Unlock()
	return s.SQLCryptoStore.GetSessions(ctx, key)
}

func (s *olmStore) GetLatestSession(ctx context.Context, key id.SenderKey) (*crypto.OlmSession, error) {
	s.sessions.Lock()
	defer s.sessions.Unlock()
	return s.SQLCryptoStore.GetLatestSession(ctx, key)
}

func (s *olmStore) GetNewestSessionCreationTS(ctx context.Context, key id.SenderKey) (time.Time, error) {
	s.sessions.Lock()
	defer s.sessions.Unlock()
	return s.SQLCryptoStore.GetNewestSessionCreationTS(ctx, key)
}

func (s *olmStore) AddSession(ctx context.Context, key id.SenderKey, session *crypto.OlmSession) error {
	s.sessions.Lock()
	defer s.sessions.Unlock()
	return s.SQLCryptoStore.AddSession(ctx, key, session)
}

func (s *olmStore) UpdateSession(ctx context.Context, key id.SenderKey, session *crypto.OlmSession) error {
	s.sessions.Lock()
	defer s.sessions.Unlock()
	return s.SQLCryptoStore.UpdateSession(ctx, key, session)
}

func (s *olmStore) DeleteSession(ctx context.Context, key id.SenderKey, session *crypto.OlmSession) error {
	s.sessions.Lock()
	defer s.sessions.Unlock()
	return s.SQLCryptoStore.DeleteSession(ctx, key, session)
}
