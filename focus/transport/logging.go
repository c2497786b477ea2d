package transport

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// pionLog writes what Pion says to our log, one level down: what it calls an
// error concerns one connection and is told by that connection's state.
// Its own debug lines hold addresses of others and are dropped.
type pionLog struct{ log *slog.Logger }

// NewLogger names the part of Pion that speaks.
func (p pionLog) NewLogger(scope string) logging.LeveledLogger {
	return pionScope{p.log, scope}
}

type pionScope struct {
	log   *slog.Logger
	scope string
}

func (s pionScope) Trace(string)          {}
func (s pionScope) Tracef(string, ...any) {}
func (s pionScope) Debug(string)          {}
func (s pionScope) Debugf(string, ...any) {}
func (s pionScope) Info(string)           {}
func (s pionScope) Infof(string, ...any)  {}

func (s pionScope) Warn(text string)                  { s.debug("%s", text) }
func (s pionScope) Warnf(format string, args ...any)  { s.debug(format, args...) }
func (s pionScope) Error(text string)                 { s.debug("%s", text) }
func (s pionScope) Errorf(format string, args ...any) { s.debug(format, args...) }

func (s pionScope) debug(format string, args ...any) {
	if s.log.Enabled(context.Background(), slog.LevelDebug) {
		s.log.Debug("pion: "+fmt.Sprintf(format, args...), "scope", s.scope)
	}
}
