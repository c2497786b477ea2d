package matrix

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"

	"github.com/rs/zerolog"

	"meshfocus/signalling/message"
)

// levelOfFailure keeps a lasting failure from filling the log: the first one
// warns, and then every tenth; the rest explain themselves at debug level. To
// be asked for patience once is no failure.
func levelOfFailure(kind faultKind, failures int) slog.Level {
	if (failures == 1 && kind != faultLimited) || (failures > 0 && failures%10 == 0) {
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

// noted remembers what was said already. Any goroutine may ask.
type noted struct {
	mutex sync.Mutex
	said  map[string]bool // guarded by mutex
}

// first reports true once for a matter and a party.
func (n *noted) first(matter string, party message.Party) bool {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	key := matter + " " + party.String()
	if n.said[key] {
		return false
	}
	if n.said == nil {
		n.said = map[string]bool{}
	}
	n.said[key] = true
	return true
}

// libraryLog bridges mautrix' zerolog to slog: warnings and errors only, at
// debug level, and of their fields only those known to be harmless. What
// matters this package reports itself.
func libraryLog(log *slog.Logger) zerolog.Logger {
	return zerolog.New(libraryWriter{log}).Level(zerolog.WarnLevel)
}

type libraryWriter struct{ log *slog.Logger }

// harmless are the fields of library messages that hold no keys, bodies or
// addresses.
var harmless = []string{
	"error", "err", "method", "status_code", "user_id", "device_id", "sender", "type",
	"target_user_id", "target_device_id", "peer_user_id", "peer_device_id", "decrypted_type",
}

func (w libraryWriter) Write(line []byte) (int, error) {
	if !w.log.Enabled(context.Background(), slog.LevelDebug) {
		return len(line), nil
	}
	var fields map[string]any
	if json.Unmarshal(line, &fields) != nil {
		return len(line), nil
	}
	attributes := []any{"text", fields["message"]}
	for _, name := range harmless {
		if value, ok := fields[name]; ok {
			attributes = append(attributes, name, value)
		}
	}
	w.log.Debug("mautrix", attributes...)
	return len(line), nil
}
