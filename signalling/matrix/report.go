package matrix

import (
	"context"
	"encoding/json"
	"time"

	"meshfocus/signalling/message"
)

// reportLife is how long a report may be on its way: the next one comes soon.
const reportLife = 10 * time.Second

// ReportSink is a Sink that wants to know what other meshfocus devices see on
// their links. Reports come inside Olm from the device named, each as it was
// written; like Receive it must not block.
type ReportSink interface {
	Sink
	Report(from message.Party, report json.RawMessage)
}

// reportContent is the content of message.TypeReport.
type reportContent struct {
	DeviceID string          `json:"device_id"`
	RoomID   string          `json:"room_id"`
	Report   json.RawMessage `json:"report"`
}

// SendReport tells a device what we see on our links. It goes inside Olm or
// not at all, and is not worth a word when it does not arrive.
func (a *Account) SendReport(to message.Party, roomID string, report json.RawMessage) {
	content, err := json.Marshal(reportContent{a.party.DeviceID, roomID, report})
	a.outbox.post(&parcel{
		to: to, room: roomID, eventType: message.TypeReport, content: content, last: err, locked: true,
		deadline: time.Now().Add(reportLife), done: func(error) {},
	})
}

// readReport hands a report on, if it comes from the device that it names.
func (b *inbox) readReport(ctx context.Context, sender string, inner *olmMessage) {
	var content reportContent
	if json.Unmarshal(inner.content, &content) != nil || len(content.Report) == 0 {
		b.unreadable.Add(1)
		return
	}
	from := message.Party{UserID: sender, DeviceID: content.DeviceID}
	if from == b.account.party {
		return
	}
	if err := b.account.crypto.prove(ctx, from, inner); err != nil {
		b.unproven.Add(1)
		b.account.log.Debug("dropped a report", "party", from.String(), "err", err)
		return
	}
	for _, sink := range b.account.rooms.sinksFor(content.RoomID) {
		if listening, ok := sink.(ReportSink); ok {
			listening.Report(from, content.Report)
		}
	}
}
