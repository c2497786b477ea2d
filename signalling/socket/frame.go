package socket

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"meshfocus/signalling/message"
)

// Bounds of the fields of a frame, in bytes unless said otherwise.
const (
	maxName    = 64 // characters
	maxCall    = 64
	maxPass    = 256
	maxSession = 64
	maxSecret  = 1024
	maxID      = 1<<53 - 1 // what a browser counts exactly
)

// frame is what a browser said: one of the types below.
type frame interface{ isFrame() }

// helloFrame is the first frame. Got is the number of the last signal that
// the browser has seen in this seat, nil when it does not count.
type helloFrame struct {
	Version int     `json:"version"`
	Call    string  `json:"call"`
	Name    string  `json:"name"`
	Pass    string  `json:"pass"`
	Seat    string  `json:"seat"`
	Session string  `json:"session"`
	Got     *uint64 `json:"got"`
}

// enterFrame is what the browser's membership is to say. Via is the member that
// forwards to which it sends instead of to all, nil for none.
type enterFrame struct {
	Feeds []string `json:"feeds"`
	Via   *party   `json:"via"`
}

// signalFrame is a call message for one device. Signal is what Content says;
// Key, if it is not nil, instead: the key of the browser's frames.
type signalFrame struct {
	ID      uint64          `json:"id"`
	To      party           `json:"to"`
	Event   string          `json:"event"`
	Content json.RawMessage `json:"content"`
	Signal  message.Signal  `json:"-"`

	Key *message.MediaKey `json:"-"`
}

// hangsUp reports whether the signal ends a call.
func (f *signalFrame) hangsUp() bool { return f.Key == nil && f.Signal.Kind == message.Hangup }

type reportFrame struct {
	Report json.RawMessage `json:"report"`
}

type leaveFrame struct{}

// pingFrame is answered at once; for Got see helloFrame.
type pingFrame struct {
	ID  uint64  `json:"id"`
	Got *uint64 `json:"got"`
}

func (*helloFrame) isFrame()  {}
func (*enterFrame) isFrame()  {}
func (*signalFrame) isFrame() {}
func (*reportFrame) isFrame() {}
func (*leaveFrame) isFrame()  {}
func (*pingFrame) isFrame()   {}

// party is a message.Party in a frame.
type party struct {
	UserID   string `json:"user_id"`
	DeviceID string `json:"device_id"`
}

// checkedFrame is a frame that knows what is wrong with it.
type checkedFrame interface {
	frame
	check(Config) *Refusal
}

// parseFrame reads one frame. Whatever a browser sends gives a frame whose
// fields are within their bounds, or a refusal that says what is wrong. A
// signal that is wrong in itself gives both: the frame holds the id to answer.
func parseFrame(text []byte, config Config) (frame, *Refusal) {
	if len(text) > config.MaxFrame {
		return nil, Refuse(CodeTooLarge, "A frame has %d bytes; %d are allowed.", len(text), config.MaxFrame)
	}
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(text, &kind); err != nil {
		return nil, Refuse(CodeBadMessage, "A frame is no JSON object with a type: %s.", err)
	}
	var into checkedFrame
	switch kind.Type {
	case "hello":
		into = new(helloFrame)
	case "enter":
		into = new(enterFrame)
	case "signal":
		into = new(signalFrame)
	case "report":
		into = new(reportFrame)
	case "leave":
		return &leaveFrame{}, nil
	case "ping":
		into = new(pingFrame)
	default:
		return nil, Refuse(CodeBadMessage, "A frame of type %q is not known; there are hello, enter, signal, report, leave and ping.", clip(kind.Type))
	}
	if err := json.Unmarshal(text, into); err != nil {
		return nil, Refuse(CodeBadMessage, "The %s frame cannot be read: %s.", kind.Type, err)
	}
	return into, into.check(config)
}

// clip shortens what is quoted back.
func clip(text string) string {
	if len(text) > 40 {
		return text[:40] + "…"
	}
	return text
}

func (f *helloFrame) check(Config) *Refusal {
	f.Name = cleanName(f.Name)
	switch {
	case f.Version != 1:
		return Refuse(CodeVersion, "This server speaks version 1 of %s, not version %d. Reloading the page may help.", Protocol, f.Version)
	case !isPlain(f.Call, maxCall, "-"):
		return Refuse(CodeNoSuchCall, "The link names no call; its last part has letters, digits and hyphens.")
	case len(f.Pass) > maxPass:
		return Refuse(CodeBadMessage, "The pass phrase is longer than %d bytes.", maxPass)
	case len(f.Seat) > maxSecret || (f.Session != "" && !isPlain(f.Session, maxSession, "-_")):
		return Refuse(CodeBadMessage, "The hello names a seat or session that is none of ours.")
	}
	return nil
}

// cleanName takes out of a name what would not be shown, or would change how
// the text around it is shown.
func cleanName(name string) string {
	name = strings.Map(func(char rune) rune {
		switch {
		case char == utf8.RuneError, unicode.Is(unicode.Cc, char), char >= 0x202a && char <= 0x202e, char >= 0x2066 && char <= 0x2069:
			return -1
		case unicode.IsSpace(char):
			return ' '
		}
		return char
	}, name)
	name = strings.TrimSpace(name)
	if all := []rune(name); len(all) > maxName {
		name = strings.TrimSpace(string(all[:maxName]))
	}
	if name == "" {
		return "Guest"
	}
	return name
}

// isPlain reports whether text is not empty and of letters, digits and the
// given others.
func isPlain(text string, most int, others string) bool {
	if text == "" || len(text) > most {
		return false
	}
	for _, char := range text {
		plain := char >= 'a' && char <= 'z' || char >= 'A' && char <= 'Z' || char >= '0' && char <= '9'
		if !plain && !strings.ContainsRune(others, char) {
			return false
		}
	}
	return true
}

func (f *enterFrame) check(Config) *Refusal {
	if f.Via != nil && (!isMatrixID(f.Via.UserID, "@") || !isMatrixID(f.Via.DeviceID, "")) {
		return Refuse(CodeBadMessage, "Via names a member by its user_id and device_id.")
	}
	if f.Feeds == nil {
		f.Feeds = []string{message.PurposeUserMedia}
	}
	for i, feed := range f.Feeds {
		known := feed == message.PurposeUserMedia || feed == message.PurposeScreenShare
		if !known || slices.Contains(f.Feeds[:i], feed) {
			return Refuse(CodeBadMessage, "Feeds are m.usermedia and m.screenshare, each once; %q is not.", clip(feed))
		}
	}
	return nil
}

// presence is what the frame asks for, in a session.
func (f *enterFrame) presence(session string) Presence {
	p := Presence{Session: session, Feeds: f.Feeds}
	if f.Via != nil {
		p.Via = message.Party(*f.Via)
	}
	return p
}

func (f *reportFrame) check(config Config) *Refusal {
	if len(f.Report) > config.MaxReport {
		return Refuse(CodeTooLarge, "A report has %d bytes; %d are allowed.", len(f.Report), config.MaxReport)
	}
	if !bytes.HasPrefix(f.Report, []byte("{")) {
		return Refuse(CodeBadMessage, "A report is an object.")
	}
	return nil
}

func (f *pingFrame) check(Config) *Refusal { return checkID(f.ID) }

func checkID(id uint64) *Refusal {
	if id > maxID {
		return Refuse(CodeBadMessage, "An id is a whole number up to %d.", maxID)
	}
	return nil
}

// check reads the call message, and makes sure that it can be sent on.
func (f *signalFrame) check(Config) *Refusal {
	if refusal := checkID(f.ID); refusal != nil {
		return refusal
	}
	if !isMatrixID(f.To.UserID, "@") || !isMatrixID(f.To.DeviceID, "") {
		return Refuse(CodeBadMessage, "A signal needs the user_id and device_id that it is for.")
	}
	if !bytes.HasPrefix(f.Content, []byte("{")) {
		return Refuse(CodeBadMessage, "The content of a signal is an object.")
	}
	if message.IsMediaKey(f.Event) {
		return f.checkKey()
	}
	signal, err := message.ParseSignal(f.Event, f.Content)
	if err == nil {
		_, _, err = signal.Encode()
	}
	if err != nil {
		return Refuse(CodeBadMessage, "The %s is not one that can be sent: %s.", clip(f.Event), err)
	}
	f.Signal = signal
	return nil
}

// checkKey reads a media key, and makes sure that it can be sent on.
func (f *signalFrame) checkKey() *Refusal {
	key, err := message.ParseMediaKey(f.Event, f.Content)
	if err == nil {
		_, err = key.Encode()
	}
	if err != nil {
		return Refuse(CodeBadMessage, "The %s is not one that can be sent: %s.", clip(f.Event), err)
	}
	f.Key = &key
	return nil
}

// forgedKey is forged for a media key.
func forgedKey(key message.MediaKey, session, roomID string) string {
	switch {
	case key.MemberID != session:
		return "member_id"
	case key.RoomID != roomID:
		return "room_id"
	}
	return ""
}

func isMatrixID(text, prefix string) bool {
	return len(text) <= 255 && len(text) > len(prefix) && strings.HasPrefix(text, prefix) && utf8.ValidString(text)
}

// forged names the field of a signal that claims another sender than the
// browser's own seat, "" when none does.
func forged(signal message.Signal, self message.Party, session, roomID string) string {
	for _, claim := range []struct{ field, says, is string }{
		{"device_id", signal.DeviceID, self.DeviceID},
		{"party_id", signal.PartyID, self.DeviceID},
		{"sender_session_id", signal.SenderSessionID, session},
		{"room_id", signal.RoomID, roomID},
	} {
		if claim.says != "" && claim.says != claim.is {
			return claim.field
		}
	}
	return ""
}
